//! The GraphQL schema: its roots, merged from the domains; and in [`api`] what holds for every operation.

mod booking;
pub(crate) mod errors;
mod events;
pub(crate) mod execution;
pub(crate) mod input;
mod money;
mod node;
pub(crate) mod remaining_tickets;
pub(crate) mod scalars;
pub(crate) mod sessions;

use std::sync::Arc;

pub use self::execution::AllowedOperations;
use self::execution::Api;
use async_graphql::{
    MergedObject, MergedSubscription, SDLExportOptions, Schema, SchemaBuilder, ValidationMode,
};

use crate::graphql::node::NodeQuery;
use crate::{
    config::ServeArgs,
    graphql::{
        booking::{BookingsMutation, Problem},
        events::EventsQuery,
        remaining_tickets::LiveSubscription,
        sessions::{AccountsMutation, AccountsQuery},
    },
    rate_limit::RateLimits,
    services::Services,
};

/// Everything that can be read.
#[derive(Default, MergedObject)]
pub(crate) struct Query(EventsQuery, AccountsQuery, NodeQuery);

/// Everything that changes something.
#[derive(Default, MergedObject)]
pub(crate) struct Mutation(AccountsMutation, BookingsMutation);

/// Everything that can be watched.
#[derive(Default, MergedSubscription)]
pub(crate) struct Subscription(LiveSubscription);

/// The schema over `services`.
#[must_use]
pub(crate) fn build(services: &Services, args: &ServeArgs, rate_limits: Arc<RateLimits>) -> Api {
    let limits = &args.limits;
    let schema = |mode| {
        let builder = builder();
        let builder = if args.introspection { builder } else { builder.disable_introspection() };
        builder
            .validation_mode(mode)
            .limit_depth(limits.max_query_depth)
            .limit_complexity(limits.max_query_complexity)
            .data(services.accounts.clone())
            .data(services.events.clone())
            .data(services.bookings.clone())
            .data(services.hub.clone())
            .data(services.clock.clone())
            .data(Arc::clone(&rate_limits))
            .finish()
    };
    let (allowed, metrics) = (args.allowed_operations.clone(), services.metrics.clone());
    Api::new(schema(ValidationMode::Strict), schema(ValidationMode::Fast), limits, allowed, metrics)
}

/// The schema in GraphQL's schema definition language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().use_space_ident().indent_width(2);
    let sdl = builder().finish().sdl_with_options(options);
    let lines = sdl.trim_end().lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .register_output_type::<Problem>()
}
