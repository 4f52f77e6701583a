//! Events: finding, searching and listing them. Only `inventory` changes their counts.

mod loader;
mod order;
mod price;
mod search;
mod service;
mod store;
mod title_key;

pub(crate) use order::{EventFilter, Position, SortKey};
pub(crate) use price::decimals;
pub(crate) use service::MAX_SEARCH_CHARS;
pub use service::{Events, EventsError};
pub(crate) use store::move_if_over_and_unbooked;
pub(crate) use title_key::title_key;
