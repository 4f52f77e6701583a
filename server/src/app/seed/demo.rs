//! The demo data that a fresh installation shows and the documentation's examples use.
//!
//! Ids are fixed, so that seeding again finds existing rows, and examples can name an event.

use anyhow::{Context, Result};
use chrono::{DateTime, Days, NaiveTime, Utc};
use rowlock_entities::{EventId, UserId, event, organizer::FIRST_ORGANIZER};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::{
    accounts::{Accounts, AccountsError},
    clock::Clock,
    database::{Database, insert_missing},
    events::{EventChanges, Price, draft, move_if_over_and_unbooked, published, renew_search_keys},
    services::Services,
};

/// The numbers of events that seeding changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Events that were missing and were added.
    pub events: u64,
    /// Events that were over without a confirmed booking and got a new date.
    pub moved: usize,
}

/// The numbers of rows that removing the demo users deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) users: u64,
    pub(crate) bookings: u64,
}

struct DemoEvent {
    id: Uuid,
    title: &'static str,
    description: &'static str,
    venue: &'static str,
    in_days: u64,
    /// Hour and minute, in UTC.
    time: (u32, u32),
    tickets: i32,
    price_minor: i64,
    currency: &'static str,
}

/// How often to remove a user's bookings and then the user, while the user may go on booking.
const ATTEMPTS_TO_REMOVE: u32 = 100;

const fn demo_id(number: u128) -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number)
}

const EVENTS: [DemoEvent; 12] = [
    DemoEvent {
        id: demo_id(1),
        title: "Limited Concert",
        description: "A string quartet in a living room. There are two chairs for guests.",
        venue: "Salon Weber, Berlin",
        in_days: 21,
        time: (19, 0),
        tickets: 2,
        price_minor: 4_990,
        currency: "EUR",
    },
    DemoEvent {
        id: demo_id(2),
        title: "Systems Programming Conference",
        description: "Two days of talks on databases, schedulers and the locks between them.",
        venue: "Kongresshalle, Leipzig",
        in_days: 90,
        time: (8, 0),
        tickets: 250,
        price_minor: 29_900,
        currency: "EUR",
    },
    DemoEvent {
        id: demo_id(3),
        title: "Summer Open Air",
        description: "Six bands, one field, and the sun going down behind the stage.",
        venue: "Donauinsel, Vienna",
        in_days: 200,
        time: (14, 0),
        tickets: 5_000,
        price_minor: 8_900,
        currency: "EUR",
    },
    DemoEvent {
        id: demo_id(4),
        title: "Jazz Night",
        description: "The house trio with a different guest in each set.",
        venue: "Blue Door, New York",
        in_days: 10,
        time: (23, 30),
        tickets: 80,
        price_minor: 3_500,
        currency: "USD",
    },
    DemoEvent {
        id: demo_id(5),
        title: "Kabuki Evening",
        description: "Two acts from the classical repertoire, with an introduction in English.",
        venue: "Minamiza, Kyoto",
        in_days: 60,
        time: (9, 30),
        tickets: 400,
        price_minor: 9_000,
        currency: "JPY",
    },
    DemoEvent {
        id: demo_id(6),
        title: "Film Premiere: The Last Seat",
        description: "The thriller about a sold-out train, with the director present.",
        venue: "Kino International, Berlin",
        in_days: 14,
        time: (18, 30),
        tickets: 100,
        price_minor: 1_800,
        currency: "EUR",
    },
    DemoEvent {
        id: demo_id(7),
        title: "Chess Masterclass",
        description: "A grandmaster plays everyone at once and says afterwards what went wrong.",
        venue: "Marshall Club, New York",
        in_days: 30,
        time: (17, 0),
        tickets: 12,
        price_minor: 12_000,
        currency: "USD",
    },
    DemoEvent {
        id: demo_id(8),
        title: "Stand-up in the Cellar",
        description: "Five comedians try out what will be on television next year.",
        venue: "The Vault, London",
        in_days: 5,
        time: (20, 0),
        tickets: 60,
        price_minor: 1_250,
        currency: "GBP",
    },
    DemoEvent {
        id: demo_id(9),
        title: "Sourdough Workshop",
        description: "Bring a jar. You go home with a starter and two loaves.",
        venue: "Backstube am Markt, Graz",
        in_days: 17,
        time: (9, 0),
        tickets: 8,
        price_minor: 7_500,
        currency: "EUR",
    },
    DemoEvent {
        id: demo_id(10),
        title: "Night at the Observatory",
        description: "Saturn, its rings, and someone who has pointed telescopes for forty years.",
        venue: "Pic du Midi, Bagnères-de-Bigorre",
        in_days: 45,
        time: (20, 30),
        tickets: 24,
        price_minor: 5_500,
        currency: "EUR",
    },
    DemoEvent {
        id: demo_id(11),
        title: "City Marathon",
        description: "42.195 km through every district. The price includes a pasta dinner.",
        venue: "Town Hall Square, Copenhagen",
        in_days: 150,
        time: (7, 0),
        tickets: 12_000,
        price_minor: 65_000,
        currency: "DKK",
    },
    DemoEvent {
        id: demo_id(12),
        title: "Open Library Day",
        description: "Behind the scenes of the stacks, the bindery and the map room. Free.",
        venue: "Chester Beatty, Dublin",
        in_days: 35,
        time: (10, 0),
        tickets: 150,
        price_minor: 0,
        currency: "EUR",
    },
];

/// Number, email, password and name. The README shows them.
const USERS: [(u128, &str, &str, &str); 3] = [
    (101, "ada@example.org", "ada-demo-1", "Ada"),
    (102, "grace@example.org", "grace-demo-1", "Grace"),
    (103, "alan@example.org", "alan-demo-1", "Alan"),
];

/// Adds missing demo events. Those that are over and have no confirmed booking get a new date; all
/// other rows stay as they are.
///
/// # Errors
/// When the database fails.
pub async fn add_demo_events(db: &Database, clock: &Clock) -> Result<Seeded, DbErr> {
    let now = clock.now();
    let mut seeded = Seeded::default();
    let tx = db.begin().await?;
    for demo in &EVENTS {
        let row = demo.row(now);
        seeded.moved += usize::from(move_if_over_and_unbooked(&tx, &row, now).await?);
        seeded.events += insert_missing::<event::Entity>(&tx, vec![row]).await?;
    }
    tx.commit().await?;
    renew_search_keys(db).await?;
    Ok(seeded)
}

/// Adds missing demo users; returns their number.
///
/// # Errors
/// When the database fails.
pub async fn add_demo_users(accounts: &Accounts) -> Result<u64, AccountsError> {
    let mut added = 0;
    for (number, email, password, name) in USERS {
        let id = UserId(demo_id(number));
        added += u64::from(accounts.ensure_demo_user(id, email, password, name).await?);
    }
    Ok(added)
}

/// Removes the demo users and their bookings, whose tickets are free again.
///
/// # Errors
/// When the database fails, or when a demo user goes on booking.
pub(crate) async fn remove_demo_users(services: &Services) -> Result<Removed> {
    let mut removed = Removed::default();
    for (number, email, ..) in USERS {
        let id = UserId(demo_id(number));
        if services.accounts.find_user(id).await?.is_none() {
            continue;
        }
        let mut attempts = 1..=ATTEMPTS_TO_REMOVE;
        loop {
            removed.bookings += services.bookings.remove_all_of(id).await?;
            // Somebody who is still signed in may have booked in between. The database then keeps
            // the user, because a booking refers to it.
            if services.accounts.remove_demo_user(id).await? {
                removed.users += 1;
                break;
            }
            attempts.next().with_context(|| format!("{email} goes on booking; try again"))?;
        }
    }
    Ok(removed)
}

impl DemoEvent {
    fn row(&self, now: DateTime<Utc>) -> event::Model {
        let day = now.date_naive() + Days::new(self.in_days);
        let time = NaiveTime::from_hms_opt(self.time.0, self.time.1, 0).unwrap_or_default();
        let values = EventChanges {
            title: Some(self.title.to_owned()),
            description: Some(self.description.to_owned()),
            venue: Some(self.venue.to_owned()),
            starts_at: Some(day.and_time(time).and_utc()),
            price: Some(Price { minor: self.price_minor, currency: self.currency.to_owned() }),
            total_tickets: Some(self.tickets),
            ..EventChanges::default()
        };
        event::Model {
            id: EventId(self.id),
            ..published(draft(FIRST_ORGANIZER, None, &values, now))
        }
    }
}
