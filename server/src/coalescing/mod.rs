//! Calls that share work: [`batches`] run different calls together, [`shared_reads`] run equal reads once.

pub(crate) mod batches;
pub(crate) mod shared_reads;
