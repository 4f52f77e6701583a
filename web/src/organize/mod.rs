//! The organizers' program: its pages, and what only they need.
//!
//! 1. `app`: the route to each page
//! 2. `pages`: one module for each page
//! 3. `editor`: the form of an event
//! 4. `components`: what pages are built from
//! 5. `kept_draft`: unsaved changes in the browser's storage; `zones`: time zones as the browser knows
//!    them
//! 6. `takings`: reads again what was taken
//! 7. all others: rules that need no browser

mod app;
mod attendee_list;
mod codes_in_view;
mod components;
mod csv_name;
mod currencies;
mod door_code;
mod edit_merge;
mod editor;
mod event_form;
mod form_check;
mod kept_draft;
mod pages;
mod price_input;
mod role;
mod rules;
mod slug;
mod takings;
mod wall_time;
mod zones;

pub(crate) use app::OrganizeApp;
