//! One module a page.

pub(crate) mod events;
