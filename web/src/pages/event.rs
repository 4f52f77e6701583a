//! One event: its description, its remaining tickets, and booking.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_params_map, use_query_map},
};
use rowlock_web_operations::events::{Event, EventOnPage, EventStatus, Organizer, one_event};

use crate::{
    api::{ErrorCode, Failure, details::LiveDetails, live::LiveCounts},
    browser,
    components::{
        about_event::AboutEvent,
        book_button::{BookButton, Offer},
        event_text::text_of,
        icons::Person,
        live_status::LiveStatus,
        notice::FailureNotice,
        page_heading::PageHeading,
        sale_state::{SaleState, sale_of},
    },
    event_path::{QUANTITY, chosen_quantity, event_path},
    last_list::LastListPath,
    my_bookings::{BookingState, MyBookings},
    pages::not_found::NotFound,
    query::{Query, QueryState},
    scroll::ScrollPositions,
    session::Session,
    visibility::PageVisibility,
};

#[component]
pub(crate) fn EventPage() -> impl IntoView {
    let session = Session::from_context();
    let (live, details) = (LiveCounts::from_context(), LiveDetails::from_context());
    let my_bookings = MyBookings::from_context();
    let scroll = ScrollPositions::from_context();
    let visibility = PageVisibility::from_context();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
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
            // The socket has no user, so it may not watch a draft.
            let watched = found.iter().filter(|found| found.event.status != EventStatus::Draft);
            live.watch_only(watched.map(|found| found.event.id.clone()).collect());
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
    on_cleanup(move || live.watch_only(Vec::new()));

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
    let title = Signal::derive(move || match state.get() {
        EventPageState::Loading | EventPageState::Failed(_) => "Event".to_owned(),
        EventPageState::Missing => "Not found".to_owned(),
        EventPageState::Event(shown) => shown.event.with(|event| event.title.clone()),
    });
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            <a href=list>"All events"</a>
        </nav>
        <PageHeading title is_final=Signal::derive(move || state.get() != EventPageState::Loading)>
            <LiveStatus />
        </PageHeading>
        {move || match state.get() {
            EventPageState::Loading => {
                view! {
                    <div class="event skeleton" aria-hidden="true">
                        <div class="panel">
                            <div class="line"></div>
                            <div class="line"></div>
                            <div class="line line-short"></div>
                        </div>
                        <div class="panel">
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
            EventPageState::Event(shown) => view! { <EventDetails shown /> }.into_any(),
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
fn EventDetails(shown: ShownEvent) -> impl IntoView {
    let ShownEvent { event, description, organizer } = shown;
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
    let one_price = text_of(event, |event| match browser::price(&event.price, 1) {
        free if free == browser::FREE => free,
        price => format!("{price} per ticket"),
    });
    view! {
        <div class="event">
            <AboutEvent event description>
                <p class="fact">
                    <Person />
                    <span>
                        "By "
                        <a href=format!("/organizers/{}", organizer.slug) dir="auto">
                            {organizer.name}
                        </a>
                    </span>
                </p>
            </AboutEvent>
            <section class="panel" aria-label="Tickets">
                <SaleState event sale tickets with_total=true />
                <p class="one-price">{one_price}</p>
                {move || match offer.get() {
                    Offer::Bookable | Offer::ViewerUnknown | Offer::Pending | Offer::Checking => {
                        view! { <Order event offer quantity max_quantity /> }.into_any()
                    }
                    Offer::Booked | Offer::TryAgain | Offer::Cancelled => {
                        let state = booking_state.clone();
                        (move || outcome(state.get(), offer.get())).into_any()
                    }
                    Offer::SoldOut
                    | Offer::NotYetOnSale
                    | Offer::SaleEnded
                    | Offer::Closed => ().into_any(),
                }}
                <BookButton event offer quantity />
            </section>
        </div>
    }
}

/// The number of tickets and their price. The address holds the number.
#[component]
fn Order(
    event: RwSignal<Event>,
    offer: Memo<Offer>,
    quantity: Memo<i32>,
    max_quantity: Memo<i32>,
) -> impl IntoView {
    let navigate = use_navigate();
    let choose = move |quantity: i32| {
        let options = NavigateOptions { replace: true, scroll: false, ..Default::default() };
        let path = event.with_untracked(|event| event_path(event.id.inner(), quantity));
        navigate(&path, options);
    };
    let is_sent = move || matches!(offer.get(), Offer::Pending | Offer::Checking);
    let total = move || {
        let quantity = u8::try_from(quantity.get()).unwrap_or(1);
        event.with(|event| browser::price(&event.price, quantity))
    };
    view! {
        <div class="order-row">
            <label class="quantity">
                <span>"Tickets"</span>
                <select
                    id="quantity"
                    disabled=is_sent
                    prop:value=move || quantity.get().to_string()
                    on:change=move |event| choose(chosen_quantity(Some(&event_target_value(&event))))
                >
                    {move || (1..=max_quantity.get())
                        .map(|count| {
                            let selected = count == quantity.get_untracked();
                            view! {
                                <option value=count selected=selected>
                                    {count}
                                </option>
                            }
                        })
                        .collect_view()}
                </select>
            </label>
            <p class="total">
                <span>"Total"</span>
                <strong class="price">{total}</strong>
            </p>
        </div>
    }
}

/// What is known about the user's tickets.
fn outcome(state: BookingState, offer: Offer) -> Option<AnyView> {
    match state {
        BookingState::Booked { quantity } => {
            let text = match offer {
                Offer::Cancelled => "The organizer has cancelled your booking, too.".to_owned(),
                _ => format!("You have {}.", tickets(quantity)),
            };
            Some(
                view! {
                    <p class="yours">
                        {text} " " <a href="/bookings">"See my bookings"</a>
                    </p>
                }
                .into_any(),
            )
        }
        BookingState::Unknown { quantity } => {
            let text = format!(
                "We couldn't find out whether your booking of {} went through. Trying again can't \
                 book twice.",
                tickets(quantity)
            );
            Some(view! { <p class="unknown">{text}</p> }.into_any())
        }
        BookingState::NotBooked
        | BookingState::Pending
        | BookingState::Checking
        | BookingState::Closed => None,
    }
}

fn tickets(quantity: i32) -> String {
    match quantity {
        1 => "1 ticket".to_owned(),
        count => format!("{count} tickets"),
    }
}
