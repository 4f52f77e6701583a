//! Rowlock's server: event booking that never oversells, behind one GraphQL schema.
//!
//! The modules are layers: each uses those below it and none above. ARCHITECTURE.md in the
//! repository's root draws them and follows one booking through all of them.

pub mod accounts;
pub mod app;
pub mod bookings;
pub mod clock;
mod coalescing;
pub mod config;
pub mod database;
pub mod events;
mod field_problem;
pub mod graphql;
mod http;
pub mod inventory;
pub mod live;
pub mod metrics;
mod pagination;
mod rate_limit;
pub mod services;
mod telemetry;
