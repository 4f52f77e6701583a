//! The host that a request is for, which RFC 9112 (section 3.2) requires each request to name.

use std::net::Ipv6Addr;

use axum::{
    http::{HeaderValue, Request, StatusCode, Version, header},
    response::Response,
};

use super::answer::refuse;
use crate::graphql::ApiError;

/// The answer to a request that names no host, or several, or none that can be one. In any other
/// request, the host of its target, if it has one, takes the place of the header.
pub(crate) fn refuse_bad_host<B>(request: &mut Request<B>) -> Option<Response> {
    let problem = match problem_of_header(request) {
        None if use_host_of_target(request) => return None,
        None => "The address of the request has no host with an optional port.",
        Some(problem) => problem,
    };
    Some(refuse(StatusCode::BAD_REQUEST, ApiError::field("host", problem)))
}

fn problem_of_header<B>(request: &Request<B>) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Some("The request has several Host headers."),
        (Some(host), None) if !is_host(host.as_bytes()) => {
            Some("The Host header is not a host with an optional port.")
        }
        (None, None) if request.version() == Version::HTTP_11 => {
            Some("The request has no Host header.")
        }
        _ => None,
    }
}

/// Puts the target's host into the header. Returns false if it has one that can't be a host.
fn use_host_of_target<B>(request: &mut Request<B>) -> bool {
    let Some(authority) = request.uri().authority() else { return true };
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    match HeaderValue::from_str(host) {
        Ok(value) if is_host(host.as_bytes()) => {
            request.headers_mut().insert(header::HOST, value);
            true
        }
        _ => false,
    }
}

/// Whether this is a host and an optional port, in the syntax of RFC 3986. A target without a host
/// has an empty one.
fn is_host(text: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(text) else { return false };
    let (is_host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address.parse::<Ipv6Addr>().is_ok(), port),
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (is_name(name), port)
        }
    };
    is_host && is_port(port)
}

fn is_port(text: &str) -> bool {
    let Some(port) = text.strip_prefix(':') else { return text.is_empty() };
    port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        let is_good = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            byte => is_allowed(byte),
        };
        if !is_good {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for host in [
            "a.example",
            "A.example:80",
            "192.0.2.1:8080",
            "[::1]",
            "[2001:db8::1]:1",
            "a:",
            "a%20b",
            "a_b",
            "",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "a b",
            "a/b",
            "a@b",
            "me@a.example",
            "a:b",
            "a:80:80",
            "a:99999",
            "::1",
            "[::1",
            "::1]",
            "[a]",
            "[::1]x",
            "a%2",
            "a%zz",
            "a,b c",
            "a\\b",
            "a?b",
            "a#b",
            "ä",
            "<a>",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
        assert!(!is_host(b"\xff"));
    }

    #[test]
    fn the_host_of_the_target_counts() {
        let mut request = Request::get("http://me@b.example:81/graphql")
            .header(header::HOST, "a.example")
            .body(())
            .unwrap();
        assert!(refuse_bad_host(&mut request).is_none());
        assert_eq!(request.headers()[header::HOST], "b.example:81");
    }

    #[test]
    fn a_target_whose_host_is_none_is_refused() {
        for target in ["http://u:p@b.example:99999/events", "http://b.example:port/"] {
            let mut request = Request::get(target).header(header::HOST, "a").body(()).unwrap();
            let answer = refuse_bad_host(&mut request);
            assert_eq!(answer.map(|answer| answer.status()), Some(StatusCode::BAD_REQUEST));
        }
    }
}
