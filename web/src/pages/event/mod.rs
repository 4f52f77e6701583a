//! One event: its description, its remaining tickets, and booking.

mod order;
mod similar;
mod stepper;
mod stub;
mod watched;

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use rowlock_web_operations::events::{Event, EventOnPage, EventStatus, Organizer, one_event};

use crate::{
    api::{ErrorCode, Failure, details::LiveDetails, live::LiveCounts},
    browser,
    components::{
        about_event::AboutEvent,
        book_button::{BookButton, Offer},
        deferred::Deferred,
        event_card::{DateTile, Picture},
        event_text::text_of,
        icons::Person,
        live_status::LiveStatus,
        notice::FailureNotice,
        page_heading::PageHeading,
        sale_state::{SaleState, sale_of},
    },
    event_path::{QUANTITY, chosen_quantity},
    last_list::LastListPath,
    my_bookings::{BookingState, MyBookings},
    pages::not_found::NotFound,
    preview::Preview,
    query::{Query, QueryState},
    sale::Sale,
    scroll::ScrollPositions,
    session::Session,
    ticket_count::{TicketCount, tickets},
    visibility::PageVisibility,
};
use order::Order;
use similar::SimilarEvents;
use stub::Stub;
use watched::Watched;

#[component]
pub(crate) fn EventPage() -> impl IntoView {
    let session = Session::from_context();
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
    let my_bookings = MyBookings::from_context();
    let scroll = ScrollPositions::from_context();
    let visibility = PageVisibility::from_context();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let watched = Watched::new(live);
    let event = Query::new(
        move || (session.viewer(), id.get()),
        move |(_, id)| async move {
            let read_stamp = my_bookings.read_stamp();
            match session.run(&one_event(id)).await {
                Ok(data) => Ok((read_stamp, data.event)),
                // The address has no valid id.
                Err(failure) if failure.code() == Some(ErrorCode::BadUserInput) => {
                    Ok((read_stamp, None))
                }
                Err(failure) => Err(failure),
            }
        },
        move |(read_stamp, found): &(_, Option<EventOnPage>)| {
            let event = found.as_ref().map(|found| &found.event);
            let public = event.filter(|event| event.status != EventStatus::Draft);
            watched.set_own(public.map(|event| event.id.clone()));
            if let Some(found) = found {
                let EventOnPage { event, description, remaining_tickets, my_booking, .. } = found;
                live.set_from_query(&event.id, *remaining_tickets, event.total_tickets);
                details.set_from_query(event, Some(description));
                my_bookings.update_from_read(event, my_booking.as_ref(), *read_stamp);
            }
            scroll.restore();
        },
    )
    .refetch_when(move || live.reconnect_count())
    .refetch_when(move || visibility.times_shown_again())
    .refetch_when(move || session.changes_in_other_tabs());
    let LastListPath(list) = expect_context();

    let state = Memo::new(move |_| {
        event.with(|event| match event {
            QueryState::Loading => EventPageState::Loading,
            QueryState::Failed(failure) => EventPageState::Failed(failure.clone()),
            QueryState::Loaded((_, None)) => EventPageState::Missing,
            QueryState::Loaded((_, Some(found))) => EventPageState::Event(ShownEvent {
                event: details.of(&found.event),
                description: details.description_of(&found.event, &found.description),
                organizer: found.organizer.clone(),
            }),
        })
    });
    let preview = StoredValue::new(Preview::take().unwrap_or_default());
    let title = Signal::derive(move || match state.get() {
        EventPageState::Loading if preview.with_value(|preview| !preview.title.is_empty()) => {
            preview.with_value(|preview| preview.title.clone())
        }
        EventPageState::Loading | EventPageState::Failed(_) => "Event".to_owned(),
        EventPageState::Missing => "Not found".to_owned(),
        EventPageState::Event(shown) => shown.event.with(|event| event.title.clone()),
    });
    view! {
        <div class="above">
            <nav class="crumbs" aria-label="Breadcrumb">
                <a href=list>"All events"</a>
            </nav>
            <LiveStatus />
        </div>
        <div class="picture hero">
            {move || match state.get() {
                EventPageState::Event(shown) => {
                    let event = RwSignal::from(shown.event);
                    view! {
                        <Picture event sizes="(width < 56rem) 100vw, 47rem" />
                        <DateTile event />
                    }
                        .into_any()
                }
                EventPageState::Loading => {
                    let picture = preview.with_value(|preview| preview.hero.clone());
                    view! { <div class="poster" inner_html=picture></div> }.into_any()
                }
                _ => ().into_any(),
            }}
        </div>
        <PageHeading title is_final=Signal::derive(move || state.get() != EventPageState::Loading) />
        {move || match state.get() {
            EventPageState::Loading => {
                let about = preview.with_value(|preview| preview.about.clone());
                let about = match about.as_str() {
                    "" => {
                        view! {
                            <div class="about skeleton" aria-hidden="true">
                                <div class="line"></div>
                                <div class="line"></div>
                                <div class="line line-short"></div>
                            </div>
                        }
                            .into_any()
                    }
                    _ => view! { <section class="about" inner_html=about></section> }.into_any(),
                };
                view! {
                    <div class="event">
                        {about} <div class="panel skeleton" aria-hidden="true">
                            <div class="line line-badge"></div>
                            <div class="line line-button"></div>
                        </div>
                    </div>
                }
                    .into_any()
            }
            EventPageState::Failed(failure) => {
                let retry = move |()| event.refetch();
                view! { <FailureNotice failure busy=event.is_fetching() retry /> }.into_any()
            }
            EventPageState::Missing => {
                view! { <NotFound title="There is no such event." /> }.into_any()
            }
            EventPageState::Event(shown) => view! { <EventDetails shown watched /> }.into_any(),
        }}
    }
}

#[derive(Clone, PartialEq)]
enum EventPageState {
    Loading,
    Missing,
    Failed(Failure),
    Event(ShownEvent),
}

/// The event on the page. What changes while the page is open is in signals, so a change doesn't
/// render the page anew.
#[derive(Clone, PartialEq)]
struct ShownEvent {
    event: ArcRwSignal<Event>,
    description: ArcRwSignal<String>,
    organizer: Organizer,
}

#[component]
fn EventDetails(shown: ShownEvent, watched: Watched) -> impl IntoView {
    let ShownEvent { event, description, organizer } = shown;
    let similar = organizer.clone();
    let (event, description) = (RwSignal::from(event), RwSignal::from(description));
    let id = event.with_untracked(|event| event.id.clone());
    let tickets = LiveCounts::from_context().count_of(&id);
    let booking_state = MyBookings::from_context().state_of(&id);
    let sale = sale_of(event);
    let offer = Offer::of(event, sale);
    let address = use_query_map();
    // At most as many as are left. One can always be requested, because the count may be out of
    // date.
    let max_quantity = {
        let tickets = tickets.clone();
        Memo::new(move |_| {
            let most = event.with(|event| event.max_per_booking.max(1));
            tickets.get().remaining().clamp(1, most)
        })
    };
    let quantity = Memo::new(move |_| {
        let chosen = address.with(|query| chosen_quantity(query.get(QUANTITY).as_deref()));
        chosen.min(max_quantity.get())
    });
    let each = text_of(event, |event| match browser::price(&event.price, 1) {
        free if free == browser::FREE => free,
        price => format!("{price} each"),
    });
    let has_order = move || {
        matches!(
            offer.get(),
            Offer::Bookable | Offer::ViewerUnknown | Offer::Pending | Offer::Checking
        )
    };
    let is_held = move || offer.get() == Offer::Booked;
    // With whether somebody has just booked on this page.
    let offered = Memo::new(move |before: Option<&(Offer, bool)>| {
        let is_new = match before {
            Some((Offer::Pending | Offer::Checking, _)) => true,
            Some((Offer::Booked, is_new)) => *is_new,
            _ => false,
        };
        (offer.get(), is_new)
    });
    // That of the tickets that the bar's button books.
    let total = move || {
        let quantity = if has_order() { quantity.get() } else { 1 };
        let quantity = u8::try_from(quantity).unwrap_or(1);
        event.with(|event| browser::price(&event.price, quantity))
    };
    let (left, held) = (tickets.clone(), MyBookings::from_context().held_of(&id));
    view! {
        <div class="event">
            <AboutEvent event description>
                <div class="row">
                    <Person />
                    <p>
                        "Hosted by "
                        <a href=format!("/organizers/{}", organizer.slug) dir="auto">
                            {organizer.name}
                        </a>
                    </p>
                </div>
            </AboutEvent>
            <section class="panel buy" class:stub=is_held aria-label="Tickets">
                <SaleState event sale tickets with_total=true />
                <Show when=move || !is_held()>
                    <p class="one-price">{each}</p>
                </Show>
                {move || {
                    let (offer_now, is_new) = offered.get();
                    if has_order() {
                        return view! { <Order event offer quantity max_quantity /> }.into_any();
                    }
                    match offer_now {
                        Offer::Booked => {
                            view! { <Stub event sale held=held.clone() is_new /> }.into_any()
                        }
                        Offer::TryAgain | Offer::Cancelled => {
                            let state = booking_state.clone();
                            (move || outcome(state.get(), offer.get())).into_any()
                        }
                        Offer::SoldOut => {
                            view! {
                                <p class="sale-note">"Tickets come back when somebody cancels."</p>
                            }
                                .into_any()
                        }
                        _ => ().into_any(),
                    }
                }}
                <Show when=move || !is_held()>
                    <BookButton event offer quantity words=book_words />
                </Show>
            </section>
            // Stays in sight on telephones, where the panel is below the description.
            <Show when=move || !is_held()>
                <div class="buy-bar">
                    <p>
                        <strong>{total}</strong>
                        {
                            let left = left.clone();
                            move || match sale.get() {
                                Sale::Cancelled => String::new(),
                                _ => left_words(left.get()),
                            }
                        }
                    </p>
                    <BookButton event offer quantity words=book_words />
                </div>
            </Show>
            <p class="hidden" role="status">
                {move || (offer.get() == Offer::SoldOut).then_some("Sold out. Tickets come back when somebody cancels.")}
            </p>
        </div>
        <Deferred>
            <SimilarEvents event organizer=similar.clone() watched />
        </Deferred>
    }
}

fn book_words(quantity: i32) -> String {
    format!("Book {}", tickets(quantity))
}

/// How many tickets are left, in a bar with little room.
fn left_words(tickets: TicketCount) -> String {
    match tickets.remaining() {
        ..=0 => String::new(),
        left => format!(" · {} left", browser::number(left)),
    }
}

/// What is known about an attempt that failed, or a booking of a cancelled event.
fn outcome(state: BookingState, offer: Offer) -> Option<AnyView> {
    match state {
        BookingState::Booked { .. } if offer == Offer::Cancelled => Some(
            view! {
                <p class="yours">
                    "The organizer has cancelled your booking, too. "
                    <a href="/bookings" rel="external">"See my bookings"</a>
                </p>
            }
            .into_any(),
        ),
        BookingState::Unknown { quantity } => {
            let text = format!(
                "No answer yet about your booking of {}. Try again: you won't be booked twice.",
                tickets(quantity)
            );
            Some(view! { <p class="unknown">{text}</p> }.into_any())
        }
        _ => None,
    }
}
