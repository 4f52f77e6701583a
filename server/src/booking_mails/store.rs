//! Reads what a mail is about.

use rowlock_entities::{BookingId, booking, check_in, event, user};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

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

/// Whether a ticket of the booking was checked in.
pub(super) async fn is_checked_in(
    db: &impl ConnectionTrait,
    booking: BookingId,
) -> Result<bool, DbErr> {
    let of_booking = check_in::Entity::find().filter(check_in::Column::BookingId.eq(booking));
    Ok(of_booking.limit(1).one(db).await?.is_some())
}
