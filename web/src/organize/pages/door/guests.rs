//! People who have booked and whose name, email address or reference matches what is typed.

use leptos::prelude::*;
use rowlock_web_operations::{
    bookings::BookingStatus,
    door::{DoorTicket, Guest, guests},
};

use super::checking::Checking;
use crate::{
    browser,
    components::notice::FailureNotice,
    query::{Query, QueryState},
    session::Session,
};

/// So many are shown. Whoever is not among them types more of the name.
const MAX_GUESTS: i32 = 8;
/// Shorter texts match too many.
const MIN_SEARCH_CHARS: usize = 2;

#[component]
pub(super) fn Guests(
    event_id: String,
    /// What is searched for.
    search: RwSignal<String>,
    checking: Checking,
) -> impl IntoView {
    let session = Session::from_context();
    let event_id = StoredValue::new(event_id);
    let wanted = Memo::new(move |_| {
        let search = search.get().trim().to_owned();
        Some(search).filter(|search| search.chars().count() >= MIN_SEARCH_CHARS)
    });
    let found = Query::new(
        move || wanted.get(),
        move |wanted| async move {
            let Some(search) = wanted else { return Ok(Vec::new()) };
            let operation = guests(event_id.get_value().into(), MAX_GUESTS, search);
            let event = session.run(&operation).await?.event;
            let attendees = event.and_then(|event| event.attendees);
            Ok(attendees.map(|attendees| attendees.nodes).unwrap_or_default())
        },
        |_: &Vec<Guest>| {},
    )
    .refetch_when(move || checking.answered.get());
    let state = Memo::new(move |_| found.with(Clone::clone));
    Effect::watch(
        move || state.get(),
        move |_, _, _| {
            // The focus was on a row's button. The row is rendered anew, and may have none now.
            request_animation_frame(|| {
                if !browser::has_focus() {
                    browser::focus("code");
                }
            });
        },
        false,
    );
    let summary = move || match (wanted.get(), state.get()) {
        (None, _) | (_, QueryState::Loading | QueryState::Failed(_)) => String::new(),
        (Some(_), QueryState::Loaded(found)) => match found.len() {
            0 => "Nobody with that name has booked.".to_owned(),
            1 => "1 booking matches.".to_owned(),
            count => format!("{count} bookings match."),
        },
    };
    view! {
        <p class="found" role="status">
            {summary}
        </p>
        {move || match state.get() {
            QueryState::Loading => ().into_any(),
            QueryState::Failed(failure) => {
                let retry = move |()| found.refetch();
                view! { <FailureNotice failure busy=found.is_fetching() retry /> }.into_any()
            }
            QueryState::Loaded(found) => {
                view! {
                    <ul class="rows guests">
                        {found
                            .into_iter()
                            .map(|guest| view! { <GuestRow guest checking /> })
                            .collect_view()}
                    </ul>
                }
                    .into_any()
            }
        }}
    }
}

#[component]
fn GuestRow(guest: Guest, checking: Checking) -> impl IntoView {
    let Guest { name, email, booking } = guest;
    let arrived = booking.tickets.iter().filter(|ticket| is_in(ticket)).count();
    let next = booking.tickets.iter().find(|ticket| !is_in(ticket)).cloned();
    let state = match booking.status {
        BookingStatus::Cancelled => "Cancelled".to_owned(),
        BookingStatus::Confirmed => format!("{arrived} of {} in", booking.tickets.len()),
    };
    let label = format!("Check in {name}");
    let button = next.map(|ticket| {
        view! {
            <button
                type="button"
                class="button"
                aria-label=label
                aria-disabled=move || checking.is_busy().to_string()
                on:click=move |_| checking.check_in(ticket.code.clone())
            >
                "Check in"
            </button>
        }
    });
    view! {
        <li class="card row guest">
            <div>
                <h2 dir="auto">{name}</h2>
                <p class="email">{email}</p>
                <p class="row-facts">
                    <span class="reference">{booking.reference}</span>
                    <strong>{state}</strong>
                </p>
            </div>
            <div class="row-links">{button}</div>
        </li>
    }
}

fn is_in(ticket: &DoorTicket) -> bool {
    ticket.checked_in_at.is_some()
}
