//! Events as their organizers manage them: creating, editing, publishing, cancelling and importing
//! them. Whoever calls this has checked the permission.

mod import;
mod service;

pub(crate) use import::{ImportProblem, ImportRow, Imported};
pub use service::{ManagedEvents, ManagedEventsError};
