//! Organizers, their members, and what each role may do.

mod loader;
mod members;
mod policy;
mod roles;
mod rules;
mod service;
mod settings;
mod slug;
mod store;

pub(crate) use members::Member;
pub(crate) use policy::Action;
pub use service::{Organizers, OrganizersError};
pub use settings::OrganizerArgs;
pub(crate) use store::Membership;
