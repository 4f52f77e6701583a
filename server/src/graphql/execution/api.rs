//! What holds for every operation, whatever the transport: how large it may be, and that each error has a
//! code.
//!
//! This stands around the schema, not in one of async-graphql's extensions: with any of those, each field
//! of an answer goes through all of them.

use std::{any::TypeId, collections::HashSet, sync::Arc};

use async_graphql::{
    Data, Executor, Request, Response, Schema, ServerError, ServerResult, Value,
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

use super::AllowedOperations;
use super::{
    absent_variables,
    documents::{Document, Documents},
    known_valid::InputTypes,
};
use crate::graphql::{Mutation, Query, Subscription};
use crate::{
    config::Limits,
    field_problem::FieldProblem,
    graphql::errors::{ApiError, code},
    metrics::Metrics,
    telemetry,
};

/// Errors that are told of one request: as many as anyone reads.
const MOST_ERRORS: usize = 20;
/// Characters of a message of async-graphql's, which can quote the whole query.
const LONGEST_MESSAGE: usize = 300;
/// Deepest nesting that async-graphql takes, fragments included.
const MAX_RECURSION: usize = 32;

/// The schema as transports use it. Clones share everything.
#[derive(Clone)]
pub(crate) struct Api {
    schema: Roots,
    /// The same without most of the rules of validation: for what is known to keep them.
    schema_for_valid: Roots,
    input_types: Arc<InputTypes>,
    root_fields: Arc<HashSet<Arc<str>>>,
    documents: Arc<Documents>,
    metrics: Metrics,
    max_selections: usize,
    max_depth: usize,
    max_complexity: usize,
}

type Roots = Schema<Query, Mutation, Subscription>;

/// What is known of an operation before it is executed.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// None when its text can't be parsed or names none that is there, which is refused when it is executed.
    pub(crate) kind: Option<OperationType>,
    /// What metrics call it, one of few: its root field, or `several`, `other` or `invalid`.
    pub(crate) label: Arc<str>,
}

/// The id by which a request's log lines and its errors are matched; on a WebSocket, the socket's.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    pub(crate) fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    fn in_data(data: &Data) -> Option<Self> {
        data.get(&TypeId::of::<Self>())?.downcast_ref().cloned()
    }
}

impl Api {
    /// Of the same schema twice, the second time without most of the rules of validation.
    pub(crate) fn new(
        schema: Roots,
        schema_for_valid: Roots,
        limits: &Limits,
        allowed: AllowedOperations,
        metrics: Metrics,
    ) -> Self {
        let sdl = schema.sdl();
        Self {
            input_types: Arc::new(InputTypes::of_schema(&sdl)),
            root_fields: Arc::new(root_fields(&sdl)),
            schema,
            schema_for_valid,
            documents: Arc::new(Documents::new(allowed)),
            metrics,
            max_selections: limits.max_query_selections,
            max_depth: limits.max_query_depth,
            max_complexity: limits.max_query_complexity,
        }
    }

    /// The listed operations, where only those may run.
    pub(crate) fn allowed_operations(&self) -> &AllowedOperations {
        self.documents.allowed()
    }

    /// The operation that a query's text, and the name of one of its operations, stands for.
    pub(crate) fn operation(&self, query: &str, name: Option<&str>) -> Operation {
        let document = self.documents.parse(query).ok();
        let operation =
            document.as_ref().and_then(|document| find_operation(&document.parsed, name));
        let Some(operation) = operation else {
            return Operation { kind: None, label: "invalid".into() };
        };
        let label = match &*operation.selection_set.node.items {
            [only] => {
                let known = match &only.node {
                    Selection::Field(field) => self.root_fields.get(field.node.name.node.as_str()),
                    _ => None,
                };
                known.map_or_else(|| "other".into(), Arc::clone)
            }
            _ => "several".into(),
        };
        Operation { kind: Some(operation.ty), label }
    }

    /// Parses the request, unless it is too large. Its document comes along where it is as valid with
    /// these variables as with any others.
    fn prepare(&self, mut request: Request) -> ServerResult<(Request, Option<Arc<Document>>)> {
        let document = self.documents.parse(&request.query)?;
        if document.size.selections > self.max_selections || document.size.depth > MAX_RECURSION {
            return Err(too_complex(
                "The query is too large once its fragments are written out: ask for less at once."
                    .to_owned(),
            ));
        }
        if !document.is_known_to_be_valid()
            && let Some(name) = self.input_types.find_missed_literal(&document.parsed)
        {
            let message = format!("Argument \"{name}\" is not an input object, and should be one.");
            return Err(with_field(ServerError::new(message, None), name.to_string()));
        }
        let mut parsed = document.parsed.clone();
        let is_plain = document.has_plain_arguments
            && self.input_types.are_right(&document.parsed, &request.variables);
        if !is_plain {
            let missed = self.input_types.find_missed_object(
                &document.parsed,
                request.operation_name.as_deref(),
                &request.variables,
            );
            if let Some(name) = missed {
                let message =
                    format!("Variable \"${name}\" is not an input object, and should be one.");
                return Err(with_field(ServerError::new(message, None), name.to_string()));
            }
            absent_variables::leave_out(&mut parsed, &request.variables);
        }
        request.set_parsed_query(parsed);
        Ok((request, is_plain.then_some(document)))
    }

    /// Gives a code to what async-graphql itself refused, and the request's id to what failed inside.
    fn finish(&self, mut response: Response, id: Option<&RequestId>) -> Response {
        response.errors.truncate(MOST_ERRORS);
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

    // The library tells what it means in no other way than by its messages; a test holds each.
    fn with_code(&self, error: ServerError) -> ServerError {
        let too_much = |what: &str, most: usize| {
            too_complex(format!("The query's {what} is more than {most}: ask for less at once."))
        };
        match error.message.as_str() {
            "Query is too complex." => too_much("complexity", self.max_complexity),
            "Query is nested too deep." => too_much("depth", self.max_depth),
            message => {
                let field = argument_named_in(message).unwrap_or_else(|| "query".to_owned());
                with_field(error, field)
            }
        }
    }
}

impl Executor for Api {
    async fn execute(&self, request: Request) -> Response {
        let id = RequestId::in_data(&request.data);
        let (request, document) = match self.prepare(request) {
            Ok(prepared) => prepared,
            Err(error) => return Response::from_errors(vec![error]),
        };
        let response = match document {
            Some(document) if document.is_known_to_be_valid() => {
                self.schema_for_valid.execute(request).await
            }
            document => {
                let response = self.schema.execute(request).await;
                if let Some(document) = document.filter(|_| response.is_ok()) {
                    document.was_found_valid();
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
        let id = RequestId::in_data(&session);
        let Operation { label, .. } =
            self.operation(&request.query, request.operation_name.as_deref());
        let span = tracing::debug_span!("operation", name = &*label);
        let responses = match self.prepare(request) {
            Ok((request, ..)) => {
                let this = self.clone();
                self.schema
                    .execute_stream_with_session_data(request, session)
                    .map(move |response| this.finish(response, id.as_ref()))
                    .boxed()
            }
            Err(error) => {
                stream::once(std::future::ready(Response::from_errors(vec![error]))).boxed()
            }
        };
        // A subscription counts as answered with its first result.
        let (metrics, mut begun) = (self.metrics.clone(), Some(Instant::now()));
        telemetry::within(span, responses)
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
    // Of several, one should have been named; it is taken for the one that does most.
    let changes_something = candidates().find(|found| found.ty == OperationType::Mutation);
    changes_something
        .or_else(|| candidates().find(|found| found.ty != OperationType::Query))
        .or_else(|| candidates().next())
}

/// The fields that an operation can begin with.
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
    refusal(ApiError::TooComplex(message))
}

/// The error of no place in particular.
pub(super) fn refusal(error: ApiError) -> ServerError {
    let error = async_graphql::Error::from(error);
    let extensions = error.extensions;
    ServerError { extensions, ..ServerError::new(error.message, None) }
}

/// The code of an error, which all have that come from [`Api`].
pub(crate) fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// The code of a response's first error, if it has one.
pub(crate) fn code_of_first(response: &Response) -> Option<&'static str> {
    response.errors.first().and_then(code_of).and_then(code::known)
}

/// The error as `BAD_USER_INPUT` of one field, keeping its message and place.
pub(super) fn with_field(mut error: ServerError, field: String) -> ServerError {
    if let Some((end, _)) = error.message.char_indices().nth(LONGEST_MESSAGE) {
        error.message.truncate(end);
        error.message.push('…');
    }
    let problem = FieldProblem::new(field, error.message.clone());
    let coded = async_graphql::Error::from(ApiError::BadUserInput(vec![problem]));
    ServerError { extensions: coded.extensions, ..error }
}

/// The argument that async-graphql's message complains about, as in
/// `Invalid value for argument "input.quantity", expected type "Int"`; without the `input` around
/// it. The library tells it in no other way; a test holds each case that matters.
fn argument_named_in(message: &str) -> Option<String> {
    let rest = message
        .strip_prefix("Invalid value for argument \"")
        .or_else(|| message.strip_prefix("Unknown argument \""))
        .or_else(|| message.strip_prefix("Variable \"$"))?;
    let (name, _) = rest.split_once('"')?;
    let name = name.strip_prefix("input.").unwrap_or(name);
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_about_an_argument_names_it() {
        let name = |message| argument_named_in(message);
        assert_eq!(
            name(r#"Invalid value for argument "input.quantity", expected type "Int""#).as_deref(),
            Some("quantity")
        );
        assert_eq!(
            name(r#"Invalid value for argument "orderBy.field", enumeration type "X""#).as_deref(),
            Some("orderBy.field")
        );
        assert_eq!(name(r#"Unknown field "x" on type "Query""#), None);
    }
}
