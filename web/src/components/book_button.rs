//! The button that books an event and shows the state of the user's booking.

use std::time::Duration;

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use rowlock_web_operations::events::Event;

use super::icons::Check;
use crate::{
    api::live::LiveCounts,
    browser,
    my_bookings::{BookingState, MyBookings},
    return_path::sign_in_path,
    session::{Session, Viewer},
    timestamp::has_started,
    toasts::{Toasts, Tone},
};

#[component]
pub(crate) fn BookButton(
    event: Event,
    /// How many tickets it books.
    #[prop(into, default = 1.into())]
    quantity: Signal<i32>,
) -> impl IntoView {
    let Event { id, title, starts_at, .. } = event;
    let my_bookings = MyBookings::from_context();
    let session = Session::from_context();
    let booking_state = my_bookings.state_of(&id);
    let tickets = LiveCounts::from_context().count_of(&id);
    let toasts = Toasts::from_context();
    let navigate = use_navigate();
    let name = title.clone();

    let book = move || match session.viewer_untracked() {
        Viewer::SignedIn(_) => {
            my_bookings.book(id.clone(), title.clone(), quantity.get_untracked());
        }
        Viewer::SignedOut => {
            toasts.show(Tone::Info, format!("Sign in to book {title}."));
            navigate(&sign_in_path(&browser::path_and_query()), Default::default());
        }
        Viewer::Unknown => {}
    };
    let started = started(&starts_at.0);
    let state = Memo::new(move |_| {
        let booking_state = booking_state.get();
        let sold_out = tickets.get().remaining() <= 0;
        match booking_state {
            BookingState::Pending => ButtonState::Pending,
            BookingState::Booked { .. } => ButtonState::Booked,
            BookingState::Closed => ButtonState::Closed,
            BookingState::NotBooked if started.get() => ButtonState::Closed,
            BookingState::NotBooked if sold_out => ButtonState::SoldOut,
            // The user may have booked already. The button stays inactive until the viewer is
            // known.
            BookingState::NotBooked if session.viewer() == Viewer::Unknown => {
                ButtonState::ViewerUnknown
            }
            BookingState::NotBooked => ButtonState::Bookable,
        }
    });
    // `aria-disabled`, because `disabled` would take the focus from the button that was just
    // pressed.
    view! {
        <button
            type="button"
            class="button book"
            class:booked=move || state.get() == ButtonState::Booked
            aria-disabled=move || (state.get() != ButtonState::Bookable).to_string()
            aria-label=move || match state.get() {
                ButtonState::Bookable | ButtonState::ViewerUnknown => format!("Book {name}"),
                state => format!("{}: {name}", state.label()),
            }
            on:click=move |_| {
                if state.get_untracked() == ButtonState::Bookable {
                    book();
                }
            }
        >
            {move || (state.get() == ButtonState::Booked).then(Check)}
            {move || state.get().label()}
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

/// The button's state: its label, and whether it books.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ButtonState {
    Bookable,
    ViewerUnknown,
    Pending,
    Booked,
    SoldOut,
    Closed,
}

impl ButtonState {
    fn label(self) -> &'static str {
        match self {
            Self::Bookable | Self::ViewerUnknown => "Book",
            Self::Pending => "Booking…",
            Self::Booked => "Booked",
            Self::SoldOut => "Sold out",
            Self::Closed => "Closed",
        }
    }
}
