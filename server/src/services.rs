//! The domains' services, wired to one database, clock and hub.

use std::time::Duration;

use crate::{
    accounts::Accounts, auth::AccessTokens, bookings::Bookings, clock::Clock, config::JwtSecret,
    database::Database, events::Events, live::Hub,
};

/// What resolvers and commands work with. Clones share everything.
#[derive(Clone, Debug)]
pub struct Services {
    pub db: Database,
    pub clock: Clock,
    pub hub: Hub,
    pub access_tokens: AccessTokens,
    pub accounts: Accounts,
    pub events: Events,
    pub bookings: Bookings,
}

impl Services {
    /// `booking_delay` is how long each booking holds its locks for nothing: zero in real use.
    #[must_use]
    pub fn new(db: Database, clock: Clock, secret: &JwtSecret, booking_delay: Duration) -> Self {
        let hub = Hub::default();
        let access_tokens = AccessTokens::new(secret, clock.clone());
        Self {
            accounts: Accounts::new(db.clone(), clock.clone(), access_tokens.clone()),
            events: Events::new(db.clone()),
            bookings: Bookings::new(db.clone(), clock.clone(), hub.clone(), booking_delay),
            db,
            clock,
            hub,
            access_tokens,
        }
    }
}
