//! Makes large messages smaller before async-graphql reads them: it would parse all variables, and a
//! number of two bytes takes a hundred when it is parsed.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::graphql::{ClientApi, max_values_in};

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

/// The result of making a message smaller.
pub(super) enum Smaller {
    /// It stays as it is.
    Same,
    /// The same without the variables that no operation declares.
    Without(String),
    /// A variable has more than this number of values.
    TooManyValues(usize),
}

/// Leaves out the variables that no operation declares.
pub(super) fn without_undeclared_variables(message: &[u8], api: &ClientApi) -> Smaller {
    if message.len() < LARGE_BYTES {
        return Smaller::Same;
    }
    let Ok(mut start) = serde_json::from_slice::<Start<'_>>(message) else { return Smaller::Same };
    let Some(document) = api.parse_at_once(&start.payload.query) else { return Smaller::Same };
    let variables = &mut start.payload.variables;
    let before = variables.len();
    variables.retain(|name, _| document.declares(name));
    let max = api.max_variable_values();
    if variables.values().any(|value| max_values_in(value.get()) > max) {
        return Smaller::TooManyValues(max);
    }
    match serde_json::to_string(&start) {
        Ok(smaller) if start.payload.variables.len() < before => Smaller::Without(smaller),
        _ => Smaller::Same,
    }
}
