//! The organizers' program: its pages, and what only they need.
//!
//! 1. `app`: the route to each page
//! 2. `pages`: one module for each page
//! 3. `components`: what pages are built from
//! 4. all others: rules that need no browser

mod app;
mod components;
mod pages;
mod role;
mod rules;
mod sale_state;
mod slug;

pub(crate) use app::OrganizeApp;
