//! One loaded page of the list.

use rowlock_web_operations::events::Event;

use crate::{
    browser::number,
    event_list::{ListParams, page_count},
    my_bookings::ReadStamp,
};

/// One loaded page of the list.
pub(super) struct ListPage {
    pub(super) params: ListParams,
    pub(super) read_stamp: ReadStamp,
    pub(super) events: Vec<Event>,
    /// The number of events on all pages.
    pub(super) total: i32,
}

impl ListPage {
    pub(super) fn summary(&self) -> String {
        let events = match self.total {
            1 => "1 event".to_owned(),
            count => format!("{} events", number(count)),
        };
        match page_count(self.total) {
            1 => events,
            pages => {
                format!("{events}, page {} of {}", number(self.params.page), number(pages))
            }
        }
    }
}
