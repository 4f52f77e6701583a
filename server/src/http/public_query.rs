//! Runs queries of callers that are not signed in. Equal queries share one execution.

use async_graphql::{Executor, Request};
use axum::http::{HeaderMap, StatusCode};
use tracing::Instrument;

use super::{answer::Answer, parameters::RawParameters};
use crate::{
    accounts::Viewer,
    coalescing::Read,
    graphql::{Api, Operation, RequestId},
};

/// A query that sees no viewer, no cookie and no address. Everybody who sends it at the same time
/// gets the same answer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct PublicQuery {
    pub(super) raw: RawParameters,
    /// The query's text if only its hash was sent.
    pub(super) persisted: Option<String>,
    pub(super) media_type: &'static str,
}

impl Read for PublicQuery {
    type Source = Api;
    type Found = Answer;

    async fn run(&self, api: &Api) -> Answer {
        match self.raw.parse() {
            Ok(mut parameters) => {
                if let Some(text) = &self.persisted {
                    parameters.query = Some(text.clone());
                }
                let request = parameters.into_request().data(Viewer::Anonymous);
                execute(api, request, self.media_type).await.0
            }
            // The handler has already parsed the same parameters, so this does not happen.
            Err(problem) => Answer::error(StatusCode::BAD_REQUEST, problem),
        }
    }
}

/// Executes a request; returns its answer and the headers that it sets.
pub(super) async fn execute(
    api: &Api,
    request: Request,
    media_type: &'static str,
) -> (Answer, HeaderMap) {
    let id = RequestId::new();
    let Operation { label, .. } = api.operation(&request.query, request.operation_name.as_deref());
    let span = tracing::error_span!("request", id = %id.0, operation = &*label);
    let response = api.execute(request.data(id.clone())).instrument(span).await;
    (Answer::new(&response, media_type).with_id(&id), response.http_headers)
}
