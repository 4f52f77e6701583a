//! The demo data that a fresh installation shows and the documentation's examples use.
//!
//! Ids are fixed, so that seeding again finds existing rows, and examples can name an event.

use std::collections::HashSet;

use anyhow::{Context, Result};
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use rowlock_entities::{
    UserId, event,
    organizer::{self, FIRST_ORGANIZER},
    organizer_member,
};
use sea_orm::DbErr;

use super::demo_rows::{DemoEvent, DemoOrganizer, EVENTS, ORGANIZERS, USERS, demo_id};
use crate::{
    accounts::AccountsError,
    clock::Clock,
    database::{Database, insert_missing},
    events::{
        EventChanges, Price, draft, give_to_organizer, move_if_over_and_unbooked, published,
        renew_search_keys,
    },
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

/// How often to remove a user's bookings and then the user, while the user may go on booking.
const ATTEMPTS_TO_REMOVE: u32 = 100;

/// Adds missing demo organizers and events. Events that are over and have no confirmed booking get a
/// new date, and those from before there were organizers get theirs; all other rows stay as they are.
///
/// # Errors
/// When the database fails.
pub async fn add_demo_events(db: &Database, clock: &Clock) -> Result<Seeded, DbErr> {
    let now = clock.now();
    let mut seeded = Seeded::default();
    let tx = db.begin().await?;
    let organizers = ORGANIZERS.iter().map(|demo| demo.row(now)).collect();
    insert_missing::<organizer::Entity>(&tx, organizers).await?;
    for demo in &EVENTS {
        let row = demo.row(now);
        give_to_organizer(&tx, row.id, FIRST_ORGANIZER, row.organizer_id).await?;
        seeded.moved += usize::from(move_if_over_and_unbooked(&tx, &row, now).await?);
        seeded.events += insert_missing::<event::Entity>(&tx, vec![row]).await?;
    }
    tx.commit().await?;
    renew_search_keys(db).await?;
    Ok(seeded)
}

/// Adds missing demo users, and makes them members of the demo organizers, which must be there;
/// returns the number of users.
///
/// # Errors
/// When the database fails.
pub async fn add_demo_users(services: &Services) -> Result<u64, AccountsError> {
    let (mut added, mut present) = (0, HashSet::new());
    for (number, email, password, name) in USERS {
        let id = UserId(demo_id(number));
        added += u64::from(services.accounts.ensure_demo_user(id, email, password, name).await?);
        if services.accounts.find_user(id).await?.is_some() {
            present.insert(id);
        }
    }
    let created_at = services.clock.now();
    let members = ORGANIZERS.iter().flat_map(|demo| {
        demo.members.iter().map(move |(number, role)| organizer_member::Model {
            organizer_id: demo.id,
            user_id: UserId(demo_id(*number)),
            role: *role,
            created_at,
        })
    });
    let members = members.filter(|member| present.contains(&member.user_id)).collect();
    let tx = services.db.begin().await?;
    insert_missing::<organizer_member::Entity>(&tx, members).await?;
    tx.commit().await?;
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
        let starts_at = day.and_time(time).and_utc();
        let values = EventChanges {
            title: Some(self.title.to_owned()),
            description: Some(self.description.to_owned()),
            venue: Some(self.venue.to_owned()),
            city: Some(self.city.to_owned()),
            time_zone: Some(self.time_zone.to_owned()),
            starts_at: Some(starts_at),
            ends_at: Some(self.minutes.map(|minutes| starts_at + TimeDelta::minutes(minutes))),
            price: Some(Price { minor: self.price_minor, currency: self.currency.to_owned() }),
            total_tickets: Some(self.tickets),
            ..EventChanges::default()
        };
        event::Model { id: self.id, ..published(draft(self.organizer, None, &values, now)) }
    }
}

impl DemoOrganizer {
    fn row(&self, now: DateTime<Utc>) -> organizer::Model {
        organizer::Model {
            id: self.id,
            slug: self.slug.to_owned(),
            name: self.name.to_owned(),
            founded_by: None,
            created_at: now,
        }
    }
}
