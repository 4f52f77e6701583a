//! A single answer over HTTP.

use async_graphql::{Response as GraphqlResponse, Value};
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::negotiation::{GRAPHQL_JSON, JSON};
use crate::graphql::{ApiError, RequestId, code, code_of_first};

/// An answer that many callers can share.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: StatusCode,
    media_type: &'static str,
    body: Bytes,
    id: Option<HeaderValue>,
    /// The code of the first error.
    pub(super) code: Option<&'static str>,
}

impl Answer {
    /// The answer to an operation that was executed, or refused before execution.
    pub(super) fn new(response: &GraphqlResponse, media_type: &'static str) -> Self {
        let (status, body) = if was_refused(response) {
            let status =
                if media_type == GRAPHQL_JSON { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            (status, serde_json::to_vec(&json!({ "errors": response.errors })))
        } else {
            (StatusCode::OK, serde_json::to_vec(response))
        };
        match body {
            Ok(body) => {
                let code = code_of_first(response);
                Self { status, media_type, body: body.into(), id: None, code }
            }
            Err(error) => {
                let cause = ApiError::Internal(error.to_string());
                Self::error(StatusCode::INTERNAL_SERVER_ERROR, cause)
            }
        }
    }

    /// The answer to a request that is not executed, or whose execution panicked.
    pub(super) fn error(status: StatusCode, error: ApiError) -> Self {
        let id = RequestId::new();
        let is_internal = matches!(error, ApiError::Internal(_));
        let span = tracing::error_span!("request", id = %id.0);
        // The conversion logs the cause. Within the span, the log line has the id that the caller
        // gets.
        let mut error = span.in_scope(|| async_graphql::Error::from(error));
        if is_internal {
            error.extensions.get_or_insert_default().set("requestId", id.0.as_str());
        }
        let error = json!({ "message": error.message, "extensions": error.extensions });
        let code = error["extensions"]["code"].as_str().and_then(code::known);
        let body = json!({ "errors": [error] }).to_string().into();
        Self { status, media_type: JSON, body, id: None, code }
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(super) fn with_id(self, id: &RequestId) -> Self {
        Self { id: HeaderValue::from_str(&id.0).ok(), ..self }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let content_type = match self.media_type {
            GRAPHQL_JSON => "application/graphql-response+json; charset=utf-8",
            _ => "application/json; charset=utf-8",
        };
        let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")];
        let mut response = (self.status, headers, self.body).into_response();
        if let Some(id) = self.id {
            response.headers_mut().insert("x-request-id", id);
        }
        response
    }
}

/// Whether a request was refused before any of it was executed. Its errors then have no path.
pub(super) fn was_refused(response: &GraphqlResponse) -> bool {
    !response.errors.is_empty()
        && response.data == Value::Null
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// The response to a request that is not executed.
pub(super) fn refuse(status: StatusCode, error: ApiError) -> Response<Body> {
    Answer::error(status, error).into_response()
}
