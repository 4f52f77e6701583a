//! Bookings as people see them: making, cancelling and listing them. The counts behind them are
//! changed by [`crate::inventory`] alone.

mod loader;
mod service;
mod store;

pub use service::{Bookings, BookingsError};
pub(crate) use store::{BookingFilter, UserAtEvent};
