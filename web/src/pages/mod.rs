//! One module for each page.

pub(crate) mod account;
mod account_form;
pub(crate) mod booking;
pub(crate) mod bookings;
pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod forgot_password;
pub(crate) mod not_found;
pub(crate) mod register;
pub(crate) mod reset_password;
pub(crate) mod sign_in;
pub(crate) mod verify_email;
