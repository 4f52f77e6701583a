//! The GraphQL schema: its roots, merged from the domains, and what holds for every operation.

mod absent_variables;
mod documents;
mod query_size;

use std::sync::Arc;

use async_graphql::{
    MergedObject, MergedSubscription, Request, Response, SDLExportOptions, Schema, ServerError,
    ServerResult, ValidationResult, Value,
    dataloader::DataLoader,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextExecute, NextPrepareRequest,
        NextRequest, NextSubscribe, NextValidation,
    },
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use uuid::Uuid;

use self::documents::Documents;
use crate::{
    accounts::graphql::{AccountsMutation, AccountsQuery},
    bookings::{
        graphql::{BookingsMutation, Problem},
        loader::ConfirmedBookingLoader,
    },
    config::Limits,
    error::{ApiError, FieldProblem, code},
    events::{EventLoader, graphql::EventsQuery},
    live::graphql::LiveSubscription,
    rate_limit::RateLimits,
    services::Services,
};

/// Everything that can be read.
#[derive(Default, MergedObject)]
pub(crate) struct Query(EventsQuery, AccountsQuery);

/// Everything that changes something.
#[derive(Default, MergedObject)]
pub(crate) struct Mutation(AccountsMutation, BookingsMutation);

/// Everything that can be watched.
#[derive(Default, MergedSubscription)]
pub(crate) struct Subscription(LiveSubscription);

pub(crate) type ApiSchema = Schema<Query, Mutation, Subscription>;

/// The schema over `services`.
#[must_use]
pub(crate) fn build(
    services: &Services,
    limits: &Limits,
    rate_limits: Arc<RateLimits>,
) -> ApiSchema {
    let db = &services.db;
    builder()
        .extension(EveryOperation {
            max_depth: limits.max_query_depth,
            max_complexity: limits.max_query_complexity,
            documents: Arc::new(Documents::new()),
        })
        .data(services.accounts.clone())
        .data(services.events.clone())
        .data(services.bookings.clone())
        .data(services.hub.clone())
        .data(services.clock.clone())
        .data(DataLoader::new(EventLoader(db.clone()), tokio::spawn))
        .data(DataLoader::new(ConfirmedBookingLoader(db.clone()), tokio::spawn))
        .data(rate_limits)
        .finish()
}

/// The schema in GraphQL's schema definition language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().use_space_ident().indent_width(2);
    let sdl = builder().finish().sdl_with_options(options);
    let lines = sdl.trim_end().lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .register_output_type::<Problem>()
}

/// Most fields and fragments of a document, written out: beyond any honest query, and still quick.
const MAX_SELECTIONS: usize = 10_000;
/// Errors that are told of one request: as many as anyone reads.
const MOST_ERRORS: usize = 20;
/// Characters of a message of async-graphql's, which can quote the whole query.
const LONGEST_MESSAGE: usize = 300;
/// Deepest nesting that async-graphql takes, fragments included.
const MAX_RECURSION: usize = 32;

/// Gives every error its code, whatever the transport, and bounds what a query may cost.
#[derive(Clone)]
struct EveryOperation {
    max_depth: usize,
    max_complexity: usize,
    documents: Arc<Documents>,
}

impl ExtensionFactory for EveryOperation {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(self.clone())
    }
}

/// The id by which a request's log lines and its errors are matched; on a WebSocket, the socket's.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

#[async_trait]
impl Extension for EveryOperation {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        with_codes(next.run(ctx).await)
    }

    fn subscribe<'s>(
        &self,
        ctx: &ExtensionContext<'_>,
        stream: BoxStream<'s, Response>,
        next: NextSubscribe<'_>,
    ) -> BoxStream<'s, Response> {
        let id = ctx.data_opt::<RequestId>().cloned();
        next.run(ctx, stream)
            .map(move |response| with_request_id(id.as_ref(), with_codes(response)))
            .boxed()
    }

    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let response = next.run(ctx, operation_name).await;
        with_request_id(ctx.data_opt::<RequestId>(), response)
    }

    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        mut request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        let document = self
            .documents
            .parse(&request.query)
            .map_err(|error| with_field(error.into(), "query".to_owned()))?;
        let size = document.size;
        if size.selections > MAX_SELECTIONS || size.depth > MAX_RECURSION {
            return Err(too_complex(
                "The query is too large once its fragments are written out: ask for less at once."
                    .to_owned(),
            ));
        }
        let mut parsed = document.parsed.clone();
        absent_variables::leave_out(&mut parsed, &request.variables);
        request.set_parsed_query(parsed);
        next.run(ctx, request).await
    }

    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(ctx).await.map_err(|errors| {
            errors
                .into_iter()
                .map(|error| {
                    let field = argument_named_in(&error.message);
                    with_field(error, field.unwrap_or_else(|| "query".to_owned()))
                })
                .collect::<Vec<_>>()
        })?;
        let too_much = |what: &str, is: usize, most: usize| {
            Err(vec![too_complex(format!(
                "The query's {what} is {is}, and at most {most} is allowed: ask for less at once."
            ))])
        };
        if result.depth > self.max_depth {
            return too_much("depth", result.depth, self.max_depth);
        }
        if result.complexity > self.max_complexity {
            return too_much("complexity", result.complexity, self.max_complexity);
        }
        Ok(result)
    }
}

fn too_complex(message: String) -> ServerError {
    let error = async_graphql::Error::from(ApiError::TooComplex(message));
    let extensions = error.extensions;
    ServerError { extensions, ..ServerError::new(error.message, None) }
}

/// Gives a code to what async-graphql itself refused.
fn with_codes(mut response: Response) -> Response {
    response.errors.truncate(MOST_ERRORS);
    for error in &mut response.errors {
        if code_of(error).is_none() {
            let field = argument_named_in(&error.message).unwrap_or_else(|| "query".to_owned());
            *error = with_field(error.clone(), field);
        }
    }
    response
}

/// Gives the request's id to what failed inside.
fn with_request_id(id: Option<&RequestId>, mut response: Response) -> Response {
    if let Some(RequestId(id)) = id {
        for error in &mut response.errors {
            if code_of(error) == Some(code::INTERNAL) {
                error.extensions.get_or_insert_default().set("requestId", id.as_str());
            }
        }
    }
    response
}

impl RequestId {
    pub(crate) fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }
}

fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// The error as `BAD_USER_INPUT` of one field, keeping its message and place.
fn with_field(mut error: ServerError, field: String) -> ServerError {
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
