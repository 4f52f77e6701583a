//! Pieces that pages are made of.

pub(crate) mod event_card;
