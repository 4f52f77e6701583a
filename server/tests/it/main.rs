//! The API as its users meet it: the real server on a real port, a database of its own for each
//! test, on both engines.
//!
//! `cargo xtask test` starts the PostgreSQL that these tests need and says where it is.

mod accounts;
mod app;
mod bookings;
mod browser;
mod commands;
mod events;
mod faults;
mod http;
mod live;
mod races;
mod readme;
mod schema;
mod socket;
