//! The scheme by which a client reached the proxy in front of this server.

use axum::http::{HeaderMap, HeaderName, header::FORWARDED};

use super::client_address::forwarded_parameter;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// The scheme that the proxy names: in `Forwarded` if it names the client's address there, and
/// otherwise in `X-Forwarded-Proto`. Without a proxy, `proxy_header` is `None`, and what a request
/// says is not trusted.
pub(super) fn forwarded_scheme(
    headers: &HeaderMap,
    proxy_header: Option<&HeaderName>,
) -> Option<Scheme> {
    let scheme = if proxy_header? == FORWARDED {
        let line = headers.get_all(FORWARDED).iter().next_back()?;
        forwarded_parameter(line.as_bytes(), "proto")?
    } else {
        let line = headers.get_all(X_FORWARDED_PROTO).iter().next_back()?.to_str().ok()?;
        line.rsplit(',').next()?.trim().to_owned()
    };
    // Some proxies write the scheme of a WebSocket's URL.
    match scheme.to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(Scheme::Https),
        "http" | "ws" => Some(Scheme::Http),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_proxy_in_front_says_what_the_scheme_is() {
        let scheme = |trusted: Option<&'static str>, name: &'static str, line: &'static str| {
            let headers = [(HeaderName::from_static(name), HeaderValue::from_static(line))];
            let trusted = trusted.map(HeaderName::from_static);
            forwarded_scheme(&headers.into_iter().collect(), trusted.as_ref())
        };
        let (xff, proto) = (Some("x-forwarded-for"), "x-forwarded-proto");
        for line in ["https", "http, HTTPS", "http,wss"] {
            assert_eq!(scheme(xff, proto, line), Some(Scheme::Https), "{line}");
        }
        assert_eq!(scheme(xff, proto, "https, http"), Some(Scheme::Http));
        for line in ["", "ftp", "https,"] {
            assert_eq!(scheme(xff, proto, line), None, "{line}");
        }
        assert_eq!(scheme(None, proto, "https"), None, "anybody can send it");
        let forwarded = Some("forwarded");
        assert_eq!(scheme(forwarded, proto, "https"), None, "the proxy did not write it");
        let line = "proto=http, for=\"[::1]\";Proto=\"https\"";
        assert_eq!(scheme(forwarded, "forwarded", line), Some(Scheme::Https));
        assert_eq!(scheme(forwarded, "forwarded", "proto=https, for=192.0.2.1"), None);
    }
}
