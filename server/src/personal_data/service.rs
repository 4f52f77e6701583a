//! What is needed to export and to delete everything about a person.

use rowlock_entities::user;
use sea_orm::DbErr;

use crate::{
    accounts::{Accounts, AccountsError, Caller, Sessions},
    bookings::Bookings,
    clock::Clock,
    coalescing::Refusal,
    database::{Database, MayBeDatabaseError},
    door::Door,
    events::Events,
    jobs::Queue,
    organizers::{Organizers, OrganizersError},
};

/// The reason why an account was not deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeletionError {
    #[error(
        "the person is the only owner of an organizer that has other members or events to come"
    )]
    LastOwner,
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    #[error(transparent)]
    Organizers(OrganizersError),
    /// The person was made a member of organizers again and again meanwhile.
    #[error(transparent)]
    Busy(#[from] Refusal),
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<OrganizersError> for DeletionError {
    fn from(error: OrganizersError) -> Self {
        match error {
            OrganizersError::LastOwner => Self::LastOwner,
            error => Self::Organizers(error),
        }
    }
}

impl MayBeDatabaseError for DeletionError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Accounts(error) => error.database_error(),
            Self::Organizers(error) => error.database_error(),
            Self::Database(error) => Some(error),
            Self::LastOwner | Self::Busy(_) => None,
        }
    }
}

/// Exports and deletes everything about a person. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct PersonalData {
    pub(crate) db: Database,
    pub(crate) clock: Clock,
    pub(crate) jobs: Queue,
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Sessions,
    pub(crate) organizers: Organizers,
    pub(crate) events: Events,
    pub(crate) bookings: Bookings,
    pub(crate) door: Door,
}

impl PersonalData {
    /// Deletes the account of somebody who knows its password.
    ///
    /// # Errors
    /// `LastOwner`; `WrongPassword` and `NoSuchAccount` of accounts.
    pub(crate) async fn delete_own(
        &self,
        user: &user::Model,
        password: &str,
        caller: Caller,
    ) -> Result<(), DeletionError> {
        self.accounts.require_password(user, password, caller).await?;
        self.delete(user).await
    }
}
