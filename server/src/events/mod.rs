//! Events: finding them, listing them in pages, and the demo ones.

mod demo;
pub(crate) mod graphql;
mod loader;
mod money;
mod service;
pub(crate) mod store;

pub use demo::seed;
pub use service::Events;
