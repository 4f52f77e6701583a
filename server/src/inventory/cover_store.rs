//! The statements that store covers.

use rowlock_entities::{EventId, cover, cover_variant};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter};

use crate::{covers::NewCover, database::any_of};

/// The covers of events that are locked, without their pictures.
pub(super) async fn find_covers(
    tx: &impl ConnectionTrait,
    events: Vec<EventId>,
) -> Result<Vec<cover::Model>, DbErr> {
    let events = events.into_iter().map(|event| event.0);
    let is_asked = any_of(tx.get_database_backend(), cover::Column::EventId, events);
    cover::Entity::find().filter(is_asked).all(tx).await
}

/// Replaces the covers of events that are locked, or takes them away.
pub(super) async fn replace_covers(
    tx: &impl ConnectionTrait,
    covers: Vec<(EventId, Option<NewCover>)>,
) -> Result<(), DbErr> {
    for (event_id, cover) in covers {
        // Its pictures are deleted with it.
        cover::Entity::delete_by_id(event_id).exec(tx).await?;
        let Some(NewCover { hash, alt, sizes }) = cover else { continue };
        let row = cover::Model { event_id, hash, alt }.into_active_model();
        cover::Entity::insert(row).exec_without_returning(tx).await?;
        for size in sizes.iter() {
            let width = size.width.try_into().unwrap_or(i32::MAX);
            let row = cover_variant::Model { hash, width, bytes: size.jpeg.clone() };
            cover_variant::Entity::insert(row.into_active_model())
                .exec_without_returning(tx)
                .await?;
        }
    }
    Ok(())
}
