//! The origin under which visitors reach this server, for the absolute addresses in pages.
//!
//! It is what the request says, so anybody can choose it for the answer to their own request. Such
//! an answer must not be kept for others.

use axum::http::{HeaderMap, HeaderName, header};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The headers that the origin depends on.
pub(super) const DEPENDS_ON: &str = "host, forwarded, x-forwarded-proto";

/// The scheme, host and port of this request, such as `https://tickets.example.org`; `None` if its
/// `Host` is missing or malformed. `has_proxy` says whether a proxy is in front, which alone may
/// name the scheme.
pub(super) fn public_origin(headers: &HeaderMap, has_proxy: bool) -> Option<String> {
    let host = only_value(headers, &header::HOST).filter(|host| is_host(host))?;
    let scheme = if has_proxy { forwarded_scheme(headers) } else { None };
    Some(format!("{}://{host}", scheme.unwrap_or("http")))
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

/// The scheme that the nearest proxy wrote: the last one, as others may come from the client.
fn forwarded_scheme(headers: &HeaderMap) -> Option<&'static str> {
    let last_of = |name: &HeaderName| {
        let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
        line.rsplit(',').next()
    };
    let in_forwarded = || {
        last_of(&header::FORWARDED)?.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"'))
        })
    };
    let scheme = last_of(&X_FORWARDED_PROTO).map(str::trim).or_else(in_forwarded)?;
    ["https", "http"].into_iter().find(|known| known.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn origin(pairs: &[(&'static str, &'static str)], has_proxy: bool) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        public_origin(&headers, has_proxy)
    }

    #[test]
    fn only_a_proxy_names_the_scheme() {
        for (proxy_header, value, scheme) in [
            ("x-forwarded-proto", "https", "https"),
            ("x-forwarded-proto", "http, HTTPS", "https"),
            ("x-forwarded-proto", "https, http", "http"),
            ("x-forwarded-proto", "javascript", "http"),
            ("x-forwarded-proto", "", "http"),
            ("forwarded", "for=192.0.2.1;proto=https", "https"),
            ("forwarded", "proto=http, for=\"[2001:db8::1]\"; Proto=\"https\"", "https"),
            ("forwarded", "proto=https, for=192.0.2.1", "http"),
        ] {
            let headers = [("host", "a.example"), (proxy_header, value)];
            assert_eq!(origin(&headers, true).unwrap(), format!("{scheme}://a.example"), "{value}");
            assert_eq!(origin(&headers, false).unwrap(), "http://a.example", "{value}");
        }
    }

    #[test]
    fn only_a_well_formed_host_is_used() {
        for host in ["a.example", "A-1.example:8443", "127.0.0.1:80", "[2001:db8::1]:80", "a_b"] {
            assert_eq!(origin(&[("host", host)], false), Some(format!("http://{host}")));
        }
        for host in ["", ":80", "a/b", "a@b", "a\"b", "a b", "a<b", "a,b", "a?b", "a#b", "a:b:c"] {
            assert_eq!(origin(&[("host", host)], false), None, "{host}");
        }
        assert_eq!(origin(&[], false), None);
        assert_eq!(origin(&[("host", "a.example"), ("host", "b.example")], false), None);
    }
}
