//! Rowlock's tables: their columns, their relations, and a newtype for each id.
//!
//! Rules are in the server's services. Constraints and indexes are in `rowlock-migration`. Nothing
//! here knows GraphQL.

pub mod account_token;
pub mod booking;
pub mod check_in;
pub mod cover;
pub mod cover_variant;
pub mod event;
pub mod event_reminder;
mod id;
pub mod job;
pub mod organizer;
pub mod organizer_member;
pub mod refresh_token;
pub mod session;
pub mod ticket_secret;
pub mod user;

pub use id::{
    AccountTokenId, BookingId, EventId, JobId, OrganizerId, RefreshTokenId, SessionId, UserId,
};
