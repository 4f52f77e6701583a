//! The reasons why an event was not created, edited or imported.

use sea_orm::{DbErr, SqlErr};

use crate::{field_problem::FieldProblem, inventory::InventoryError};

/// The reason why an event was not created, edited or imported.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ManagedEventsError {
    #[error("some values are not valid")]
    Invalid(Vec<FieldProblem>),
    #[error("the organizer has too many events")]
    TooManyEvents { max: u32 },
    #[error("some imported events are not valid")]
    ImportRefused(Vec<ImportProblem>),
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<FieldProblem> for ManagedEventsError {
    fn from(problem: FieldProblem) -> Self {
        Self::Invalid(vec![problem])
    }
}

/// A value that can't be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportProblem {
    /// The event's place in the import, from 0.
    pub place: usize,
    pub problem: FieldProblem,
}

pub(super) fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}
