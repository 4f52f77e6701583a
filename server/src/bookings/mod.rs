//! Booking and cancelling: the one part of Rowlock that changes a ticket count.

pub(crate) mod loader;
pub(crate) mod service;
pub(crate) mod store;

pub(crate) use service::BookAnswer;
pub use service::{Bookings, BookingsError};
