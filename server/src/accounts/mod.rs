//! People: registering, signing in, and sessions that last by rotating a refresh token.

mod access_tokens;
mod emails;
mod hs256;
mod known_devices;
mod password;
mod password_forms;
mod purpose_key;
mod refresh_token;
mod rotation;
mod rules;
mod sent_tokens;
mod service;
mod sessions;
mod settings;
mod store;
mod test_accounts;

pub(crate) use access_tokens::ACCESS_TOKEN_LIFETIME;
pub use access_tokens::{AccessToken, AccessTokens, Viewer};
pub(crate) use emails::normalised_email;
pub(crate) use known_devices::DEVICE_LIFETIME;
pub(crate) use password::Caller;
pub use password::PasswordError;
pub(crate) use purpose_key::PurposeKey;
pub(crate) use sent_tokens::{CookieName, SentTokens};
pub use service::{Accounts, AccountsError};
pub(crate) use sessions::SESSION_LIFETIME;
pub use sessions::{Sessions, SessionsError, SignedIn};
pub use settings::{JwtSecret, JwtSecrets, SecretArgs};
