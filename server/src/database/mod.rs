//! Both engines behind one type: connection pools, how a transaction begins, what an error means,
//! and whether the database can be reached.
//!
//! Writing, reading by key, and lists have separate pools. So page loads never queue behind
//! bookings that wait for a row lock, and bookings never queue behind searches. On SQLite the
//! writing pool is a single connection, which serves transactions in the order in which they
//! arrive.

mod connection_trust;
mod fault;
mod handle;
mod health;
mod messages;
mod migrations;
mod nodes;
mod pools;
mod probes;
mod reads;
mod replication;
mod rows;
mod session;
mod settings;
mod short_transaction;
mod standby;
mod url;

pub(crate) use fault::{Fault, report_full_disk};
pub use handle::Database;
pub use health::Health;
pub(crate) use health::{Availability, Schema};
pub use reads::Reads;
pub(crate) use rows::{
    ReadRow, any_of, any_of_texts, find_by_ids, find_each_by_id, hex, insert_missing, json,
    only_readable, read_each,
};
pub use settings::DatabaseArgs;
pub(crate) use short_transaction::{MayBeDatabaseError, within_transaction_timeout};
pub use url::DatabaseUrl;
