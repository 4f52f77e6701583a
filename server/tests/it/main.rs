//! Tests of the API from outside: a real server on a real port, and a new database for each test,
//! on both engines.
//!
//! `cargo xtask test` starts the PostgreSQL that they need, and passes its URL on.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod accepted_operations;
mod account_changes;
mod account_deletion;
mod account_recovery;
mod accounts;
mod app;
mod booking_changes;
mod bookings;
mod browser;
mod cities;
mod client_limits;
mod clients;
mod cluster;
mod commands;
mod connection_limits;
mod constraints;
mod covers;
mod cross_origin;
mod database;
mod database_setup;
mod demo;
mod documentation;
mod documentation_examples;
mod door;
mod event_cancellation;
mod event_files;
mod event_filter;
mod event_places_and_prices;
mod event_search;
mod events;
mod faults;
mod full_disk;
mod fuzz;
mod http;
mod jobs;
mod lanes;
mod live;
mod logs;
mod mail_crashes;
mod mail_files;
mod mails;
mod managed_events;
mod model;
mod node;
mod organizers;
mod packages;
mod pages;
mod permissions;
mod plans;
mod pooler;
mod previous_version;
mod program;
mod proxy;
mod query_limits;
mod races;
mod random_cases;
mod read_only;
mod readable_rows;
mod references;
mod schema;
mod schema_changes;
mod server_races;
mod servers;
mod session_cookies;
mod several_nodes;
mod site;
mod smtp;
mod socket;
mod socket_frames;
mod statements;
mod stopping;
mod synchronous_standby;
mod text_pages;
mod tickets;
mod traces;
mod waiting;
