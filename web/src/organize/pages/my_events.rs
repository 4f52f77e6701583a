//! All events of one organizer, with drafts, live sales and takings.

use cynic::Id;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use rowlock_web_operations::{
    events::EventStatus,
    organizers::{ManagedOrganizer, OrganizerWithEvents, OrganizersEvent, events_of_organizer},
};

use crate::{
    api::{Failure, live::LiveCounts},
    browser,
    components::{
        icons::{Calendar, Place},
        live_status::LiveStatus,
        notice::{FailureNotice, Notice},
    },
    dates,
    organize::{
        components::{LoadMore, NothingHere, OrganizerHead, OrganizerTab, SignedIn},
        role::can_edit_events,
        sale_state::SaleState,
        takings::reread_after_pause,
    },
    query::{Query, QueryState},
    scroll::ScrollPositions,
    session::Session,
    visibility::PageVisibility,
};

/// How many events are loaded at a time.
const PAGE_SIZE: i32 = 20;
/// With the sales of each event, the server's limit of complexity allows less than its largest page.
const MAX_PAGE_SIZE: i32 = 40;

#[component]
pub(crate) fn MyEventsPage() -> impl IntoView {
    view! {
        <SignedIn>
            <MyEvents />
        </SignedIn>
    }
}

#[derive(Clone, PartialEq)]
enum MyEventsState {
    Loading,
    Missing,
    Failed(Failure),
    Found(ManagedOrganizer),
}

#[component]
fn MyEvents() -> impl IntoView {
    let session = Session::from_context();
    let live = LiveCounts::from_context();
    let scroll = ScrollPositions::from_context();
    let visibility = PageVisibility::from_context();
    let params = use_params_map();
    let slug = Memo::new(move |_| params.with(|params| params.get("slug").unwrap_or_default()));
    let rows_shown = StoredValue::new(0);
    let events = Query::new(
        move || (session.viewer(), slug.get()),
        move |(_, slug)| async move {
            let first = rows_shown.get_value().clamp(PAGE_SIZE, MAX_PAGE_SIZE);
            Ok(session.run(&events_of_organizer(slug, first, None)).await?.organizer)
        },
        move |found: &Option<OrganizerWithEvents>| {
            let events = found.as_ref().map(|found| found.events.nodes.as_slice());
            follow_counts(live, events.unwrap_or_default());
            scroll.restore();
        },
    )
    .refetch_when(move || live.reconnect_count())
    .refetch_when(move || visibility.times_shown_again());
    on_cleanup(move || live.watch_only(Vec::new()));
    Effect::new(move || {
        let rows = events.with(|state| {
            state.data().and_then(Option::as_ref).map_or(0, |found| found.events.nodes.len())
        });
        rows_shown.set_value(i32::try_from(rows).unwrap_or(MAX_PAGE_SIZE));
    });
    let state = Memo::new(move |_| {
        events.with(|state| match state {
            QueryState::Loading => MyEventsState::Loading,
            QueryState::Failed(failure) => MyEventsState::Failed(failure.clone()),
            QueryState::Loaded(Some(found)) if found.organizer.viewer_role.is_some() => {
                MyEventsState::Found(found.organizer.clone())
            }
            QueryState::Loaded(_) => MyEventsState::Missing,
        })
    });
    move || match state.get() {
        MyEventsState::Loading => view! { <EventsSkeleton /> }.into_any(),
        MyEventsState::Failed(failure) => {
            let retry = move |()| events.refetch();
            view! { <FailureNotice failure busy=events.is_fetching() retry /> }.into_any()
        }
        MyEventsState::Missing => view! {
            <NothingHere title="You are no member of such an organizer." />
        }
        .into_any(),
        MyEventsState::Found(organizer) => view! { <EventRows organizer events /> }.into_any(),
    }
}

/// Maximum number of events that the server watches in one subscription.
const MAX_WATCHED: usize = 200;

/// Watches the events that can sell. The subscription refuses drafts on a socket without a member.
fn follow_counts(live: LiveCounts, events: &[OrganizersEvent]) {
    let is_watched = |event: &&OrganizersEvent| event.status != EventStatus::Draft;
    let watched = events.iter().filter(is_watched).take(MAX_WATCHED);
    let watched = watched.map(|event| event.id.clone()).collect();
    let kept: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
    live.watch_and_keep(watched, &kept);
    for event in events {
        live.set_from_query(&event.id, event.remaining_tickets, event.total_tickets);
    }
}

#[component]
fn EventRows(
    organizer: ManagedOrganizer,
    events: Query<Option<OrganizerWithEvents>>,
) -> impl IntoView {
    let session = Session::from_context();
    let live = LiveCounts::from_context();
    let ManagedOrganizer { slug, name, viewer_role, .. } = organizer;
    let new_event = viewer_role.is_some_and(can_edit_events).then(|| {
        view! {
            <a class="button" href=format!("/organize/{slug}/events/new")>
                "New event"
            </a>
        }
    });
    let rows = move || {
        events.with(|state| {
            let found = state.data().and_then(Option::as_ref);
            found.map(|found| found.events.nodes.clone()).unwrap_or_default()
        })
    };
    let is_empty = Memo::new(move |_| rows().is_empty());
    let cursor = Memo::new(move |_| {
        events.with(|state| {
            let page_info = &state.data()?.as_ref()?.events.page_info;
            page_info.end_cursor.clone().filter(|_| page_info.has_next_page)
        })
    });
    let slug_to_read = StoredValue::new(slug.clone());
    let load = move |after: String| async move {
        let operation =
            events_of_organizer(slug_to_read.get_value(), PAGE_SIZE, Some(after.clone()));
        let Some(next) = session.run(&operation).await?.organizer else { return Ok(()) };
        events.update(|shown| {
            // Meanwhile the list may have been loaded anew.
            if let Some(shown) = shown
                && shown.events.page_info.end_cursor.as_ref() == Some(&after)
            {
                shown.events.nodes.extend(next.events.nodes);
                shown.events.page_info = next.events.page_info;
                follow_counts(live, &shown.events.nodes);
            }
        });
        Ok(())
    };
    let reread_takings = reread_after_pause(events);
    view! {
        <OrganizerHead slug name tab=OrganizerTab::Events>
            <LiveStatus />
        </OrganizerHead>
        <div class="actions">{new_event}</div>
        {move || match is_empty.get() {
            true => {
                view! {
                    <Notice
                        icon=Calendar
                        title="There are no events yet."
                        text="A new event is a draft that only members see, until you publish it."
                    />
                }
                    .into_any()
            }
            false => {
                view! {
                    <ul class="rows results">
                        <For
                            each=rows
                            key=row_key
                            children=move |event| view! { <EventRow event reread_takings /> }
                        />
                    </ul>
                }
                    .into_any()
            }
        }}
        <LoadMore cursor load />
    }
}

/// The parts of an event that a row renders once.
fn row_key(event: &OrganizersEvent) -> (Id, String, String, String, String, &'static str) {
    let takings = event.sales.as_ref().map(|sales| browser::money(&sales.takings));
    let status = SaleState::of(event.status, &event.starts_at.0, 1, &browser::now()).label();
    let when = format!("{} {}", event.starts_at.0, event.time_zone);
    let (id, title, venue) = (event.id.clone(), event.title.clone(), event.venue.clone());
    (id, title, venue, when, takings.unwrap_or_default(), status)
}

#[component]
fn EventRow(
    event: OrganizersEvent,
    /// Called when the event's count has changed.
    reread_takings: impl Fn() + Copy + 'static,
) -> impl IntoView {
    let tickets = LiveCounts::from_context().count_of(&event.id);
    let path = format!("/organize/events/{}", event.id.inner());
    let when = dates::time_in(&event.starts_at, &event.time_zone);
    let OrganizersEvent { title, venue, status, starts_at, sales, .. } = event;
    let takings = sales.map(|sales| format!("{} taken", browser::money(&sales.takings)));
    let sold = {
        let tickets = tickets.clone();
        Memo::new(move |_| {
            let tickets = tickets.get();
            let sold = (tickets.total() - tickets.remaining()).max(0);
            format!("{} of {} sold", browser::number(sold), browser::number(tickets.total()))
        })
    };
    Effect::watch(move || sold.get(), move |_, _, _| reread_takings(), false);
    let state = {
        let starts_at = starts_at.0.clone();
        Memo::new(move |_| {
            SaleState::of(status, &starts_at, tickets.get().remaining(), &browser::now())
        })
    };
    let attendees = (status != EventStatus::Draft).then(|| {
        view! {
            <a href=format!("{path}/attendees") aria-label=format!("Attendees of {title}")>
                "Attendees"
            </a>
        }
    });
    view! {
        <li class="card row my-event">
            <div>
                <h2>
                    <a href=path dir="auto">
                        {title}
                    </a>
                </h2>
                <p class="fact">
                    <Calendar />
                    <time datetime=starts_at.0>{when}</time>
                </p>
                <p class="fact">
                    <Place />
                    <span>{venue}</span>
                </p>
            </div>
            <div class="row-facts">
                <span class=move || state.get().css_class()>{move || state.get().label()}</span>
                <span class="sold">{move || sold.get()}</span>
                <span class="takings">{takings}</span>
            </div>
            <div class="row-links">{attendees}</div>
        </li>
    }
}

#[component]
fn EventsSkeleton() -> impl IntoView {
    view! {
        <ul class="rows" aria-hidden="true">
            {(0..3)
                .map(|_| {
                    view! {
                        <li class="card row skeleton">
                            <div class="grow">
                                <div class="line line-title"></div>
                                <div class="line"></div>
                            </div>
                            <div class="line line-badge"></div>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
}
