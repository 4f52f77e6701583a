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
    components::{deferred::Deferred, live_status::LiveStatus, page_heading::PageHeading},
    event_list::ListParams,
    last_list::LastListPath,
    my_bookings::MyBookings,
    query::Query,
    scroll::ScrollPositions,
    session::Session,
};
use controls::Controls;
use list_page::ListPage;
use results::Results;

#[component]
pub(crate) fn EventsPage() -> impl IntoView {
    let session = Session::from_context();
    let live = LiveCounts::from_context();
    let my_bookings = MyBookings::from_context();
    let scroll = ScrollPositions::from_context();
    let address = use_query_map();
    let list =
        Memo::new(move |_| address.with(|query| ListParams::from_query(|name| query.get(name))));
    let events = Query::new(
        move || (session.viewer(), list.get()),
        move |(_, list)| async move {
            let read_stamp = my_bookings.read_stamp();
            let found = session.run(&event_list(list.variables())).await?.events;
            browser::prepare_prices(found.nodes.iter().map(|event| &event.price)).await;
            Ok(ListPage { list, read_stamp, events: found.nodes, total: found.total_count })
        },
        move |found| {
            live.watch_only(found.events.iter().map(|event| event.id.clone()).collect());
            for event in &found.events {
                live.set_from_query(&event.id, event.remaining_tickets, event.total_tickets);
                my_bookings.update_from_read(event, found.read_stamp);
            }
            scroll.restore();
        },
    )
    .refetch_when(move || live.reconnect_count())
    .refetch_when(move || session.changes_in_other_tabs());
    let LastListPath(last) = expect_context();
    Effect::new(move || last.set(list.with(ListParams::path)));
    on_cleanup(move || live.watch_only(Vec::new()));

    view! {
        <PageHeading title="Events">
            <LiveStatus />
        </PageHeading>
        <p class="tagline">
            "Find an event, book your tickets, and watch live how many are left."
        </p>
        <Controls list />
        <Deferred>
            <Results events />
        </Deferred>
    }
}
