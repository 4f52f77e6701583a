//! The choice of the number of tickets.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use rowlock_web_operations::events::Event;
use web_sys::HtmlInputElement;

use crate::{browser, components::book_button::Offer, event_path::event_path};

/// The number of tickets and their price. The address holds the number.
#[component]
pub(super) fn Order(
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
    let step = |by: i32, label: &'static str, sign: &'static str| {
        let choose = choose.clone();
        let next = move || quantity.get() + by;
        let is_possible = move || (1..=max_quantity.get()).contains(&next()) && !is_sent();
        view! {
            <button
                type="button"
                class="step"
                aria-label=label
                aria-disabled=move || (!is_possible()).to_string()
                on:click=move |_| {
                    if untrack(is_possible) {
                        choose(untrack(next));
                    }
                }
            >
                {sign}
            </button>
        }
        .into_any()
    };
    view! {
        <div class="order-row">
            <div class="quantity">
                <label for="quantity">"Tickets"</label>
                <div class="stepper">
                    {step(-1, "One ticket fewer", "−")}
                    <input
                        id="quantity"
                        type="number"
                        inputmode="numeric"
                        min="1"
                        max=move || max_quantity.get().to_string()
                        disabled=is_sent
                        prop:value=move || quantity.get().to_string()
                        on:change={
                            let choose = choose.clone();
                            move |changed| {
                                let wanted = event_target_value(&changed).parse().unwrap_or(1);
                                let wanted = i32::clamp(wanted, 1, max_quantity.get_untracked());
                                choose(wanted);
                                // The number may be the one from before.
                                event_target::<HtmlInputElement>(&changed)
                                    .set_value(&wanted.to_string());
                            }
                        }
                    />
                    {step(1, "One ticket more", "+")}
                </div>
            </div>
            <p class="total">
                <span>"Total"</span>
                <strong class="price">{total}</strong>
            </p>
        </div>
    }
}
