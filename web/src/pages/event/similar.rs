//! Other events of the same organizer.

use leptos::prelude::*;
use rowlock_web_operations::events::{Event, ListedEvent, Organizer, event_list};

use crate::{
    api::{details::LiveDetails, live::LiveCounts},
    browser::prepare_prices,
    components::event_card::EventCard,
    dates,
    event_list::ListParams,
    my_bookings::MyBookings,
    query::Query,
    session::Session,
};

/// How many are shown.
const COUNT: usize = 3;

#[component]
pub(super) fn SimilarEvents(event: RwSignal<Event>, organizer: Organizer) -> impl IntoView {
    let session = Session::from_context();
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
    let my_bookings = MyBookings::from_context();
    let id = event.with_untracked(|event| event.id.clone());
    let (shown, organizer_id) = (id.clone(), organizer.id);
    let events = Query::new(
        move || session.viewer(),
        move |_| {
            let (shown, organizer_id) = (shown.clone(), organizer_id.clone());
            async move {
                let read_stamp = my_bookings.read_stamp();
                let list = ListParams::from_query(|_| None);
                let variables = list.variables(Some(organizer_id), dates::weekend());
                let mut events = session.run(&event_list(variables)).await?.events.nodes;
                events.retain(|other| other.event.id != shown);
                events.truncate(COUNT);
                prepare_prices(events.iter().map(|other| &other.event.price)).await;
                dates::prepare(events.iter().map(|other| &other.event)).await;
                Ok((read_stamp, events))
            }
        },
        move |(read_stamp, events): &(_, Vec<ListedEvent>)| {
            let others = events.iter().map(|other| other.event.id.clone());
            live.watch_only(others.chain([id.clone()]).collect());
            for ListedEvent { remaining_tickets, my_booking, event } in events {
                live.set_from_query(&event.id, *remaining_tickets, event.total_tickets);
                details.set_from_query(event, None);
                my_bookings.update_from_read(event, my_booking.as_ref(), *read_stamp);
            }
        },
    );
    move || {
        let others: Vec<Event> = events.with(|events| {
            let others = events.data().into_iter().flat_map(|(_, others)| others);
            others.map(|other| other.event.clone()).collect()
        });
        (!others.is_empty()).then(|| {
            view! {
                <section class="similar" aria-labelledby="similar">
                    <h2 id="similar">"More from " <bdi>{organizer.name.clone()}</bdi></h2>
                    <div class="cards">
                        {others
                            .into_iter()
                            .map(|event| view! { <EventCard event /> })
                            .collect_view()}
                    </div>
                </section>
            }
        })
    }
}
