//! Other events of the same organizer, near in time.

use std::ops::Range;

use leptos::prelude::*;
use rowlock_web_operations::{
    DateTime,
    events::{Event, ListedEvent, Organizer, event_list},
};

use super::watched::Watched;
use crate::{
    api::{details::LiveDetails, live::LiveCounts},
    browser::{self, prepare_prices},
    components::event_card::EventCard,
    dates,
    event_list::ListParams,
    my_bookings::MyBookings,
    query::Query,
    session::Session,
    visibility::PageVisibility,
};

/// How many are shown.
const COUNT: usize = 3;
/// How long before the event they start at the earliest.
const DAYS_BEFORE: i32 = 14;

#[component]
pub(super) fn SimilarEvents(
    event: RwSignal<Event>,
    organizer: Organizer,
    watched: Watched,
) -> impl IntoView {
    let session = Session::from_context();
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
    let my_bookings = MyBookings::from_context();
    let visibility = PageVisibility::from_context();
    let (shown, starts_at) =
        event.with_untracked(|event| (event.id.clone(), event.starts_at.clone()));
    let organizer_id = organizer.id;
    let events = Query::new(
        move || session.viewer(),
        move |_| {
            let (shown, organizer_id) = (shown.clone(), organizer_id.clone());
            let starts_at = starts_at.clone();
            async move {
                let read_stamp = my_bookings.read_stamp();
                let list = ListParams::from_query(|_| None);
                let since = dates::days_before(&starts_at, DAYS_BEFORE);
                let variables = list.variables(Some(organizer_id), Some((since, None)));
                let mut events = session.run(&event_list(variables)).await?.events.nodes;
                events.retain(|other| other.event.id != shown);
                let start = |time: &DateTime| browser::millis_until(&time.0);
                let starts: Vec<f64> =
                    events.iter().map(|other| start(&other.event.starts_at)).collect();
                let near = nearest(&starts, start(&starts_at));
                events.truncate(near.end);
                let events = events.split_off(near.start);
                prepare_prices(events.iter().map(|other| &other.event.price)).await;
                dates::prepare(events.iter().map(|other| &other.event)).await;
                Ok((read_stamp, events))
            }
        },
        move |(read_stamp, events): &(_, Vec<ListedEvent>)| {
            watched.set_similar(events.iter().map(|other| other.event.id.clone()).collect());
            for ListedEvent { remaining_tickets, my_booking, event } in events {
                live.set_from_query(&event.id, *remaining_tickets, event.total_tickets);
                details.set_from_query(event, None);
                my_bookings.update_from_read(event, my_booking.as_ref(), *read_stamp);
            }
        },
    )
    .refetch_when(move || live.reconnect_count())
    .refetch_when(move || visibility.times_shown_again())
    .refetch_when(move || session.changes_in_other_tabs());
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

/// The places of the times that are nearest to this one, among times in their order.
fn nearest(times: &[f64], to: f64) -> Range<usize> {
    let after = times.iter().take_while(|time| **time < to).count();
    let mut near = after..after;
    while near.len() < COUNT {
        let before = near.start.checked_sub(1).map(|place| to - times[place]);
        let after = times.get(near.end).map(|time| time - to);
        match (before, after) {
            (None, None) => break,
            (Some(before), Some(after)) if before < after => near.start -= 1,
            (Some(_), None) => near.start -= 1,
            (_, Some(_)) => near.end += 1,
        }
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_times_are_before_and_after() {
        let times = [10.0, 20.0, 30.0, 40.0, 50.0];
        assert_eq!(nearest(&times, 31.0), 1..4);
        assert_eq!(nearest(&times, 0.0), 0..3);
        assert_eq!(nearest(&times, 99.0), 2..5);
        assert_eq!(nearest(&times[..2], 15.0), 0..2);
        assert_eq!(nearest(&[], 15.0), 0..0);
    }
}
