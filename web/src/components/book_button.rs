//! What a visitor can do about an event, and the button for it.

use leptos::{html, prelude::*};
use leptos_router::hooks::use_navigate;
use rowlock_web_operations::events::Event;

use super::icons::Check;
use crate::{
    api::live::LiveCounts,
    booking_intent, browser,
    event_path::event_path,
    my_bookings::{BookingState, MyBookings},
    return_path::sign_in_path,
    sale::Sale,
    session::{Session, Viewer},
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
    NotYetOnSale,
    SaleEnded,
    Closed,
    Cancelled,
}

impl Offer {
    /// The offer of this event, as it changes with its sale, its count and the user's booking.
    pub(crate) fn of(event: RwSignal<Event>, sale: Memo<Sale>) -> Memo<Self> {
        let session = Session::from_context();
        let id = event.with_untracked(|event| event.id.clone());
        let booking_state = MyBookings::from_context().state_of(&id);
        let tickets = LiveCounts::from_context().count_of(&id);
        Memo::new(move |_| {
            let (booking_state, sale) = (booking_state.get(), sale.get());
            let sold_out = tickets.get().remaining() <= 0;
            match booking_state {
                BookingState::Pending => Self::Pending,
                BookingState::Checking => Self::Checking,
                BookingState::Unknown { .. } => Self::TryAgain,
                // The organizer has cancelled the user's booking, too, or is about to.
                _ if sale == Sale::Cancelled => Self::Cancelled,
                BookingState::Booked { .. } => Self::Booked,
                BookingState::Closed => Self::Closed,
                BookingState::NotBooked => match sale {
                    Sale::Cancelled => Self::Cancelled,
                    Sale::Started | Sale::Draft => Self::Closed,
                    Sale::Ended => Self::SaleEnded,
                    Sale::NotYetOpen => Self::NotYetOnSale,
                    Sale::Open if sold_out => Self::SoldOut,
                    Sale::Open if session.viewer() == Viewer::Unknown => Self::ViewerUnknown,
                    Sale::Open => Self::Bookable,
                },
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
            Self::NotYetOnSale => "Not on sale yet",
            Self::SaleEnded => "Sale ended",
            Self::Closed => "Closed",
            Self::Cancelled => "Cancelled",
        }
    }
}

#[component]
pub(crate) fn BookButton(
    event: RwSignal<Event>,
    offer: Memo<Offer>,
    /// How many tickets it books.
    #[prop(into, default = 1.into())]
    quantity: Signal<i32>,
    /// What the button says while that many can be booked.
    words: fn(i32) -> String,
) -> impl IntoView {
    let my_bookings = MyBookings::from_context();
    let session = Session::from_context();
    let navigate = use_navigate();

    let book = move |event: Event| match session.viewer_untracked() {
        Viewer::SignedIn(_) => my_bookings.book(event, quantity.get_untracked()),
        Viewer::SignedOut => {
            let id = event.id.inner();
            // The page's address may not have the number of tickets yet.
            let return_to = match browser::path() == event_path(id, 1) {
                true => event_path(id, quantity.get_untracked()),
                false => browser::path_and_query(),
            };
            booking_intent::keep(&event, quantity.get_untracked(), &return_to);
            navigate(&sign_in_path(&return_to), Default::default());
        }
        Viewer::Unknown => {}
    };
    let press = move || match offer.get_untracked() {
        Offer::Bookable => book(event.get_untracked()),
        Offer::TryAgain => event.with_untracked(|event| my_bookings.try_again(&event.id)),
        Offer::ViewerUnknown
        | Offer::Pending
        | Offer::Checking
        | Offer::Booked
        | Offer::SoldOut
        | Offer::NotYetOnSale
        | Offer::SaleEnded
        | Offer::Closed
        | Offer::Cancelled => {}
    };
    // Whoever has signed in to book goes on at the button.
    let button = NodeRef::<html::Button>::new();
    let is_intended = event.with_untracked(|event| booking_intent::take(event.id.inner()));
    if is_intended && matches!(session.viewer_untracked(), Viewer::SignedIn(_)) {
        // The heading takes the focus first.
        request_animation_frame(move || {
            if let Some(button) = button.try_get_untracked().flatten() {
                // An element in the page can be focused.
                let _ = button.focus();
                // A narrow screen does not show the panel's button, but that of the bar.
                if !button.matches(":focus").unwrap_or_default() {
                    browser::focus_first(".buy-bar .book");
                }
            }
        });
    }
    let label = move || match offer.get() {
        Offer::Bookable | Offer::ViewerUnknown => words(quantity.get()),
        offer => offer.label().to_owned(),
    };
    let is_active = move || matches!(offer.get(), Offer::Bookable | Offer::TryAgain);
    // `aria-disabled`, because `disabled` would take the focus from the button that was just
    // pressed.
    view! {
        <button
            type="button"
            class="button book"
            class:booked=move || offer.get() == Offer::Booked
            node_ref=button
            aria-disabled=move || (!is_active()).to_string()
            aria-label=move || event.with(|event| format!("{}: {}", label(), event.title))
            on:click=move |_| press()
        >
            {move || (offer.get() == Offer::Booked).then(Check)}
            {label}
        </button>
    }
    .into_any()
}
