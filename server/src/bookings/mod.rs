//! Bookings as people see them: making, changing, cancelling and listing them. Only `inventory` changes the
//! counts behind them.

mod attendees;
mod calendar;
mod loader;
mod reference;
mod sales;
mod service;
mod store;

pub(crate) use attendees::{Attendee, AttendeeFilter};
pub(crate) use calendar::{Entry, calendar_file, calendar_of_mail};
pub(crate) use reference::Reference;
pub(crate) use sales::Sales;
pub use service::{Bookings, BookingsError};
pub(crate) use store::{BookingFilter, UserAtEvent};
