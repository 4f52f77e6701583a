//! People: registering, signing in, and sessions that last by rotating a refresh token.

pub(crate) mod graphql;
mod password;
mod refresh_token;
mod service;
pub(crate) mod store;

pub use service::{Accounts, AccountsError, SignedIn};
