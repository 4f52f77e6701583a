//! Where and how it is measured.

use std::path::PathBuf;

use crate::postgres::Postgres;

/// Where and how it is measured.
pub(super) struct Setup {
    pub(super) postgres: Postgres,
    pub(super) folder: PathBuf,
    pub(super) runs: u32,
    pub(super) seconds: u64,
}
