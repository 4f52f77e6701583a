//! The media types that a client sends and accepts.

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

/// The media type of a single answer; `None` if the client accepts neither of the two.
pub(super) fn answer_media_type(headers: &HeaderMap) -> Option<&'static str> {
    if !headers.contains_key(header::ACCEPT) || accepts(headers, GRAPHQL_JSON) {
        return Some(GRAPHQL_JSON);
    }
    let accepts_json = [JSON, "application/*", "*/*"].iter().any(|range| accepts(headers, range));
    accepts_json.then_some(JSON)
}

/// Whether the `Accept` header names this media range.
pub(super) fn accepts(headers: &HeaderMap, media_range: &str) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            parts.next().is_some_and(|range| range.eq_ignore_ascii_case(media_range))
                && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0"))
        })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
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

    #[test]
    fn the_answer_has_a_media_type_that_the_client_accepts() {
        let media_type = |value| answer_media_type(&headers(header::ACCEPT, value));
        assert_eq!(answer_media_type(&HeaderMap::new()), Some(GRAPHQL_JSON));
        assert_eq!(media_type("application/graphql-response+json, */*"), Some(GRAPHQL_JSON));
        assert_eq!(media_type("application/graphql-response+json;q=0, */*"), Some(JSON));
        assert_eq!(media_type("application/json;q=0.5, text/html"), Some(JSON));
        assert_eq!(media_type("text/html"), None);
    }
}
