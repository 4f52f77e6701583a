//! A booking: tickets of one event that one user holds or has held.

use sea_orm::{Condition, ExprTrait, entity::prelude::*};

use crate::{BookingId, EventId, UserId};

/// Whether a booking has its tickets or has returned them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Status {
    #[sea_orm(string_value = "CONFIRMED")]
    Confirmed,
    #[sea_orm(string_value = "CANCELLED")]
    Cancelled,
}

/// Who cancelled a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum CancelledBy {
    #[sea_orm(string_value = "BUYER")]
    Buyer,
    #[sea_orm(string_value = "ORGANIZER")]
    Organizer,
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bookings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BookingId,
    pub event_id: EventId,
    pub user_id: UserId,
    pub quantity: i32,
    /// The number of tickets that were booked at first. `None` if it was never changed.
    pub booked_quantity: Option<i32>,
    pub status: Status,
    /// What one ticket cost when it was booked, in the currency's minor unit.
    pub unit_price_minor: i64,
    /// The ISO 4217 code of the price's currency.
    pub currency: String,
    /// A key that the caller chose. The same key from the same user never books an event twice.
    pub idempotency_key: Option<String>,
    pub created_at: DateTimeUtc,
    pub cancelled_at: Option<DateTimeUtc>,
    /// `None` while it is confirmed, and if another program cancelled it without saying who did.
    pub cancelled_by: Option<CancelledBy>,
    /// The organizer's words to the buyer. `None` if the whole event was cancelled, which has a
    /// reason of its own.
    pub cancellation_reason: Option<String>,
    #[sea_orm(belongs_to, from = "event_id", to = "id")]
    pub event: BelongsTo<super::event::Entity>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The number of tickets that the request for this booking asked for.
    #[must_use]
    pub fn requested_quantity(&self) -> i32 {
        self.booked_quantity.unwrap_or(self.quantity)
    }
}

/// Matches the bookings of an event, in words that only the index over them fits, whatever a planner
/// knows. It has the bookings with tickets, which all are, so the statement says so with a constant.
/// The event is a range: in a list in the order of [`Column::EventId`] and [`Column::Id`], a planner
/// can't take the primary key for the order, and read the bookings of all other events.
#[must_use]
pub fn is_of_event(event: EventId) -> Condition {
    Condition::all()
        .add(Column::EventId.gte(event))
        .add(Column::EventId.lte(event))
        .add(has_tickets())
}

/// Matches all bookings, by the condition of the index over the bookings of events.
#[must_use]
pub fn has_tickets() -> Expr {
    Expr::col((Entity, Column::Quantity)).gt(Expr::Constant(0.into()))
}

/// Matches the bookings of an event with larger ids, and those of other events.
#[must_use]
pub fn is_after(event: EventId, id: BookingId) -> Expr {
    place().gt(Expr::tuple([Expr::val(event), Expr::val(id)]))
}

/// Matches the bookings of an event with smaller ids, and those of other events.
#[must_use]
pub fn is_before(event: EventId, id: BookingId) -> Expr {
    place().lt(Expr::tuple([Expr::val(event), Expr::val(id)]))
}

fn place() -> Expr {
    Expr::tuple([Column::EventId, Column::Id].map(|column| Expr::col((Entity, column))))
}
