//! Rowlock's tables: their columns, their relations and the newtypes of their ids.
//!
//! Only shape lives here. Rules belong to the server's services, constraints and indexes to the
//! `rowlock-migration` crate, and nothing here knows GraphQL.

pub mod booking;
pub mod event;
mod id;
pub mod refresh_token;
pub mod session;
pub mod user;

pub use id::{BookingId, EventId, RefreshTokenId, SessionId, UserId};
