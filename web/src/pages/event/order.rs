//! The choice of the number of tickets.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use rowlock_web_operations::events::Event;

use super::stepper::Stepper;
use crate::{
    browser,
    components::{book_button::Offer, event_text::text_of},
    event_path::event_path,
};

/// The number of tickets and their price. The address holds the number.
#[component]
pub(super) fn Order(
    event: RwSignal<Event>,
    offer: Memo<Offer>,
    quantity: Memo<i32>,
    max_quantity: Memo<i32>,
) -> impl IntoView {
    let navigate = use_navigate();
    let choose = Callback::new(move |quantity: i32| {
        let options = NavigateOptions { replace: true, scroll: false, ..Default::default() };
        let path = event.with_untracked(|event| event_path(event.id.inner(), quantity));
        navigate(&path, options);
    });
    let is_sent = Signal::derive(move || matches!(offer.get(), Offer::Pending | Offer::Checking));
    let total = move || {
        let quantity = u8::try_from(quantity.get()).unwrap_or(1);
        event.with(|event| browser::price(&event.price, quantity))
    };
    let is_free = text_of(event, |event| browser::price(&event.price, 1));
    let is_free = move || is_free() == browser::FREE;
    view! {
        <div class="order-row">
            <Stepper quantity max=max_quantity is_sent choose />
            <p class="total" role="status">
                <span>"Total"</span>
                <strong class="price">{total}</strong>
            </p>
        </div>
        <p class="hint">
            {move || (!is_free()).then_some("Nothing is charged here. You pay the organizer.")}
        </p>
    }
}
