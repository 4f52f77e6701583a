//! The domains' services, wired to one database, clock and hub.

use std::sync::Arc;

use clap::Args;
use governor::Quota;
use sea_orm::DbBackend;

use crate::{
    accounts::{AccessTokens, AccountArgs, Accounts, JwtSecrets, Sessions},
    booking_mails::{BookingMails, PerHour},
    bookings::Bookings,
    clock::Clock,
    covers::Covers,
    database::Database,
    door::Door,
    events::Events,
    inventory::{BookingArgs, Inventory},
    jobs::Queue,
    live::Hub,
    mail::{MailArgs, Postman},
    managed_events::ManagedEvents,
    metrics::Metrics,
    organizers::{OrganizerArgs, Organizers},
    personal_data::PersonalData,
    tickets::TicketCodes,
};

/// The settings of the domains.
#[derive(Clone, Debug, Default, Args)]
pub struct ServiceArgs {
    #[command(flatten)]
    pub accounts: AccountArgs,
    #[command(flatten)]
    pub booking: BookingArgs,
    #[command(flatten)]
    pub organizers: OrganizerArgs,
    #[command(flatten)]
    pub mail: MailArgs,
}

/// The services that resolvers and commands use. Clones share everything.
#[derive(Clone, Debug)]
pub struct Services {
    pub db: Database,
    pub clock: Clock,
    pub hub: Hub,
    pub metrics: Metrics,
    pub access_tokens: AccessTokens,
    pub accounts: Accounts,
    pub sessions: Sessions,
    pub events: Events,
    pub covers: Covers,
    pub bookings: Bookings,
    pub tickets: TicketCodes,
    pub door: Door,
    pub organizers: Organizers,
    pub managed_events: ManagedEvents,
    pub jobs: Queue,
    pub postman: Postman,
}

impl Services {
    #[must_use]
    pub fn new(
        db: Database,
        clock: Clock,
        secrets: &JwtSecrets,
        tickets: &TicketCodes,
        args: &ServiceArgs,
    ) -> Self {
        let ServiceArgs { accounts, booking, organizers, mail } = args;
        let hub = match db.backend() {
            DbBackend::Postgres => Hub::shared(),
            // Only one server uses an SQLite file.
            _ => Hub::default(),
        };
        let metrics = Metrics::new();
        let access_tokens = AccessTokens::new(secrets, clock.clone());
        let sessions = Sessions::new(db.clone(), clock.clone(), access_tokens.clone(), secrets);
        let jobs = Queue::new(db.clone());
        let inventory = Inventory::new(&db, &clock, &hub, &jobs, &metrics, booking);
        let bookings = Bookings::new(db.clone(), inventory.clone(), &metrics);
        let accounts = Accounts::new(
            db.clone(),
            clock.clone(),
            sessions.clone(),
            jobs.clone(),
            secrets,
            *accounts,
            &metrics,
        );
        Self {
            organizers: Organizers::new(
                db.clone(),
                clock.clone(),
                accounts.clone(),
                organizers.clone(),
                &metrics,
            ),
            accounts,
            events: Events::new(db.clone(), clock.clone(), &metrics),
            covers: Covers::new(db.clone(), &metrics),
            tickets: tickets.clone(),
            door: Door::new(db.clone(), clock.clone(), &hub, bookings.clone(), tickets, &metrics),
            bookings,
            managed_events: ManagedEvents::new(
                db.clone(),
                clock.clone(),
                inventory,
                organizers.max_events_per_organizer,
            ),
            jobs,
            postman: Postman::new(mail),
            sessions,
            db,
            clock,
            hub,
            metrics,
            access_tokens,
        }
    }

    pub(crate) fn booking_mails(&self) -> BookingMails {
        let Self { db, accounts, bookings, organizers, postman, clock, .. } = self.clone();
        let unverified = Arc::new(PerHour::keyed(Quota::per_hour(postman.per_unverified_user())));
        BookingMails { db, accounts, bookings, organizers, postman, clock, unverified }
    }

    pub(crate) fn personal_data(&self) -> PersonalData {
        let Self { db, clock, jobs, accounts, sessions, .. } = self.clone();
        let Self { organizers, events, bookings, door, .. } = self.clone();
        PersonalData { db, clock, jobs, accounts, sessions, organizers, events, bookings, door }
    }
}
