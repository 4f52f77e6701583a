//! The API as one client uses it: admits operations within the client's limits, and executes them.

use std::{
    future::{poll_fn, ready},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use async_graphql::{Data, Request, Response, ServerError, ServerResult};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::Instant;

use super::{
    api::{Api, Operation, Prepared, RequestId},
    coded_errors::{code_of_first, coded, field_error, limit_errors, was_refused},
    documents::Document,
    kept_bytes,
    raw_variables::RawVariables,
};
use crate::{
    graphql::errors::ApiError,
    limits::{Client, HeldBytes, Hold},
    telemetry,
};

/// A document of this size, some hundred fields, is validated in the time that is free for each
/// operation.
const SMALL_DOCUMENT_BYTES: usize = 32_768;
/// The memory that an answer takes for each byte of its JSON, as measured with lists of events.
const MEMORY_PER_BYTE: usize = 6;
/// What a running operation holds besides its query and its variables, in bytes.
const OPERATION_BYTES: usize = 4_096;

/// A request that may be executed: its query was parsed, and the client does not hold too much.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) document: Arc<Document>,
    pub(crate) operation: Operation,
    request: Request,
    hold: Hold,
}

impl Admitted {
    /// Adds data for the resolvers.
    pub(crate) fn data(mut self, data: impl std::any::Any + Send + Sync) -> Self {
        self.request = self.request.data(data);
        self
    }
}

/// A request whose query was looked up.
enum LookedUp {
    Known(Admitted),
    /// The request, and what it holds until it is parsed.
    Unknown(Request, RawVariables, Hold),
}

/// The API as one client uses it.
#[derive(Clone)]
pub(crate) struct ClientApi {
    api: Api,
    pub(crate) client: Arc<Client>,
    pub(crate) held: HeldBytes,
}

impl ClientApi {
    /// What the client's operations hold is counted on `held`.
    pub(crate) fn new(api: &Api, client: Arc<Client>, held: HeldBytes) -> Self {
        Self { api: api.clone(), client, held }
    }

    /// Parses the request's query, unless its text is known: at once if it is this operation's turn,
    /// and otherwise later. Until then, all that the request holds is counted.
    ///
    /// # Errors
    /// When the query is refused, or when the client has used up a limit.
    pub(crate) fn admit(
        &self,
        request: Request,
        variables: RawVariables,
    ) -> impl Future<Output = ServerResult<Admitted>> + Send + use<> {
        let (this, looked_up) = (self.clone(), self.look_up(request, variables));
        async move {
            let (request, variables, hold) = match looked_up? {
                LookedUp::Known(admitted) => return Ok(admitted),
                LookedUp::Unknown(request, variables, hold) => (request, variables, hold),
            };
            let mut turn = this.client.work.turn().await.map_err(refused)?;
            let documents = &this.api.0.documents;
            // An equal text may have been parsed in the meantime.
            let parsed = documents.find(&request.query);
            let parsed = parsed.unwrap_or_else(|| turn.run(|| documents.parse(&request.query)));
            drop(hold);
            this.admit_parsed(parsed?, request, &variables)
        }
    }

    fn look_up(&self, request: Request, variables: RawVariables) -> ServerResult<LookedUp> {
        if let Some(parsed) = self.api.0.documents.find(&request.query) {
            return self.admit_parsed(parsed?, request, &variables).map(LookedUp::Known);
        }
        if let Some(mut turn) = self.client.work.turn_at_once().map_err(refused)? {
            let document = turn.run(|| self.api.0.documents.parse(&request.query))?;
            return self.admit_parsed(document, request, &variables).map(LookedUp::Known);
        }
        let bytes =
            request.query.len() + variables.len() + kept_bytes::of_variables(&request.variables);
        let hold = self.held.hold(bytes).map_err(refused)?;
        Ok(LookedUp::Unknown(request, variables, hold))
    }

    /// Admits a request whose query was parsed already.
    ///
    /// # Errors
    /// When the client has used up a limit.
    pub(crate) fn admit_parsed(
        &self,
        document: Arc<Document>,
        mut request: Request,
        variables: &RawVariables,
    ) -> ServerResult<Admitted> {
        // An address that has used up its budget may still book.
        if document.has_large_answers() {
            self.client.work.check().map_err(refused)?;
        }
        request.variables.retain(|name, _| document.declares(name));
        let max_values = self.api.0.max_variable_values;
        let mut declared =
            variables.declared_in(&document.parsed, max_values).map_err(|error| {
                let message = format!("The variables can't be read: {error}.");
                field_error(ServerError::new(message, None), "variables".to_owned())
            })?;
        request.variables.append(&mut declared);
        // The parsed query is all that execution needs.
        request.query = String::new();
        let operation = self.api.operation(&document, request.operation_name.as_deref());
        let bytes = OPERATION_BYTES + document.bytes + kept_bytes::of_variables(&request.variables);
        let hold = self.held.hold(bytes).map_err(refused)?;
        Ok(Admitted { document, operation, request, hold })
    }

    /// The largest number of values in a variable.
    pub(crate) fn max_variable_values(&self) -> usize {
        self.api.0.max_variable_values
    }

    /// Parses a query without waiting for a turn. Returns `None` if the query is refused, or if others
    /// are waiting.
    pub(crate) fn parse_at_once(&self, query: &str) -> Option<Arc<Document>> {
        let documents = &self.api.0.documents;
        if let Some(parsed) = documents.find(query) {
            return parsed.ok();
        }
        let mut turn = self.client.work.turn_at_once().ok()??;
        turn.run(|| documents.parse(query)).ok()
    }

    /// Whether callers with equal requests may share one execution, which counts for none of them.
    /// Its validation must then be free: it is skipped, or the document is small.
    pub(crate) fn can_share(&self, admitted: &Admitted) -> bool {
        let Admitted { document, request, .. } = admitted;
        let input_types = &self.api.0.documents.input_types;
        let is_small = document.bytes < SMALL_DOCUMENT_BYTES;
        document.has_run() && is_small
            || document.is_known_valid() && input_types.accept(&document.parsed, &request.variables)
    }

    /// Counts an answer of this many bytes that several callers share.
    pub(crate) fn count_shared_answer(&self, document: &Document, bytes: usize) {
        if self.client.work.spend_on_answer(bytes * MEMORY_PER_BYTE) {
            document.set_has_large_answers();
        }
    }

    /// Executes a query or a mutation.
    pub(crate) async fn run(&self, admitted: Admitted) -> Response {
        let Admitted { document, request, hold: _hold, .. } = admitted;
        let id = RequestId::find_in(&request.data);
        let response = match self.api.prepare(Arc::clone(&document), request) {
            Ok(prepared) => self.run_prepared(prepared).await,
            Err(error) => Response::from_errors(vec![error]),
        };
        count_answer(&self.client, &document, &response);
        self.api.finish(response, id.as_ref())
    }

    async fn run_prepared(&self, prepared: Prepared) -> Response {
        let Prepared { document, request, is_plain, is_known_valid, may_remember_refusal } =
            prepared;
        let schemas = &self.api.0;
        if is_known_valid {
            return schemas.schema_for_known_valid.execute(request).await;
        }
        if may_remember_refusal && let Some(errors) = document.refusal.get() {
            return Response::from_errors(errors.clone());
        }
        // The first step validates the query.
        let mut execution = pin!(schemas.schema.execute(request));
        let first = match self.client.work.turn().await {
            Ok(mut turn) => {
                poll_fn(|cx| Poll::Ready(turn.run(|| execution.as_mut().poll(cx)))).await
            }
            Err(error) => return Response::from_errors(vec![refused(error)]),
        };
        let mut response = match first {
            Poll::Ready(response) => response,
            Poll::Pending => execution.await,
        };
        limit_errors(&mut response);
        if response.is_ok() {
            document.set_has_run();
            if is_plain {
                document.set_known_valid();
            }
        } else if may_remember_refusal && was_refused(&response) {
            let _ = document.refusal.set(response.errors.clone());
        }
        response
    }

    /// Starts an operation, and returns its results. An operation that is refused before it is
    /// executed has its only result at once.
    pub(crate) async fn start(
        &self,
        admitted: Admitted,
        session: Arc<Data>,
    ) -> BoxStream<'static, Response> {
        let Admitted { document, operation: Operation { label, .. }, request, hold } = admitted;
        let id = RequestId::find_in(&session);
        let span = tracing::debug_span!("operation", name = &*label);
        let begun = Instant::now();
        let (client, prepared) =
            (Arc::clone(&self.client), self.api.prepare(Arc::clone(&document), request));
        let responses = match prepared {
            Ok(prepared) => {
                let responses = self.start_prepared(prepared, session, &span).await;
                let api = self.api.clone();
                responses.map(move |response| api.finish(response, id.as_ref())).boxed()
            }
            Err(error) => single(error),
        };
        // A subscription counts as answered when its first result comes.
        let (metrics, mut begun) = (self.api.0.metrics.clone(), Some(begun));
        telemetry::in_span(span, responses)
            .inspect(move |response| {
                // The stream holds the memory until the operation ends.
                let _ = &hold;
                count_answer(&client, &document, response);
                if let Some(begun) = begun.take() {
                    metrics.answered(&label, code_of_first(response), begun.elapsed());
                }
            })
            .boxed()
    }

    async fn start_prepared(
        &self,
        prepared: Prepared,
        session: Arc<Data>,
        span: &tracing::Span,
    ) -> BoxStream<'static, Response> {
        let Prepared { document, request, is_plain, is_known_valid, .. } = prepared;
        let schemas = &self.api.0;
        let schema = if is_known_valid { &schemas.schema_for_known_valid } else { &schemas.schema };
        let mut responses = schema.execute_stream_with_session_data(request, session).fuse();
        if is_known_valid {
            return responses.boxed();
        }
        // The first step validates the query.
        let first = match self.client.work.turn().await {
            Ok(mut turn) => {
                poll_fn(|cx| {
                    let step = || span.in_scope(|| responses.poll_next_unpin(cx));
                    Poll::Ready(turn.run(step))
                })
                .await
            }
            Err(error) => return single(refused(error)),
        };
        let is_refused = matches!(&first, Poll::Ready(Some(first)) if !first.is_ok());
        if is_plain && !is_refused {
            document.set_known_valid();
        }
        match first {
            Poll::Ready(first) => stream::iter(first).chain(responses).boxed(),
            Poll::Pending => responses.boxed(),
        }
    }

    /// Counts and returns the answer to a request that was not admitted.
    pub(crate) fn refuse(&self, error: ServerError) -> BoxStream<'static, Response> {
        let response = self.api.finish(Response::from_errors(vec![error]), None);
        let Operation { label, .. } = Operation::invalid();
        self.api.0.metrics.answered(&label, code_of_first(&response), Duration::ZERO);
        stream::once(ready(response)).boxed()
    }
}

fn single(error: ServerError) -> BoxStream<'static, Response> {
    stream::once(ready(Response::from_errors(vec![error]))).boxed()
}

/// Counts what an answer has cost.
fn count_answer(client: &Client, document: &Document, response: &Response) {
    if client.work.spend_on_answer(kept_bytes::of_value(&response.data)) {
        document.set_has_large_answers();
    }
}

/// The error for a client that has used up a limit.
fn refused(limit: impl Into<ApiError>) -> ServerError {
    coded(limit.into())
}
