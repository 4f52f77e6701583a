//! The list of events: searched, ordered and paged as the address says.

mod controls;
mod list_page;
mod results;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use rowlock_web_operations::events::event_list;

use crate::{
    api::live::LiveCounts,
    browser,
    components::{live_status::LiveStatus, page_head::PageHead, soon::Soon},
    event_list::EventList,
    last_list::LastList,
    my_bookings::MyBookings,
    query::Query,
    scroll::Scroll,
    session::Session,
};
use controls::Controls;
use list_page::Found;
use results::Results;

#[component]
pub(crate) fn EventsPage() -> impl IntoView {
    let session = Session::from_context();
    let live = LiveCounts::from_context();
    let my_bookings = MyBookings::from_context();
    let scroll = Scroll::from_context();
    let address = use_query_map();
    let list =
        Memo::new(move |_| address.with(|query| EventList::from_query(|name| query.get(name))));
    let events = Query::new(
        move || (session.viewer(), list.get()),
        move |(_, list)| async move {
            let read_stamp = my_bookings.read_stamp();
            let found = session.run(&event_list(list.variables())).await?.events;
            browser::prepare_prices(found.nodes.iter().map(|event| &event.price)).await;
            Ok(Found { list, read_stamp, events: found.nodes, total: found.total_count })
        },
        move |found| {
            live.watch_only(found.events.iter().map(|event| event.id.clone()).collect());
            for event in &found.events {
                live.read(&event.id, event.remaining_tickets, event.total_tickets);
                my_bookings.update_from_read(event, found.read_stamp);
            }
            scroll.content_is_there();
        },
    )
    .read_again_when(move || live.reconnections())
    .read_again_when(move || session.changes_in_other_tabs());
    let LastList(last) = expect_context();
    Effect::new(move || last.set(list.with(EventList::path)));
    on_cleanup(move || live.watch_only(Vec::new()));

    view! {
        <PageHead title="Events">
            <LiveStatus />
        </PageHead>
        <p class="tagline">
            "Find an event, book your tickets, and watch live how many are left."
        </p>
        <Controls list />
        <Soon>
            <Results events />
        </Soon>
    }
}
