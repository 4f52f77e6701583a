//! Generated events, users and bookings, for measurements at any size.
//!
//! The same service makes these bookings as all others, so the counts are right whatever the
//! database already holds. Ids and titles depend only on an event's number, so filling again adds
//! only missing rows.

use chrono::{DateTime, Days, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use rowlock_entities::{EventId, OrganizerId, UserId, event, organizer};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use uuid::Uuid;

use crate::{
    accounts::AccountsError,
    bookings::BookingsError,
    database::insert_missing,
    events::{EventChanges, Price, draft, published, renew_search_keys},
    inventory::{BookOutcome, BookingArgs},
    services::Services,
};

/// The number of generated rows that should exist in the end.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// At least one.
    pub events: u32,
    /// Spread evenly over those events.
    pub bookings: u32,
}

/// The number of rows that were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    pub events: u64,
    pub users: u64,
    pub bookings: u64,
    /// Bookings that could not be made, because their events are sold out or over.
    pub unbooked: u64,
}

/// The reason why filling failed.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    #[error(transparent)]
    Bookings(#[from] BookingsError),
}

const EVENTS_PER_TRANSACTION: u32 = 10_000;
/// Number of bookings that run at the same time.
const CONCURRENT_BOOKINGS: usize = 20_000;
/// Number of bookings per user. It is smaller if one event needs more users than this gives.
const BOOKINGS_PER_USER: u32 = 100;
const PROGRESS_EVERY: u64 = 100_000;

/// The organizer of all generated events.
const ORGANIZER: OrganizerId =
    OrganizerId(Uuid::from_u128(0x0199_0000_0004_7000_8000_0000_0000_0002));

const KINDS: [&str; 24] = [
    "Concert",
    "Recital",
    "Opera",
    "Musical",
    "Festival",
    "Premiere",
    "Reading",
    "Lecture",
    "Workshop",
    "Masterclass",
    "Exhibition",
    "Gala",
    "Tournament",
    "Marathon",
    "Regatta",
    "Derby",
    "Conference",
    "Hackathon",
    "Fair",
    "Tasting",
    "Comedy Night",
    "Puppet Play",
    "Ballet",
    "Film Night",
];

const STYLES: [&str; 20] = [
    "Baroque",
    "Jazz",
    "Winter",
    "Summer",
    "Open Air",
    "Midnight",
    "Family",
    "Indie",
    "Royal",
    "Harbour",
    "Garden",
    "Castle",
    "Student",
    "Charity",
    "Jubilee",
    "Vintage",
    "Electronic",
    "Acoustic",
    "Northern",
    "Lantern",
];

const PLACES: [&str; 25] = [
    "Lisbon", "Porto", "Madrid", "Seville", "Lyon", "Nantes", "Ghent", "Utrecht", "Bremen",
    "Leipzig", "Basel", "Turin", "Bologna", "Graz", "Brno", "Kraków", "Riga", "Tartu", "Turku",
    "Malmö", "Aarhus", "Bergen", "Cork", "Leeds", "Cardiff",
];

/// Settings that gather as many bookings as possible into each transaction. Nobody waits for a
/// single booking here, and the generated users have no mailboxes.
#[must_use]
pub(crate) fn booking_settings() -> BookingArgs {
    BookingArgs {
        booking_batch: 5_000,
        booking_queue: 1_000_000,
        booking_wait_ms: 600_000,
        tells_nobody: true,
        ..BookingArgs::default()
    }
}

/// Adds the missing rows. `progress` gets a line now and then.
///
/// # Errors
/// When the database fails. Rows that were added before the failure stay.
pub async fn fill(
    services: &Services,
    size: Size,
    progress: impl Fn(String),
) -> Result<Filled, BulkError> {
    let rounds = size.bookings.div_ceil(size.events);
    let users = (size.bookings / BOOKINGS_PER_USER).max(rounds);
    let mut filled = Filled::default();

    let now = services.clock.now();
    let organizer = organizer::Model {
        id: ORGANIZER,
        slug: "generated-events".to_owned(),
        name: "Generated events".to_owned(),
        founded_by: None,
        created_at: now,
    };
    insert_missing::<organizer::Entity>(services.db.writer()?, vec![organizer]).await?;
    for first in (0..size.events).step_by(EVENTS_PER_TRANSACTION as usize) {
        let last = size.events.min(first + EVENTS_PER_TRANSACTION);
        let tx = services.db.begin().await?;
        let events = (first..last).map(|number| generated(number, rounds, now)).collect();
        filled.events += insert_missing::<event::Entity>(&tx, events).await?;
        tx.commit().await?;
        if u64::from(last).is_multiple_of(PROGRESS_EVERY) {
            progress(format!("{last} of {} events", size.events));
        }
    }
    renew_search_keys(&services.db).await?;
    let names = (0..users).map(|number| (user_id(number), format!("Generated user {number}")));
    filled.users = services.accounts.ensure_generated_users(names.collect(), false).await?;

    let pairs = (0..size.bookings).map(|number| user_and_event(number, size.events, users));
    let mut booking = stream::iter(pairs)
        .map(|(user, event)| services.bookings.book(user, event, 1, None, None))
        .buffer_unordered(CONCURRENT_BOOKINGS);
    let mut done: u64 = 0;
    while let Some(outcome) = booking.next().await {
        match outcome? {
            BookOutcome::Booked(_) => filled.bookings += 1,
            BookOutcome::AlreadyBooked(_) => {}
            BookOutcome::SoldOut(_) | BookOutcome::Closed(..) | BookOutcome::PriceChanged(_) => {
                filled.unbooked += 1;
            }
        }
        done += 1;
        if done.is_multiple_of(PROGRESS_EVERY) {
            progress(format!("{done} of {} bookings", size.bookings));
        }
    }
    drop(booking);
    if services.db.backend() == DbBackend::Postgres {
        // The planner's statistics are older than these rows.
        services.db.writer()?.execute_unprepared("VACUUM ANALYZE events, users, bookings").await?;
    }
    Ok(filled)
}

/// Returns the user and the event of a booking. No user books an event twice if there are at least
/// as many users as rounds.
fn user_and_event(number: u32, events: u32, users: u32) -> (UserId, EventId) {
    let (round, event) = (number / events, number % events);
    let user = (u64::from(event) + u64::from(round)) % u64::from(users);
    (user_id(u32::try_from(user).unwrap_or_default()), event_id(event))
}

fn event_id(number: u32) -> EventId {
    EventId(Uuid::from_u128(0x0199_0000_0001_7000_8000_0000_0000_0000 + u128::from(number)))
}

fn user_id(number: u32) -> UserId {
    UserId(Uuid::from_u128(0x0199_0000_0002_7000_8000_0000_0000_0000 + u128::from(number)))
}

/// Picks a word by number. Neighbouring numbers get different words.
fn pick<'a>(words: &[&'a str], number: u32) -> &'a str {
    words[number as usize % words.len()]
}

/// Generates the event with this number. It has `rounds` tickets and some spare ones.
fn generated(number: u32, rounds: u32, now: DateTime<Utc>) -> event::Model {
    // Scrambles the number, so that titles, days and prices are not correlated.
    let mixed = number.wrapping_mul(0x9E37_79B1);
    let place = pick(&PLACES, mixed >> 24);
    let (style, kind) = (pick(&STYLES, mixed >> 16), pick(&KINDS, mixed >> 8));
    let title = format!("{style} {kind} in {place}, no. {number}");
    let day = Days::new(u64::from(2 + mixed % 728));
    let spare = 20 + (mixed >> 4) % 480;
    let total_tickets = i32::try_from(rounds.saturating_add(spare)).unwrap_or(i32::MAX);
    let values = EventChanges {
        title: Some(title),
        description: Some(format!("A generated event of the kind that {place} is known for.")),
        venue: Some(format!("Hall {}", 1 + mixed % 9)),
        city: Some(place.to_owned()),
        starts_at: Some(now + day + TimeDelta::minutes(i64::from(mixed >> 7) % 1_440)),
        price: Some(Price {
            minor: i64::from(500 + (mixed >> 3) % 20_000),
            currency: "EUR".to_owned(),
        }),
        total_tickets: Some(total_tickets),
        ..EventChanges::default()
    };
    event::Model { id: event_id(number), ..published(draft(ORGANIZER, None, &values, now)) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nobody_books_an_event_twice() {
        for (events, bookings, users) in [(10, 1_000, 100), (1_000, 1_000, 10), (7, 100, 15)] {
            let pairs: HashSet<_> =
                (0..bookings).map(|n| user_and_event(n, events, users)).collect();
            assert_eq!(pairs.len(), bookings as usize, "{events} events");
        }
    }

    #[test]
    fn titles_fit_and_most_words_differ() {
        let titles: HashSet<String> =
            (0..1_000).map(|number| generated(number, 1, Utc::now()).title).collect();
        assert_eq!(titles.len(), 1_000);
        assert!(titles.iter().all(|title| title.chars().count() <= 200));
        let concerts = titles.iter().filter(|title| title.contains("Concert")).count();
        assert!((10..100).contains(&concerts), "{concerts}");
    }
}
