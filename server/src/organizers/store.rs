//! Organizers and their members in the database.

use rowlock_entities::{OrganizerId, UserId, organizer_member};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use crate::database::any_of;

/// A user and an organizer, of which the user may be a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Membership {
    pub(crate) organizer: OrganizerId,
    pub(crate) user: UserId,
}

/// Finds the memberships of these users.
pub(super) async fn find_memberships(
    db: &impl ConnectionTrait,
    users: impl IntoIterator<Item = UserId>,
) -> Result<Vec<organizer_member::Model>, DbErr> {
    let users = users.into_iter().map(|user| user.0);
    organizer_member::Entity::find()
        .filter(any_of(db.get_database_backend(), organizer_member::Column::UserId, users))
        .all(db)
        .await
}
