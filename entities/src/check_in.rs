//! A ticket that was checked in at the door.

use sea_orm::entity::prelude::*;

use crate::{BookingId, EventId, UserId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "check_ins")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub booking_id: BookingId,
    /// The ticket's number in its booking, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// The booking's event.
    pub event_id: EventId,
    pub checked_in_at: DateTimeUtc,
    /// The member who checked the ticket in. `None` if that account was deleted.
    pub checked_in_by: Option<UserId>,
    /// The caller's name for the scan. The same scan is answered in the same way when it is
    /// repeated.
    pub scan_id: Option<String>,
    #[sea_orm(belongs_to, from = "booking_id", to = "id")]
    pub booking: BelongsTo<super::booking::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
