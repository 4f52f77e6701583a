//! A number of tickets, with buttons for one more and one fewer.

use leptos::prelude::*;
use web_sys::HtmlInputElement;

#[component]
pub(super) fn Stepper(
    #[prop(into)] quantity: Signal<i32>,
    #[prop(into)] max: Signal<i32>,
    /// Whether a request with the number is on its way.
    #[prop(into)]
    is_sent: Signal<bool>,
    choose: Callback<i32>,
) -> impl IntoView {
    // It may be more than there can be.
    let asked_for = RwSignal::new(1);
    let step = |by: i32, label: &'static str, sign: &'static str| {
        let next = move || quantity.get() + by;
        let is_possible = move || (1..=max.get()).contains(&next()) && !is_sent.get();
        view! {
            <button
                type="button"
                class="step"
                aria-label=label
                aria-disabled=move || (!is_possible()).to_string()
                on:click=move |_| {
                    if untrack(is_possible) {
                        asked_for.set(untrack(next));
                        choose.run(untrack(next));
                    }
                }
            >
                {sign}
            </button>
        }
        .into_any()
    };
    view! {
        <div class="quantity">
            <label for="quantity">"Tickets"</label>
            <div class="stepper">
                {step(-1, "One ticket fewer", "−")}
                <input
                    id="quantity"
                    type="number"
                    inputmode="numeric"
                    min="1"
                    max=move || max.get().to_string()
                    disabled=move || is_sent.get()
                    prop:value=move || quantity.get().to_string()
                    // What the button says follows each digit.
                    on:input=move |typed| {
                        let wanted = event_target_value(&typed).parse::<i32>();
                        if let Some(wanted) = wanted.ok().filter(|wanted| *wanted >= 1) {
                            asked_for.set(wanted);
                            choose.run(wanted.min(max.get_untracked()));
                        }
                    }
                    on:change=move |changed| {
                        let wanted = event_target_value(&changed).parse().unwrap_or(1);
                        let wanted = i32::clamp(wanted, 1, max.get_untracked());
                        choose.run(wanted);
                        // The number may be the one from before.
                        event_target::<HtmlInputElement>(&changed).set_value(&wanted.to_string());
                    }
                /> {step(1, "One ticket more", "+")}
            </div>
            <Show when=move || { asked_for.get() > max.get() }>
                <p class="hint" role="status">
                    {move || format!("At most {}.", max.get())}
                </p>
            </Show>
        </div>
    }
    .into_any()
}
