//! Events: finding them, listing them in pages, and the demo ones.

mod demo;
pub(crate) mod graphql;
mod loader;
mod money;
mod service;
pub(crate) mod store;

pub use demo::seed;
pub(crate) use loader::EventLoader;
pub use service::Events;
