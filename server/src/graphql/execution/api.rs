//! The schema, and what is common to all operations: how they are prepared, and the codes of their
//! errors.
//!
//! This wraps the schema and is not one of async-graphql's extensions, because with an extension,
//! each field of an answer goes through it.

use std::{any::TypeId, collections::HashSet, sync::Arc};

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
use futures_util::FutureExt;
use serde_json::Value;
use uuid::Uuid;

use super::{
    absent_variables::remove_absent_variables,
    coded_errors::{argument_named_in, code_of, field_error, limit_errors},
    documents::{Document, Documents, TextLimits, too_complex},
    introspection_size::{Introspection, WHOLE_SCHEMA},
    known_valid::InputTypes,
    raw_variables::RawVariables,
};
use crate::{
    graphql::{
        allowed_operations::AllowedOperations,
        errors::code,
        schema::{self, Mutation, Query, Subscription},
        settings::OperationArgs,
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
    pub(super) schema: RowlockSchema,
    /// The same schema without most validation rules, for documents that are known to be valid.
    pub(super) schema_for_known_valid: RowlockSchema,
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

    /// The operation of a document that has this name.
    pub(super) fn operation(&self, document: &Document, name: Option<&str>) -> Operation {
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
    pub(super) fn prepare(
        &self,
        document: Arc<Document>,
        mut request: Request,
    ) -> ServerResult<Prepared> {
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
            message => {
                let field = argument_named_in(message).unwrap_or_else(|| "query".to_owned());
                field_error(error, field)
            }
        }
    }
}

/// A request with its document.
pub(super) struct Prepared {
    pub(super) document: Arc<Document>,
    pub(super) request: Request,
    /// Whether the document's validity does not depend on these variables.
    pub(super) is_plain: bool,
    pub(super) is_known_valid: bool,
    /// Whether every request with this document would be refused for the same reason.
    pub(super) may_remember_refusal: bool,
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
