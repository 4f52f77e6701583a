//! A GraphQL request's parameters, in a JSON body or in a URL.

use std::collections::HashMap;

use async_graphql::Request;
use axum::body::Bytes;
use serde::{
    Deserialize,
    de::{DeserializeOwned, Error},
};
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
    extensions: Option<Box<RawValue>>,
}

/// Unknown extensions are ignored.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Extensions {
    persisted_query: Option<Box<RawValue>>,
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
                "extensions" if value.is_empty() => {}
                "extensions" => {
                    let raw = RawValue::from_string(value.into_owned());
                    found.extensions = Some(raw.map_err(|error| unreadable_extensions(&error))?);
                }
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
        let hash = match self.extensions.take() {
            Some(extensions) => persisted_query(&extensions)?,
            None => None,
        };
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
    let parameters = [("query", text), ("operationName", text), ("variables", object)];
    parameters.into_iter().find_map(|(name, (what, start))| {
        let value = given.get(name)?.get();
        let fits = value == "null" || value.starts_with(start);
        (!fits).then(|| ApiError::field(name, format!("{name} must be {what}.")))
    })
}

/// The persisted query in a request's extensions, if there is one.
fn persisted_query(extensions: &RawValue) -> Result<Option<PersistedQuery>, ApiError> {
    let read = || match object::<Extensions>(extensions)?.and_then(|all| all.persisted_query) {
        Some(query) => object(&query),
        None => Ok(None),
    };
    read().map_err(|error| unreadable_extensions(&error))
}

/// Reads an object or null. serde would also accept a list of the fields' values.
fn object<T: DeserializeOwned>(raw: &RawValue) -> Result<Option<T>, serde_json::Error> {
    match raw.get() {
        "null" => Ok(None),
        text if text.starts_with('{') => serde_json::from_str(text).map(Some),
        _ => Err(serde_json::Error::custom("it is not a JSON object")),
    }
}

fn unreadable_extensions(error: &serde_json::Error) -> ApiError {
    ApiError::field("extensions", format!("extensions can't be read: {error}."))
}

fn not_an_object(name: &'static str, error: &serde_json::Error) -> ApiError {
    ApiError::field(name, format!("{name} is not a JSON object: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_problem::FieldProblem;

    fn problem_with(raw: &RawParameters) -> FieldProblem {
        let all = AllowedOperations::default();
        let resolved = raw.parse().and_then(|mut parsed| {
            parsed.resolve(&PersistedQueries::new(), &all)?;
            Ok(parsed)
        });
        match resolved.map(|_| ()) {
            Err(ApiError::BadUserInput(mut problems)) => problems.remove(0),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_parameter_of_another_type_is_named() {
        for (body, name) in [
            (r#"{ "query": 7 }"#, "query"),
            (r#"{ "query": "{ __typename }", "operationName": 5 }"#, "operationName"),
            (r#"{ "query": "{ __typename }", "variables": "{}" }"#, "variables"),
            (r#"{ "query": "{ __typename }", "variables": null, "extensions": [] }"#, "extensions"),
            (r#"{ "extensions": { "persistedQuery": { "version": 1 } } }"#, "extensions"),
            (r#"{ "extensions": { "persistedQuery": [1, "x"] } }"#, "extensions"),
            (r#"{ "extensions": { "persistedQuery": null } }"#, "query"),
            ("{", "query"),
            ("7", "query"),
        ] {
            let raw = RawParameters::Body(Bytes::from_static(body.as_bytes()));
            assert_eq!(problem_with(&raw).field, name, "{body}");
        }
        for (url, name) in [
            ("query=%7B__typename%7D&variables=7", "variables"),
            ("query=%7B__typename%7D&extensions=%5B%5D", "extensions"),
            ("query=%7B__typename%7D&extensions=%7B", "extensions"),
            ("extensions=", "query"),
        ] {
            assert_eq!(problem_with(&RawParameters::Url(url.to_owned())).field, name, "{url}");
        }
    }
}
