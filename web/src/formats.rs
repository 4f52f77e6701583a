//! How the browser writes what a sentence about an event has.

use crate::{browser, dates, event_changes::Formats};

pub(crate) const FORMATS: Formats = Formats {
    time: dates::time_in,
    price: |price| browser::price(price, 1),
    number: browser::number,
};
