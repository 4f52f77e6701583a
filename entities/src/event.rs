//! An event that people book tickets for, with its count of remaining tickets.

use sea_orm::entity::prelude::*;

use crate::{EventId, OrganizerId};

/// Who may see an event, and whether it can be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Status {
    /// Only members of the organizer see it.
    #[sea_orm(string_value = "DRAFT")]
    Draft,
    #[sea_orm(string_value = "PUBLISHED")]
    Published,
    /// It stays cancelled.
    #[sea_orm(string_value = "CANCELLED")]
    Cancelled,
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EventId,
    pub organizer_id: OrganizerId,
    pub status: Status,
    /// Whether it has ever been published. If not, only members of the organizer may know of it.
    pub is_public: bool,
    /// Grows by one with every edit, publication and cancellation, and never with a count.
    pub revision: i32,
    pub title: String,
    /// The title in lower case. The order by title compares it, alike on both engines.
    pub title_key: String,
    pub description: String,
    pub venue: String,
    pub city: String,
    /// The IANA name of the time zone that the event's times are shown in.
    pub time_zone: String,
    pub starts_at: DateTimeUtc,
    pub ends_at: Option<DateTimeUtc>,
    /// Tickets can be booked from this time on. `None`: at once.
    pub sales_start_at: Option<DateTimeUtc>,
    /// Tickets can be booked until this time. `None`: until the event starts.
    pub sales_end_at: Option<DateTimeUtc>,
    /// The largest number of tickets in one booking.
    pub max_per_booking: i32,
    pub total_tickets: i32,
    /// `total_tickets` minus the quantities of the confirmed bookings.
    pub remaining_tickets: i32,
    /// Grows by one, under the row lock, with every transaction that changes the count or edits the
    /// event.
    pub count_version: i64,
    /// The price in the currency's minor unit, such as cents.
    pub price_minor: i64,
    /// The currency's ISO 4217 code.
    pub currency: String,
    /// The organizer's own name for the event.
    pub external_id: Option<String>,
    /// The organizer's words to those who booked.
    pub cancellation_reason: Option<String>,
    pub created_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "organizer_id", to = "id")]
    pub organizer: BelongsTo<super::organizer::Entity>,
    #[sea_orm(has_many)]
    pub bookings: HasMany<super::booking::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
