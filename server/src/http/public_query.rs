//! Runs queries of callers that are not signed in. Equal queries share one execution.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use axum::http::{HeaderMap, StatusCode};
use tracing::Instrument;

use super::{answer::Answer, parameters::RawParameters};
use crate::{
    accounts::Viewer,
    coalescing::Read,
    graphql::{Admitted, ClientApi, Document, RequestId},
    limits::Hold,
};

/// A query that sees no viewer, no cookie and no address. Everybody who sends it at the same time
/// gets the same answer.
#[derive(Clone)]
pub(super) struct PublicQuery {
    pub(super) raw: RawParameters,
    pub(super) media_type: &'static str,
    /// The parsed query. It depends on nothing but `raw`.
    pub(super) document: Arc<Document>,
    /// The API as the first of the callers uses it.
    pub(super) api: ClientApi,
    /// Counts the parameters' bytes.
    pub(super) _hold: Arc<Hold>,
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
    type Source = ();
    type Found = Answer;

    async fn run(&self, (): &()) -> Answer {
        let parameters = match self.raw.parse() {
            Ok(parameters) => parameters,
            // The handler has already parsed the same parameters, so this does not happen.
            Err(problem) => return Answer::error(StatusCode::BAD_REQUEST, problem),
        };
        let document = Arc::clone(&self.document);
        let (request, variables) = parameters.into_request();
        match self.api.admit_parsed(document, request, &variables) {
            Ok(admitted) => {
                execute(&self.api, admitted.data(Viewer::Anonymous), self.media_type).await.0
            }
            Err(error) => Answer::refused(error, self.media_type),
        }
    }
}

/// Executes a request; returns its answer and the headers that it sets.
pub(super) async fn execute(
    api: &ClientApi,
    admitted: Admitted,
    media_type: &'static str,
) -> (Answer, HeaderMap) {
    let id = RequestId::new();
    let span = tracing::error_span!("request", id = %id.0, operation = &*admitted.operation.label);
    let response = api.run(admitted.data(id.clone())).instrument(span).await;
    let answer = Answer::new(&response, media_type).with_id(&id);
    (answer, response.http_headers)
}
