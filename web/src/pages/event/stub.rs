//! What the page shows to somebody who has booked.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::events::{Event, MyBooking};

use super::stepper::Stepper;
use crate::{
    api::live::LiveCounts, browser, components::share_button::ShareButton, money::cost,
    my_bookings::MyBookings, sale::Sale, ticket_count::tickets,
};

/// The user's booking, as the stub of a ticket.
#[component]
pub(super) fn Stub(
    event: RwSignal<Event>,
    sale: Memo<Sale>,
    held: ArcRwSignal<Option<MyBooking>>,
    /// Whether somebody has just booked on this page. The focus was on the button, which is gone.
    is_new: bool,
) -> impl IntoView {
    if is_new {
        request_animation_frame(|| {
            if !browser::has_focus() {
                browser::focus_first("#going");
            }
        });
    }
    view! {
        <h2 id="going" tabindex="-1">
            "You're going!"
        </h2>
        {move || {
            held.get()
                .map(|held| {
                    let page = format!("/bookings/{}", held.id.inner());
                    view! {
                        <p class="yours">
                            {format!("You have {}.", tickets(held.quantity))} " Reference: "
                            <span class="reference-code">{held.reference.clone()}</span>
                        </p>
                        <p class="paid">{price_of(&held, held.quantity)}</p>
                        <Show when=move || sale.get() != Sale::Started>
                            <Change event sale held=held.clone() />
                        </Show>
                        <div class="stub-actions">
                            <a class="button button-quiet" href=page rel="external">
                                "Show tickets"
                            </a>
                            <ShareButton event />
                        </div>
                    }
                })
        }}
    }
}

/// What so many tickets of the booking cost, for example "3 × $35.00 = $105.00".
fn price_of(held: &MyBooking, quantity: i32) -> String {
    let [one, all] = [1, u8::try_from(quantity).unwrap_or(1)]
        .map(|quantity| browser::price(&held.unit_price, quantity));
    cost(quantity, &one, &all)
}

/// The choice of another number of tickets.
#[component]
fn Change(event: RwSignal<Event>, sale: Memo<Sale>, held: MyBooking) -> impl IntoView {
    let my_bookings = MyBookings::from_context();
    let count =
        LiveCounts::from_context().count_of(&event.with_untracked(|event| event.id.clone()));
    let (before, quantity) = (held.quantity, RwSignal::new(held.quantity));
    let is_sent = RwSignal::new(false);
    let unit_price = held.unit_price.clone();
    let has_new_price = Memo::new(move |_| event.with(|event| event.price != unit_price));
    let max = Signal::derive(move || match sale.get() {
        // A booking has one price.
        Sale::Open if has_new_price.get() => before,
        Sale::Open => {
            let possible = before.saturating_add(count.get().remaining().max(0));
            event.with(|event| event.max_per_booking).min(possible).max(before)
        }
        _ => before,
    });
    let priced = held.clone();
    let change = move |_| {
        if is_sent.get_untracked() {
            return;
        }
        is_sent.set(true);
        let held = held.clone();
        spawn_local(async move {
            let (id, title) = event.with_untracked(|event| (event.id.clone(), event.title.clone()));
            my_bookings.change(held, &id, &title, quantity.get_untracked()).await;
            is_sent.try_set(false);
            // The button is gone if the change was made, and the focus with it.
            request_animation_frame(|| {
                if !browser::has_focus() {
                    browser::focus("going");
                }
            });
        });
    };
    view! {
        <div class="order-row">
            <Stepper quantity max is_sent choose=Callback::new(move |wanted| quantity.set(wanted)) />
            {move || {
                (quantity.get() != before)
                    .then(|| {
                        view! {
                            <p class="paid">{price_of(&priced, quantity.get())}</p>
                            <button
                                type="button"
                                class="button change"
                                aria-disabled=move || is_sent.get().to_string()
                                on:click=change.clone()
                            >
                                {move || match is_sent.get() {
                                    true => "Changing…".to_owned(),
                                    false => format!("Change to {}", tickets(quantity.get())),
                                }}
                            </button>
                        }
                    })
            }}
        </div>
        <Show when=move || sale.get() == Sale::Open && has_new_price.get()>
            <p class="hint">
                "The price has changed since you booked, so you can't add tickets to this booking."
            </p>
        </Show>
    }
}
