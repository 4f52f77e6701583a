//! The only place where ticket counts change.
//!
//! A caller gives the [`Inventory`] a command. Each [`Command`] is a type of its own with its own
//! outcome: [`Book`], [`Change`] and [`Cancel`] for buyers, [`CreateEvent`], [`EditEvent`], [`SetCover`],
//! [`CancelEvent`], [`ImportEvents`] and what [`CancelBookingsJob`] makes for organizers. It waits in its event's lane
//! (`lanes`) until the transaction before it is done. Then the settler (`settler`) runs one
//! row-locked transaction for all commands that wait: it locks their events, reads the rows that they
//! depend on, lets the pure [`ledger`] decide each of them, writes, and commits. `retry_policy`
//! decides what happens when that fails.

pub mod audit;
mod book;
mod cancel;
mod cancel_event;
mod change;
mod command;
mod cover_store;
mod create_event;
mod edit_event;
mod import_events;
mod lanes;
mod ledger;
mod locks;
mod mails;
mod needed_bookings;
mod pending;
mod retry_policy;
mod set_cover;
mod settings;
mod settler;
mod store;
mod sub_batch;
mod unavailable_events;
#[cfg(test)]
mod world;

pub(crate) use book::{Book, BookOutcome};
pub(crate) use cancel::{Cancel, CancelOutcome, Canceller};
pub(crate) use cancel_event::{BookingsCancelled, CancelBookingsJob, CancelEvent};
pub(crate) use change::{Change, ChangeOutcome};
pub use command::{InventoryError, Rejection};
pub(crate) use create_event::{CreateEvent, EventCreated};
pub(crate) use edit_event::{Edit, EditEvent, EditOutcome};
pub(crate) use import_events::{ImportEvents, ImportOutcome, ImportedEvent};
pub(crate) use lanes::Inventory;
pub(crate) use mails::{
    Announced, BookingMailJob, EventMailJob, FormerGuest, FormerGuestMailJob, GuestMailJob, News,
    TIME_BEFORE_REMINDER,
};
pub(crate) use set_cover::SetCover;
pub use settings::BookingArgs;
