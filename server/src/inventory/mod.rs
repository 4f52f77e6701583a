//! The one place where ticket counts change.

pub mod audit;
pub(crate) mod lanes;
pub(crate) mod ledger;
pub(crate) mod settler;
