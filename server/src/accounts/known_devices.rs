//! Recognises browsers in which somebody has signed in to an account before.
//!
//! So an account's owner can sign in while strangers use up the attempts that everybody has. This
//! follows OWASP's device cookies:
//! <https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies>

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::{
    emails::{MAX_EMAIL_BYTES, normalised_email},
    purpose_key::PurposeKey,
    settings::JwtSecrets,
};
use crate::clock::Clock;

/// The time for which a browser is recognised after a sign-in. Browsers keep no cookie for longer.
pub(crate) const DEVICE_LIFETIME: Duration = Duration::days(400);
/// Most accounts that one browser is known for: those that signed in last.
const MAX_ACCOUNTS: usize = 5;
const SEPARATOR: char = '.';

/// Makes and checks the cookies of known devices. No table has them.
#[derive(Clone, Debug)]
pub(crate) struct KnownDevices {
    key: PurposeKey,
    clock: Clock,
}

/// One account's part of a cookie. Only a sign-in to the account makes one, and it is of no use for
/// another account.
struct Entry {
    /// The device's random id for this account. Signing in again does not change it, so that it
    /// counts as one device.
    device: Uuid,
    /// Entries from before a change of the password could be refused by this.
    signed_in_at: DateTime<Utc>,
    code: [u8; CODE_BYTES],
}

const DEVICE_BYTES: usize = 16;
const TIME_BYTES: usize = 8;
const CODE_BYTES: usize = 32;
const ENTRY_BYTES: usize = DEVICE_BYTES + TIME_BYTES + CODE_BYTES;

impl KnownDevices {
    pub(super) fn new(secrets: &JwtSecrets, clock: Clock) -> Self {
        Self { key: PurposeKey::new(secrets, "rowlock known devices"), clock }
    }

    /// The id of the device that sent this cookie, if it is known for the account of this email.
    /// Nothing is looked up, so the account may be gone.
    pub(crate) fn find(&self, cookie: Option<&str>, email: &str) -> Option<Uuid> {
        let email = normalised_email(email);
        if email.len() > MAX_EMAIL_BYTES {
            return None;
        }
        let entry = self.entries(cookie).find(|entry| {
            let message = message(entry.device, entry.signed_in_at, &email);
            self.key.has_code(&message, &entry.code)
        });
        entry.map(|entry| entry.device)
    }

    /// The next cookie of the device that sent this one, after a sign-in to the account of this
    /// email. It still knows the other accounts.
    pub(crate) fn remember(&self, cookie: Option<&str>, email: &str) -> String {
        let email = normalised_email(email);
        let known = self.find(cookie, &email);
        let device = known.unwrap_or_else(|| Uuid::from_bytes(rand::random()));
        let signed_in_at = self.clock.now();
        let code = self.key.code(&message(device, signed_in_at, &email));
        let others = self.entries(cookie).filter(|entry| entry.device != device);
        let entries = [Entry { device, signed_in_at, code }].into_iter().chain(others);
        let entries: Vec<String> =
            entries.take(MAX_ACCOUNTS).map(|entry| entry.as_text()).collect();
        entries.join(&SEPARATOR.to_string())
    }

    /// The content of a cookie, still to be checked for an account. The rest of a longer one is
    /// ignored.
    fn entries(&self, cookie: Option<&str>) -> impl Iterator<Item = Entry> {
        let now = self.clock.now();
        cookie
            .unwrap_or_default()
            .split(SEPARATOR)
            .take(MAX_ACCOUNTS)
            .filter_map(Entry::parse)
            .filter(move |entry| entry.signed_in_at + DEVICE_LIFETIME > now)
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; ENTRY_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (device, rest) = bytes.split_first_chunk::<DEVICE_BYTES>()?;
        let (time, code) = rest.split_first_chunk::<TIME_BYTES>()?;
        Some(Self {
            device: Uuid::from_bytes(*device),
            signed_in_at: DateTime::from_timestamp_micros(i64::from_be_bytes(*time))?,
            code: code.try_into().ok()?,
        })
    }

    fn as_text(&self) -> String {
        let time = self.signed_in_at.timestamp_micros().to_be_bytes();
        URL_SAFE_NO_PAD.encode([self.device.as_bytes(), &time[..], &self.code].concat())
    }
}

/// The bytes that are signed. Their first parts have a fixed length, so no two sign-ins have the
/// same.
fn message(device: Uuid, signed_in_at: DateTime<Utc>, email: &str) -> Vec<u8> {
    let time = signed_in_at.timestamp_micros().to_be_bytes();
    [device.as_bytes(), &time[..], email.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::JwtSecret;

    fn known_devices(secrets: &JwtSecrets) -> KnownDevices {
        KnownDevices::new(secrets, Clock::default())
    }

    #[test]
    fn a_device_is_known_for_the_account_that_signed_in_and_no_other() {
        let devices = known_devices(&JwtSecret::random().into());
        let cookie = devices.remember(None, "ann@example.org");
        let device = devices.find(Some(&cookie), " Ann@Example.org");
        assert!(device.is_some());
        assert_eq!(devices.find(Some(&cookie), "bob@example.org"), None);
        assert_eq!(devices.find(None, "ann@example.org"), None);
        assert_eq!(devices.find(Some(&cookie), &"a".repeat(255)), None);

        let other = devices.remember(None, "ann@example.org");
        assert_ne!(devices.find(Some(&other), "ann@example.org"), device);
        // A second sign-in in the same browser does not make it another device.
        let again = devices.remember(Some(&cookie), "ann@example.org");
        assert_eq!(devices.find(Some(&again), "ann@example.org"), device);
    }

    #[test]
    fn a_changed_or_foreign_cookie_is_not_known() {
        let devices = known_devices(&JwtSecret::random().into());
        let cookie = devices.remember(None, "ann@example.org");
        let foreign = known_devices(&JwtSecret::random().into());
        assert_eq!(foreign.find(Some(&cookie), "ann@example.org"), None);
        let bytes = URL_SAFE_NO_PAD.decode(&cookie).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            let changed = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(devices.find(Some(&changed), "ann@example.org"), None, "{position}");
        }
        for text in ["", ".", "....", "x", "ä", &cookie[1..], &format!("{cookie}A")] {
            assert_eq!(devices.find(Some(text), "ann@example.org"), None, "{text}");
        }
    }

    #[test]
    fn a_browser_knows_the_five_accounts_that_signed_in_last() {
        let devices = known_devices(&JwtSecret::random().into());
        let email = |number| format!("user{number}@example.org");
        let mut cookie = None;
        for number in 0..8 {
            cookie = Some(devices.remember(cookie.as_deref(), &email(number)));
        }
        // Signing in again takes no second place.
        let cookie = devices.remember(cookie.as_deref(), &email(3));
        let known: Vec<u32> = (0..8)
            .filter(|number| devices.find(Some(&cookie), &email(*number)).is_some())
            .collect();
        assert_eq!(known, [3, 4, 5, 6, 7]);
        assert!(cookie.len() < 400, "{}", cookie.len());
        let long = format!("{}.{cookie}", "A.".repeat(10_000));
        assert_eq!(devices.find(Some(&long), &email(7)), None);
        assert!(devices.remember(Some(&long), &email(1)).len() < 400);
    }

    #[test]
    fn a_device_is_forgotten_after_400_days_without_a_sign_in() {
        let devices = known_devices(&JwtSecret::random().into());
        let cookie = devices.remember(None, "ann@example.org");
        devices.clock.advance(Duration::days(399));
        let next = devices.remember(Some(&cookie), "ann@example.org");
        devices.clock.advance(Duration::days(2));
        assert_eq!(devices.find(Some(&cookie), "ann@example.org"), None);
        assert!(devices.find(Some(&next), "ann@example.org").is_some());
    }

    #[test]
    fn devices_stay_known_while_the_secret_is_being_replaced() {
        let [old, new] = [(); 2].map(|()| JwtSecret::random());
        let cookie = known_devices(&old.clone().into()).remember(None, "ann@example.org");
        let swapped = known_devices(&JwtSecrets {
            signing: new.clone(),
            accepted: Some(old),
            of_links: None,
        });
        let device = swapped.find(Some(&cookie), "ann@example.org");
        assert!(device.is_some());
        let renewed = swapped.remember(Some(&cookie), "ann@example.org");
        let after = known_devices(&new.into());
        assert_eq!(after.find(Some(&renewed), "ann@example.org"), device);
        assert_eq!(after.find(Some(&cookie), "ann@example.org"), None);
    }
}
