//! The origin under which visitors reach this server, for the absolute addresses in pages.
//!
//! It is what the request says, so anybody can choose it for the answer to their own request. Such
//! an answer must not be kept for others.

use axum::http::{HeaderMap, HeaderName, header};

use crate::http::forwarded_scheme::Scheme;

/// The headers that the origin depends on.
pub(super) const DEPENDS_ON: &str = "host, forwarded, x-forwarded-proto";

/// The scheme, host and port of this request, such as `https://tickets.example.org`; `None` if its
/// `Host` is missing or malformed. `scheme` is what a proxy in front names.
pub(super) fn public_origin(headers: &HeaderMap, scheme: Option<Scheme>) -> Option<String> {
    let host = only_value(headers, &header::HOST).filter(|host| is_host(host))?;
    let scheme = match scheme {
        Some(Scheme::Https) => "https",
        Some(Scheme::Http) | None => "http",
    };
    Some(format!("{scheme}://{host}"))
}

fn only_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether this is a name or an address, with or without a port, and nothing that could end an
/// attribute or continue as a path.
fn is_host(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let authority = host.parse::<axum::http::uri::Authority>();
    host.bytes().all(is_allowed) && authority.is_ok_and(|authority| !authority.host().is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn origin(hosts: &[&'static str], scheme: Option<Scheme>) -> Option<String> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_static(host));
        }
        public_origin(&headers, scheme)
    }

    #[test]
    fn a_proxy_names_the_scheme() {
        let origin = |scheme| origin(&["a.example"], scheme).unwrap();
        assert_eq!(origin(Some(Scheme::Https)), "https://a.example");
        assert_eq!(origin(None), "http://a.example");
    }

    #[test]
    fn only_a_well_formed_host_is_used() {
        for host in ["a.example", "A-1.example:8443", "127.0.0.1:80", "[2001:db8::1]:80", "a_b"] {
            assert_eq!(origin(&[host], None), Some(format!("http://{host}")));
        }
        for host in ["", ":80", "a/b", "a@b", "a\"b", "a b", "a<b", "a,b", "a?b", "a#b", "a:b:c"] {
            assert_eq!(origin(&[host], None), None, "{host}");
        }
        assert_eq!(origin(&[], None), None);
        assert_eq!(origin(&["a.example", "b.example"], None), None);
    }
}
