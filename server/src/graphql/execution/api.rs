//! Executes operations for all transports. It limits what they cost, and gives each error a code.
//!
//! This wraps the schema and is not one of async-graphql's extensions, because with an extension,
//! each field of an answer goes through it.

use std::{
    any::TypeId,
    collections::HashSet,
    future::{poll_fn, ready},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use async_graphql::{
    Data, Request, Response, Schema, ServerError, ServerResult, ValidationMode,
    parser::{
        parse_schema,
        types::{
            ExecutableDocument, OperationDefinition, OperationType, Selection, TypeKind,
            TypeSystemDefinition,
        },
    },
};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    absent_variables::remove_absent_variables,
    coded_errors::{
        argument_named_in, code_of, code_of_first, coded, field_error, limit_message, was_refused,
    },
    documents::{Document, Documents, TextLimits, too_complex},
    introspection_size::{Introspection, WHOLE_SCHEMA},
    kept_bytes,
    known_valid::InputTypes,
    raw_variables::RawVariables,
};
use crate::{
    graphql::{
        allowed_operations::AllowedOperations,
        errors::{ApiError, code},
        schema::{self, Mutation, Query, Subscription},
        settings::OperationArgs,
    },
    limits::{Client, HeldBytes, Hold, RateLimits},
    metrics::Metrics,
    services::Services,
    telemetry,
};

/// Maximum number of errors in one answer. Nobody reads more.
const MAX_ERRORS: usize = 20;
/// Number of an introspection's fields that cost as much as one other field. They take no
/// statement.
const INTROSPECTION_DISCOUNT: usize = 10;
/// A document of this size, some hundred fields, is validated in the time that is free for each
/// operation.
const SMALL_DOCUMENT_BYTES: usize = 32_768;
/// The memory that an answer takes for each byte of its JSON, as measured with lists of events.
const MEMORY_PER_BYTE: usize = 6;
/// What a running operation holds besides its query and its variables, in bytes.
const OPERATION_BYTES: usize = 4_096;

/// The schema as the transports use it. Clones share everything.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

struct Shared {
    schema: RowlockSchema,
    /// The same schema without most validation rules, for documents that are known to be valid.
    schema_for_known_valid: RowlockSchema,
    root_fields: HashSet<Arc<str>>,
    documents: Documents,
    metrics: Metrics,
    max_depth: usize,
    max_complexity: usize,
    max_variable_values: usize,
}

type RowlockSchema = Schema<Query, Mutation, Subscription>;

/// The facts about an operation that are known before it is executed.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// `None` if no operation has the given name. Execution is then refused.
    pub(crate) kind: Option<OperationType>,
    /// The metrics' label: the root field, or `several`, `other` or `invalid`.
    pub(crate) label: Arc<str>,
}

impl Operation {
    /// What is known of a request whose query is refused.
    pub(crate) fn invalid() -> Self {
        Self { kind: None, label: "invalid".into() }
    }
}

/// The id that connects a request's log lines and errors. All operations of a WebSocket share one.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    pub(crate) fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    pub(crate) fn find_in(data: &Data) -> Option<Self> {
        data.get(&TypeId::of::<Self>())?.downcast_ref().cloned()
    }
}

impl Api {
    pub(crate) fn new(
        services: &Services,
        settings: &OperationArgs,
        rate_limits: &Arc<RateLimits>,
    ) -> Self {
        let schema = |mode| {
            let builder = schema::builder();
            let builder =
                if settings.introspection { builder } else { builder.disable_introspection() };
            builder
                .validation_mode(mode)
                .limit_depth(settings.max_query_depth)
                .limit_complexity(settings.max_query_complexity)
                .data(services.accounts.clone())
                .data(services.sessions.clone())
                .data(services.events.clone())
                .data(services.bookings.clone())
                .data(services.hub.clone())
                .data(services.clock.clone())
                .data(Arc::clone(rate_limits))
                .finish()
        };
        let sdl = schema::sdl();
        let limits = TextLimits {
            max_tokens: settings.max_query_tokens,
            max_selections: settings.max_query_selections,
            introspection: settings.introspection.then(|| {
                let max_fields = settings.max_query_complexity * INTROSPECTION_DISCOUNT;
                Introspection::new(whole_schema(), max_fields)
            }),
        };
        let allowed = settings.allowed_operations.clone();
        Self(Arc::new(Shared {
            root_fields: root_fields(&sdl),
            schema: schema(ValidationMode::Strict),
            schema_for_known_valid: schema(ValidationMode::Fast),
            documents: Documents::new(allowed, limits, InputTypes::of_schema(&sdl)),
            metrics: services.metrics.clone(),
            max_depth: settings.max_query_depth,
            max_complexity: settings.max_query_complexity,
            max_variable_values: settings.max_variable_values,
        }))
    }

    /// The operations that may run.
    pub(crate) fn allowed_operations(&self) -> &AllowedOperations {
        self.0.documents.allowed()
    }

    /// The API for one client. What its operations hold is counted on `held`.
    pub(crate) fn for_client(&self, client: Arc<Client>, held: HeldBytes) -> ClientApi {
        ClientApi { api: self.clone(), client, held }
    }

    /// The operation of a document that has this name.
    fn operation(&self, document: &Document, name: Option<&str>) -> Operation {
        let Some(operation) = find_operation(&document.parsed, name) else {
            return Operation::invalid();
        };
        let label = match &*operation.selection_set.node.items {
            [only] => {
                let known = match &only.node {
                    Selection::Field(field) => {
                        self.0.root_fields.get(field.node.name.node.as_str())
                    }
                    _ => None,
                };
                known.map_or_else(|| "other".into(), Arc::clone)
            }
            _ => "several".into(),
        };
        Operation { kind: Some(operation.ty), label }
    }

    /// Executes a query for callers who were admitted, and may share it.
    pub(crate) async fn run_shared(
        &self,
        document: Arc<Document>,
        mut request: Request,
        variables: &RawVariables,
    ) -> Response {
        let id = RequestId::find_in(&request.data);
        // They were parsed before.
        let declared = variables.declared_in(&document.parsed, self.0.max_variable_values);
        request.variables = declared.unwrap_or_default();
        let response = match self.prepare(document, request) {
            Ok(Prepared { request, is_known_valid: true, .. }) => {
                self.0.schema_for_known_valid.execute(request).await
            }
            Ok(Prepared { request, .. }) => self.0.schema.execute(request).await,
            Err(error) => Response::from_errors(vec![error]),
        };
        self.finish(response, id.as_ref())
    }

    /// Completes a request for execution.
    fn prepare(&self, document: Arc<Document>, mut request: Request) -> ServerResult<Prepared> {
        let input_types = &self.0.documents.input_types;
        let mut parsed = document.parsed.clone();
        let is_plain = document.has_plain_arguments
            && input_types.accept(&document.parsed, &request.variables);
        if !is_plain {
            let found = input_types.find_non_object_variable(
                &document.parsed,
                request.operation_name.as_deref(),
                &request.variables,
            );
            if let Some(name) = found {
                let message = format!("Variable \"${name}\" must be an input object.");
                return Err(field_error(ServerError::new(message, None), name.to_string()));
            }
            remove_absent_variables(&mut parsed, &request.variables);
        }
        let is_known_valid = is_plain && document.is_known_valid();
        let may_remember_refusal = !is_known_valid
            && !document.has_variables()
            && request.operation_name.is_none()
            && self.operation(&document, None).kind != Some(OperationType::Subscription);
        request.set_parsed_query(parsed);
        Ok(Prepared { document, request, is_plain, is_known_valid, may_remember_refusal })
    }

    /// Gives a code to errors of async-graphql itself, and the request's id to internal errors.
    fn finish(&self, mut response: Response, id: Option<&RequestId>) -> Response {
        limit_errors(&mut response);
        for error in &mut response.errors {
            match code_of(error) {
                None => *error = self.with_code(error.clone()),
                Some(code::INTERNAL) => {
                    if let Some(RequestId(id)) = id {
                        error.extensions.get_or_insert_default().set("requestId", id.as_str());
                    }
                }
                Some(_) => {}
            }
        }
        response
    }

    // The library's errors differ in nothing but their messages. A test pins each of them.
    fn with_code(&self, error: ServerError) -> ServerError {
        let too_much = |what: &str, max: usize| {
            too_complex(format!("The query's {what} is more than {max}. Ask for less at once."))
        };
        match error.message.as_str() {
            "Query is too complex." => too_much("complexity", self.0.max_complexity),
            "Query is nested too deep." => too_much("depth", self.0.max_depth),
            message => {
                let field = argument_named_in(message).unwrap_or_else(|| "query".to_owned());
                field_error(error, field)
            }
        }
    }
}

/// A request with its document.
struct Prepared {
    document: Arc<Document>,
    request: Request,
    /// Whether the document's validity does not depend on these variables.
    is_plain: bool,
    is_known_valid: bool,
    /// Whether every request with this document would be refused for the same reason.
    may_remember_refusal: bool,
}

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

/// Cuts errors that nobody would read. One query can have thousands.
fn limit_errors(response: &mut Response) {
    if response.errors.len() > MAX_ERRORS {
        response.errors.truncate(MAX_ERRORS);
        response.errors.shrink_to_fit();
    }
    response.errors.iter_mut().for_each(|error| limit_message(&mut error.message));
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

/// The schema as introspection shows it.
fn whole_schema() -> Value {
    // Introspection waits for nothing.
    let answer = schema::builder().finish().execute(WHOLE_SCHEMA).now_or_never();
    answer.and_then(|answer| answer.data.into_json().ok()).unwrap_or_default()
}

fn find_operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let candidates = || {
        let operations = document.operations.iter();
        operations
            .filter(|(own, _)| match (name, own) {
                (Some(name), Some(own)) => own.as_str() == name,
                _ => true,
            })
            .map(|(_, operation)| &operation.node)
    };
    // If there are several operations and no name, execution is refused later. Until then, the
    // operation counts as the kind with the most restrictions.
    let changes_something = candidates().find(|found| found.ty == OperationType::Mutation);
    changes_something
        .or_else(|| candidates().find(|found| found.ty != OperationType::Query))
        .or_else(|| candidates().next())
}

/// The names of all root fields.
fn root_fields(sdl: &str) -> HashSet<Arc<str>> {
    let definitions = parse_schema(sdl).map(|schema| schema.definitions).unwrap_or_default();
    let mut names = HashSet::new();
    for definition in definitions {
        if let TypeSystemDefinition::Type(definition) = definition
            && ["Query", "Mutation", "Subscription"].contains(&definition.node.name.node.as_str())
            && let TypeKind::Object(root) = definition.node.kind
        {
            names.extend(root.fields.iter().map(|field| Arc::from(field.node.name.node.as_str())));
        }
    }
    names
}
