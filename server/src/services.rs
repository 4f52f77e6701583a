//! The domains' services, wired to one database, clock and hub.

use sea_orm::DbBackend;

use crate::{
    accounts::{Accounts, access_tokens::AccessTokens},
    bookings::Bookings,
    clock::Clock,
    config::{BookingArgs, JwtSecrets},
    database::Database,
    events::Events,
    inventory::{lanes::Lanes, settler::Settler},
    live::Hub,
    metrics::Metrics,
};

/// What resolvers and commands work with. Clones share everything.
#[derive(Clone, Debug)]
pub struct Services {
    pub db: Database,
    pub clock: Clock,
    pub hub: Hub,
    pub metrics: Metrics,
    pub access_tokens: AccessTokens,
    pub accounts: Accounts,
    pub events: Events,
    pub bookings: Bookings,
}

impl Services {
    #[must_use]
    pub fn new(db: Database, clock: Clock, secrets: &JwtSecrets, booking: &BookingArgs) -> Self {
        let hub = match db.backend() {
            DbBackend::Postgres => Hub::shared(),
            // Its file has one server.
            _ => Hub::default(),
        };
        let metrics = Metrics::new();
        let access_tokens = AccessTokens::new(secrets, clock.clone());
        let lanes = Lanes::new(booking.lane_bounds(db.backend()), &metrics, || {
            Settler::new(db.clone(), clock.clone(), hub.clone(), booking.delay())
        });
        Self {
            accounts: Accounts::new(db.clone(), clock.clone(), access_tokens.clone()),
            events: Events::new(db.clone(), &metrics),
            bookings: Bookings::new(db.clone(), lanes, &metrics),
            db,
            clock,
            hub,
            metrics,
            access_tokens,
        }
    }
}
