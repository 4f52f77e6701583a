//! The setup that all benchmarks share.

use std::path::PathBuf;

use crate::postgres::Postgres;

/// The database server, a folder for files, and the number and duration of runs.
pub(super) struct Setup {
    pub(super) postgres: Postgres,
    pub(super) folder: PathBuf,
    pub(super) runs: u32,
    pub(super) seconds: u64,
}
