//! How often one address, one email or one user may do what is costly or can be guessed at.
//!
//! Counted per server and per resolver call, so that aliases and batches count as many.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use async_graphql::Context;
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    state::keyed::DefaultKeyedStateStore,
};
use rowlock_entities::UserId;

use crate::{config::Limits, graphql::errors::ApiError};

/// How many times more login attempts for one email are taken from all addresses together than from one.
const ANYWHERE: u32 = 10;

/// Where a request came from, as far as it tells clients apart: of an IPv6 address, the network of 64 bits
/// that one customer has to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Ipv6Addr::from(network).into()
            }
            address => address,
        })
    }
}

/// The limits with their counts so far.
#[derive(Debug)]
pub(crate) struct RateLimits {
    sign_ins: PerMinute<ClientAddress>,
    logins: PerMinute<(String, Option<ClientAddress>)>,
    logins_from_anywhere: PerMinute<String>,
    bookings: PerMinute<UserId>,
}

impl RateLimits {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            sign_ins: PerMinute::new(limits.sign_ins_per_minute_per_address),
            logins: PerMinute::new(limits.logins_per_minute_per_email),
            logins_from_anywhere: PerMinute::new(
                limits.logins_per_minute_per_email.saturating_mul(ANYWHERE),
            ),
            bookings: PerMinute::new(limits.bookings_per_minute_per_user),
        }
    }

    /// Counts a sign-in attempt of the request's address.
    pub(crate) fn check_sign_in(&self, ctx: &Context<'_>) -> Result<(), ApiError> {
        match ctx.data_opt::<ClientAddress>() {
            Some(address) => self.sign_ins.check(address),
            None => Ok(()),
        }
    }

    /// Counts a login attempt for this email: of the request's address, so that a stranger elsewhere keeps
    /// nobody out of their own account; and of all addresses together, of which many make a good guess.
    pub(crate) fn check_login_email(&self, ctx: &Context<'_>, email: &str) -> Result<(), ApiError> {
        // No account's email is longer; the rest would only fill the memory.
        let start: String = email.trim().chars().take(254).collect();
        let email = start.to_lowercase();
        self.logins.check(&(email.clone(), ctx.data_opt().copied()))?;
        self.logins_from_anywhere.check(&email)
    }

    /// Counts a booking or cancellation of this user.
    pub(crate) fn check_booking(&self, user: UserId) -> Result<(), ApiError> {
        self.bookings.check(&user)
    }

    /// Forgets, every minute, who has not been seen for a while; for as long as the server runs.
    pub(crate) async fn forget_idle(self: Arc<Self>) {
        let mut tick = tokio::time::interval(Duration::from_secs(60));
        loop {
            tick.tick().await;
            self.sign_ins.limiter.retain_recent();
            self.logins.limiter.retain_recent();
            self.logins_from_anywhere.limiter.retain_recent();
            self.bookings.limiter.retain_recent();
        }
    }
}

/// At most so many a minute for each key, all at once if need be.
#[derive(Debug)]
struct PerMinute<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock>,
}

impl<K: Hash + Eq + Clone> PerMinute<K> {
    fn new(most: u32) -> Self {
        let most = NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
        Self { limiter: RateLimiter::keyed(Quota::per_minute(most)) }
    }

    fn check(&self, key: &K) -> Result<(), ApiError> {
        self.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            ApiError::RateLimited { retry_after_seconds: wait.as_secs() + 1 }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_count() {
        let limit = PerMinute::new(2);
        assert!(limit.check(&"a").is_ok());
        assert!(limit.check(&"a").is_ok());
        let Err(ApiError::RateLimited { retry_after_seconds }) = limit.check(&"a") else {
            panic!("the third is too many");
        };
        assert!((1..=31).contains(&retry_after_seconds), "{retry_after_seconds}");
        assert!(limit.check(&"b").is_ok());
    }
}
