//! What was sold of events, for many in one query.
//!
//! This reads all bookings of an event, a tenth of a second for some 300,000. Only one such query
//! runs at a time, so it leaves the other connections to people who book.

use std::{collections::HashMap, time::Duration};

use rowlock_entities::{EventId, booking};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, QueryFilter,
    QuerySelect,
    sea_query::{Alias, Expr},
};

use crate::{
    coalescing::{Bounds, Latecomers, Question, Runner},
    database::{Database, any_of},
};

/// The bounds for events whose bookings are summed up.
pub(super) const BOUNDS: Bounds =
    Bounds { max_batch: 50, max_waiting: 2_000, wait_timeout: Duration::from_secs(5) };

/// What was sold of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sales {
    pub(crate) confirmed_bookings: i64,
    pub(crate) cancelled_bookings: i64,
    /// Tickets of confirmed bookings.
    pub(crate) sold_tickets: i64,
    /// What they cost together, in the minor unit of the event's currency; at most `i64::MAX`.
    pub(crate) takings_minor: i64,
}

impl Sales {
    /// The number of bookings with this status, or of all.
    pub(super) fn bookings(&self, status: Option<booking::Status>) -> i64 {
        match status {
            None => self.confirmed_bookings + self.cancelled_bookings,
            Some(booking::Status::Confirmed) => self.confirmed_bookings,
            Some(booking::Status::Cancelled) => self.cancelled_bookings,
        }
    }
}

/// Sums up the bookings of events in batches, and keeps nothing between them.
#[derive(Debug)]
pub(super) struct SalesOfEvents(pub(super) Database);

impl Runner for SalesOfEvents {
    type Call = Question<EventId, Result<Sales, DbErr>>;

    async fn run(&self, questions: Vec<Self::Call>, _: &Latecomers<'_, Self::Call>) {
        let mut events: Vec<EventId> = questions.iter().map(|question| question.key).collect();
        events.sort_unstable();
        events.dedup();
        let found = sum_up(self.0.reads(), events).await;
        for question in questions {
            let sales = match &found {
                Ok(sales) => Ok(sales.get(&question.key).copied().unwrap_or_default()),
                Err(error) => Err(error.clone()),
            };
            question.answer(sales);
        }
    }
}

#[derive(FromQueryResult)]
struct OfStatus {
    event_id: EventId,
    status: booking::Status,
    bookings: i64,
    tickets: i64,
    /// The sums of the whole thousand millions of each booking's cost, and of what is beyond them. Even
    /// for as many tickets as an event can have, at the highest price, both fit into 64 bits.
    takings_high: i64,
    takings_low: i64,
}

/// By this, a cost is split in two.
const THOUSAND_MILLION: i64 = 1_000_000_000;

impl OfStatus {
    fn takings(&self) -> i64 {
        let whole = i128::from(self.takings_high) * i128::from(THOUSAND_MILLION);
        i64::try_from(whole + i128::from(self.takings_low)).unwrap_or(i64::MAX)
    }
}

/// Sums up the bookings of these events, those that have any.
async fn sum_up(
    db: &impl ConnectionTrait,
    events: Vec<EventId>,
) -> Result<HashMap<EventId, Sales>, DbErr> {
    use booking::Column::{EventId, Id, Quantity, Status, UnitPriceMinor};
    let big = |expr: Expr| expr.cast_as(Alias::new("bigint"));
    let cost = Expr::col(UnitPriceMinor).mul(Expr::col(Quantity));
    let ids = events.into_iter().map(|id| id.0);
    let rows = booking::Entity::find()
        .select_only()
        .columns([EventId, Status])
        .expr_as(big(Id.count()), "bookings")
        .expr_as(big(Quantity.sum()), "tickets")
        .expr_as(big(Expr::expr(cost.clone().div(THOUSAND_MILLION)).sum()), "takings_high")
        .expr_as(big(Expr::expr(cost.modulo(THOUSAND_MILLION)).sum()), "takings_low")
        .filter(any_of(db.get_database_backend(), EventId, ids))
        .filter(booking::has_tickets())
        .group_by(EventId)
        .group_by(Status)
        .into_model::<OfStatus>()
        .all(db)
        .await?;
    let mut sales: HashMap<_, Sales> = HashMap::new();
    for row in rows {
        let sales = sales.entry(row.event_id).or_default();
        match row.status {
            booking::Status::Confirmed => {
                sales.confirmed_bookings = row.bookings;
                sales.sold_tickets = row.tickets;
                sales.takings_minor = row.takings();
            }
            booking::Status::Cancelled => sales.cancelled_bookings = row.bookings,
        }
    }
    Ok(sales)
}
