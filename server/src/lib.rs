//! Rowlock's server: event booking that never oversells, behind one GraphQL schema.
//!
//! Organised by domain ([`accounts`], [`events`], [`bookings`], [`live`]), each with a service that
//! decides, a store that speaks SeaORM and a `graphql` module that translates. ARCHITECTURE.md in
//! the repository's root walks one booking through all of it.

pub mod accounts;
pub mod auth;
mod batching;
pub mod bookings;
pub mod clock;
pub mod commands;
pub mod config;
pub mod database;
pub mod error;
pub mod events;
pub mod http;
mod input;
pub mod live;
pub mod metrics;
mod pagination;
mod rate_limit;
mod scalars;
pub mod schema;
pub mod seed;
pub mod server;
pub mod services;
mod sharing;
mod telemetry;
