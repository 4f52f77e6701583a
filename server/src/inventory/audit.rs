//! Checks the booking guarantee in the database itself: every event's count against its bookings,
//! and whether these fit what the event is.

use std::{collections::HashSet, fmt};

use rowlock_entities::{EventId, UserId};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use super::cancel_event::CancelBookingsJob;
use crate::{database::Database, jobs::Job};

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

/// Events of which people hold tickets in another currency.
const OTHER_CURRENCIES: &str = "\
    SELECT e.id AS event_id, e.title, COUNT(*) AS bookings FROM events e \
    JOIN bookings b ON b.event_id = e.id AND b.status = 'CONFIRMED' AND b.currency <> e.currency \
    GROUP BY e.id, e.title ORDER BY e.id";

/// Cancelled events of which people hold tickets.
const BOOKED_CANCELLED_EVENTS: &str = "\
    SELECT e.id AS event_id, e.title, COUNT(*) AS bookings FROM events e \
    JOIN bookings b ON b.event_id = e.id AND b.status = 'CONFIRMED' \
    WHERE e.status = 'CANCELLED' GROUP BY e.id, e.title ORDER BY e.id";

/// The jobs of a kind that are not given up.
const JOBS: &str = "SELECT payload FROM jobs WHERE kind = $1 AND died_at IS NULL";

/// Published events that nobody may see.
const HIDDEN_EVENTS: &str = "\
    SELECT id AS event_id, title, CAST(0 AS BIGINT) AS bookings FROM events \
    WHERE status = 'PUBLISHED' AND NOT is_public ORDER BY id";

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
    /// Tickets are held in another currency than the event's.
    OtherCurrency(BookedEvent),
    /// The event is cancelled, its tickets are held, and no job cancels them.
    NotCancelled(BookedEvent),
    /// The event is published and may not be seen.
    Hidden(BookedEvent),
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

/// An event with the number of bookings that break the rule.
#[derive(Debug, FromQueryResult)]
pub struct BookedEvent {
    pub event_id: EventId,
    pub title: String,
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
            Self::OtherCurrency(BookedEvent { event_id, title, bookings }) => write!(
                f,
                "event {event_id} ({title}): {bookings} confirmed bookings have another currency \
                 than the event"
            ),
            Self::NotCancelled(BookedEvent { event_id, title, bookings }) => write!(
                f,
                "event {event_id} ({title}): it is cancelled, but {bookings} bookings are \
                 confirmed, and no job cancels them"
            ),
            Self::Hidden(BookedEvent { event_id, title, .. }) => {
                write!(f, "event {event_id} ({title}): it is published, but not public")
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
    let events = async |sql| BookedEvent::find_by_statement(statement(sql)).all(reads).await;
    let other_currencies = events(OTHER_CURRENCIES).await?;
    let booked = events(BOOKED_CANCELLED_EVENTS).await?;
    let being_cancelled = find_events_being_cancelled(reads).await?;
    let not_cancelled =
        booked.into_iter().filter(|event| !being_cancelled.contains(&event.event_id));
    let hidden = events(HIDDEN_EVENTS).await?;
    Ok(Audit {
        events: counts.as_ref().map_or(0, |counts| counts.events),
        bookings: counts.as_ref().map_or(0, |counts| counts.bookings),
        violations: wrong
            .into_iter()
            .map(Violation::WrongCount)
            .chain(double.into_iter().map(Violation::DoubleBooking))
            .chain(other_currencies.into_iter().map(Violation::OtherCurrency))
            .chain(not_cancelled.map(Violation::NotCancelled))
            .chain(hidden.into_iter().map(Violation::Hidden))
            .collect(),
    })
}

/// The events whose bookings a job is to cancel.
async fn find_events_being_cancelled(db: &impl ConnectionTrait) -> Result<HashSet<EventId>, DbErr> {
    let values = [CancelBookingsJob::KIND.into()];
    let jobs = Statement::from_sql_and_values(db.get_database_backend(), JOBS, values);
    let mut events = HashSet::new();
    for row in db.query_all_raw(jobs).await? {
        let payload: String = row.try_get_by_index(0)?;
        // Nobody carries out a job that can't be read.
        if let Ok(job) = serde_json::from_str::<CancelBookingsJob>(&payload) {
            events.insert(job.event_id());
        }
    }
    Ok(events)
}
