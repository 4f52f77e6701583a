//! What a visitor can do about an event, and the button for it.

use std::time::Duration;

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use rowlock_web_operations::events::Event;

use super::icons::Check;
use crate::{
    api::live::LiveCounts,
    browser,
    event_path::event_path,
    my_bookings::{BookingState, MyBookings},
    return_path::sign_in_path,
    session::{Session, Viewer},
    timestamp::has_started,
    toasts::{Toast, Toasts, Tone},
};

/// What a visitor can do about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    Bookable,
    /// The user may have booked already. Nobody can book until the viewer is known.
    ViewerUnknown,
    Pending,
    Checking,
    /// It is not known whether the last attempt has booked.
    TryAgain,
    Booked,
    SoldOut,
    Closed,
}

impl Offer {
    /// The offer of this event, as it changes with the count, the time and the user's booking.
    pub(crate) fn of(event: &Event) -> Memo<Self> {
        let session = Session::from_context();
        let booking_state = MyBookings::from_context().state_of(&event.id);
        let tickets = LiveCounts::from_context().count_of(&event.id);
        let started = started(&event.starts_at.0);
        Memo::new(move |_| {
            let booking_state = booking_state.get();
            let sold_out = tickets.get().remaining() <= 0;
            match booking_state {
                BookingState::Pending => Self::Pending,
                BookingState::Checking => Self::Checking,
                BookingState::Unknown { .. } => Self::TryAgain,
                BookingState::Booked { .. } => Self::Booked,
                BookingState::Closed => Self::Closed,
                BookingState::NotBooked if started.get() => Self::Closed,
                BookingState::NotBooked if sold_out => Self::SoldOut,
                BookingState::NotBooked if session.viewer() == Viewer::Unknown => {
                    Self::ViewerUnknown
                }
                BookingState::NotBooked => Self::Bookable,
            }
        })
    }

    fn label(self) -> &'static str {
        match self {
            Self::Bookable | Self::ViewerUnknown => "Book",
            Self::Pending => "Booking…",
            Self::Checking => "Checking…",
            Self::TryAgain => "Try again",
            Self::Booked => "Booked",
            Self::SoldOut => "Sold out",
            Self::Closed => "Closed",
        }
    }
}

#[component]
pub(crate) fn BookButton(
    event: Event,
    offer: Memo<Offer>,
    /// How many tickets it books.
    #[prop(into, default = 1.into())]
    quantity: Signal<i32>,
) -> impl IntoView {
    let my_bookings = MyBookings::from_context();
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let navigate = use_navigate();
    let (id, name) = (event.id.clone(), event.title.clone());

    let book = move || match session.viewer_untracked() {
        Viewer::SignedIn(_) => my_bookings.book(event.clone(), quantity.get_untracked()),
        Viewer::SignedOut => {
            let is_signed_out = move || session.viewer() == Viewer::SignedOut;
            let (id, text) = (event.id.inner(), format!("Sign in to book {}.", event.title));
            toasts.show(Toast::new(Tone::Info, text).while_true(is_signed_out));
            // The page's address may not have the number of tickets yet.
            let return_to = match browser::path() == event_path(id, 1) {
                true => event_path(id, quantity.get_untracked()),
                false => browser::path_and_query(),
            };
            navigate(&sign_in_path(&return_to), Default::default());
        }
        Viewer::Unknown => {}
    };
    let press = move || match offer.get_untracked() {
        Offer::Bookable => book(),
        Offer::TryAgain => my_bookings.try_again(&id),
        Offer::ViewerUnknown
        | Offer::Pending
        | Offer::Checking
        | Offer::Booked
        | Offer::SoldOut
        | Offer::Closed => {}
    };
    let is_active = move || matches!(offer.get(), Offer::Bookable | Offer::TryAgain);
    // `aria-disabled`, because `disabled` would take the focus from the button that was just
    // pressed.
    view! {
        <button
            type="button"
            class="button book"
            class:booked=move || offer.get() == Offer::Booked
            aria-disabled=move || (!is_active()).to_string()
            aria-label=move || match offer.get() {
                Offer::Bookable | Offer::ViewerUnknown => format!("Book {name}"),
                offer => format!("{}: {name}", offer.label()),
            }
            on:click=move |_| press()
        >
            {move || (offer.get() == Offer::Booked).then(Check)}
            {move || offer.get().label()}
        </button>
    }
}

/// Whether the event has started, by the browser's clock. The signal changes when the event starts.
fn started(starts_at: &str) -> RwSignal<bool> {
    /// The maximum of a browser's timer, about 24 days.
    const MAX_TIMER_MILLIS: f64 = 2_147_483_647.0;
    let started = RwSignal::new(has_started(starts_at, &browser::now()));
    let millis = browser::millis_until(starts_at);
    if (0.0..MAX_TIMER_MILLIS).contains(&millis) {
        let wait = Duration::from_millis(millis as u64);
        if let Ok(timer) = set_timeout_with_handle(move || started.set(true), wait) {
            on_cleanup(move || timer.clear());
        }
    }
    started
}
