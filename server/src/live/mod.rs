//! Live counts: what every open page is told when a ticket is booked or returned.

pub(crate) mod feed;
mod hub;
mod topic;

pub use hub::{Hub, TicketCount};
