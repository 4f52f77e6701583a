//! One loaded page of the list.

use rowlock_web_operations::events::{
    EventList, ListedEvent, Organizer, event_list, one_organizer,
};

use crate::{
    api::{ErrorCode, Failure, details::LiveDetails, live::LiveCounts},
    browser::{number, prepare_prices},
    dates,
    event_list::{Filters, ListParams, page_count},
    my_bookings::{MyBookings, ReadStamp},
    session::Session,
};

/// One loaded page of the list.
pub(super) struct ListPage {
    pub(super) params: ListParams,
    read_stamp: ReadStamp,
    /// The organizer of all these events, if the list is theirs.
    pub(super) organizer: Option<Organizer>,
    pub(super) events: Vec<ListedEvent>,
    /// The cities with most events.
    pub(super) cities: Vec<String>,
    /// The number of events on all pages.
    pub(super) total: i32,
}

impl ListPage {
    pub(super) async fn read(
        session: Session,
        read_stamp: ReadStamp,
        params: ListParams,
    ) -> Result<Self, Failure> {
        let organizer = match &params.organizer {
            Some(slug) => session.run(&one_organizer(slug.clone())).await?.organizer,
            None => None,
        };
        if organizer.is_none() && params.organizer.is_some() {
            return Ok(Self {
                params,
                read_stamp,
                organizer,
                events: Vec::new(),
                cities: Vec::new(),
                total: 0,
            });
        }
        let organizer_id = organizer.as_ref().map(|organizer| organizer.id.clone());
        let time = params.filters.is_weekend.then(dates::weekend);
        let variables = params.variables(organizer_id.clone(), time.clone());
        let answer = match session.run(&event_list(variables)).await {
            // The address has a price that can't exist. It counts as absent.
            Err(failure) if failure.code() == Some(ErrorCode::BadUserInput) => {
                let filters = Filters { max_price: None, ..params.filters.clone() };
                let list = params.with_filters(filters);
                session.run(&event_list(list.variables(organizer_id, time))).await
            }
            answer => answer,
        };
        let EventList { events, cities } = answer?;
        let shown = || events.nodes.iter().map(|listed| &listed.event);
        prepare_prices(shown().map(|event| &event.price)).await;
        dates::prepare(shown()).await;
        let (total, events) = (events.total_count, events.nodes);
        let cities = cities.into_iter().map(|city| city.name).collect();
        Ok(Self { params, read_stamp, organizer, events, cities, total })
    }

    /// Whether the list would be one of an organizer who does not exist.
    pub(super) fn is_missing(&self) -> bool {
        self.params.organizer.is_some() && self.organizer.is_none()
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
        if self.is_missing() {
            return String::new();
        }
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
