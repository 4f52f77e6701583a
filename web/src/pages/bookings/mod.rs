//! The list of the signed-in user's bookings.

mod booking_row;
mod cancel_dialog;
mod sections;

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::bookings::{
    Booking, BookingConnection, MeWithBookings, PageInfo, my_bookings,
};

use crate::{
    api::{Failure, details::LiveDetails, live::LiveCounts},
    browser,
    components::{
        icons::Ticket,
        notice::{FailureNotice, Notice},
        own_page::OwnPage,
        page_heading::PageHeading,
        sign_out_button::SignOutButton,
        unverified_notice::UnverifiedNotice,
    },
    my_bookings::MyBookings,
    query::{Query, QueryState},
    scroll::ScrollPositions,
    session::Session,
    toasts::{Toast, Toasts, Tone},
    visibility::PageVisibility,
};
use booking_row::{BookingRow, BookingsSkeleton};
use cancel_dialog::CancelDialog;
use sections::{Row, Section};

/// How many bookings are loaded at a time.
const PAGE_SIZE: i32 = 20;
/// The server's limit.
const MAX_PAGE_SIZE: i32 = 50;
/// The server's limit for one subscription.
const MAX_WATCHED_EVENTS: usize = 200;

#[component]
pub(crate) fn BookingsPage() -> impl IntoView {
    view! {
        <PageHeading title="My bookings" />
        <OwnPage skeleton=BookingsSkeleton>
            <Bookings />
        </OwnPage>
    }
}

#[component]
fn Bookings() -> impl IntoView {
    let session = Session::from_context();
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
    let my_bookings = MyBookings::from_context();
    let scroll = ScrollPositions::from_context();
    let visibility = PageVisibility::from_context();
    let rows_shown = StoredValue::new(0);
    // Of the latest request. Answers to earlier ones are dropped.
    let read_stamp = StoredValue::new(my_bookings.read_stamp());
    let unverified_email = RwSignal::new(None::<String>);
    let bookings = Query::new(
        move || session.viewer(),
        move |_| {
            read_stamp.set_value(my_bookings.read_stamp());
            let me = read_page(session, rows_shown.get_value(), None);
            async move {
                let MeWithBookings { email, email_verified, bookings } = me.await?;
                // The page may be gone by now.
                unverified_email.try_set(Some(email).filter(|_| !email_verified));
                Ok(bookings)
            }
        },
        move |found: &BookingConnection| {
            for booking in &found.nodes {
                details.set_from_query(&booking.event, None);
                my_bookings.update_from_list(booking, read_stamp.get_value());
            }
            scroll.restore();
        },
    )
    .refetch_when(move || live.reconnect_count())
    .refetch_when(move || visibility.times_shown_again())
    .refetch_when(move || my_bookings.change_count());
    // The list shows no counts, but edits. And the open socket notices when the network is lost.
    Effect::new(move || {
        bookings.with(|bookings| {
            let mut events = Vec::new();
            for booking in bookings.data().into_iter().flat_map(|found| &found.nodes) {
                if events.len() < MAX_WATCHED_EVENTS && !events.contains(&booking.event.id) {
                    events.push(booking.event.id.clone());
                }
            }
            live.watch_only(events);
        });
    });
    on_cleanup(move || live.watch_only(Vec::new()));
    // A refetch loads as many bookings as are shown.
    Effect::new(move || {
        let rows = bookings.with(|bookings| bookings.data().map_or(0, |found| found.nodes.len()));
        rows_shown.set_value(i32::try_from(rows).unwrap_or(MAX_PAGE_SIZE));
    });
    let to_cancel = RwSignal::new(None::<Booking>);
    let state = Memo::new(move |_| {
        bookings.with(|bookings| match bookings {
            QueryState::Loading => BookingsState::Loading,
            QueryState::Failed(failure) => BookingsState::Failed(failure.clone()),
            QueryState::Loaded(found) if found.nodes.is_empty() => BookingsState::Empty,
            QueryState::Loaded(_) => BookingsState::List,
        })
    });
    // The server lists the newest bookings first.
    let rows = Memo::new(move |_| {
        let now = browser::now();
        let mut rows = Vec::new();
        bookings.with(|bookings| {
            for booking in bookings.data().into_iter().flat_map(|found| &found.nodes) {
                let event = details.of(&booking.event);
                event.with(|event| Row::new(booking, event, &now)).insert_into(&mut rows);
            }
        });
        rows
    });
    view! {
        <UnverifiedNotice email=Memo::new(move |_| unverified_email.get()) />
        {move || match state.get() {
            BookingsState::Loading => view! { <BookingsSkeleton /> }.into_any(),
            BookingsState::Failed(failure) => {
                let retry = move |()| bookings.refetch();
                view! { <FailureNotice failure busy=bookings.is_fetching() retry /> }.into_any()
            }
            BookingsState::Empty => {
                view! {
                    <Notice icon=Ticket title="You haven't booked any events yet.">
                        <a class="button" href="/events" rel="external">
                            "Find an event"
                        </a>
                    </Notice>
                }
                    .into_any()
            }
            BookingsState::List => {
                view! {
                    {Section::ALL
                        .map(|section| view! { <BookingsSection section rows to_cancel /> })
                        .collect_view()}
                    <ShowMore bookings />
                }
                    .into_any()
            }
        }}
        <CancelDialog to_cancel bookings />
        <p class="elsewhere">
            "Still signed in on a device that isn't yours? " <SignOutButton everywhere=true />
        </p>
    }
}

/// The bookings of one section, if it has some.
#[component]
fn BookingsSection(
    section: Section,
    rows: Memo<Vec<Row>>,
    to_cancel: RwSignal<Option<Booking>>,
) -> impl IntoView {
    let is_here = move |row: &&Row| row.section == section;
    let is_empty = Memo::new(move |_| rows.with(|rows| !rows.iter().any(|row| is_here(&row))));
    let bookings = move || {
        let of_row = |row: &Row| row.booking.clone();
        rows.with(|rows| rows.iter().filter(is_here).map(of_row).collect::<Vec<_>>())
    };
    let view = move || {
        (!is_empty.get()).then(|| {
            view! {
                <section class="bookings-section">
                    <h2>{section.title()}</h2>
                    <ul class="bookings">
                        <For
                            each=bookings
                            key=|booking| {
                                let is_cancelled = booking.cancelled_at.is_some();
                                (booking.id.inner().to_owned(), is_cancelled)
                            }
                            children=move |booking| view! { <BookingRow booking to_cancel /> }
                        />
                    </ul>
                </section>
            }
        })
    };
    view.into_any()
}

#[derive(Clone, PartialEq)]
enum BookingsState {
    Loading,
    Empty,
    List,
    Failed(Failure),
}

async fn read_page(
    session: Session,
    min_count: i32,
    after: Option<String>,
) -> Result<MeWithBookings, Failure> {
    let first = min_count.clamp(PAGE_SIZE, MAX_PAGE_SIZE);
    let me = session.run(&my_bookings(first, after)).await?.me;
    // The session has just ended, and the page is about to redirect to the sign-in.
    me.ok_or(Failure::SessionEnded)
}

/// A button that loads the bookings before the oldest one shown. They may belong anywhere in the
/// sections, so the button says which bookings are missing.
#[component]
fn ShowMore(bookings: Query<BookingConnection>) -> impl IntoView {
    let session = Session::from_context();
    let details = LiveDetails::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let cursor = Memo::new(move |_| {
        bookings.with(|bookings| {
            let PageInfo { has_next_page, end_cursor } = &bookings.data()?.page_info;
            end_cursor.clone().filter(|_| *has_next_page)
        })
    });
    let load_more = move |_| {
        let Some(after) = cursor.get_untracked().filter(|_| !busy.get_untracked()) else { return };
        busy.set(true);
        spawn_local(async move {
            match read_page(session, 0, Some(after.clone())).await {
                Ok(MeWithBookings { bookings: next, .. }) => bookings.update(|shown| {
                    // Meanwhile the list may have been loaded anew.
                    if shown.page_info.end_cursor.as_ref() == Some(&after) {
                        for booking in &next.nodes {
                            details.set_from_query(&booking.event, None);
                        }
                        shown.nodes.extend(next.nodes);
                        shown.page_info = next.page_info;
                    }
                }),
                Err(failure) => {
                    toasts.show(Toast::new(Tone::Error, failure.message()).on_this_page());
                }
            }
            busy.try_set(false);
        });
    };
    move || {
        cursor.get().is_some().then(|| {
            view! {
                <button
                    type="button"
                    class="button button-quiet more"
                    aria-disabled=move || busy.get().to_string()
                    on:click=load_more
                >
                    {move || if busy.get() { "Loading…" } else { "Show older bookings" }}
                </button>
            }
        })
    }
}
