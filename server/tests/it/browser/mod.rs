//! The web client and the IDEs in a real Chromium, against the real server.
//!
//! Screenshots go to `target/screenshots`, for people to look at.

mod account;
mod booking;
mod driver;
mod graphiql;
mod list;
mod live;
mod looks;
mod only_its_own;
mod playground;
