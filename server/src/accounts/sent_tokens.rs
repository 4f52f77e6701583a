//! The refresh tokens that came with a request.
//!
//! There can be several: a page of a sibling domain, or one under another path, can set cookies of
//! the same name, and a browser does not say which page set a cookie.

use super::refresh_token::RefreshToken;

/// Most tokens of each name that are looked up. A browser has two of its own, if the setting for
/// cross-site pages has changed, and each may cost a transaction.
const MAX_TOKENS: usize = 3;

/// The name of the cookie that a token came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieName {
    /// The name under which this version sets the cookie.
    Current,
    /// The name that earlier versions used. Sibling domains can set a cookie of this name.
    Earlier,
}

/// The well-formed refresh tokens of a request, in its order.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentTokens {
    current: Vec<RefreshToken>,
    earlier: Vec<RefreshToken>,
}

impl SentTokens {
    /// Adds a cookie's value, unless it is not well-formed or is there already.
    pub(crate) fn add(&mut self, name: CookieName, text: &str) {
        let Some(token) = RefreshToken::parse(text) else { return };
        let tokens = match name {
            CookieName::Current => &mut self.current,
            CookieName::Earlier => &mut self.earlier,
        };
        if tokens.len() < MAX_TOKENS && !tokens.contains(&token) {
            tokens.push(token);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_empty() && self.earlier.is_empty()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &RefreshToken> {
        self.current.iter().chain(&self.earlier)
    }

    /// The tokens by the name of their cookie; those of the current name come first.
    pub(super) fn by_name(&self) -> [(CookieName, &[RefreshToken]); 2] {
        [(CookieName::Current, &self.current), (CookieName::Earlier, &self.earlier)]
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn a_request_with_many_cookies_costs_six_look_ups_at_most() {
        let mut sent = SentTokens::default();
        for number in 0..20 {
            let cookie = URL_SAFE_NO_PAD.encode([number; 32]);
            sent.add(CookieName::Earlier, &cookie);
            sent.add(CookieName::Current, &cookie);
        }
        assert_eq!(sent.by_name().map(|(_, tokens)| tokens.len()), [3, 3]);
        assert_eq!(sent.all().count(), 6);
    }
}
