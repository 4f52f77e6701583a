//! One loaded page of the list.

use rowlock_web_operations::events::{ListedEvent, event_list};

use crate::{
    api::{Failure, details::LiveDetails, live::LiveCounts},
    browser::{number, prepare_prices},
    dates,
    event_list::{ListParams, page_count},
    my_bookings::{MyBookings, ReadStamp},
    session::Session,
};

/// One loaded page of the list.
pub(super) struct ListPage {
    pub(super) params: ListParams,
    read_stamp: ReadStamp,
    pub(super) events: Vec<ListedEvent>,
    /// The number of events on all pages.
    pub(super) total: i32,
}

impl ListPage {
    pub(super) async fn read(
        session: Session,
        read_stamp: ReadStamp,
        params: ListParams,
    ) -> Result<Self, Failure> {
        let events = session.run(&event_list(params.variables())).await?.events;
        let shown = || events.nodes.iter().map(|listed| &listed.event);
        prepare_prices(shown().map(|event| &event.price)).await;
        dates::prepare(shown()).await;
        let (total, events) = (events.total_count, events.nodes);
        Ok(Self { params, read_stamp, events, total })
    }

    /// Hands the events to those who keep them true, and watches them.
    pub(super) fn watch(&self, live: LiveCounts, details: LiveDetails, my_bookings: MyBookings) {
        live.watch_only(self.events.iter().map(|listed| listed.event.id.clone()).collect());
        for ListedEvent { remaining_tickets, my_booking, event } in &self.events {
            live.set_from_query(&event.id, *remaining_tickets, event.total_tickets);
            details.set_from_query(event, None);
            my_bookings.update_from_read(event, my_booking.as_ref(), self.read_stamp);
        }
    }

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
