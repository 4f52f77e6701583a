//! Events as their organizers manage them: creating, editing, publishing, cancelling and importing
//! them. Whoever calls this has checked the permission.

mod error;
mod file;
mod import;
mod service;
mod store;

pub use error::{ImportProblem, ManagedEventsError};
pub(crate) use file::{FileFormat, ImportFile, write as write_file};
pub(crate) use import::{ImportRow, Imported, Importer};
pub use service::ManagedEvents;
