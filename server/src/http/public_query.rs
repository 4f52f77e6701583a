//! Runs queries of callers that are not signed in. Equal queries share one execution.

use std::{
    hash::{Hash, Hasher},
    pin::Pin,
    sync::Arc,
};

use async_graphql::Response as GraphqlResponse;
use axum::http::{HeaderMap, StatusCode};
use tracing::Instrument;

use super::{answer::Answer, parameters::RawParameters};
use crate::{
    accounts::Viewer,
    coalescing::Read,
    graphql::{Admitted, Api, ClientApi, Document, RequestId},
};

/// A query that sees no viewer, no cookie and no address. Everybody who sends it at the same time
/// gets the same answer. Each of them was admitted, so the execution has no limits of its own, and
/// nobody is refused for what another one uses.
#[derive(Clone)]
pub(super) struct PublicQuery {
    pub(super) raw: RawParameters,
    pub(super) media_type: &'static str,
    /// The parsed query. It depends on nothing but `raw`.
    pub(super) document: Arc<Document>,
    /// The label of its operation.
    pub(super) label: Arc<str>,
}

impl PartialEq for PublicQuery {
    fn eq(&self, other: &Self) -> bool {
        (&self.raw, self.media_type) == (&other.raw, other.media_type)
    }
}

impl Eq for PublicQuery {}

impl Hash for PublicQuery {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.raw, self.media_type).hash(state);
    }
}

impl Read for PublicQuery {
    type Source = Api;
    type Found = Answer;

    async fn run(&self, api: &Api) -> Answer {
        let parameters = match self.raw.parse() {
            Ok(parameters) => parameters,
            // The handler has already parsed the same parameters, so this does not happen.
            Err(problem) => return Answer::error(StatusCode::BAD_REQUEST, problem),
        };
        let (request, variables) = parameters.into_request();
        let (id, document) = (RequestId::new(), Arc::clone(&self.document));
        let request = request.data(Viewer::Anonymous).data(id.clone());
        let running = Box::pin(api.run_shared(document, request, &variables));
        answer(running, id, &self.label, self.media_type).await.0
    }
}

/// Executes a request; returns its answer and the headers that it sets.
pub(super) async fn execute(
    api: &ClientApi,
    admitted: Admitted,
    media_type: &'static str,
) -> (Answer, HeaderMap) {
    let id = RequestId::new();
    let label = Arc::clone(&admitted.operation.label);
    let running = Box::pin(api.run(admitted.data(id.clone())));
    answer(running, id, &label, media_type).await
}

/// Waits for a response, and makes an answer and its headers of it. The work is boxed, because it is
/// large, and a request's future is moved several times.
async fn answer(
    running: Pin<Box<impl Future<Output = GraphqlResponse>>>,
    id: RequestId,
    label: &str,
    media_type: &'static str,
) -> (Answer, HeaderMap) {
    let span = tracing::error_span!("request", id = %id.0, operation = label);
    let response = running.instrument(span).await;
    (Answer::new(&response, media_type).with_id(&id), response.http_headers)
}
