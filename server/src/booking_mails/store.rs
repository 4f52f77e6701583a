//! Reads what a mail is about.

use rowlock_entities::{BookingId, booking, event, user};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};

/// A booking with its event and its buyer. Many mails are sent while others book, so one statement
/// reads them.
pub(super) async fn find_told(
    db: &impl ConnectionTrait,
    id: BookingId,
) -> Result<Option<(booking::Model, event::Model, user::Model)>, DbErr> {
    let select = booking::Entity::find_by_id(id)
        .find_also_related(event::Entity)
        .find_also_related(user::Entity);
    Ok(match select.one(db).await? {
        Some((booking, Some(event), Some(user))) => Some((booking, event, user)),
        _ => None,
    })
}
