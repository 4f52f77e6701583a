//! Initial data: the demo events and users, and as many generated ones as a measurement needs.

mod bulk;
mod demo;
mod demo_rows;

pub(crate) use bulk::booking_settings;
pub use bulk::{BulkError, Filled, Size, fill};
pub(crate) use demo::remove_demo_users;
pub use demo::{Seeded, add_demo_events, add_demo_users};
