//! People: registering, signing in, and sessions that last by rotating a refresh token.

mod generated;
pub(crate) mod graphql;
mod password;
mod refresh_token;
mod rules;
mod service;
pub(crate) mod store;

pub use service::{Accounts, AccountsError, SignedIn};
