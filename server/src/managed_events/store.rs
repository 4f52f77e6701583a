//! An organizer's events in the database. Only `inventory` writes them.

use std::collections::HashMap;

use rowlock_entities::{EventId, OrganizerId, event};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

/// Number of names that one statement looks up.
const NAMES_PER_READ: usize = 500;

/// All events of an organizer, in the order in which they start.
pub(super) async fn find_all_of(
    db: &impl ConnectionTrait,
    organizer: OrganizerId,
) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::OrganizerId.eq(organizer))
        .order_by_asc(event::Column::StartsAt)
        .order_by_asc(event::Column::Id)
        .all(db)
        .await
}

pub(super) async fn count_of(
    db: &impl ConnectionTrait,
    organizer: OrganizerId,
) -> Result<u64, DbErr> {
    event::Entity::find().filter(event::Column::OrganizerId.eq(organizer)).count(db).await
}

/// The organizer's events that have these names.
pub(super) async fn find_known(
    db: &impl ConnectionTrait,
    organizer: OrganizerId,
    names: Vec<&str>,
) -> Result<HashMap<String, EventId>, DbErr> {
    use event::Column::{ExternalId, Id, OrganizerId};
    let mut known = HashMap::new();
    for names in names.chunks(NAMES_PER_READ) {
        let found: Vec<(EventId, String)> = event::Entity::find()
            .select_only()
            .columns([Id, ExternalId])
            .filter(OrganizerId.eq(organizer))
            .filter(ExternalId.is_in(names.iter().copied()))
            .into_tuple()
            .all(db)
            .await?;
        known.extend(found.into_iter().map(|(id, name)| (name, id)));
    }
    Ok(known)
}
