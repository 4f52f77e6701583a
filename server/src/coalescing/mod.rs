//! Two ways for calls to share work.
//!
//! [`Batcher`] runs *different* calls together: each gets its own answer out of one transaction or
//! query. [`SharedReads`] runs *equal* reads once, and all readers get the same answer. Both start
//! at once when nothing runs, and neither uses a timer or keeps anything between runs.

mod batches;
mod shared_reads;

pub use batches::Refusal;
pub(crate) use batches::{Batcher, Bounds, Call, Latecomers, Question, Runner};
pub use shared_reads::ReadPanicked;
pub(crate) use shared_reads::{Read, SharedReads};
