//! Events: finding them, listing them in pages, and reading them in batches.

pub(crate) mod graphql;
mod loader;
mod money;
mod service;
pub(crate) mod store;

pub use service::Events;
pub(crate) use service::title_key;
