//! Covers in the database. Only `inventory` writes them.

use std::collections::HashMap;

use rowlock_entities::{
    EventId,
    cover::{self, Hash},
    cover_variant,
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{cover::Cover, file::FileName};
use crate::database::any_of;

/// The covers of these events, without the bytes of their pictures.
pub(super) async fn find_covers(
    db: &impl ConnectionTrait,
    events: impl IntoIterator<Item = EventId>,
) -> Result<HashMap<EventId, Cover>, DbErr> {
    use cover::Column::{Alt, EventId as OfEvent, Hash as CoverHash};
    use cover_variant::Column::Width;
    let events = events.into_iter().map(|event| event.0);
    let rows: Vec<(EventId, Hash, String, i32)> = cover::Entity::find()
        .select_only()
        .columns([OfEvent, CoverHash, Alt])
        .column(Width)
        .inner_join(cover_variant::Entity)
        .filter(any_of(db.get_database_backend(), OfEvent, events))
        .order_by_asc(Width)
        .into_tuple()
        .all(db)
        .await?;
    let mut covers: HashMap<EventId, Cover> = HashMap::new();
    for (event, hash, alt, width) in rows {
        let cover = covers.entry(event).or_insert_with(|| Cover { hash, alt, widths: Vec::new() });
        cover.widths.push(width);
    }
    Ok(covers)
}

/// The bytes of one size.
pub(super) async fn find_file(
    db: &impl ConnectionTrait,
    name: FileName,
) -> Result<Option<Vec<u8>>, DbErr> {
    let FileName { hash, width } = name;
    let found = cover_variant::Entity::find_by_id((hash, width)).one(db).await?;
    Ok(found.map(|variant| variant.bytes))
}
