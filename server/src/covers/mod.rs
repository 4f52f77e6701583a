//! The pictures of events: making them from what organizers send, and finding them. Only `inventory`
//! stores them, because a new picture is an edit of its event.

mod alt;
mod colours;
mod cover;
mod file;
mod jpeg;
mod loader;
mod picture;
mod service;
mod store;

pub(crate) use alt::checked_alt;
pub(crate) use cover::{Cover, NewCover};
pub(crate) use file::{File, FileName};
pub use picture::PictureError;
pub use service::{Covers, CoversError};
