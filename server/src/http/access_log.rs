//! One log line for each request, and for each operation of a socket or a stream, if `ACCESS_LOG`
//! asks for it. The lines hold no personal data: no address, no user, and no query.

use std::{sync::Arc, thread, time::Duration};

use async_graphql::{Data, Executor, Request, Response as GraphqlResponse};
use axum::{
    http::{HeaderName, StatusCode},
    response::Response,
};
use futures_util::{FutureExt, Stream, StreamExt, stream::BoxStream};
use tokio::time::Instant;

use crate::{
    graphql::{ClientApi, Operation, RawVariables, RequestId, code, code_of_first},
    telemetry::ACCESS_LOG_TARGET,
};

/// The header of an answer with the id of its request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The operation of a request that was refused before it was known.
const UNKNOWN_OPERATION: &str = "unknown";

/// What a response says about its request, for the log line.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// The label of the operation, if it is known.
    pub(super) operation: Option<Arc<str>>,
    /// The code of the first error.
    pub(super) code: Option<&'static str>,
}

/// Whether log lines are written.
pub(super) fn is_on() -> bool {
    tracing::enabled!(target: ACCESS_LOG_TARGET, tracing::Level::INFO)
}

/// The log line of a request or an operation. If this is dropped before it is written, the client
/// has gone away without an answer.
#[derive(Debug)]
pub(super) struct Line {
    id: Option<String>,
    operation: Option<Arc<str>>,
    started: Instant,
    is_done: bool,
}

impl Line {
    pub(super) fn start() -> Self {
        Self { id: None, operation: None, started: Instant::now(), is_done: false }
    }

    fn write(&mut self, outcome: &str, status: Option<StatusCode>) {
        self.is_done = true;
        tracing::info!(
            target: ACCESS_LOG_TARGET,
            parent: None,
            id = self.id.as_deref(),
            operation = self.operation.as_deref().unwrap_or(UNKNOWN_OPERATION),
            outcome,
            status = status.map(|status| status.as_u16()),
            ms = milliseconds(self.started.elapsed()),
            "request"
        );
    }

    /// Writes the line of an answered request, unless its operation writes its own.
    pub(super) fn finish(mut self, response: &mut Response) {
        self.is_done = true;
        let Some(Answered { operation, code }) = response.extensions_mut().remove() else { return };
        let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
        (self.id, self.operation) = (id.map(str::to_owned), operation);
        self.write(code.unwrap_or("ok"), Some(response.status()));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        match self.is_done {
            true => {}
            false if thread::panicking() => {
                self.write(code::INTERNAL, Some(StatusCode::INTERNAL_SERVER_ERROR));
            }
            false => self.write("closed", None),
        }
    }
}

/// In tenths.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The response that opens a socket.
pub(super) fn opened_socket(mut response: Response, id: &RequestId) -> Response {
    if let Ok(id) = id.0.parse() {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if is_on() {
        let operation = Some("socket".into());
        response.extensions_mut().insert(Answered { operation, code: None });
    }
    response
}

/// Gives an id to a response that has none: one that no handler has made.
pub(crate) fn ensure_request_id(response: &mut Response) {
    if !response.headers().contains_key(REQUEST_ID)
        && let Ok(id) = RequestId::new().0.parse()
    {
        response.headers_mut().insert(REQUEST_ID, id);
    }
}

/// The response to an operation whose label is known.
pub(super) fn answered(mut response: Response, label: &Arc<str>) -> Response {
    if let Some(answered) = response.extensions_mut().get_mut::<Answered>() {
        answered.operation = Some(Arc::clone(label));
    }
    response
}

/// Logs an operation with several results at its first one, or when its client goes away before.
pub(super) fn log_first_result<S: Stream<Item = GraphqlResponse> + Send + 'static>(
    results: S,
    id: Option<&RequestId>,
    operation: Arc<str>,
    status: Option<StatusCode>,
) -> BoxStream<'static, GraphqlResponse> {
    if !is_on() {
        return results.boxed();
    }
    let mut line = Line::start();
    (line.id, line.operation) = (id.map(|id| id.0.clone()), Some(operation));
    let mut line = Some(line);
    results
        .inspect(move |result| {
            if let Some(mut line) = line.take() {
                line.write(code_of_first(result).unwrap_or("ok"), status);
            }
        })
        .boxed()
}

/// Executes the operations of a socket, and logs each.
#[derive(Clone)]
pub(super) struct Logged(pub(super) ClientApi);

impl Executor for Logged {
    async fn execute(&self, request: Request) -> GraphqlResponse {
        // A socket asks for streams only.
        let mut results = self.execute_stream(request, None);
        results.next().await.unwrap_or_default()
    }

    fn execute_stream(
        &self,
        request: Request,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, GraphqlResponse> {
        let Self(api) = self.clone();
        let admitted = api.admit(request, RawVariables::default());
        // It is freed as soon as the results begin, which may go on for hours.
        let results = Box::pin(async move {
            let session = session.unwrap_or_default();
            let id = RequestId::find_in(&session);
            let (label, results) = match admitted.await {
                Ok(admitted) => {
                    let label = Arc::clone(&admitted.operation.label);
                    (label, api.start(admitted, session).await)
                }
                Err(error) => (Operation::invalid().label, api.refuse(error)),
            };
            log_first_result(results, id.as_ref(), label, None)
        });
        results.flatten_stream().boxed()
    }
}
