//! People: registering, signing in, and sessions that last by rotating a refresh token.

pub mod access_tokens;
mod hs256;
mod password;
mod refresh_token;
mod rules;
pub(crate) mod service;
pub(crate) mod store;
mod test_accounts;

pub use service::{Accounts, AccountsError, SignedIn};
