//! One module for each page.

mod account_form;
pub(crate) mod booking;
pub(crate) mod bookings;
pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod not_found;
pub(crate) mod register;
pub(crate) mod sign_in;
