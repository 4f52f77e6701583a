//! Books an event, and says how the person stands with it.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::icons::Check;
use crate::{
    api::{live::LiveCounts, queries::events::Event},
    browser,
    desk::{Desk, Standing},
    moment::has_started,
    return_path::sign_in_from,
    session::{Session, Viewer},
};

#[component]
pub(crate) fn BookButton(
    event: Event,
    /// How many tickets it books.
    #[prop(into, default = 1.into())]
    quantity: Signal<i32>,
) -> impl IntoView {
    let Event { id, title, starts_at, .. } = event;
    let desk = Desk::from_context();
    let session = Session::from_context();
    let standing = desk.standing(&id);
    let tickets = LiveCounts::from_context().tickets(&id);
    let navigate = use_navigate();
    let name = title.clone();

    let book = move || match session.viewer_now() {
        Viewer::Person(_) => desk.book(id.clone(), title.clone(), quantity.get_untracked()),
        Viewer::Nobody => {
            navigate(&sign_in_from(&browser::path_and_query()), Default::default());
        }
        // A moment later it is one of the others.
        Viewer::Unknown => {}
    };
    let state = Memo::new(move |_| {
        let standing = standing.get();
        let sold_out = tickets.get().remaining() <= 0;
        match standing {
            Standing::Booking => State::Booking,
            Standing::Booked { .. } => State::Booked,
            Standing::Closed => State::Closed,
            Standing::NotBooked if has_started(&starts_at.0, &browser::now()) => State::Closed,
            Standing::NotBooked if sold_out => State::SoldOut,
            Standing::NotBooked => State::Open,
        }
    });
    // Not `disabled`: that would take the focus from who has just pressed it.
    view! {
        <button
            type="button"
            class="button book"
            class:booked=move || state.get() == State::Booked
            aria-disabled=move || (state.get() != State::Open).to_string()
            aria-label=move || format!("{} {name}", state.get().label().trim_end_matches('…'))
            on:click=move |_| {
                if state.get_untracked() == State::Open {
                    book();
                }
            }
        >
            {move || (state.get() == State::Booked).then(Check)}
            {move || state.get().label()}
        </button>
    }
}

/// What the button can do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Booking,
    Booked,
    SoldOut,
    Closed,
}

impl State {
    fn label(self) -> &'static str {
        match self {
            Self::Open => "Book",
            Self::Booking => "Booking…",
            Self::Booked => "Booked",
            Self::SoldOut => "Sold out",
            Self::Closed => "Closed",
        }
    }
}
