//! What proves a ticket: a signed code, which is verified without the database.

mod codes;
mod kept_secret;
mod settings;

pub use codes::TicketCodes;
pub(crate) use codes::TicketNumber;
pub(crate) use kept_secret::{find_kept_secret, find_or_make_kept_secret};
pub use settings::TicketArgs;
