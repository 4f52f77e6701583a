//! A GraphQL request's parameters, in a JSON body or in a URL.

use std::collections::HashMap;

use async_graphql::Request;
use axum::body::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::persisted::{PersistedQueries, PersistedQuery};
use crate::graphql::{AllowedOperations, ApiError, RawVariables};

/// The parameters before they are parsed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum RawParameters {
    /// A JSON body.
    Body(Bytes),
    /// The URL's query.
    Url(String),
}

impl RawParameters {
    /// The length in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Body(body) => body.len(),
            Self::Url(query) => query.len(),
        }
    }

    pub(super) fn parse(&self) -> Result<Parameters, ApiError> {
        match self {
            Self::Url(query) => Parameters::from_url(query),
            Self::Body(body) => serde_json::from_slice(body).map_err(|error| {
                wrong_parameter(body).unwrap_or_else(|| {
                    let message = format!("The body is not a JSON object with a query: {error}.");
                    ApiError::field("query", message)
                })
            }),
        }
    }
}

/// The parsed parameters.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Parameters {
    #[serde(default)]
    pub(super) query: Option<String>,
    #[serde(default, rename = "operationName")]
    pub(super) operation_name: Option<String>,
    #[serde(default)]
    variables: RawVariables,
    #[serde(default)]
    extensions: Option<Extensions>,
}

/// Unknown extensions are ignored.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Extensions {
    persisted_query: Option<PersistedQuery>,
}

impl Parameters {
    fn from_url(query: &str) -> Result<Self, ApiError> {
        let mut found = Self {
            query: None,
            operation_name: None,
            variables: RawVariables::default(),
            extensions: None,
        };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "query" => found.query = Some(value.into_owned()),
                "operationName" => {
                    found.operation_name = Some(value.into_owned()).filter(|n| !n.is_empty());
                }
                "variables" if value.is_empty() => {}
                "variables" => {
                    let raw = RawVariables::from_text(&value);
                    found.variables = raw.map_err(|error| not_an_object("variables", &error))?;
                }
                "extensions" => found.extensions = object("extensions", &value)?,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Replaces a persisted query's hash with its text.
    pub(super) fn resolve(
        &mut self,
        persisted: &PersistedQueries,
        allowed: &AllowedOperations,
    ) -> Result<(), ApiError> {
        let hash = self.extensions.take().unwrap_or_default().persisted_query;
        self.query = Some(persisted.resolve(self.query.take(), hash, allowed)?);
        Ok(())
    }

    /// The request, and its variables.
    pub(super) fn into_request(self) -> (Request, RawVariables) {
        let mut request = Request::new(self.query.unwrap_or_default());
        if let Some(name) = self.operation_name {
            request = request.operation_name(name);
        }
        (request, self.variables)
    }
}

/// The error for the first parameter of a body that is of another type than it must be.
fn wrong_parameter(body: &[u8]) -> Option<ApiError> {
    let given: HashMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let text = ("a string", '"');
    let object = ("a JSON object", '{');
    let parameters =
        [("query", text), ("operationName", text), ("variables", object), ("extensions", object)];
    let of_other_type = parameters.into_iter().find_map(|(name, (what, start))| {
        let value = given.get(name)?.get();
        let fits = value == "null" || value.starts_with(start);
        (!fits).then(|| ApiError::field(name, format!("{name} must be {what}.")))
    });
    of_other_type.or_else(|| {
        let extensions = serde_json::from_str::<Option<Extensions>>(given.get("extensions")?.get());
        let message = format!("extensions can't be read: {}.", extensions.err()?);
        Some(ApiError::field("extensions", message))
    })
}

/// Parses a parameter that is a JSON object.
fn object<T: DeserializeOwned>(name: &'static str, text: &str) -> Result<Option<T>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text).map_err(|error| not_an_object(name, &error))
}

fn not_an_object(name: &'static str, error: &serde_json::Error) -> ApiError {
    ApiError::field(name, format!("{name} is not a JSON object: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_of_another_type_is_named() {
        for (body, name) in [
            (r#"{ "query": 7 }"#, "query"),
            (r#"{ "query": "{ __typename }", "operationName": 5 }"#, "operationName"),
            (r#"{ "query": "{ __typename }", "variables": "{}" }"#, "variables"),
            (r#"{ "query": "{ __typename }", "variables": null, "extensions": "" }"#, "extensions"),
            (r#"{ "extensions": { "persistedQuery": { "version": 1 } } }"#, "extensions"),
            ("{", "query"),
            ("7", "query"),
        ] {
            let body = RawParameters::Body(Bytes::from_static(body.as_bytes()));
            let Err(ApiError::BadUserInput(problems)) = body.parse() else { panic!("{name} is taken") };
            assert_eq!(problems[0].field, name);
        }
    }
}
