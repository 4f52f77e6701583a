//! The web client and the IDE in a real Chromium, against the real server.
//!
//! Screenshots go to `target/screenshots`, for people to look at.

mod account;
mod booking;
mod driver;
mod list;
mod live;
mod looks;
mod playground;
