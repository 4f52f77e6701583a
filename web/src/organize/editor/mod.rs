//! The form of an event, on one page: for a new event, and for one that may already be on sale.

mod cancel_dialog;
mod changed_elsewhere;
mod cover;
mod editing;
mod event_editor;
mod fields;
mod form_state;
mod preview;
mod publish_dialog;
mod sales;
mod saving;

pub(super) use event_editor::EventEditor;
pub(super) use fields::EventFields;
pub(super) use form_state::FormState;
pub(super) use preview::Preview;
pub(super) use saving::values_to_create;
