//! Mails about bookings: what they say, and to whom.

mod letters;
mod reminders;
mod service;
mod store;

pub(crate) use reminders::Reminders;
pub(crate) use service::{BookingMails, PerHour};
