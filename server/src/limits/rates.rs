//! Limits how often one address, one email or one user may try things that are costly or that
//! invite guessing.
//!
//! Counts are per server and per resolver call, so each alias of a query counts.

use std::{hash::Hash, num::NonZeroU32, sync::Arc, time::Duration};

use clap::Args;
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    state::keyed::DefaultKeyedStateStore,
};
use quick_cache::sync::Cache;
use rowlock_entities::UserId;
use tokio::time::Instant;
use uuid::Uuid;

use super::ClientAddress;

/// All addresses together may make this many times as many login attempts for one email as one
/// address.
const ALL_ADDRESSES_FACTOR: u32 = 10;
/// Number of an email's first characters that count. No account's email is longer.
const MAX_EMAIL_CHARS: usize = 254;
/// The time for which an address is known for an email after a sign-in.
const KNOWN_ADDRESS_LIFETIME: Duration = Duration::from_secs(30 * 86_400);
/// Maximum number of known addresses, each with an email.
const MAX_KNOWN_ADDRESSES: usize = 100_000;
const FORGET_INTERVAL: Duration = Duration::from_secs(60);

/// Settings for the rate limits.
#[derive(Clone, Debug, Args)]
pub struct RateLimitArgs {
    /// Sign-ins (login, register, refresh, logout and logoutEverywhere) per minute from one address
    #[arg(
        long,
        env,
        default_value_t = 1_200,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub sign_ins_per_minute_per_address: u32,

    /// Login attempts per minute for one email from one address, and from one device that has
    /// signed in to the account before. From devices and addresses that have not, there are ten
    /// times as many together
    #[arg(
        long,
        env,
        default_value_t = 20,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub logins_per_minute_per_email: u32,

    /// Bookings, and changes and cancellations of them, per minute by one user
    #[arg(
        long,
        env,
        default_value_t = 240,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub bookings_per_minute_per_user: u32,

    /// Changes of organizers, their members and their events per minute by one user
    #[arg(
        long,
        env,
        default_value_t = 120,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub organizer_changes_per_minute_per_user: u32,

    /// Tickets that one user checks in at the door per minute, also in vain, and check-ins that are
    /// taken back
    #[arg(
        long,
        env,
        default_value_t = 600,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub check_ins_per_minute_per_user: u32,
}

/// The caller must wait before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {retry_after_seconds} s")]
pub struct TooManyRequests {
    pub(crate) retry_after_seconds: u64,
}

/// The limits with their counts so far.
#[derive(Debug)]
pub(crate) struct RateLimits {
    sign_ins: PerMinute<ClientAddress>,
    logins: PerMinute<(String, Option<ClientAddress>)>,
    logins_from_all_addresses: PerMinute<String>,
    logins_from_known_devices: PerMinute<Uuid>,
    /// Addresses from which somebody has signed in to the email's account, with the last time.
    known_addresses: Cache<(String, ClientAddress), Instant>,
    bookings: PerMinute<UserId>,
    organizer_changes: PerMinute<UserId>,
    check_ins: PerMinute<UserId>,
}

impl RateLimits {
    pub(crate) fn new(settings: &RateLimitArgs) -> Self {
        let logins = settings.logins_per_minute_per_email;
        Self {
            sign_ins: PerMinute::new(settings.sign_ins_per_minute_per_address),
            logins: PerMinute::new(logins),
            logins_from_all_addresses: PerMinute::new(logins.saturating_mul(ALL_ADDRESSES_FACTOR)),
            logins_from_known_devices: PerMinute::new(logins),
            known_addresses: Cache::new(MAX_KNOWN_ADDRESSES),
            bookings: PerMinute::new(settings.bookings_per_minute_per_user),
            organizer_changes: PerMinute::new(settings.organizer_changes_per_minute_per_user),
            check_ins: PerMinute::new(settings.check_ins_per_minute_per_user),
        }
    }

    /// Counts a sign-in attempt from this address.
    pub(crate) fn check_sign_in(
        &self,
        address: Option<ClientAddress>,
    ) -> Result<(), TooManyRequests> {
        address.map_or(Ok(()), |address| self.sign_ins.check(&address))
    }

    /// Counts a login attempt for this email: once for its address, so that strangers elsewhere
    /// don't lock the owner out, and once for all addresses together, because many of them can
    /// guess at once.
    ///
    /// An attempt from a device that has signed in to this account before counts only for that
    /// device, and one from an address that has done so counts only for that address. So its owner
    /// is not refused for the guesses of strangers elsewhere.
    pub(crate) fn check_login(
        &self,
        address: Option<ClientAddress>,
        email: &str,
        known_device: Option<Uuid>,
    ) -> Result<(), TooManyRequests> {
        if let Some(device) = known_device {
            return self.logins_from_known_devices.check(&device);
        }
        let email = start_of(email);
        self.logins.check(&(email.clone(), address))?;
        if address.is_some_and(|address| self.is_known_address(&email, address)) {
            return Ok(());
        }
        self.logins_from_all_addresses.check(&email)
    }

    fn is_known_address(&self, email: &str, address: ClientAddress) -> bool {
        let last = self.known_addresses.get(&(email.to_owned(), address));
        last.is_some_and(|last| last.elapsed() < KNOWN_ADDRESS_LIFETIME)
    }

    /// Notes that somebody signed in with this email.
    pub(crate) fn signed_in(&self, address: Option<ClientAddress>, email: &str) {
        if let Some(address) = address {
            self.known_addresses.insert((start_of(email), address), Instant::now());
        }
    }

    /// Counts a booking or cancellation by this user.
    pub(crate) fn check_booking(&self, user: UserId) -> Result<(), TooManyRequests> {
        self.bookings.check(&user)
    }

    /// Counts a change by this user of an organizer, its members or its events.
    pub(crate) fn check_organizer_change(&self, user: UserId) -> Result<(), TooManyRequests> {
        self.organizer_changes.check(&user)
    }

    /// Counts a ticket that this user checks in, or takes back.
    pub(crate) fn check_check_in(&self, user: UserId) -> Result<(), TooManyRequests> {
        self.check_ins.check(&user)
    }

    /// Forgets callers that were not seen for a while. Does so every minute, for as long as the
    /// server runs.
    pub(crate) async fn forget_idle_callers(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(FORGET_INTERVAL);
        loop {
            ticks.tick().await;
            self.sign_ins.limiter.retain_recent();
            self.logins.limiter.retain_recent();
            self.logins_from_all_addresses.limiter.retain_recent();
            self.logins_from_known_devices.limiter.retain_recent();
            self.bookings.limiter.retain_recent();
            self.organizer_changes.limiter.retain_recent();
            self.check_ins.limiter.retain_recent();
        }
    }
}

/// The part of an email that counts, in lower case.
fn start_of(email: &str) -> String {
    email.trim().chars().take(MAX_EMAIL_CHARS).collect::<String>().to_lowercase()
}

/// Allows a number of attempts per minute for each key. They may come all at once.
#[derive(Debug)]
struct PerMinute<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock>,
}

impl<K: Hash + Eq + Clone> PerMinute<K> {
    fn new(attempts: u32) -> Self {
        let attempts = NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN);
        Self { limiter: RateLimiter::keyed(Quota::per_minute(attempts)) }
    }

    fn check(&self, key: &K) -> Result<(), TooManyRequests> {
        self.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            TooManyRequests { retry_after_seconds: wait.as_secs() + 1 }
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
        let TooManyRequests { retry_after_seconds } = limit.check(&"a").unwrap_err();
        assert!((1..=31).contains(&retry_after_seconds), "{retry_after_seconds}");
        assert!(limit.check(&"b").is_ok());
    }
}
