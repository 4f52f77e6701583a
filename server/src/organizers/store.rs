//! Organizers and their members in the database.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rowlock_entities::{
    OrganizerId, UserId, event, organizer,
    organizer_member::{self, Role},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, SqlErr, sea_query::LockType,
};

use crate::database::{any_of, any_of_texts, find_by_ids};

/// A user and an organizer, of which the user may be a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Membership {
    pub(crate) organizer: OrganizerId,
    pub(crate) user: UserId,
}

impl Membership {
    fn key(self) -> (OrganizerId, UserId) {
        (self.organizer, self.user)
    }
}

pub(super) async fn find_organizers(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = OrganizerId>,
) -> Result<Vec<organizer::Model>, DbErr> {
    let ids = ids.into_iter().map(|id| id.0);
    find_by_ids::<organizer::Entity>(db, organizer::Column::Id, ids).await
}

pub(super) async fn find_by_slug(
    db: &impl ConnectionTrait,
    slug: &str,
) -> Result<Option<organizer::Model>, DbErr> {
    organizer::Entity::find().filter(organizer::Column::Slug.eq(slug)).one(db).await
}

pub(super) async fn find_all(db: &impl ConnectionTrait) -> Result<Vec<organizer::Model>, DbErr> {
    organizer::Entity::find().order_by_asc(organizer::Column::Slug).all(db).await
}

/// Those of these slugs that organizers have.
pub(super) async fn find_taken_slugs(
    db: &impl ConnectionTrait,
    slugs: &[String],
) -> Result<HashSet<String>, DbErr> {
    let taken = organizer::Entity::find()
        .select_only()
        .column(organizer::Column::Slug)
        .filter(any_of_texts(
            db.get_database_backend(),
            organizer::Column::Slug,
            slugs.iter().cloned(),
        ))
        .into_tuple::<String>()
        .all(db)
        .await?;
    Ok(taken.into_iter().collect())
}

/// Locks an organizer until the transaction ends, so that changes of its members take turns.
pub(super) async fn lock_organizer(
    tx: &impl ConnectionTrait,
    id: OrganizerId,
) -> Result<Option<organizer::Model>, DbErr> {
    organizer::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await
}

/// Inserts an organizer; returns whether its slug was free.
pub(super) async fn insert_organizer(
    tx: &impl ConnectionTrait,
    organizer: organizer::Model,
) -> Result<bool, DbErr> {
    let insert = organizer::Entity::insert(organizer.into_active_model());
    is_slug_free(insert.exec_without_returning(tx).await.map(drop))
}

/// Stores a new name and slug; returns whether the slug was free.
pub(super) async fn update_organizer(
    tx: &impl ConnectionTrait,
    organizer: &organizer::Model,
) -> Result<bool, DbErr> {
    use organizer::Column::{Id, Name, Slug};
    let update = organizer::Entity::update_many()
        .col_expr(Name, organizer.name.as_str().into())
        .col_expr(Slug, organizer.slug.as_str().into())
        .filter(Id.eq(organizer.id));
    is_slug_free(update.exec(tx).await.map(drop))
}

fn is_slug_free(written: Result<(), DbErr>) -> Result<bool, DbErr> {
    match written {
        Ok(()) => Ok(true),
        Err(error) => match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Ok(false),
            _ => Err(error),
        },
    }
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

/// Whether people can have tickets for something that an organizer has still to do.
pub(super) async fn has_coming_events(
    db: &impl ConnectionTrait,
    organizer: OrganizerId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    use event::Column::{EndsAt, OrganizerId, StartsAt, Status};
    let coming = event::Entity::find()
        .filter(OrganizerId.eq(organizer))
        .filter(Status.eq(event::Status::Published))
        .filter(StartsAt.gt(now).or(EndsAt.gt(now)));
    Ok(coming.count(db).await? > 0)
}

/// The members of an organizer, in the order in which they were added.
pub(super) async fn find_members(
    db: &impl ConnectionTrait,
    organizer: OrganizerId,
) -> Result<Vec<organizer_member::Model>, DbErr> {
    use organizer_member::Column::{CreatedAt, OrganizerId, UserId};
    organizer_member::Entity::find()
        .filter(OrganizerId.eq(organizer))
        .order_by_asc(CreatedAt)
        .order_by_asc(UserId)
        .all(db)
        .await
}

pub(super) async fn find_role(
    db: &impl ConnectionTrait,
    membership: Membership,
) -> Result<Option<Role>, DbErr> {
    let found = organizer_member::Entity::find_by_id(membership.key()).one(db).await?;
    Ok(found.map(|member| member.role))
}

/// The number of organizers that a user is a member of.
pub(super) async fn count_memberships(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<u64, DbErr> {
    organizer_member::Entity::find()
        .filter(organizer_member::Column::UserId.eq(user))
        .count(db)
        .await
}

/// The number of organizers that a user has founded and still owns.
pub(super) async fn count_founded(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    organizer_member::Entity::find()
        .inner_join(organizer::Entity)
        .filter(organizer_member::Column::UserId.eq(user))
        .filter(organizer_member::Column::Role.eq(Role::Owner))
        .filter(organizer::Column::FoundedBy.eq(user))
        .count(db)
        .await
}

pub(super) async fn insert_member(
    tx: &impl ConnectionTrait,
    member: organizer_member::Model,
) -> Result<(), DbErr> {
    let insert = organizer_member::Entity::insert(member.into_active_model());
    insert.exec_without_returning(tx).await.map(drop)
}

pub(super) async fn update_role(
    tx: &impl ConnectionTrait,
    membership: Membership,
    role: Role,
) -> Result<(), DbErr> {
    use organizer_member::Column;
    organizer_member::Entity::update_many()
        .col_expr(Column::Role, role.into())
        .filter(Column::OrganizerId.eq(membership.organizer))
        .filter(Column::UserId.eq(membership.user))
        .exec(tx)
        .await
        .map(drop)
}

pub(super) async fn delete_member(
    tx: &impl ConnectionTrait,
    membership: Membership,
) -> Result<(), DbErr> {
    organizer_member::Entity::delete_by_id(membership.key()).exec(tx).await.map(drop)
}
