//! Who has booked an event: counts, search, cancelling a booking for a buyer, and the download. The
//! address holds search and status.

mod attendee_row;
mod cancel_dialog;
mod controls;
mod download;
mod found;
mod reread;

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use rowlock_web_operations::{
    attendees::{AttendedEvent, Attendee, AttendeesVariables, attendees},
    events::EventStatus,
    organizers::EventSales,
};

use crate::{
    api::{ErrorCode, Failure, live::LiveCounts},
    browser,
    components::{
        icons::{Search, Ticket},
        live_status::LiveStatus,
        notice::{FailureNotice, Notice},
        page_heading::PageHeading,
    },
    organize::{
        attendee_list::AttendeeList,
        components::{LoadMore, NothingHere, SignedIn},
        role::can_edit_events,
        takings::reread_after_pause,
        zones::day_in,
    },
    query::{Query, QueryState},
    scroll::ScrollPositions,
    session::Session,
    visibility::PageVisibility,
};
use attendee_row::AttendeeRow;
use cancel_dialog::CancelDialog;
use controls::Controls;
use download::DownloadButton;
use found::{Found, PAGE_SIZE};
use reread::reread;

#[component]
pub(crate) fn AttendeesPage() -> impl IntoView {
    view! {
        <SignedIn>
            <Attendees />
        </SignedIn>
    }
}

#[derive(Clone, PartialEq)]
enum AttendeesState {
    Loading,
    Missing,
    Failed(Failure),
    /// The parts of the event that the head of the page shows.
    Found {
        id: String,
        title: String,
        date: String,
        slug: String,
        organizer: String,
    },
}

#[component]
fn Attendees() -> impl IntoView {
    let session = Session::from_context();
    let live = LiveCounts::from_context();
    let scroll = ScrollPositions::from_context();
    let visibility = PageVisibility::from_context();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let address = use_query_map();
    let list =
        Memo::new(move |_| address.with(|query| AttendeeList::from_query(|name| query.get(name))));
    let attendees = Query::new(
        move || (session.viewer(), id.get(), list.get()),
        move |(_, id, list)| async move {
            let event = read_page(session, id, &list, None).await?;
            Ok(event.map(|event| Found { list, event }))
        },
        move |found: &Option<Found>| {
            let sold = found.iter().filter(|found| found.event.status != EventStatus::Draft);
            live.watch_only(sold.map(|found| found.event.id.clone()).collect());
            scroll.restore();
        },
    )
    .refetch_when(move || live.reconnect_count())
    .refetch_when(move || visibility.times_shown_again());
    on_cleanup(move || live.watch_only(Vec::new()));
    let state = Memo::new(move |_| {
        attendees.with(|state| match state {
            QueryState::Loading => AttendeesState::Loading,
            QueryState::Failed(failure) => AttendeesState::Failed(failure.clone()),
            QueryState::Loaded(None) => AttendeesState::Missing,
            QueryState::Loaded(Some(Found { event, .. })) => AttendeesState::Found {
                id: event.id.inner().to_owned(),
                title: event.title.clone(),
                date: day_in(&event.starts_at.0, &event.time_zone),
                slug: event.organizer.slug.clone(),
                organizer: event.organizer.name.clone(),
            },
        })
    });
    move || match state.get() {
        AttendeesState::Loading => view! {
            <div class="panel skeleton" aria-hidden="true">
                <div class="line line-title"></div>
                <div class="line"></div>
            </div>
        }
        .into_any(),
        AttendeesState::Failed(failure) => {
            let retry = move |()| attendees.refetch();
            view! { <FailureNotice failure busy=attendees.is_fetching() retry /> }.into_any()
        }
        AttendeesState::Missing => view! {
            <NothingHere title="You can't see the attendees of such an event." />
        }
        .into_any(),
        AttendeesState::Found { id, title, date, slug, organizer } => view! {
            <nav class="crumbs" aria-label="Breadcrumb">
                <a href=format!("/organize/{slug}") dir="auto">
                    {organizer}
                </a>
                " › "
                <a href=format!("/organize/events/{id}") dir="auto">
                    {title.clone()}
                </a>
            </nav>
            <PageHeading title=format!("Attendees of {title}")>
                <LiveStatus />
            </PageHeading>
            <Counts attendees id=id.clone() />
            <div class="actions">
                <a class="button" href=format!("/organize/events/{id}/door")>
                    "Door"
                </a>
                <DownloadButton id title date />
            </div>
            <Controls list />
            <Rows attendees />
        }
        .into_any(),
    }
}

/// Reads a page of attendees; `None` if the viewer may not see them.
async fn read_page(
    session: Session,
    id: String,
    list: &AttendeeList,
    after: Option<String>,
) -> Result<Option<AttendedEvent>, Failure> {
    let variables = AttendeesVariables {
        id: id.into(),
        first: PAGE_SIZE,
        after,
        search: Some(list.search.clone()).filter(|search| !search.is_empty()),
        status: list.status,
    };
    match session.run(&attendees(variables)).await {
        Ok(data) => Ok(data.event.filter(|event| event.attendees.is_some())),
        Err(failure) if failure.code() == Some(ErrorCode::NotFound) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The bookings by their status, the tickets and the takings. When tickets are sold or come back,
/// all of it is read again.
#[component]
fn Counts(attendees: Query<Option<Found>>, id: String) -> impl IntoView {
    let session = Session::from_context();
    let sales =
        Memo::new(move |_| attendees.with(|state| state.data()?.as_ref()?.event.sales.clone()));
    let tickets = LiveCounts::from_context().count_of(&id.into());
    let sold = Memo::new(move |_| {
        let tickets = tickets.get();
        tickets.is_live().then(|| tickets.total() - tickets.remaining())
    });
    let reread_later = reread_after_pause(move || reread(session, attendees));
    Effect::watch(
        move || sold.get(),
        move |sold, _, _| {
            let read = sales.with_untracked(|sales| Some(sales.as_ref()?.sold_tickets));
            if sold.is_some() && *sold != read {
                reread_later();
            }
        },
        false,
    );
    move || {
        let EventSales { confirmed_bookings, cancelled_bookings, sold_tickets, takings } =
            sales.get()?;
        let counts = [
            ("Confirmed bookings", browser::number(confirmed_bookings)),
            ("Cancelled bookings", browser::number(cancelled_bookings)),
            ("Tickets sold", browser::number(sold_tickets)),
            ("Taken", browser::money(&takings)),
        ]
        .map(|(label, count)| {
            view! {
                <div>
                    <dt>{label}</dt>
                    <dd>{count}</dd>
                </div>
            }
        });
        Some(view! { <dl class="counts">{counts.collect_view()}</dl> })
    }
}

#[component]
fn Rows(attendees: Query<Option<Found>>) -> impl IntoView {
    let session = Session::from_context();
    let shown = move || {
        attendees.with(|state| {
            let found = state.data().and_then(Option::as_ref);
            let connection = found.and_then(|found| found.event.attendees.as_ref());
            connection.map(|connection| connection.nodes.clone()).unwrap_or_default()
        })
    };
    let can_cancel = Memo::new(move |_| {
        attendees.with(|state| {
            let found = state.data().and_then(Option::as_ref);
            found.and_then(|found| found.event.organizer.viewer_role).is_some_and(can_edit_events)
        })
    });
    let list =
        Memo::new(move |_| attendees.with(|state| Some(state.data()?.as_ref()?.list.clone())));
    let total = Memo::new(move |_| {
        attendees.with(|state| Some(state.data()?.as_ref()?.event.attendees.as_ref()?.total_count))
    });
    let summary = move || match total.get() {
        None => String::new(),
        Some(1) => "1 booking".to_owned(),
        Some(count) => format!("{} bookings", browser::number(count)),
    };
    let is_empty = Memo::new(move |_| total.get() == Some(0));
    let cursor = Memo::new(move |_| {
        attendees.with(|state| {
            let page_info = &state.data()?.as_ref()?.event.attendees.as_ref()?.page_info;
            page_info.end_cursor.clone().filter(|_| page_info.has_next_page)
        })
    });
    let load = move |after: String| async move {
        let asked = attendees.with_untracked(|state| {
            let found = state.data()?.as_ref()?;
            Some((found.event.id.inner().to_owned(), found.list.clone()))
        });
        let Some((id, list)) = asked else { return Ok(()) };
        let next = read_page(session, id, &list, Some(after.clone())).await?;
        let Some(next) = next.and_then(|event| event.attendees) else { return Ok(()) };
        attendees.update(|found| {
            // Meanwhile the list may have been loaded anew.
            if let Some(shown) = found.as_mut().and_then(|found| found.event.attendees.as_mut())
                && shown.page_info.end_cursor.as_ref() == Some(&after)
            {
                shown.nodes.extend(next.nodes);
                shown.page_info = next.page_info;
            }
        });
        Ok(())
    };
    let to_cancel = RwSignal::new(None::<Attendee>);
    view! {
        <p class="found" id="found" role="status" tabindex="-1">
            {summary}
        </p>
        <div class="results" aria-busy=move || attendees.is_fetching().get().to_string()>
            {move || match is_empty.get() {
                true if list.get().is_some_and(|list| list.search.is_empty() && list.status.is_none()) => {
                    view! { <Notice icon=Ticket title="Nobody has booked yet." /> }.into_any()
                }
                true => {
                    view! {
                        <Notice
                            icon=Search
                            title="No booking matches."
                            text="Try a part of a name, an email address or a reference."
                        />
                    }
                        .into_any()
                }
                false => {
                    view! {
                        <ul class="rows">
                            <For
                                each=shown
                                key=|attendee| {
                                    let booking = &attendee.booking;
                                    (booking.id.clone(), booking.cancelled_at.is_some())
                                }
                                children=move |attendee| {
                                    let can_cancel = can_cancel.get_untracked();
                                    view! { <AttendeeRow attendee can_cancel to_cancel /> }
                                }
                            />
                        </ul>
                    }
                        .into_any()
                }
            }}
        </div>
        <LoadMore cursor load />
        <CancelDialog to_cancel attendees />
    }
}
