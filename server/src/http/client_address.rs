//! The client's address, as the proxy in front of this server writes it into a header.
//!
//! Only the last entry of the header counts, which the nearest proxy wrote. Anybody could have
//! written the entries before it, so they are not even parsed, and nothing in them can make the
//! last one unreadable.
//!
//! No crate was found that does this. `rfc7239` reads a header from its start and looks for commas
//! within quoted strings, too, so a client could choose its address through the `host` parameter
//! that its proxy quotes, or spoil the whole header.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Once,
};

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, HeaderName, header::FORWARDED},
};

use crate::limits::ClientAddress;

/// The other end of the connection.
pub(super) type Peer = ConnectInfo<SocketAddr>;

/// Finds the addresses of clients.
#[derive(Debug, Default)]
pub(super) struct ClientAddresses(Option<ProxyHeader>);

#[derive(Debug)]
struct ProxyHeader {
    name: HeaderName,
    /// For each member of [`NoAddress`], whether the log has told of it.
    told: [Once; 3],
}

/// The reason why a header names no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoAddress {
    Missing,
    /// The proxy wrote `unknown`, or a name of its own that begins with `_`.
    Withheld,
    Unreadable,
}

impl ClientAddresses {
    /// `proxy_header` is the header in which the proxy puts the client's address, if there is a
    /// proxy.
    pub(super) fn new(proxy_header: Option<HeaderName>) -> Self {
        Self(proxy_header.map(|name| ProxyHeader { name, told: [const { Once::new() }; 3] }))
    }

    /// The header that the proxy sets.
    pub(super) fn proxy_header(&self) -> Option<&HeaderName> {
        self.0.as_ref().map(|header| &header.name)
    }

    /// The client's address: from the proxy's header if there is one, and otherwise the peer's.
    ///
    /// If the header names no address, the peer's counts, too. All such requests then share the
    /// limits of the proxy's address, so nobody escapes a limit.
    pub(super) fn of(&self, peer: Peer, headers: &HeaderMap) -> ClientAddress {
        let from_proxy = self.0.as_ref().and_then(|header| header.client(headers));
        from_proxy.unwrap_or_else(|| peer.0.ip()).into()
    }
}

impl ProxyHeader {
    fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        match address_in(headers, &self.name) {
            Ok(address) => Some(address),
            Err(cause) => {
                self.tell_once(cause);
                None
            }
        }
    }

    /// Tells the operator. The log shows nothing of what the client sent.
    fn tell_once(&self, cause: NoAddress) {
        let Self { name, told } = self;
        let (what, remedy) = match cause {
            NoAddress::Missing => (
                "a request did not have this header",
                "let the proxy set it on every request, or name the header that it sets",
            ),
            NoAddress::Withheld => (
                "the proxy wrote `unknown` or a name of its own in place of the client's address",
                "let the proxy write the address",
            ),
            NoAddress::Unreadable => (
                "the last entry of this header is not an IP address",
                "let the proxy write the client's address there, or name another header",
            ),
        };
        told[cause as usize].call_once(|| {
            tracing::warn!(
                "CLIENT_ADDRESS_HEADER is {name}, but {what}: {remedy}. Until then, all such \
                 clients share the limits of one address. This is logged only once"
            );
        });
    }
}

/// The address in the last entry of a header.
fn address_in(headers: &HeaderMap, name: &HeaderName) -> Result<IpAddr, NoAddress> {
    let line = headers.get_all(name).iter().next_back().ok_or(NoAddress::Missing)?.as_bytes();
    let node = if name == FORWARDED {
        forwarded_parameter(line, "for").ok_or(NoAddress::Unreadable)?
    } else {
        let last = line.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        String::from_utf8_lossy(last).trim().to_owned()
    };
    if node.starts_with('_') || node.eq_ignore_ascii_case("unknown") {
        return Err(NoAddress::Withheld);
    }
    address_of(&node).ok_or(NoAddress::Unreadable)
}

/// The value of a parameter in the last element of a header `Forwarded`.
pub(super) fn forwarded_parameter(line: &[u8], name: &str) -> Option<String> {
    parameter(&String::from_utf8_lossy(last_forwarded_element(line)), name)
}

/// What follows the last comma that is not within a quoted string. The search begins at the end,
/// because the start may hold a quote that a client left open.
fn last_forwarded_element(line: &[u8]) -> &[u8] {
    let mut is_quoted = false;
    for (position, byte) in line.iter().enumerate().rev() {
        match byte {
            b'"' if !is_escaped(&line[..position]) => is_quoted = !is_quoted,
            b',' if !is_quoted => return &line[position + 1..],
            _ => {}
        }
    }
    line
}

/// Whether the byte after these is escaped: an odd number of backslashes stands before it.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The value of a parameter in an element of the header `Forwarded`; `None` if there is not exactly
/// one, or if the element is malformed.
fn parameter(element: &str, wanted: &str) -> Option<String> {
    const BETWEEN_PARAMETERS: [char; 3] = [';', ' ', '\t'];
    let mut found = None;
    let mut rest = element.trim_start_matches(BETWEEN_PARAMETERS);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = parameter_value(after.trim_start())?;
        if name.trim_end().eq_ignore_ascii_case(wanted) && found.replace(value).is_some() {
            return None;
        }
        let after = after.trim_start();
        if !after.is_empty() && !after.starts_with(';') {
            return None;
        }
        rest = after.trim_start_matches(BETWEEN_PARAMETERS);
    }
    found.map(Cow::into_owned)
}

/// A parameter's value at the start of this text, without quotes and escapes, and what follows it.
fn parameter_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        return Some((value.trim_end().into(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value.into(), chars.as_str())),
            '\\' => value.push(chars.next()?),
            char => value.push(char),
        }
    }
}

/// Reads an address, with or without a port, and IPv6 with or without brackets.
///
/// IPv6 with a port but without brackets can be ambiguous. It then counts as an address, whose last
/// digits are the port. Limits are by the first 64 bits, which stay the same.
fn address_of(node: &str) -> Option<IpAddr> {
    if let Some(bracketed) = node.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let has_good_end = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return has_good_end.then(|| without_zone(address))?;
    }
    without_zone(node).or_else(|| {
        let (address, port) = node.rsplit_once(':')?;
        is_port(port).then(|| without_zone(address))?
    })
}

/// Reads an address. An IPv6 address may have a zone, as in `fe80::1%eth0`.
fn without_zone(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        None => text.parse().ok(),
        Some((address, zone)) if !zone.is_empty() => {
            address.parse().ok().map(|address: Ipv6Addr| address.into())
        }
        Some(_) => None,
    }
}

/// A port is up to five digits, or a name that begins with `_`.
fn is_port(text: &str) -> bool {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number || text.starts_with('_')
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::{NoAddress::*, *};

    fn header(name: &str, lines: &[&[u8]]) -> Result<String, NoAddress> {
        let name: HeaderName = name.parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_bytes(line).unwrap());
        }
        address_in(&headers, &name).map(|address| address.to_canonical().to_string())
    }

    #[test]
    fn addresses_are_read_in_every_form_that_proxies_write() {
        for (proxy, name, line, expected) in [
            ("nginx", "x-forwarded-for", "198.51.100.7, 192.0.2.1", "192.0.2.1"),
            ("nginx", "x-real-ip", "2001:db8::1", "2001:db8::1"),
            ("nginx, as its wiki shows", "forwarded", "for=192.0.2.1", "192.0.2.1"),
            ("nginx, as its wiki shows", "forwarded", "for=\"[2001:db8::1]\"", "2001:db8::1"),
            ("HAProxy", "x-forwarded-for", "192.0.2.1", "192.0.2.1"),
            ("HAProxy", "forwarded", "proto=http;for=192.0.2.1", "192.0.2.1"),
            ("HAProxy", "forwarded", "proto=https;for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("HAProxy", "forwarded", "host=\"a.example\";for=\"192.0.2.1:_x\"", "192.0.2.1"),
            ("Envoy", "x-forwarded-for", "198.51.100.7,192.0.2.1", "192.0.2.1"),
            ("Envoy", "x-envoy-external-address", "192.0.2.1", "192.0.2.1"),
            ("Caddy, of a link-local peer", "x-forwarded-for", "fe80::1%eth0", "fe80::1"),
            ("Traefik", "x-forwarded-for", "198.51.100.7, 2001:db8::1", "2001:db8::1"),
            ("Traefik", "x-real-ip", "192.0.2.1", "192.0.2.1"),
            ("AWS ALB", "x-forwarded-for", "198.51.100.7, 192.0.2.1:4711", "192.0.2.1"),
            ("AWS ALB", "x-forwarded-for", "[2001:db8:0:0:0:0:0:1]:4711", "2001:db8::1"),
            ("CloudFront", "cloudfront-viewer-address", "192.0.2.1:4711", "192.0.2.1"),
            (
                "CloudFront",
                "cloudfront-viewer-address",
                "2001:0db8:0000:0000:0000:0000:0000:0001:4711",
                "2001:db8::1",
            ),
            ("Azure Application Gateway", "x-forwarded-for", "192.0.2.1:4711", "192.0.2.1"),
            ("Cloudflare", "cf-connecting-ip", "2001:db8::1", "2001:db8::1"),
            ("a dual-stack socket", "x-forwarded-for", "::ffff:192.0.2.1", "192.0.2.1"),
            ("a dual-stack socket", "x-forwarded-for", "[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ] {
            assert_eq!(
                header(name, &[line.as_bytes()]).as_deref(),
                Ok(expected),
                "{proxy}: {line}"
            );
        }
    }

    #[test]
    fn every_form_of_forwarded_is_read() {
        for line in [
            "for=192.0.2.1",
            "For=\"192.0.2.1\"",
            "FOR = 192.0.2.1 ; proto=https",
            "by=\"[2001:db8::9]:1\";FOR=\"192.0.2.1:4711\";host=a.example",
            " \tfor=\"\\1\\92.0.2.1\"\t",
            ";;for=192.0.2.1;;",
            "for=_hidden;secret=\"a, b\", for=198.51.100.7 , for=192.0.2.1",
            "secret=\"for=6.6.6.6;\\\", for=6.6.6.6\\\\\";for=192.0.2.1",
        ] {
            assert_eq!(
                header("forwarded", &[line.as_bytes()]).as_deref(),
                Ok("192.0.2.1"),
                "{line}"
            );
        }
        assert_eq!(header("forwarded", &[b"for=[2001:db8::1]:_p"]).as_deref(), Ok("2001:db8::1"));
        assert_eq!(header("forwarded", &[b"for=\"[fe80::1%25eth0]\""]).as_deref(), Ok("fe80::1"));
    }

    #[test]
    fn only_the_entry_of_the_nearest_proxy_counts() {
        for (name, lines) in [
            ("x-forwarded-for", &[&b"6.6.6.6"[..], b"192.0.2.1"][..]),
            ("x-forwarded-for", &[b"6.6.6.6, 192.0.2.1"]),
            ("x-forwarded-for", &[b"\xff\"\\,[,192.0.2.1"]),
            ("forwarded", &[b"for=6.6.6.6", b"for=192.0.2.1"]),
            ("forwarded", &[b"for=6.6.6.6;host=\", for=192.0.2.1"]),
            ("forwarded", &[b"for=6.6.6.6;host=\"\\, for=\"192.0.2.1\""]),
            ("forwarded", &[b"\xff;=\"\"\"\\, for=192.0.2.1"]),
            ("forwarded", &[b"for=192.0.2.1;host=\"a, for=6.6.6.6\""]),
            ("forwarded", &[b"for=192.0.2.1;host=\"a\\\", for=6.6.6.6;x=\\\"\""]),
        ] {
            assert_eq!(header(name, lines).as_deref(), Ok("192.0.2.1"), "{name}: {lines:?}");
        }
        // If the nearest proxy named no address, the entry before it does not count either.
        for (name, lines, expected) in [
            ("x-forwarded-for", &[][..], Missing),
            ("x-forwarded-for", &[&b""[..]], Unreadable),
            ("x-forwarded-for", &[b"6.6.6.6, "], Unreadable),
            ("x-forwarded-for", &[b"6.6.6.6", b""], Unreadable),
            ("x-forwarded-for", &[b"6.6.6.6, unknown"], Withheld),
            ("x-forwarded-for", &[b"6.6.6.6, unix:"], Unreadable),
            ("forwarded", &[b"for=6.6.6.6, for=unknown"], Withheld),
            ("forwarded", &[b"for=6.6.6.6, for=_hidden;proto=http"], Withheld),
            ("forwarded", &[b"for=6.6.6.6, for=\"_hidden:80\""], Withheld),
            ("forwarded", &[b"for=6.6.6.6, proto=http"], Unreadable),
            ("forwarded", &[b"for=6.6.6.6,"], Unreadable),
            ("forwarded", &[b"for=6.6.6.6;for=6.6.6.7"], Unreadable),
            ("forwarded", &[b"for=\"6.6.6.6"], Unreadable),
            ("forwarded", &[b"for=\"6.6.6.6\"x"], Unreadable),
            ("forwarded", &[b"6.6.6.6"], Unreadable),
        ] {
            assert_eq!(header(name, lines), Err(expected), "{name}: {lines:?}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_not_read_as_one() {
        for text in [
            "localhost",
            "a.example:80",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.1:",
            "192.0.2.1:port",
            "192.0.2.1:123456",
            "192.0.2.1%eth0",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]80",
            "[2001:db8::1]:",
            "fe80::1%",
            "[]",
            ":",
            "192.0.2.1 192.0.2.2",
        ] {
            assert_eq!(address_of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(line in any::<Vec<u8>>(), is_forwarded in any::<bool>()) {
            let name = if is_forwarded { "forwarded" } else { "x-forwarded-for" };
            let line: Vec<u8> = line.into_iter().filter(|byte| *byte >= 32 && *byte != 127).collect();
            let _ = header(name, &[&line]);
        }

        #[test]
        fn nothing_that_a_client_writes_changes_what_its_proxy_adds(
            client in r#"([ -~]|[",;=\\]|for=|6\.6\.6\.6|\[::1\]){0,40}"#,
            address in any::<IpAddr>(),
            port in proptest::option::of(any::<u16>()),
        ) {
            let node = match (address, port) {
                (IpAddr::V4(address), None) => address.to_string(),
                (IpAddr::V4(address), Some(port)) => format!("{address}:{port}"),
                (IpAddr::V6(address), None) => format!("[{address}]"),
                (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}"),
            };
            let expected = Ok(address.to_canonical().to_string());
            let list = format!("{client}, {node}");
            prop_assert_eq!(&header("x-forwarded-for", &[list.as_bytes()]), &expected);
            let quoted = client.replace('\\', r"\\").replace('"', "\\\"");
            let forwarded = format!("{client}, host=\"{quoted}\";for=\"{node}\"");
            prop_assert_eq!(&header("forwarded", &[forwarded.as_bytes()]), &expected);
            let forwarded = format!("{client},for=\"{node}\";host=\"{quoted}\"");
            prop_assert_eq!(&header("forwarded", &[forwarded.as_bytes()]), &expected);
        }
    }
}
