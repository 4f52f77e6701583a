//! The API as one client uses it: admits operations within the client's limits, and executes them.

use std::{future::ready, sync::Arc, time::Duration};

use async_graphql::{Data, Request, Response, ServerError, ServerResult};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::Instant;

use super::{
    api::{Api, Operation, RequestId},
    coded_errors::{RequestErrors, code_of_first, coded, field_error},
    documents::Document,
    kept_bytes,
    operations::Operations,
    raw_variables::{RawVariables, find_too_large},
};
use crate::{
    graphql::errors::ApiError,
    limits::{Client, HeldBytes, Hold},
    telemetry,
};

/// The memory that an answer takes for each byte of its JSON, as measured with lists of events.
const MEMORY_PER_BYTE: usize = 6;
/// The memory that a running operation takes besides its query and its variables, in bytes.
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
    /// Counts the memory of the client's operations on `held`.
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
    ) -> impl Future<Output = Result<Admitted, RequestErrors>> + Send + use<> {
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
            Ok(this.admit_parsed(parsed?, request, &variables)?)
        }
    }

    fn look_up(
        &self,
        request: Request,
        variables: RawVariables,
    ) -> Result<LookedUp, RequestErrors> {
        if let Some(parsed) = self.api.0.documents.find(&request.query) {
            return self
                .admit_parsed(parsed?, request, &variables)
                .map(LookedUp::Known)
                .map_err(RequestErrors::from);
        }
        if let Some(mut turn) = self.client.work.turn_at_once().map_err(refused)? {
            let document = turn.run(|| self.api.0.documents.parse(&request.query))?;
            return self
                .admit_parsed(document, request, &variables)
                .map(LookedUp::Known)
                .map_err(RequestErrors::from);
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
        let unreadable = |reason: String| {
            let message = format!("The variables can't be read: {reason}.");
            field_error(ServerError::new(message, None), "variables".to_owned())
        };
        // Small messages of sockets come with their variables parsed.
        if let Some(reason) = find_too_large(&request.variables, max_values) {
            return Err(unreadable(reason));
        }
        let mut declared = variables
            .declared_in(&document.operations, max_values)
            .map_err(|error| unreadable(error.to_string()))?;
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

    /// Counts an answer of this many bytes that several callers share.
    pub(crate) fn count_shared_answer(&self, document: &Document, bytes: usize) {
        if self.client.work.spend_on_answer(bytes * MEMORY_PER_BYTE) {
            document.set_has_large_answers();
        }
    }

    /// Counts what it costs to write an operation out, if that is done for each request.
    fn count_writing_out(&self, document: &Document) {
        if let Operations::Written { largest, .. } = document.operations
            && self.client.work.spend_on_answer(largest)
        {
            document.set_has_large_answers();
        }
    }

    /// Executes a query or a mutation.
    pub(crate) async fn run(&self, admitted: Admitted) -> Response {
        let Admitted { document, request, hold: _hold, .. } = admitted;
        self.count_writing_out(&document);
        let response = self.api.run(&document, request).await;
        count_answer(&self.client, &document, &response);
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
        self.count_writing_out(&document);
        let (client, api) = (Arc::clone(&self.client), self.api.clone());
        let responses = match api.prepare(&document, request) {
            Ok(prepared) => api.stream(prepared, session, id),
            Err(errors) => single(api.finish(errors.into_response(), id.as_ref())),
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

    /// Counts and returns the answer to a request that was not admitted.
    pub(crate) fn refuse(&self, errors: RequestErrors) -> BoxStream<'static, Response> {
        let response = self.api.finish(errors.into_response(), None);
        let Operation { label, .. } = Operation::invalid();
        self.api.0.metrics.answered(&label, code_of_first(&response), Duration::ZERO);
        single(response)
    }
}

fn single(response: Response) -> BoxStream<'static, Response> {
    stream::once(ready(response)).boxed()
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
