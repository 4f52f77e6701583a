//! Events: finding, searching and listing them. Only `inventory` changes their counts.

mod changes;
mod cities;
mod in_words;
mod lists;
mod loader;
mod order;
mod price;
mod sale;
mod scope;
mod search;
mod search_key;
mod service;
mod stale_keys;
mod store;
mod title_key;

pub(crate) use changes::{
    EventChanges, EventProblem, MAX_PLACE_CHARS, MAX_TICKETS_PER_BOOKING, draft,
    external_id_problem, problems, published,
};
pub(crate) use cities::{City, MAX_CITIES};
pub(crate) use in_words::{Year, place, time_in_words};
pub(crate) use order::{EventFilter, Position, SortKey};
pub(crate) use price::{Price, PriceProblem, amount, decimals, parse_decimal};
pub(crate) use sale::{ClosedReason, closed_reason, has_started};
pub(crate) use scope::EventScope;
pub(crate) use search_key::search_words;
pub use service::{Events, EventsError};
pub(crate) use service::{MAX_SEARCH_CHARS, MAX_SEARCH_WORDS};
pub(crate) use stale_keys::renew_all as renew_search_keys;
pub(crate) use store::{give_to_organizer, move_if_over_and_unbooked};
pub(crate) use title_key::title_key;
