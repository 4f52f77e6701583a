//! The origin of a request: the other end of its connection, and the page that sent it.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, header, uri::Authority},
};

use super::settings::Origins;

/// The other end of the connection.
pub(super) type Peer = ConnectInfo<SocketAddr>;

/// Whether the client reached this server by a loopback name or address, where there is no HTTPS.
pub(super) fn is_loopback(headers: &HeaderMap) -> bool {
    let Some(authority) = authority(headers) else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn authority(headers: &HeaderMap) -> Option<Authority> {
    headers.get(header::HOST)?.to_str().ok()?.parse().ok()
}

/// Whether the page that sent this request may call the API: a page of this server, a page of an
/// allowed origin, or no page at all.
pub(super) fn origin_may_call(headers: &HeaderMap, allowed: &Origins) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    if allowed.0.contains(origin) {
        return true;
    }
    let origin_host = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (origin_host, headers.get(header::HOST).and_then(|host| host.to_str().ok())) {
        (Some((_, origin)), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.clone(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "a.localhost"] {
            assert!(is_loopback(&headers(&[(header::HOST, host)])), "{host}");
        }
        for host in ["example.org", "localhost.example.org", "10.0.0.1:80", ""] {
            assert!(!is_loopback(&headers(&[(header::HOST, host)])), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_origin_may_call_only_where_it_is_allowed() {
        let allowed: Origins = "https://shop.example".parse().unwrap();
        let from = |origin| headers(&[(header::HOST, "a.example:1"), (header::ORIGIN, origin)]);
        assert!(origin_may_call(&headers(&[(header::HOST, "a.example")]), &allowed));
        assert!(origin_may_call(&from("http://a.example:1"), &allowed));
        assert!(origin_may_call(&from("https://shop.example"), &allowed));
        for origin in
            ["https://evil.example", "http://a.example", "null", "https://a.example:1.evil"]
        {
            assert!(!origin_may_call(&from(origin), &allowed), "{origin}");
        }
    }
}
