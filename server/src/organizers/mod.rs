//! Organizers, their members, and what each role may do.

mod loader;
mod policy;
mod service;
mod store;

pub(crate) use policy::Action;
pub use service::{Organizers, OrganizersError};
pub(crate) use store::Membership;
