//! One module for each page.

pub(super) mod attendees;
pub(super) mod door;
pub(super) mod edit_event;
pub(super) mod home;
pub(super) mod members;
pub(super) mod my_events;
pub(super) mod new_event;
pub(super) mod settings;
