//! Checks the booking guarantee in the database itself: every event's count against its bookings.

use std::fmt;

use rowlock_entities::{EventId, UserId};
use sea_orm::{DbErr, FromQueryResult, Statement};

use crate::database::Database;

/// Events whose count does not match their confirmed bookings.
const WRONG_COUNTS: &str = "\
    SELECT e.id AS event_id, e.title, e.total_tickets, e.remaining_tickets, \
           CAST(COALESCE(b.booked, 0) AS BIGINT) AS booked \
    FROM events e \
    LEFT JOIN (SELECT event_id, SUM(quantity) AS booked FROM bookings \
               WHERE status = 'CONFIRMED' GROUP BY event_id) b ON b.event_id = e.id \
    WHERE e.remaining_tickets <> e.total_tickets - COALESCE(b.booked, 0) \
       OR e.remaining_tickets < 0 OR e.remaining_tickets > e.total_tickets \
    ORDER BY e.id";

/// Users with more than one confirmed booking of one event.
const DOUBLE_BOOKINGS: &str = "\
    SELECT user_id, event_id, COUNT(*) AS bookings FROM bookings \
    WHERE status = 'CONFIRMED' GROUP BY user_id, event_id HAVING COUNT(*) > 1 \
    ORDER BY event_id, user_id";

const COUNTS: &str = "\
    SELECT (SELECT COUNT(*) FROM events) AS events, (SELECT COUNT(*) FROM bookings) AS bookings";

/// The result of an audit.
#[derive(Debug)]
pub struct Audit {
    pub events: i64,
    pub bookings: i64,
    pub violations: Vec<Violation>,
}

/// A row that breaks the guarantee.
#[derive(Debug)]
pub enum Violation {
    WrongCount(WrongCount),
    DoubleBooking(DoubleBooking),
}

#[derive(Debug, FromQueryResult)]
pub struct WrongCount {
    pub event_id: EventId,
    pub title: String,
    pub total_tickets: i32,
    pub remaining_tickets: i32,
    /// Tickets in confirmed bookings.
    pub booked: i64,
}

#[derive(Debug, FromQueryResult)]
pub struct DoubleBooking {
    pub user_id: UserId,
    pub event_id: EventId,
    pub bookings: i64,
}

#[derive(FromQueryResult)]
struct Counts {
    events: i64,
    bookings: i64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongCount(WrongCount {
                event_id,
                title,
                total_tickets,
                remaining_tickets,
                booked,
            }) => write!(
                f,
                "event {event_id} ({title}): {total_tickets} tickets, {booked} booked, but \
                 {remaining_tickets} remaining instead of {}",
                i64::from(*total_tickets) - booked
            ),
            Self::DoubleBooking(DoubleBooking { user_id, event_id, bookings }) => {
                write!(f, "user {user_id} holds {bookings} confirmed bookings of event {event_id}")
            }
        }
    }
}

/// Checks all events and bookings as they are at one moment. Bookings may continue meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn audit(db: &Database) -> Result<Audit, DbErr> {
    let backend = db.backend();
    let snapshot = db.snapshot().await?;
    let reads = &snapshot;
    let statement = |sql: &str| Statement::from_string(backend, sql);
    let counts = Counts::find_by_statement(statement(COUNTS)).one(reads).await?;
    let wrong = WrongCount::find_by_statement(statement(WRONG_COUNTS)).all(reads).await?;
    let double = DoubleBooking::find_by_statement(statement(DOUBLE_BOOKINGS)).all(reads).await?;
    Ok(Audit {
        events: counts.as_ref().map_or(0, |counts| counts.events),
        bookings: counts.as_ref().map_or(0, |counts| counts.bookings),
        violations: wrong
            .into_iter()
            .map(Violation::WrongCount)
            .chain(double.into_iter().map(Violation::DoubleBooking))
            .collect(),
    })
}
