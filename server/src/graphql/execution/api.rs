//! The schema, and what is common to all operations: how they are prepared, and the codes of their
//! errors.
//!
//! This wraps the schema and is not one of async-graphql's extensions, because with an extension,
//! each field of an answer goes through it.

use std::{
    any::TypeId,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_graphql::{
    Data, Request, Response, Schema, ServerError, ValidationMode,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
    },
};
use futures_util::{StreamExt, stream::BoxStream};
use uuid::Uuid;

use super::{
    absent_variables::remove_absent_variables,
    answer_shape,
    coded_errors::{RequestErrors, code_of, field_error, limit_errors},
    count_stream::{CountSelection, Handover},
    documents::{Document, Documents, TextLimits, too_complex},
    forbidden_nulls::find_forbidden_null,
    introspection_size::Introspection,
    merged_selection::MergedOperation,
    operations::Operations,
    raw_variables::RawVariables,
    variable_values::coerce,
};
use crate::{
    graphql::{
        allowed_operations::AllowedOperations,
        errors::code,
        schema::{self, Mutation, Query, Subscription},
        settings::OperationArgs,
        validation::{
            Disclosure,
            schema::{Schema as SchemaTypes, introspected_schema},
        },
    },
    limits::RateLimits,
    metrics::Metrics,
    services::Services,
};

/// Number of an introspection's fields that cost as much as one other field. They take no
/// statement.
const INTROSPECTION_DISCOUNT: usize = 10;

/// The schema as the transports use it. Clones share everything.
#[derive(Clone)]
pub(crate) struct Api(pub(super) Arc<Shared>);

pub(super) struct Shared {
    schema: RowlockSchema,
    /// The schema's types, which async-graphql does not give out.
    schema_types: Arc<SchemaTypes>,
    root_fields: HashSet<Arc<str>>,
    pub(super) documents: Documents,
    pub(super) metrics: Metrics,
    max_depth: usize,
    max_complexity: usize,
    pub(super) max_variable_values: usize,
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
        let builder = schema::builder();
        let builder =
            if settings.introspection { builder } else { builder.disable_introspection() };
        let schema = builder
            // Documents were validated when they were parsed.
            .validation_mode(ValidationMode::Fast)
            .limit_depth(settings.max_query_depth)
            .limit_complexity(settings.max_query_complexity)
            .data(services.accounts.clone())
            .data(services.sessions.clone())
            .data(services.events.clone())
            .data(services.covers.clone())
            .data(services.bookings.clone())
            .data(services.tickets.clone())
            .data(services.door.clone())
            .data(services.organizers.clone())
            .data(services.managed_events.clone())
            .data(services.personal_data())
            .data(services.postman.clone())
            .data(services.hub.clone())
            .data(services.clock.clone())
            .data(services.postman.clone())
            .data(Arc::clone(rate_limits))
            .finish();
        let introspected = introspected_schema();
        let schema_types = Arc::new(SchemaTypes::read(&introspected));
        let limits = TextLimits {
            max_tokens: settings.max_query_tokens,
            max_selections: settings.max_query_selections,
            introspection: settings.introspection.then(|| {
                let max_fields = settings.max_query_complexity * INTROSPECTION_DISCOUNT;
                Introspection::new(introspected, max_fields)
            }),
        };
        let allowed = settings.allowed_operations.clone();
        Self(Arc::new(Shared {
            root_fields: schema_types.root_field_names().map(Arc::from).collect(),
            schema,
            documents: Documents::new(allowed, limits, Arc::clone(&schema_types)),
            schema_types,
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

    /// The operation of a document that has this name.
    pub(super) fn operation(&self, document: &Document, name: Option<&str>) -> Operation {
        let Some(operation) = find_operation(&document.operations, name) else {
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
        // They were parsed before.
        let declared = variables.declared_in(&document.operations, self.0.max_variable_values);
        request.variables = declared.unwrap_or_default();
        self.run(&document, request).await
    }

    /// Executes a query or a mutation.
    pub(super) async fn run(&self, document: &Document, request: Request) -> Response {
        let id = RequestId::find_in(&request.data);
        match self.prepare(document, request) {
            Ok(Prepared { request, operation }) => {
                let response = self.0.schema.execute(request).await;
                self.complete(response, &operation, id.as_ref())
            }
            Err(errors) => self.finish(errors.into_response(), id.as_ref()),
        }
    }

    /// Executes an operation with any number of results.
    pub(super) fn stream(
        self,
        Prepared { mut request, operation }: Prepared,
        session: Arc<Data>,
        id: Option<RequestId>,
    ) -> BoxStream<'static, Response> {
        let counts = CountSelection::of(&operation.node);
        let handover = Handover::default();
        if counts.is_some() {
            request = request.data(handover.clone());
        }
        let responses = self.0.schema.execute_stream_with_session_data(request, session);
        let responses =
            responses.map(move |response| self.complete(response, &operation, id.as_ref())).boxed();
        match counts {
            Some(counts) => counts.answers(handover, responses),
            None => responses,
        }
    }

    /// Completes a request for execution.
    ///
    /// # Errors
    /// When the document has no such operation, or when variables do not have their types.
    pub(super) fn prepare(
        &self,
        document: &Document,
        mut request: Request,
    ) -> Result<Prepared, RequestErrors> {
        let operations = &document.operations;
        let written = operations.select(request.operation_name.as_deref())?;
        let (schema, disclosure) = (&self.0.schema_types, self.0.documents.disclosure());
        coerce(schema, operations, written, &mut request.variables, disclosure)?;
        let operation = operations.merged(schema, written, &request.variables)?;
        if let Some(error) = find_forbidden_null(schema, &operation, &request.variables) {
            return Err(error.into());
        }
        let mut executed = MergedOperation::clone(&operation);
        remove_absent_variables(&mut executed.node, &request.variables);
        request.operation_name = None;
        request.set_parsed_query(ExecutableDocument {
            operations: DocumentOperations::Single(executed),
            fragments: HashMap::new(),
        });
        Ok(Prepared { request, operation })
    }

    /// Gives the answer of an executed operation its shape, and its errors their codes.
    fn complete(
        &self,
        mut response: Response,
        operation: &MergedOperation,
        id: Option<&RequestId>,
    ) -> Response {
        answer_shape::complete(&self.0.schema_types, &operation.node, &mut response);
        self.finish(response, id)
    }

    /// Gives a code to errors of async-graphql itself, and the request's id to internal errors.
    pub(super) fn finish(&self, mut response: Response, id: Option<&RequestId>) -> Response {
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
            // These messages name types.
            _ if self.0.documents.disclosure() == Disclosure::Nothing => {
                let message = "The query has a value that is not right here.".to_owned();
                field_error(ServerError { message, ..error }, "query".to_owned())
            }
            _ => field_error(error, "query".to_owned()),
        }
    }
}

/// A request that can be executed.
pub(super) struct Prepared {
    request: Request,
    operation: Arc<MergedOperation>,
}

fn find_operation<'a>(
    operations: &'a Operations,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let candidates = || {
        operations
            .iter()
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
