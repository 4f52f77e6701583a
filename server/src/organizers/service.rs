//! Founds organizers, manages their members, and says who may do what.

use rowlock_entities::organizer_member::Role;
use sea_orm::DbErr;

use super::{loader::Roles, policy::Action, store::Membership};
use crate::{
    coalescing::{Batcher, Bounds, Refusal},
    database::Database,
    metrics::Metrics,
};

/// The reason why an organizer was not read or changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OrganizersError {
    #[error(transparent)]
    LookupRefused(#[from] Refusal),
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// Organizers. Clones share everything.
#[derive(Clone, Debug)]
pub struct Organizers {
    roles: Batcher<Roles>,
}

impl Organizers {
    pub(crate) fn new(db: Database, metrics: &Metrics) -> Self {
        let queue = metrics.queue("organizer-roles");
        Self { roles: Batcher::new(Roles(db), Bounds::FOR_LOOKUPS, queue) }
    }

    /// The user's role in the organizer, as it is now.
    pub(crate) async fn role(
        &self,
        membership: Membership,
    ) -> Result<Option<Role>, OrganizersError> {
        Ok(self.roles.ask(membership).await??)
    }

    /// Whether the user may do this for the organizer now.
    pub(crate) async fn may(
        &self,
        membership: Membership,
        action: Action,
    ) -> Result<bool, OrganizersError> {
        Ok(self.role(membership).await?.is_some_and(|role| action.is_allowed_to(role)))
    }
}
