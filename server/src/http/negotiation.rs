//! The media types that a client sends and accepts.

use async_graphql::parser::types::OperationType;
use axum::http::{HeaderMap, header};

pub(super) const JSON: &str = "application/json";
pub(super) const GRAPHQL_JSON: &str = "application/graphql-response+json";

/// Whether the body is JSON in UTF-8.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some(content_type) = content_type else { return false };
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(JSON))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// Whether a request's body is compressed, or encoded in another way.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|value| value != "identity")
}

/// Whether the client accepts a body that is compressed with gzip.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    let mut others = None;
    for coding in lines.flat_map(|line| split(line.as_bytes(), b',')) {
        let name = coding.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let weight = parameters_in(coding).find(|(name, _)| name.eq_ignore_ascii_case(b"q"));
        let is_accepted = weight.is_none_or(|(_, weight)| parse_weight(weight) > Some(0));
        if name.eq_ignore_ascii_case(b"gzip") {
            return is_accepted;
        }
        if name == b"*" {
            others = Some(is_accepted);
        }
    }
    others.unwrap_or(false)
}

/// The format of a body with several results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    ServerSentEvents,
    Multipart,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One answer of this media type.
    Single(&'static str),
    Stream(Format),
}

/// A media type that the server can send, with the values that a range's parameters must have.
struct MediaType {
    kind: &'static [u8],
    subtype: &'static [u8],
    parameters: &'static [(&'static [u8], &'static [u8])],
    /// Whether a parameter that is not in the list names something else. Apollo's clients tell the
    /// protocols of multipart bodies apart by their parameters.
    is_told_apart_by_parameters: bool,
}

const UTF_8: &[(&[u8], &[u8])] = &[(b"charset", b"utf-8")];

const JSON_TYPE: MediaType = MediaType {
    kind: b"application",
    subtype: b"json",
    parameters: UTF_8,
    is_told_apart_by_parameters: false,
};
const GRAPHQL_JSON_TYPE: MediaType = MediaType { subtype: b"graphql-response+json", ..JSON_TYPE };
const EVENT_STREAM_TYPE: MediaType =
    MediaType { kind: b"text", subtype: b"event-stream", ..JSON_TYPE };
const HTML_TYPE: MediaType = MediaType { kind: b"text", subtype: b"html", ..JSON_TYPE };
const MULTIPART_TYPE: MediaType = MediaType {
    kind: b"multipart",
    subtype: b"mixed",
    parameters: &[(b"boundary", b"graphql"), (b"subscriptionspec", b"1.0")],
    is_told_apart_by_parameters: true,
};

/// How much a client wants a media type: the weight of the range that matches it most closely.
#[derive(Clone, Copy, Debug, Default)]
struct Preference {
    /// In thousandths.
    weight: u16,
    closeness: u8,
}

/// A range that names the type and its subtype. A closer one also has parameters.
const NAMES_TYPE: u8 = 3;

impl Preference {
    /// Whether the client wants a media type that it names, and not only all types.
    fn is_named(self) -> bool {
        self.weight > 0 && self.closeness > 1
    }

    fn take(&mut self, range: &Range<'_>, media_type: &MediaType) {
        let Some(closeness) = range.closeness(media_type) else { return };
        if closeness > self.closeness {
            *self = Self { weight: range.weight, closeness };
        } else if closeness == self.closeness {
            self.weight = self.weight.max(range.weight);
        }
    }
}

/// The preferences in a request's `Accept`, as RFC 9110 (section 12.5.1) defines them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accept {
    json: Preference,
    graphql_json: Preference,
    event_stream: Preference,
    multipart: Preference,
    html: Preference,
}

impl Accept {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut accept = Self {
            json: Preference::default(),
            graphql_json: Preference::default(),
            event_stream: Preference::default(),
            multipart: Preference::default(),
            html: Preference::default(),
        };
        let mut is_empty = true;
        for value in headers.get_all(header::ACCEPT) {
            for range in split(value.as_bytes(), b',').filter(|range| !range.is_empty()) {
                is_empty = false;
                if let Some(range) = Range::parse(range) {
                    accept.json.take(&range, &JSON_TYPE);
                    accept.graphql_json.take(&range, &GRAPHQL_JSON_TYPE);
                    accept.event_stream.take(&range, &EVENT_STREAM_TYPE);
                    accept.multipart.take(&range, &MULTIPART_TYPE);
                    accept.html.take(&range, &HTML_TYPE);
                }
            }
        }
        if is_empty {
            // The draft of GraphQL over HTTP names this as the default.
            accept.graphql_json = Preference { weight: 1_000, closeness: NAMES_TYPE };
        }
        accept
    }

    /// The form of the answer to an operation of this kind; `None` if the client accepts none that
    /// the answer can have.
    ///
    /// The form with the highest weight wins. At the same weight, a query or a mutation gets one
    /// answer, which can set cookies and headers. A subscription gets a stream, because one answer
    /// can't hold its results.
    pub(super) fn form(&self, kind: Option<OperationType>) -> Option<Form> {
        if kind == Some(OperationType::Subscription) {
            return self.stream().map(Form::Stream);
        }
        let single = self.single();
        let wants_events = self.event_stream.is_named();
        match single {
            Some((_, weight)) if wants_events && self.event_stream.weight > weight => {
                Some(Form::Stream(Format::ServerSentEvents))
            }
            Some((media_type, _)) => Some(Form::Single(media_type)),
            None => wants_events.then_some(Form::Stream(Format::ServerSentEvents)),
        }
    }

    /// Whether the client may get several results.
    pub(super) fn may_be_stream(&self) -> bool {
        self.stream().is_some()
    }

    /// Whether the client asks for a page, and wants it at least as much as an answer of the API.
    pub(super) fn prefers_html(&self) -> bool {
        let answer = self.single().map_or(0, |(_, weight)| weight);
        self.html.is_named() && self.html.weight >= answer
    }

    /// The media type of one answer, with its weight.
    fn single(&self) -> Option<(&'static str, u16)> {
        let (json, graphql) = (self.json, self.graphql_json);
        let prefers_graphql = graphql.weight > json.weight
            || graphql.weight == json.weight && graphql.closeness >= NAMES_TYPE;
        let (media_type, weight) = match prefers_graphql {
            true => (GRAPHQL_JSON, graphql.weight),
            false => (JSON, json.weight),
        };
        (weight > 0).then_some((media_type, weight))
    }

    /// The format of a stream. `*/*` asks for none: whoever does not know of streams would wait for
    /// the end of one.
    fn stream(&self) -> Option<Format> {
        let (events, multipart) = (self.event_stream, self.multipart);
        match (events.is_named(), multipart.is_named()) {
            (true, true) if multipart.weight > events.weight => Some(Format::Multipart),
            (true, _) => Some(Format::ServerSentEvents),
            (false, true) => Some(Format::Multipart),
            (false, false) => None,
        }
    }
}

/// A media range, such as `text/*;q=0.5`.
struct Range<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    /// Everything between the subtype and the weight.
    parameters: &'a [u8],
    /// In thousandths.
    weight: u16,
}

impl<'a> Range<'a> {
    /// Returns `None` if this is no range, or if its weight is no number.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let name = split(text, b';').next()?;
        let mut separated = name.splitn(2, |byte| *byte == b'/').map(<[u8]>::trim_ascii);
        let (kind, subtype) = (separated.next()?, separated.next()?);
        if kind.is_empty() || subtype.is_empty() || kind == b"*" && subtype != b"*" {
            return None;
        }
        let parameters = &text[(name.len() + 1).min(text.len())..];
        let mut weight = 1_000;
        for (name, value) in parameters_in(parameters) {
            if name.eq_ignore_ascii_case(b"q") {
                weight = parse_weight(value)?;
                break;
            }
        }
        Some(Self { kind, subtype, parameters, weight })
    }

    /// How closely the range matches a media type, from 1 on; `None` if it does not match.
    fn closeness(&self, media_type: &MediaType) -> Option<u8> {
        if self.kind == b"*" {
            return Some(1);
        }
        if !self.kind.eq_ignore_ascii_case(media_type.kind) {
            return None;
        }
        if self.subtype == b"*" {
            return Some(2);
        }
        if !self.subtype.eq_ignore_ascii_case(media_type.subtype) {
            return None;
        }
        let mut closeness = NAMES_TYPE;
        for (name, value) in parameters_in(self.parameters) {
            if name.eq_ignore_ascii_case(b"q") {
                break;
            }
            let known = media_type.parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            match known {
                Some((_, expected)) if value.eq_ignore_ascii_case(expected) => {
                    closeness = closeness.saturating_add(1);
                }
                Some(_) => return None,
                None if media_type.is_told_apart_by_parameters => return None,
                None => {}
            }
        }
        Some(closeness)
    }
}

/// The parameters' names and values, without quotes around the values.
fn parameters_in(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    split(text, b';').filter(|parameter| !parameter.is_empty()).map(|parameter| {
        let mut separated = parameter.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
        let (name, value) = (separated.next().unwrap_or(b""), separated.next().unwrap_or(b""));
        let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        (name, unquoted.unwrap_or(value))
    })
}

/// Reads a weight from 0 to 1, in thousandths.
fn parse_weight(text: &[u8]) -> Option<u16> {
    let text = str::from_utf8(text).ok()?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let weight: f32 = text.parse().ok().filter(|_| is_number)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1,000")]
    let thousandths = (weight.min(1.0) * 1_000.0).round() as u16;
    Some(thousandths)
}

/// Splits at each separator that is not within a quoted string, and trims the parts.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(move |byte| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match byte {
            b'"' if !was_escaped => is_quoted = !is_quoted,
            b'\\' if is_quoted && !was_escaped => is_escaped = true,
            _ => {}
        }
        *byte == separator && !is_quoted
    });
    parts.map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    fn accept(lines: &[&str]) -> Accept {
        let lines = lines.iter().map(|line| HeaderValue::from_bytes(line.as_bytes()).unwrap());
        Accept::of(&lines.map(|line| (header::ACCEPT, line)).collect())
    }

    #[test]
    fn only_json_in_utf_8_is_a_body() {
        let is_json = |value| is_json(&headers(header::CONTENT_TYPE, value));
        assert!(is_json("application/json"));
        assert!(is_json("Application/JSON; charset=\"UTF-8\"; x=y"));
        assert!(!is_json("application/json; charset=latin1"));
        assert!(!is_json("text/plain"), "pages of other sites may send this");
        assert!(!super::is_json(&HeaderMap::new()));
    }

    const SINGLE: Option<Form> = Some(Form::Single(JSON));
    const GRAPHQL: Option<Form> = Some(Form::Single(GRAPHQL_JSON));
    const EVENTS: Option<Form> = Some(Form::Stream(Format::ServerSentEvents));
    const PARTS: Option<Form> = Some(Form::Stream(Format::Multipart));

    #[test]
    fn a_body_is_compressed_only_for_clients_that_accept_it() {
        let accepts = |lines: &[&'static str]| {
            let lines = lines.iter().map(|line| HeaderValue::from_static(line));
            accepts_gzip(&lines.map(|line| (header::ACCEPT_ENCODING, line)).collect())
        };
        for lines in [
            &["gzip"][..],
            &["br, GZIP;q=0.5"],
            &["identity", "gzip"],
            &["*"],
            &["br;q=1, *; q=0.1"],
        ] {
            assert!(accepts(lines), "{lines:?}");
        }
        for lines in [
            &[][..],
            &[""],
            &["br, deflate"],
            &["gzip;q=0"],
            &["*, gzip; Q=0.000"],
            &["gzip;q=x"],
            &["x-gzip2", "*;q=0"],
        ] {
            assert!(!accepts(lines), "{lines:?}");
        }
    }

    #[test]
    fn the_answer_has_the_form_that_the_client_wants_most() {
        const URQL: &str = "application/graphql-response+json, application/graphql+json, \
            application/json, text/event-stream, multipart/mixed";
        const APOLLO: &str =
            "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json";
        for (lines, query, subscription) in [
            (&[][..], GRAPHQL, None),
            (&[""], GRAPHQL, None),
            (&["*/*"], SINGLE, None),
            (&["application/*"], SINGLE, None),
            (&["application/graphql-response+json, */*"], GRAPHQL, None),
            (&["application/graphql-response+json;q=0, */*"], SINGLE, None),
            (&["application/json;q=0.1, */*"], GRAPHQL, None),
            (&["application/json;q=0.5, text/html"], SINGLE, None),
            (&["application/json", "application/graphql-response+json"], GRAPHQL, None),
            (&["application/json, application/graphql-response+json;q=0.9"], SINGLE, None),
            (&["application/*;q=0, application/json"], SINGLE, None),
            (&["text/html"], None, None),
            (&["*/*;q=0"], None, None),
            (&["application/json;q=0.0"], None, None),
            (&["application/json;q=0.000, text/event-stream;Q=0.00"], None, None),
            (&["application/json;q=x"], None, None),
            (&["application/json; charset=latin1"], None, None),
            (&[URQL], GRAPHQL, EVENTS),
            (&["text/event-stream, application/json"], SINGLE, EVENTS),
            (&["text/event-stream;q=0.9, application/json"], SINGLE, EVENTS),
            (&["text/event-stream", "application/json;q=0.999"], EVENTS, EVENTS),
            (&["text/event-stream, */*"], SINGLE, EVENTS),
            (&["text/event-stream, */*;q=0.1"], EVENTS, EVENTS),
            (&["TEXT/Event-Stream"], EVENTS, EVENTS),
            (&["text/*"], EVENTS, EVENTS),
            (&["text/*, text/event-stream;q=0, application/json;q=0.1"], SINGLE, None),
            (
                &["text/event-stream; charset=\"UTF-8\" ; q=0.5, application/json;q=0.4"],
                EVENTS,
                EVENTS,
            ),
            (&[APOLLO], SINGLE, PARTS),
            (&["multipart/mixed"], None, PARTS),
            (&["multipart/mixed;deferSpec=20220824, application/json"], SINGLE, None),
            (&["multipart/mixed, text/event-stream;q=0.5"], EVENTS, PARTS),
            (&["multipart/mixed, text/event-stream"], EVENTS, EVENTS),
            (&["application/json;x=\"a,\\\"b;q=0\";q=0.5, text/html"], SINGLE, None),
            (
                &["application/json;charset=utf-8;q=0, application/json, text/event-stream"],
                EVENTS,
                EVENTS,
            ),
            (&["application/json;q=0.5;x=y, text/event-stream;q=0.6"], EVENTS, EVENTS),
            (&["text/html;x=\"ä\", application/json"], SINGLE, None),
            (&[", ,application/json,"], SINGLE, None),
            (&["*/json, json, /, application/json"], SINGLE, None),
        ] {
            let accept = accept(lines);
            for kind in [None, Some(OperationType::Query), Some(OperationType::Mutation)] {
                assert_eq!(accept.form(kind), query, "{lines:?} {kind:?}");
            }
            let kind = Some(OperationType::Subscription);
            assert_eq!(accept.form(kind), subscription, "{lines:?}");
            assert_eq!(accept.may_be_stream(), subscription.is_some(), "{lines:?}");
        }
    }

    #[test]
    fn only_browsers_prefer_a_page() {
        const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(accept(&[BROWSER]).prefers_html());
        assert!(accept(&["application/json", "Text/HTML"]).prefers_html());
        for line in ["", "*/*", "text/html;q=0", "application/json, text/html;q=0.5"] {
            assert!(!accept(&[line]).prefers_html(), "{line}");
        }
    }
}
