//! What the signed-in person has booked, and cancelling it.

mod cancelling;
mod row;

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::bookings::{Booking, BookingConnection, PageInfo, my_bookings};

use crate::{
    api::{Failure, live::LiveCounts},
    components::{
        icons::{Ticket, Warning},
        notice::{FailureNotice, Notice},
        page_head::PageHead,
        sign_out::SignOut,
    },
    my_bookings::MyBookings,
    query::{Loaded, Query},
    redirect::redirect_when,
    return_path::sign_in_path,
    scroll::ScrollPositions,
    session::{Session, Viewer},
    toasts::{Toasts, Tone},
};
use cancelling::Cancelling;
use row::{BookingsSkeleton, Row};

/// How many bookings are read at a time.
const BOOKINGS_AT_A_TIME: i32 = 20;
/// As many as the server gives.
const MOST_AT_A_TIME: i32 = 50;

#[component]
pub(crate) fn BookingsPage() -> impl IntoView {
    let session = Session::from_context();
    redirect_when(move || session.viewer() == Viewer::SignedOut, move || sign_in_path("/bookings"));
    let is_known = Memo::new(move |_| matches!(session.viewer(), Viewer::SignedIn(_)));
    view! {
        <PageHead title="My bookings" />
        {move || match is_known.get() {
            true => view! { <Bookings /> }.into_any(),
            false if session.is_unreachable() => {
                view! {
                    <Notice
                        icon=Warning
                        title="The booking system can't be reached."
                        text="Please check your connection. It is being tried again."
                    />
                }
                    .into_any()
            }
            false => view! { <BookingsSkeleton /> }.into_any(),
        }}
    }
}

#[component]
fn Bookings() -> impl IntoView {
    let session = Session::from_context();
    let live = LiveCounts::from_context();
    let my_bookings = MyBookings::from_context();
    let scroll = ScrollPositions::from_context();
    let rows_shown = StoredValue::new(0);
    let bookings = Query::new(
        move || session.viewer(),
        move |_| read(session, rows_shown.get_value(), None),
        move |found: &BookingConnection| {
            // Nothing here shows their counts, but the socket tells when the network was lost.
            let events = found.nodes.iter().map(|booking| booking.event.id.clone());
            scroll.restore();
            live.watch_only(events.take(BOOKINGS_AT_A_TIME.unsigned_abs() as usize).collect());
        },
    )
    .read_again_when(move || live.reconnect_count())
    .read_again_when(move || my_bookings.change_count());
    on_cleanup(move || live.watch_only(Vec::new()));
    // What is read again is as long as what is shown.
    Effect::new(move || {
        let rows = bookings.with(|bookings| match bookings {
            Loaded::Is(found) => found.nodes.len(),
            _ => 0,
        });
        rows_shown.set_value(i32::try_from(rows).unwrap_or(MOST_AT_A_TIME));
    });
    let asked = RwSignal::new(None::<Booking>);
    let face = Memo::new(move |_| {
        bookings.with(|bookings| match bookings {
            Loaded::NotYet => Face::Loading,
            Loaded::Failed(failure) => Face::Failed(failure.clone()),
            Loaded::Is(found) if found.nodes.is_empty() => Face::Empty,
            Loaded::Is(_) => Face::List,
        })
    });
    let rows = move || {
        bookings.with(|bookings| match bookings {
            Loaded::Is(found) => found.nodes.clone(),
            _ => Vec::new(),
        })
    };
    view! {
        {move || match face.get() {
            Face::Loading => view! { <BookingsSkeleton /> }.into_any(),
            Face::Failed(failure) => {
                let retry = move |()| bookings.read_again();
                view! { <FailureNotice failure busy=bookings.busy() retry /> }.into_any()
            }
            Face::Empty => {
                view! {
                    <Notice icon=Ticket title="You haven't booked any events yet.">
                        <a class="button" href="/events">
                            "Find an event"
                        </a>
                    </Notice>
                }
                    .into_any()
            }
            Face::List => {
                view! {
                    <ul class="bookings">
                        <For
                            each=rows
                            key=|booking| {
                                let is_cancelled = booking.cancelled_at.is_some();
                                (booking.id.inner().to_owned(), is_cancelled)
                            }
                            children=move |booking| view! { <Row booking asked /> }
                        />
                    </ul>
                    <More bookings />
                }
                    .into_any()
            }
        }}
        <Cancelling asked bookings />
        <p class="elsewhere">
            "Still signed in on a device that isn't yours? " <SignOut everywhere=true />
        </p>
    }
}

#[derive(Clone, PartialEq)]
enum Face {
    Loading,
    Empty,
    List,
    Failed(Failure),
}

async fn read(
    session: Session,
    at_least: i32,
    after: Option<String>,
) -> Result<BookingConnection, Failure> {
    let first = at_least.clamp(BOOKINGS_AT_A_TIME, MOST_AT_A_TIME);
    let me = session.run(&my_bookings(first, after)).await?.me;
    // The session ended just now; the page is on its way to the sign-in.
    me.map(|me| me.bookings).ok_or(Failure::SessionEnded)
}

/// Reads on after the last booking shown.
#[component]
fn More(bookings: Query<BookingConnection>) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let cursor = Memo::new(move |_| {
        bookings.with(|bookings| match bookings {
            Loaded::Is(BookingConnection {
                page_info: PageInfo { has_next_page: true, end_cursor },
                ..
            }) => end_cursor.clone(),
            _ => None,
        })
    });
    let read_on = move |_| {
        let Some(after) = cursor.get_untracked().filter(|_| !busy.get_untracked()) else { return };
        busy.set(true);
        spawn_local(async move {
            match read(session, 0, Some(after.clone())).await {
                Ok(next) => bookings.change(|known| {
                    // Unless the list was read anew meanwhile.
                    if known.page_info.end_cursor.as_ref() == Some(&after) {
                        known.nodes.extend(next.nodes);
                        known.page_info = next.page_info;
                    }
                }),
                Err(failure) => toasts.show(Tone::Bad, failure.message()),
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
                    on:click=read_on
                >
                    {move || if busy.get() { "Reading…" } else { "Show more" }}
                </button>
            }
        })
    }
}
