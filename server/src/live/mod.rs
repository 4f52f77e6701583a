//! Live counts: passes every new count on to the watchers of its event, on this server and on
//! others.

mod change_log;
mod feed;
mod hub;
mod outbox;
mod reread;
mod ticket_count;
mod topic;

pub(crate) use feed::run_feed;
pub use hub::Hub;
pub(crate) use hub::Subscription;
pub(crate) use reread::reread_watched_events;
pub use ticket_count::TicketCount;
