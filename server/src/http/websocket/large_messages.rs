//! Makes large messages smaller before async-graphql reads them: it would parse all variables, and a
//! number of two bytes takes a hundred when it is parsed.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::graphql::ClientApi;

/// Size from which messages are made smaller, in bytes.
const LARGE_BYTES: usize = 8_192;

/// A message that starts an operation. The extensions of its payload are left out, because nothing
/// reads them.
#[derive(Deserialize, Serialize)]
struct Start<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize, Serialize)]
struct Payload<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
    #[serde(borrow, default, rename = "operationName")]
    operation_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    variables: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

/// The same message without the variables that no operation declares; `None` if the message stays
/// as it is.
pub(super) fn without_undeclared_variables(message: &[u8], api: &ClientApi) -> Option<String> {
    if message.len() < LARGE_BYTES {
        return None;
    }
    let mut start: Start<'_> = serde_json::from_slice(message).ok()?;
    let document = api.parse_at_once(&start.payload.query)?;
    let before = start.payload.variables.len();
    start.payload.variables.retain(|name, _| document.declares(name));
    if start.payload.variables.len() == before {
        return None;
    }
    serde_json::to_string(&start).ok()
}
