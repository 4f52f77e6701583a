//! Says in plain words why a message is not part of the subprotocol.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// The parts of a message, whatever they are.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    payload: Option<IgnoredAny>,
}

pub(super) fn why_unreadable(message: &[u8]) -> &'static str {
    if serde_json::from_slice::<IgnoredAny>(message).is_err() {
        return "The message is not JSON";
    }
    if message.trim_ascii_start().first() != Some(&b'{') {
        return "The message is not a JSON object";
    }
    let Ok(Parts { kind, id, payload }) = serde_json::from_slice(message) else {
        return "The message has a field twice";
    };
    let Some(kind) = kind else { return "The message has no type" };
    let Ok(kind) = serde_json::from_str::<String>(kind.get()) else {
        return "The type of the message is not a text";
    };
    let starts = ["subscribe", "start"].contains(&kind.as_str());
    if !starts && !["complete", "stop"].contains(&kind.as_str()) {
        return "The type of the message is unknown";
    }
    match id {
        None => "The message has no id",
        Some(id) if serde_json::from_str::<String>(id.get()).is_err() => {
            "The id of the message is not a text"
        }
        Some(_) if starts && payload.is_none() => "The message has no payload",
        Some(_) => UNREADABLE_PAYLOAD,
    }
}

/// The reason for closing the socket if only async-graphql looks at the payload.
pub(super) const UNREADABLE_PAYLOAD: &str =
    "The payload is not valid: an operation has an object with a query and variables";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_thing_that_is_wrong_is_named() {
        for (message, reason) in [
            (&b""[..], "The message is not JSON"),
            (b"{\"type\": \"ping\"} x", "The message is not JSON"),
            (b"\xff", "The message is not JSON"),
            (b"[]", "The message is not a JSON object"),
            (b"7", "The message is not a JSON object"),
            (b"null", "The message is not a JSON object"),
            (b" {}", "The message has no type"),
            (b"{\"type\": null}", "The message has no type"),
            (b"{\"type\": 7}", "The type of the message is not a text"),
            (b"{\"type\": \"x\"}", "The type of the message is unknown"),
            (b"{\"type\": \"x\", \"type\": \"y\"}", "The message has a field twice"),
            (b"{\"type\": \"subscribe\"}", "The message has no id"),
            (b"{\"type\": \"complete\", \"id\": 7}", "The id of the message is not a text"),
            (b"{\"type\": \"start\", \"id\": \"a\"}", "The message has no payload"),
            (b"{\"type\": \"start\", \"id\": \"a\", \"payload\": 7}", UNREADABLE_PAYLOAD),
        ] {
            assert_eq!(why_unreadable(message), reason, "{}", String::from_utf8_lossy(message));
        }
    }
}
