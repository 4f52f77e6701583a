//! The organizers' program: its pages, and what only they need.

mod app;

pub(crate) use app::OrganizeApp;
