//! Everything about one person: its export, and its deletion. It spans the domains, so it is above
//! them.

mod calendar;
mod deletion;
mod export;
mod service;

pub(crate) use deletion::CancelBookingsOfAccountJob;
pub(crate) use export::ExportError;
pub(crate) use service::{DeletionError, PersonalData};
