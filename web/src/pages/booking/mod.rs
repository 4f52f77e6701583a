//! One booking with its tickets, to be shown at the door or printed.

mod ticket_card;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use rowlock_web_operations::{
    bookings::{BookingStatus, CancelledBy},
    events::Event,
    tickets::{BookingNode, BookingOnPage, BookingWithTickets, one_booking},
};

use crate::{
    api::{ErrorCode, Failure, details::LiveDetails, live::LiveCounts},
    browser,
    components::{
        event_text::text_of,
        icons::{Calendar, Place, Ticket},
        notice::{FailureNotice, Notice},
        own_page::OwnPage,
        page_heading::PageHeading,
        sale_state::sale_of,
        share_button::ShareButton,
    },
    dates,
    event_changes::{cancelled_by_organizer, place},
    money::cost,
    my_bookings::MyBookings,
    pages::not_found::NotFound,
    query::{Query, QueryState},
    sale::Sale,
    session::Session,
    visibility::PageVisibility,
};
use ticket_card::TicketCard;

#[component]
pub(crate) fn BookingPage() -> impl IntoView {
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            <a href="/bookings">"My bookings"</a>
        </nav>
        <OwnPage skeleton=TicketsSkeleton>
            <Booking />
        </OwnPage>
    }
}

#[derive(Clone, PartialEq)]
enum PageState {
    Loading,
    Missing,
    Failed(Failure),
    Found(Box<ShownBooking>),
}

struct FoundBooking {
    booking: BookingOnPage,
    /// The buyer's.
    name: String,
}

/// The values that the page shows. An edit of the event does not render it anew.
#[derive(Clone, PartialEq)]
struct ShownBooking {
    booking: BookingWithTickets,
    event: ArcRwSignal<Event>,
    /// The buyer's.
    name: String,
}

#[component]
fn Booking() -> impl IntoView {
    let session = Session::from_context();
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
    let my_bookings = MyBookings::from_context();
    let visibility = PageVisibility::from_context();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    // What was read stays when a later read fails: at the door, there may be no network.
    let booking = Query::new(
        move || (session.viewer(), id.get()),
        move |(_, id)| async move { read_booking(session, id).await },
        move |found: &Option<FoundBooking>| {
            if let Some(FoundBooking { booking, .. }) = found {
                details.set_from_query(&booking.event, None);
                live.watch_only(vec![booking.event.id.clone()]);
            }
        },
    )
    .refetch_when(move || live.reconnect_count())
    .refetch_when(move || visibility.times_shown_again())
    .refetch_when(move || session.changes_in_other_tabs())
    .refetch_when(move || my_bookings.change_count());
    on_cleanup(move || live.watch_only(Vec::new()));
    let add_to_calendar = Callback::new(move |()| {
        booking.with_untracked(|booking| {
            if let Some(Some(FoundBooking { booking, .. })) = booking.data() {
                browser::save_calendar_file(&booking.calendar_file);
            }
        });
    });
    // Edits reach the page by themselves, but not the file for calendars.
    let other_revision = Memo::new(move |_| {
        booking.with(|booking| {
            let read = &booking.data()?.as_ref()?.booking.event;
            let revision = details.of(read).with(|event| event.revision);
            (revision != read.revision).then_some(revision)
        })
    });
    Effect::new(move || {
        if other_revision.get().is_some() {
            booking.refetch();
        }
    });
    let state = Memo::new(move |_| {
        booking.with(|booking| match booking {
            QueryState::Loading => PageState::Loading,
            QueryState::Failed(failure) => PageState::Failed(failure.clone()),
            QueryState::Loaded(None) => PageState::Missing,
            QueryState::Loaded(Some(FoundBooking { booking, name })) => {
                PageState::Found(Box::new(ShownBooking {
                    booking: booking.booking.clone(),
                    event: details.of(&booking.event),
                    name: name.clone(),
                }))
            }
        })
    });
    let title = Signal::derive(move || match state.get() {
        PageState::Loading | PageState::Failed(_) => "Your booking".to_owned(),
        PageState::Missing => "Not found".to_owned(),
        PageState::Found(shown) => shown.event.with(|event| event.title.clone()),
    });
    view! {
        <PageHeading title is_final=Signal::derive(move || state.get() != PageState::Loading) />
        {move || match state.get() {
            PageState::Loading => TicketsSkeleton().into_any(),
            PageState::Failed(failure) => {
                let retry = move |()| booking.refetch();
                view! { <FailureNotice failure busy=booking.is_fetching() retry /> }.into_any()
            }
            PageState::Missing => {
                view! { <NotFound title="You have no such booking." /> }.into_any()
            }
            PageState::Found(shown) => {
                view! { <BookingDetails shown=*shown add_to_calendar /> }.into_any()
            }
        }}
    }
}

/// `None` if the viewer has no such booking.
async fn read_booking(session: Session, id: String) -> Result<Option<FoundBooking>, Failure> {
    match session.run(&one_booking(id)).await {
        Ok(found) => Ok(match (found.node, found.me) {
            (Some(BookingNode::Booking(booking)), Some(me)) => {
                Some(FoundBooking { booking, name: me.name })
            }
            _ => None,
        }),
        // The address has no valid id.
        Err(failure) if failure.code() == Some(ErrorCode::BadUserInput) => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[component]
fn BookingDetails(shown: ShownBooking, add_to_calendar: Callback<()>) -> impl IntoView {
    let ShownBooking { booking, event, name } = shown;
    let event = RwSignal::from(event);
    let sale = sale_of(event);
    let is_confirmed = booking.status == BookingStatus::Confirmed;
    // The organizer's cancellation of an event cancels each booking a little later.
    let is_held = Memo::new(move |_| is_confirmed && sale.get() != Sale::Cancelled);
    let [unit, total] =
        [&booking.unit_price, &booking.total_price].map(|paid| browser::price(paid, 1));
    let paid = cost(booking.quantity, &unit, &total);
    let reference = booking.reference.clone();
    let booking = StoredValue::new(booking);
    view! {
        <section class="panel booking-about" aria-label="Booking">
            <p class="fact">
                <Calendar />
                <time datetime=text_of(
                    event,
                    |event| event.starts_at.0.clone(),
                )>{text_of(event, dates::span_of)}</time>
            </p>
            <p class="fact">
                <Place />
                <span dir="auto">{text_of(event, place)}</span>
            </p>
            <dl class="facts">
                <div>
                    <dt>"Reference"</dt>
                    <dd class="reference-code">{reference}</dd>
                </div>
                <div>
                    <dt>"Name"</dt>
                    <dd dir="auto">{name}</dd>
                </div>
                <div>
                    <dt>"Price"</dt>
                    <dd>{paid}</dd>
                </div>
            </dl>
        </section>
        {move || match is_held.get() {
            true => {
                let booking = booking.get_value();
                view! { <Tickets booking event add_to_calendar /> }.into_any()
            }
            false => {
                let text = event
                    .with(|event| booking.with_value(|booking| cancelled_words(booking, event)));
                view! {
                    <Notice icon=Ticket title="This booking is cancelled." text>
                        <a class="button" href="/events" rel="external">
                            "Find an event"
                        </a>
                    </Notice>
                }
                    .into_any()
            }
        }}
    }
}

/// Who cancelled a booking, and when.
fn cancelled_words(booking: &BookingWithTickets, event: &Event) -> String {
    let is_organizers = booking.cancelled_by == Some(CancelledBy::Organizer);
    if is_organizers || booking.cancelled_at.is_none() {
        let reason = booking.cancellation_reason.as_ref().or(event.cancellation_reason.as_ref());
        return cancelled_by_organizer(reason.map(String::as_str));
    }
    let when = booking.cancelled_at.as_ref().map(dates::time_here).unwrap_or_default();
    format!("You cancelled it on {when}.")
}

#[component]
fn Tickets(
    booking: BookingWithTickets,
    event: RwSignal<Event>,
    add_to_calendar: Callback<()>,
) -> impl IntoView {
    let BookingWithTickets { tickets, reference, .. } = booking;
    let count = i32::try_from(tickets.len()).unwrap_or_default();
    view! {
        <ul class="tickets" class:many=move || { count > MAX_LARGE_IN_PRINT }>
            {tickets
                .into_iter()
                .map(|ticket| {
                    let reference = reference.clone();
                    view! { <TicketCard ticket count reference event /> }
                })
                .collect_view()}
        </ul>
        <div class="actions">
            <button
                type="button"
                class="button button-quiet"
                on:click=|_| {
                    // It fails only where the browser forbids pages to print.
                    let _ = window().print();
                }
            >
                "Print"
            </button>
            <button
                type="button"
                class="button button-quiet"
                on:click=move |_| add_to_calendar.run(())
            >
                "Add to calendar"
            </button>
            <ShareButton event />
        </div>
    }
}

/// A sheet of paper has room for so many large codes. More are smaller.
const MAX_LARGE_IN_PRINT: i32 = 6;

#[component]
fn TicketsSkeleton() -> impl IntoView {
    view! {
        <div class="panel skeleton" aria-hidden="true">
            <div class="line line-title"></div>
            <div class="line"></div>
            <div class="line line-short"></div>
        </div>
    }
}
