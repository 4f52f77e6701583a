//! The API as its users meet it: the real server on a real port, a database of its own for each
//! test, on both engines.
//!
//! `cargo xtask test` starts the PostgreSQL that these tests need and says where it is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test can't go on without fails it"
)]

mod accounts;
mod app;
mod bookings;
mod browser;
mod clients;
mod commands;
mod documents;
mod events;
mod faults;
mod fuzz;
mod guide;
mod http;
mod lanes;
mod limits;
mod live;
mod model;
mod node;
mod plans;
mod program;
mod proxy;
mod races;

mod schema;
mod servers;
mod socket;
mod traces;
