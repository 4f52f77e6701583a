//! What the organizers' pages are built from.

mod event_sales;
mod load_more;
mod nothing_here;
mod organizer_form;
mod organizer_head;
mod reason_field;
mod signed_in;

pub(super) use event_sales::{SalesBadge, sold_of};
pub(super) use load_more::LoadMore;
pub(super) use nothing_here::NothingHere;
pub(super) use organizer_form::OrganizerForm;
pub(super) use organizer_head::{OrganizerHead, OrganizerTab};
pub(super) use reason_field::ReasonField;
pub(super) use signed_in::SignedIn;
