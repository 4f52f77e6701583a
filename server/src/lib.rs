//! Rowlock's server: event booking that never oversells, behind one GraphQL schema.
//!
//! The modules are layers: each uses only those below it. ARCHITECTURE.md in the repository's root
//! draws them and follows one booking through all of them.

pub mod app;
pub mod http;

pub mod graphql;

pub mod services;

pub mod accounts;
mod booking_mails;
pub mod bookings;
pub mod covers;
pub mod door;
pub mod events;
pub mod inventory;
pub mod live;
pub mod managed_events;
pub mod organizers;
mod personal_data;
pub mod tickets;

pub mod jobs;
pub mod mail;

pub mod coalescing;
pub mod database;

pub mod clock;
mod field_problem;
mod html;
mod limits;
pub mod metrics;
mod pagination;
mod spreadsheet;
mod telemetry;
mod visible_text;
