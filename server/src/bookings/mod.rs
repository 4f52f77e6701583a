//! Booking and cancelling: the one part of Rowlock that changes a ticket count.

pub mod audit;
pub(crate) mod graphql;
mod ledger;
pub(crate) mod loader;
mod service;
mod store;

pub use service::{Bookings, BookingsError};
