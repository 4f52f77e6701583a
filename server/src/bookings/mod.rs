//! Booking and cancelling: the one part of Rowlock that changes a ticket count.

pub mod audit;
pub(crate) mod graphql;
mod lanes;
mod ledger;
pub(crate) mod loader;
mod service;
mod settler;
mod store;

pub(crate) use lanes::{LaneBounds, Lanes};
pub(crate) use service::BookAnswer;
pub use service::{Bookings, BookingsError};
pub(crate) use settler::Settler;
