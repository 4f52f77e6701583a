//! The GraphQL schema: one file for each public type or verb, as a thin layer over the domains.
//!
//! The types refer to each other (an event has bookings, a booking has an event), which is why they
//! are in one folder. [`execution`] runs operations, with the limits and the error codes that all
//! of them share.

mod allowed_operations;
mod book_event;
mod booking;
mod cancel_booking;
mod errors;
mod event;
mod events;
mod execution;
mod input;
mod language;
mod money;
mod node;
mod pagination;
mod problem;
mod remaining_tickets;
mod scalars;
mod schema;
mod session_cookie;
mod sessions;
mod settings;
mod user;
mod validation;
mod viewer;

pub use allowed_operations::AllowedOperations;
pub(crate) use allowed_operations::sha256_hex;
pub(crate) use errors::ApiError;
pub use errors::code;
pub(crate) use execution::{
    Admitted, Api, ClientApi, Document, Operation, RawVariables, RequestErrors, RequestId,
    code_of_first, max_values_in, was_refused,
};
pub(crate) use remaining_tickets::SubscriptionAllowance;
pub use schema::sdl;
pub use session_cookie::CookieSameSite;
pub(crate) use session_cookie::{CookieScope, SessionCookie};
pub use settings::OperationArgs;
