//! Events as their organizers manage them: creating, editing, publishing, cancelling and importing
//! them. Whoever calls this has checked the permission.

mod file;
mod import;
mod service;

pub(crate) use file::{FileFormat, ImportFile, write as write_file};
pub(crate) use import::{ImportProblem, ImportRow, Imported};
pub use service::{ManagedEvents, ManagedEventsError};
