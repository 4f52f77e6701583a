//! Bookings as people see them: making, cancelling and listing them. Only `inventory` changes the
//! counts behind them.

mod loader;
mod service;
mod store;

pub use service::{Bookings, BookingsError};
pub(crate) use store::{BookingFilter, UserAtEvent};
