//! The list of events: all of them, or those of one organizer. The address holds its search, order
//! and page.

mod controls;
mod list_page;
mod results;

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use rowlock_web_operations::{Decimal, events::Money};

use crate::{
    api::{details::LiveDetails, live::LiveCounts},
    components::{
        deferred::Deferred, event_text::Searched, live_status::LiveStatus,
        page_heading::PageHeading,
    },
    event_list::ListParams,
    last_list::LastListPath,
    my_bookings::MyBookings,
    query::Query,
    scroll::ScrollPositions,
    session::Session,
    visibility::PageVisibility,
};
use controls::Controls;
use list_page::ListPage;
use results::Results;

/// A small price in the currency of this one.
fn few(price: &Money) -> Money {
    let amount = if price.amount.0.contains('.') { "25" } else { "3000" };
    Money { amount: Decimal(amount.to_owned()), currency: price.currency.clone() }
}

#[component]
pub(crate) fn EventsPage() -> impl IntoView {
    let session = Session::from_context();
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
    let my_bookings = MyBookings::from_context();
    let scroll = ScrollPositions::from_context();
    let visibility = PageVisibility::from_context();
    let (path, address) = (use_params_map(), use_query_map());
    let params = Memo::new(move |_| {
        let params = address.with(|query| ListParams::from_query(|name| query.get(name)));
        match path.with(|path| path.get("slug")) {
            Some(slug) => params.of_organizer(slug),
            None => params,
        }
    });
    let events = Query::new(
        move || (session.viewer(), params.get()),
        move |(_, params)| ListPage::read(session, my_bookings.read_stamp(), params),
        move |page| {
            page.watch(live, details, my_bookings);
            scroll.restore();
        },
    )
    .refetch_when(move || live.reconnect_count())
    .refetch_when(move || visibility.times_shown_again())
    .refetch_when(move || session.changes_in_other_tabs());
    provide_context(Searched(Memo::new(move |_| params.with(|params| params.search.clone()))));
    let LastListPath(last_path) = expect_context();
    Effect::new(move || {
        params.with(|params| {
            if params.organizer.is_none() {
                last_path.set(params.path());
            }
        });
    });
    on_cleanup(move || live.watch_only(Vec::new()));

    let is_of_all = move || params.with(|params| params.organizer.is_none());
    // Unknown until the organizer has been read.
    let heading = move || {
        if is_of_all() {
            return Some("What's on".to_owned());
        }
        events.with(|events| {
            let page = events.data()?;
            Some(match &page.organizer {
                Some(organizer) => organizer.name.clone(),
                None => "Not found".to_owned(),
            })
        })
    };
    // A price is the one that was chosen, or in the currency of the first event with one. The last
    // one is kept while a list loads, and so are the cities.
    let cities = Memo::new(move |before: Option<&Vec<String>>| {
        events.with(|events| match events.data() {
            Some(page) => page.cities.clone(),
            None => before.cloned().unwrap_or_default(),
        })
    });
    let small_price = Memo::new(move |before: Option<&Option<Money>>| {
        let is_free = |price: &Money| price.amount.0.bytes().all(|b| matches!(b, b'0' | b'.'));
        let chosen = params.with(|params| params.filters.max_price.clone());
        chosen.filter(|price| !is_free(price)).or_else(|| {
            events.with(|events| {
                let listed = events.data().into_iter().flat_map(|page| &page.events);
                let mut prices = listed.map(|listed| &listed.event.price);
                let priced = prices.find(|price| !is_free(price)).map(few);
                priced.or_else(|| before.cloned().flatten())
            })
        })
    });
    // The route decides, and the page does not change its route.
    let is_list_of_all = untrack(is_of_all);
    view! {
        <PageHeading
            title=Signal::derive(move || heading().unwrap_or_else(|| "Organizer".to_owned()))
            is_final=Signal::derive(move || heading().is_some())
        >
            <LiveStatus />
        </PageHeading>
        {is_list_of_all
            .then(|| {
                view! { <Controls params small_price cities /> }
            })}
        <Deferred>
            <Results events />
        </Deferred>
    }
}
