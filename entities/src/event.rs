//! An event that people book tickets for, with its count of remaining tickets.

use sea_orm::entity::prelude::*;

use crate::EventId;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EventId,
    pub title: String,
    /// The title in lower case. The order by title compares it, alike on both engines.
    pub title_key: String,
    pub description: String,
    pub venue: String,
    pub starts_at: DateTimeUtc,
    pub total_tickets: i32,
    /// `total_tickets` minus the quantities of the confirmed bookings.
    pub remaining_tickets: i32,
    /// Grows by one, under the row lock, with every transaction that changes the count.
    pub count_version: i64,
    /// The price in the currency's minor unit, such as cents.
    pub price_minor: i64,
    /// The currency's ISO 4217 code.
    pub currency: String,
    pub created_at: DateTimeUtc,
    #[sea_orm(has_many)]
    pub bookings: HasMany<super::booking::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
