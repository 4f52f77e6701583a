//! The GraphQL schema: one file for each public type or verb, as a thin layer over the domains.
//!
//! The types refer to each other (an event has bookings, a booking has an event), which is why they
//! are in one folder. [`execution`] runs operations, with the limits and the error codes that all
//! of them share.

mod account_changes;
mod account_recovery;
mod allowed_operations;
mod arrivals;
mod attendee;
mod book_event;
mod booking;
mod calendar_feed;
mod cancel_attendee_booking;
mod cancel_booking;
mod change_booking;
mod check_in;
mod cities;
mod cover;
mod create_event;
mod create_organizer;
mod errors;
mod event;
mod event_updates;
mod events;
mod execution;
mod import_events;
mod input;
mod language;
mod money;
mod node;
mod organizer;
mod organizer_member;
mod pagination;
mod permission;
mod problem;
mod remaining_tickets;
mod remove_organizer_member;
mod scalars;
mod schema;
mod session;
mod session_cookie;
mod sessions;
mod set_organizer_member;
mod settings;
mod ticket;
mod update_event;
mod update_organizer;
mod user;
mod validation;
mod viewer;
mod watched_events;

pub use allowed_operations::AllowedOperations;
pub(crate) use allowed_operations::sha256_hex;
pub(crate) use errors::ApiError;
pub use errors::code;
pub(crate) use execution::{
    Admitted, Api, ClientApi, Document, Operation, RawVariables, RequestErrors, RequestId,
    code_of_first, max_values_in, was_refused,
};
pub(crate) use problem::event_cancelled_message;
pub use schema::sdl;
pub use session_cookie::CookieSameSite;
pub(crate) use session_cookie::{CookieScope, SessionCookie};
pub(crate) use sessions::SentUserAgent;
pub use settings::OperationArgs;
pub(crate) use watched_events::SubscriptionAllowance;
