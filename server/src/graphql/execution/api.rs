//! Executes operations for all transports. It limits their size, and gives each error a code.
//!
//! This wraps the schema and is not one of async-graphql's extensions, because with an extension,
//! each field of an answer goes through it.

use std::{any::TypeId, collections::HashSet, sync::Arc};

use async_graphql::{
    Data, Executor, Request, Response, Schema, ServerError, ServerResult, ValidationMode,
    parser::{
        parse_schema,
        types::{
            ExecutableDocument, OperationDefinition, OperationType, Selection, TypeKind,
            TypeSystemDefinition,
        },
    },
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    absent_variables::remove_absent_variables,
    coded_errors::{argument_named_in, code_of, code_of_first, coded, field_error},
    documents::{Document, Documents},
    known_valid::InputTypes,
};
use crate::{
    graphql::{
        allowed_operations::AllowedOperations,
        errors::{ApiError, code},
        schema::{self, Mutation, Query, Subscription},
        settings::OperationArgs,
    },
    limits::RateLimits,
    metrics::Metrics,
    services::Services,
    telemetry,
};

/// Maximum number of errors in one answer. Nobody reads more.
const MAX_ERRORS: usize = 20;
/// Maximum depth that async-graphql accepts, fragments included.
const MAX_RECURSION: usize = 32;

/// The schema as the transports use it. Clones share everything.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

struct Shared {
    schema: RowlockSchema,
    /// The same schema without most validation rules, for documents that are known to be valid.
    schema_for_known_valid: RowlockSchema,
    input_types: InputTypes,
    root_fields: HashSet<Arc<str>>,
    documents: Documents,
    metrics: Metrics,
    max_selections: usize,
    max_depth: usize,
    max_complexity: usize,
}

type RowlockSchema = Schema<Query, Mutation, Subscription>;

/// The facts about an operation that are known before it is executed.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// `None` if the text can't be parsed, or if no operation has the given name. Execution is then
    /// refused.
    pub(crate) kind: Option<OperationType>,
    /// The metrics' label: the root field, or `several`, `other` or `invalid`.
    pub(crate) label: Arc<str>,
}

/// The id that connects a request's log lines and errors. All operations of a WebSocket share one.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    pub(crate) fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    fn find_in(data: &Data) -> Option<Self> {
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
        Self(Arc::new(Shared {
            input_types: InputTypes::of_schema(&sdl),
            root_fields: root_fields(&sdl),
            schema: schema(ValidationMode::Strict),
            schema_for_known_valid: schema(ValidationMode::Fast),
            documents: Documents::new(settings.allowed_operations.clone()),
            metrics: services.metrics.clone(),
            max_selections: settings.max_query_selections,
            max_depth: settings.max_query_depth,
            max_complexity: settings.max_query_complexity,
        }))
    }

    /// The operations that may run.
    pub(crate) fn allowed_operations(&self) -> &AllowedOperations {
        self.0.documents.allowed()
    }

    /// Finds the operation of this name in a query's text.
    pub(crate) fn operation(&self, query: &str, name: Option<&str>) -> Operation {
        let document = self.0.documents.parse(query).ok();
        let operation =
            document.as_ref().and_then(|document| find_operation(&document.parsed, name));
        let Some(operation) = operation else {
            return Operation { kind: None, label: "invalid".into() };
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

    /// Parses the request, and refuses it if it is too large. Also returns the document if its
    /// validity does not depend on these variables.
    fn prepare(&self, mut request: Request) -> ServerResult<(Request, Option<Arc<Document>>)> {
        let document = self.0.documents.parse(&request.query)?;
        if document.size.selections > self.0.max_selections || document.size.depth > MAX_RECURSION {
            return Err(too_complex(
                "The query is too large with its fragments written out. Ask for less at once."
                    .to_owned(),
            ));
        }
        if !document.is_known_valid()
            && let Some(name) = self.0.input_types.find_non_object_literal(&document.parsed)
        {
            let message = format!("Argument \"{name}\" must be an input object.");
            return Err(field_error(ServerError::new(message, None), name.to_string()));
        }
        let mut parsed = document.parsed.clone();
        let is_plain = document.has_plain_arguments
            && self.0.input_types.accept(&document.parsed, &request.variables);
        if !is_plain {
            let found = self.0.input_types.find_non_object_variable(
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
        request.set_parsed_query(parsed);
        Ok((request, is_plain.then_some(document)))
    }

    /// Gives a code to errors of async-graphql itself, and the request's id to internal errors.
    fn finish(&self, mut response: Response, id: Option<&RequestId>) -> Response {
        response.errors.truncate(MAX_ERRORS);
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

impl Executor for Api {
    async fn execute(&self, request: Request) -> Response {
        let id = RequestId::find_in(&request.data);
        let (request, document) = match self.prepare(request) {
            Ok(prepared) => prepared,
            Err(error) => return Response::from_errors(vec![error]),
        };
        let response = match document {
            Some(document) if document.is_known_valid() => {
                self.0.schema_for_known_valid.execute(request).await
            }
            document => {
                let response = self.0.schema.execute(request).await;
                if let Some(document) = document.filter(|_| response.is_ok()) {
                    document.set_known_valid();
                }
                response
            }
        };
        self.finish(response, id.as_ref())
    }

    fn execute_stream(
        &self,
        request: Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let session = session_data.unwrap_or_default();
        let id = RequestId::find_in(&session);
        let Operation { label, .. } =
            self.operation(&request.query, request.operation_name.as_deref());
        let span = tracing::debug_span!("operation", name = &*label);
        let responses = match self.prepare(request) {
            Ok((request, ..)) => {
                let this = self.clone();
                self.0
                    .schema
                    .execute_stream_with_session_data(request, session)
                    .map(move |response| this.finish(response, id.as_ref()))
                    .boxed()
            }
            Err(error) => {
                stream::once(std::future::ready(Response::from_errors(vec![error]))).boxed()
            }
        };
        // A subscription counts as answered when its first result comes.
        let (metrics, mut begun) = (self.0.metrics.clone(), Some(Instant::now()));
        telemetry::in_span(span, responses)
            .inspect(move |response| {
                if let Some(begun) = begun.take() {
                    metrics.answered(&label, code_of_first(response), begun.elapsed());
                }
            })
            .boxed()
    }
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

fn too_complex(message: String) -> ServerError {
    coded(ApiError::TooComplex(message))
}
