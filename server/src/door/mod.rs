//! The door of an event: tickets are checked in, once each, and members see how many people are in.
//! Whoever calls this has checked the permission.

mod arrivals;
mod counts;
mod followed;
mod loader;
mod presented;
mod service;
mod store;

pub(crate) use arrivals::Arrivals;
pub(crate) use service::{CheckInOutcome, PresentedTicket, Scan};
pub use service::{Door, DoorError};
