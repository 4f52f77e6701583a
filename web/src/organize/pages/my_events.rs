//! All events of one organizer, with drafts, live sales and takings.

use cynic::Id;
use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_params_map;
use rowlock_web_operations::{
    events::EventStatus,
    organizers::{
        EventSales, ManagedOrganizer, OrganizerWithEvents, OrganizersEvent, events_of_organizer,
        sales_of_event,
    },
};

use crate::{
    api::{Failure, details::LiveDetails, live::LiveCounts},
    browser,
    components::{
        event_card::EventFacts,
        event_text::text_of,
        icons::Calendar,
        live_status::LiveStatus,
        notice::{FailureNotice, Notice},
    },
    organize::{
        components::{
            LoadMore, NothingHere, OrganizerHead, OrganizerTab, SalesBadge, SignedIn, sold_of,
        },
        role::can_edit_events,
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
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
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
            follow(live, details, events.unwrap_or_default());
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
fn follow(live: LiveCounts, details: LiveDetails, rows: &[OrganizersEvent]) {
    let events = || rows.iter().map(|row| &row.event);
    let watched = events().filter(|event| event.status != EventStatus::Draft).take(MAX_WATCHED);
    let watched = watched.map(|event| event.id.clone()).collect();
    let kept: Vec<_> = events().map(|event| event.id.clone()).collect();
    live.watch_and_keep(watched, &kept);
    for OrganizersEvent { remaining_tickets, event, .. } in rows {
        live.set_from_query(&event.id, *remaining_tickets, event.total_tickets);
        details.set_from_query(event, None);
    }
}

#[component]
fn EventRows(
    organizer: ManagedOrganizer,
    events: Query<Option<OrganizerWithEvents>>,
) -> impl IntoView {
    let session = Session::from_context();
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
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
                follow(live, details, &shown.events.nodes);
            }
        });
        Ok(())
    };
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
                            key=|row| row.event.id.clone()
                            children=move |row| view! { <EventRow row events /> }
                        />
                    </ul>
                }
                    .into_any()
            }
        }}
        <LoadMore cursor load />
    }
}

#[component]
fn EventRow(row: OrganizersEvent, events: Query<Option<OrganizerWithEvents>>) -> impl IntoView {
    let session = Session::from_context();
    let id = StoredValue::new(row.event.id.clone());
    let path = format!("/organize/events/{}", row.event.id.inner());
    let tickets = LiveCounts::from_context().count_of(&row.event.id);
    let event = RwSignal::from(LiveDetails::from_context().of(&row.event));
    let sales = Memo::new(move |_| {
        events.with(|state| {
            let rows = &state.data()?.as_ref()?.events.nodes;
            id.with_value(|id| rows.iter().find(|row| row.event.id == *id)?.sales.clone())
        })
    });
    let takings = move || {
        let takings = sales.with(|sales| Some(browser::money(&sales.as_ref()?.takings)));
        takings.map(|takings| format!("{takings} taken"))
    };
    let count = tickets.clone();
    let sold = Memo::new(move |_| sold_of(count.get()));
    let reread_takings = reread_after_pause(move || reread_sales(session, events, id.get_value()));
    Effect::watch(move || sold.get(), move |_, _, _| reread_takings(), false);
    let (attendees, door) = (format!("{path}/attendees"), format!("{path}/door"));
    let is_draft = Memo::new(move |_| event.with(|event| event.status == EventStatus::Draft));
    view! {
        <li class="card row my-event">
            <div>
                <h2>
                    <a href=path dir="auto">
                        {text_of(event, |event| event.title.clone())}
                    </a>
                </h2>
                <EventFacts event />
            </div>
            <div class="row-facts">
                <SalesBadge event tickets />
                <span class="sold">{move || sold.get()}</span>
                <span class="takings">{takings}</span>
            </div>
            <div class="row-links">
                {move || {
                    let (attendees, door) = (attendees.clone(), door.clone());
                    (!is_draft.get())
                        .then(|| {
                            view! {
                                <a
                                    href=attendees
                                    aria-label=text_of(
                                        event,
                                        |event| format!("Attendees of {}", event.title),
                                    )
                                >
                                    "Attendees"
                                </a>
                                <a
                                    href=door
                                    aria-label=text_of(
                                        event,
                                        |event| format!("Door of {}", event.title),
                                    )
                                >
                                    "Door"
                                </a>
                            }
                        })
                }}
            </div>
        </li>
    }
}

/// Reads what one event has sold. The list is not read again, because that would take away the rows
/// after its first page.
fn reread_sales(session: Session, events: Query<Option<OrganizerWithEvents>>, id: Id) {
    spawn_local(async move {
        // If it can't be read now, the next sale lets it be read.
        let Ok(found) = session.run(&sales_of_event(id.clone())).await else { return };
        let sales: Option<EventSales> = found.event.and_then(|event| event.sales);
        events.update(|shown| {
            let mut rows = shown.iter_mut().flat_map(|shown| &mut shown.events.nodes);
            if let Some(row) = rows.find(|row| row.event.id == id) {
                row.sales = sales;
            }
        });
    });
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
