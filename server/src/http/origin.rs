//! The origin of a request: the page that sent it, and the name by which it reached the server.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, header, uri::Authority};
use url::{Origin, Url};

use super::{forwarded_scheme::Scheme, settings::Origins};

/// Whether the client reached this server by a loopback name or address, where there is no HTTPS.
pub(super) fn is_loopback(headers: &HeaderMap) -> bool {
    let Some(authority) = authority(headers) else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let last_label = host.rsplit('.').next().unwrap_or_default();
    last_label.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn authority(headers: &HeaderMap) -> Option<Authority> {
    headers.get(header::HOST)?.to_str().ok()?.parse().ok()
}

/// Whether the page that sent this request may call the API: a page of this server, a page of an
/// allowed origin, or no page at all. `scheme` is the one by which the client reached the proxy in
/// front, if that is known.
pub(super) fn origin_may_call(
    headers: &HeaderMap,
    allowed: &Origins,
    scheme: Option<Scheme>,
) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    origins.next().is_none()
        && (allowed.contain(origin) || is_own(origin, headers, scheme).unwrap_or(false))
}

/// Whether this is the origin of the server's own pages. The scheme is that of the page where the
/// server does not know its own.
fn is_own(origin: &HeaderValue, headers: &HeaderMap, known: Option<Scheme>) -> Option<bool> {
    let origin = parse(origin)?;
    let host = headers.get(header::HOST)?.to_str().ok()?;
    // Others can change a page that came without TLS, so it may not use a session that needs TLS.
    if origin.scheme() == "http" && known == Some(Scheme::Https) {
        return Some(false);
    }
    let own = Url::parse(&format!("{}://{host}", origin.scheme())).ok()?;
    Some(own.origin() == origin.origin())
}

impl Origins {
    /// Whether this is one of the origins, as RFC 6454 compares them: by scheme, host and port, with
    /// the scheme's port as the default.
    pub(super) fn contain(&self, origin: &HeaderValue) -> bool {
        // Browsers write an origin as the setting has it.
        self.0.contains(origin)
            || !self.0.is_empty()
                && parse(origin).is_some_and(|url| {
                    let text = url.origin().ascii_serialization();
                    self.0.iter().any(|allowed| *allowed == text)
                })
    }
}

/// Parses an origin of a web page: a scheme, a host and an optional port, and nothing else.
fn parse(origin: &HeaderValue) -> Option<Url> {
    let text = origin.to_str().ok()?;
    let (_, authority) = text.split_once("://")?;
    if authority.contains(['/', '\\', '?', '#', '@', ' ', '\t']) {
        return None;
    }
    let url = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()))?;
    matches!(url.origin(), Origin::Tuple(..)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.clone(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost:8080", "LocalHost", "127.0.0.1", "[::1]:8080", "a.localhost"] {
            assert!(is_loopback(&headers(&[(header::HOST, host)])), "{host}");
        }
        for host in ["example.org", "localhost.example.org", "10.0.0.1:80", ""] {
            assert!(!is_loopback(&headers(&[(header::HOST, host)])), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_origin_may_call_only_where_it_is_allowed() {
        let allowed: Origins = "https://shop.example, http://[::1]:80".parse().unwrap();
        let from = |origin| headers(&[(header::HOST, "a.example:1"), (header::ORIGIN, origin)]);
        let may_call = |headers: &HeaderMap| origin_may_call(headers, &allowed, None);
        assert!(may_call(&headers(&[(header::HOST, "a.example")])));
        for origin in [
            "http://a.example:1",
            "HTTP://A.Example:1",
            "https://shop.example",
            "https://SHOP.example:443",
            "HTTPS://shop.example",
            "http://[::1]",
        ] {
            assert!(may_call(&from(origin)), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "http://a.example",
            "http://shop.example",
            "http://shop.example:443",
            "https://shop.example:80",
            "https://shop.example:8443",
            "https://shop.example/",
            "https://shop.example@evil.example",
            "https://me@shop.example",
            "https://shop.example.evil.example",
            "https://shop.example https://evil.example",
            "null",
            "",
            "file://",
            "https://",
            "https://a.example:1.evil",
        ] {
            assert!(!may_call(&from(origin)), "{origin}");
        }
        let mut two = from("https://evil.example");
        two.append(header::ORIGIN, HeaderValue::from_static("https://shop.example"));
        assert!(!may_call(&two));
    }

    #[test]
    fn the_servers_own_origin_has_the_default_port_of_its_scheme() {
        let https = Some(Scheme::Https);
        for (host, origin, scheme, is_own) in [
            ("a.example", "http://a.example:80", None, true),
            ("a.example:80", "http://A.example", None, true),
            ("A.EXAMPLE", "https://a.example", None, true),
            ("a.example:443", "https://a.example", None, true),
            ("a.example", "https://a.example:443", https, true),
            ("a.example:", "https://a.example", None, true),
            ("[2001:db8::1]", "http://[2001:DB8:0::1]:80", None, true),
            ("a.example", "http://a.example", https, false),
            ("a.example", "https://a.example", Some(Scheme::Http), true),
            ("a.example:80", "https://a.example", None, false),
            ("a.example:443", "http://a.example", None, false),
            ("a.example", "https://a.example:8443", None, false),
            ("a.example", "https://b.example", None, false),
        ] {
            let headers = headers(&[(header::HOST, host), (header::ORIGIN, origin)]);
            let found = origin_may_call(&headers, &Origins::default(), scheme);
            assert_eq!(found, is_own, "{host} {origin} {scheme:?}");
        }
    }
}
