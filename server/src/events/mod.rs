//! Events: finding them, listing them in pages, and reading them in batches.

mod loader;
pub(crate) mod service;
pub(crate) mod store;

pub use service::Events;
pub(crate) use service::title_key;
