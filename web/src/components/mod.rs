//! Components that pages are built from.

pub(crate) mod about_event;
pub(crate) mod book_button;
pub(crate) mod confirm_dialog;
pub(crate) mod deferred;
pub(crate) mod event_card;
pub(crate) mod event_text;
pub(crate) mod field;
pub(crate) mod header;
pub(crate) mod icons;
pub(crate) mod live_status;
pub(crate) mod notice;
pub(crate) mod own_page;
pub(crate) mod page_heading;
pub(crate) mod pager;
pub(crate) mod sale_state;
pub(crate) mod search_field;
pub(crate) mod send_again_button;
pub(crate) mod setting_form;
pub(crate) mod share_button;
pub(crate) mod sign_out_button;
pub(crate) mod ticket_badge;
pub(crate) mod toast_region;
pub(crate) mod unverified_notice;
