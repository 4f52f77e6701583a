//! The origin under which visitors reach this server, for the absolute addresses in pages.
//!
//! It is what the request says, so anybody can choose it for the answer to their own request. Such
//! an answer must not be kept for others.

use axum::http::{HeaderMap, header};

use crate::http::forwarded_scheme::Scheme;

/// The headers that the origin depends on.
pub(super) const DEPENDS_ON: &str = "host, forwarded, x-forwarded-proto";

/// The scheme, host and port of this request, such as `https://tickets.example.org`; `None` if it
/// has no host that people would reach a site by. `scheme` is what a proxy in front names. What is
/// no host at all, `http::host` has refused.
pub(super) fn public_origin(headers: &HeaderMap, scheme: Option<Scheme>) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok().filter(|host| is_public(host))?;
    let scheme = match scheme {
        Some(Scheme::Https) => "https",
        Some(Scheme::Http) | None => "http",
    };
    Some(format!("{scheme}://{host}"))
}

/// Whether this host has a name or an address, in the characters that those of sites consist of.
fn is_public(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !host.is_empty() && !host.starts_with(':') && host.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn origin(host: &'static str, scheme: Option<Scheme>) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        public_origin(&headers, scheme)
    }

    #[test]
    fn a_proxy_names_the_scheme() {
        let origin = |scheme| origin("a.example", scheme).unwrap();
        assert_eq!(origin(Some(Scheme::Https)), "https://a.example");
        assert_eq!(origin(None), "http://a.example");
    }

    #[test]
    fn only_a_host_of_a_site_is_used() {
        for host in ["a.example", "A-1.example:8443", "127.0.0.1:80", "[2001:db8::1]:80", "a_b"] {
            assert_eq!(origin(host, None), Some(format!("http://{host}")));
        }
        for host in ["", ":80", "a'b", "a&b", "a%20b", "(a)", "a;b", "a,b"] {
            assert_eq!(origin(host, None), None, "{host}");
        }
        assert_eq!(public_origin(&HeaderMap::new(), None), None);
    }
}
