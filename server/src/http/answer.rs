//! A single answer over HTTP.

use std::{io::Write, ops::RangeInclusive};

use async_graphql::Response as GraphqlResponse;
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::{
    access_log::{self, Answered, REQUEST_ID},
    negotiation::{GRAPHQL_JSON, JSON},
};
use crate::{
    graphql::{ApiError, RequestErrors, RequestId, code, code_of_first, was_refused},
    limits::{HeldBytes, Hold},
};

/// Answers below this size are not counted as held: the number of connections limits those.
const SMALL_BYTES: usize = 4_096;
/// Sizes of the answers that are compressed, in bytes. Smaller ones fit into one packet as they are, and
/// larger ones would take more than some milliseconds.
const COMPRESSED_BYTES: RangeInclusive<usize> = 1_024..=262_144;

struct HeldBody {
    body: Bytes,
    _hold: Hold,
}

impl AsRef<[u8]> for HeldBody {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// An answer that many callers can share.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: StatusCode,
    media_type: &'static str,
    body: Bytes,
    is_compressed: bool,
    id: Option<HeaderValue>,
    /// The code of the first error.
    pub(super) code: Option<&'static str>,
}

impl Answer {
    /// The answer to an operation that was executed, or refused before execution.
    pub(super) fn new(response: &GraphqlResponse, media_type: &'static str) -> Self {
        let (status, body) = if was_refused(response) {
            let status = match code_of_first(response) {
                Some(code::RATE_LIMITED) => StatusCode::TOO_MANY_REQUESTS,
                _ if media_type == GRAPHQL_JSON => StatusCode::BAD_REQUEST,
                _ => StatusCode::OK,
            };
            (status, serde_json::to_vec(&json!({ "errors": response.errors })))
        } else {
            (StatusCode::OK, serde_json::to_vec(response))
        };
        match body {
            Ok(body) => {
                let code = code_of_first(response);
                let body = body.into();
                Self { status, media_type, body, is_compressed: false, id: None, code }
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
        let media_type = JSON;
        Self { status, media_type, body, is_compressed: false, id: None, code }.with_id(&id)
    }

    /// The answer to an operation that is refused before execution.
    pub(super) fn refused(errors: RequestErrors, media_type: &'static str) -> Self {
        Self::new(&errors.into_response(), media_type).with_id(&RequestId::new())
    }

    /// The length of the body in bytes.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }

    /// Compresses the body with gzip if that pays. Lists are then a fourth as long. An attacker can't
    /// learn secrets from the length: pages of other origins can't send a visitor's access token.
    pub(super) fn compressed(self) -> Self {
        if !COMPRESSED_BYTES.contains(&self.body.len()) {
            return self;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let written = encoder.write_all(&self.body).and_then(|()| encoder.finish());
        match written {
            Ok(body) => Self { body: body.into(), is_compressed: true, ..self },
            // Writing to a `Vec` does not fail.
            Err(_) => self,
        }
    }

    /// Counts the body's bytes until the client has read them.
    pub(super) fn held_by(self, held: &HeldBytes) -> Self {
        if self.body.len() < SMALL_BYTES {
            return self;
        }
        let hold = held.hold_anyway(self.body.len());
        Self { body: Bytes::from_owner(HeldBody { body: self.body, _hold: hold }), ..self }
    }

    /// Makes it visible to clients that wanted a stream that nothing was executed.
    pub(super) fn with_bad_request(self) -> Self {
        let is_ok = self.status == StatusCode::OK;
        Self { status: if is_ok { StatusCode::BAD_REQUEST } else { self.status }, ..self }
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
        if self.is_compressed {
            let gzip = HeaderValue::from_static("gzip");
            response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
        }
        if let Some(id) = self.id {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if access_log::is_on() {
            response.extensions_mut().insert(Answered { operation: None, code: self.code });
        }
        response
    }
}

/// The response to a request that is not executed.
pub(super) fn refuse(status: StatusCode, error: ApiError) -> Response<Body> {
    Answer::error(status, error).into_response()
}

/// Announces that the connection will be closed, because a part of the body was not read.
pub(super) fn and_close(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
