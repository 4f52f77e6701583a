//! What somebody else has changed while the user was editing, and the choice between both.

use leptos::prelude::*;

use super::form_state::FormState;
use crate::organize::edit_merge::Difference;

#[component]
pub(super) fn ChangedElsewhere(state: FormState) -> impl IntoView {
    let differences = state.differences();
    let is_shown = Memo::new(move |_| differences.with(|found| !found.is_empty()));
    view! {
        <div role="alert">
            {move || {
                is_shown
                    .get()
                    .then(|| {
                        view! {
                            <section class="panel changed-elsewhere">
                                <h2 id="changed-elsewhere" tabindex="-1">
                                    "Somebody else has changed this event"
                                </h2>
                                <p>
                                    "The form has their changes now. Where you have changed the same, choose what should stand."
                                </p>
                                <ul>
                                    <For
                                        each=move || differences.get()
                                        key=|found| (found.field, found.theirs.clone())
                                        children=move |found| {
                                            view! { <Choice state found /> }
                                        }
                                    />
                                </ul>
                                <Show when=move || !state.has_undecided()>
                                    <button
                                        type="button"
                                        class="button button-quiet"
                                        on:click=move |_| state.hide_differences()
                                    >
                                        "Close"
                                    </button>
                                </Show>
                            </section>
                        }
                    })
            }}
        </div>
    }
}

/// Both texts of a field. The form takes the chosen one over at once.
#[component]
fn Choice(state: FormState, found: Difference) -> impl IntoView {
    let Difference { field, theirs, ours, is_conflict } = found;
    let text = state.text(field);
    let choices = [
        ("theirs", "Theirs", theirs),
        ("ours", if is_conflict { "Yours" } else { "Before" }, ours),
    ]
    .map(|(name, label, value)| {
        let is_chosen = {
            let value = value.clone();
            Memo::new(move |_| !state.is_undecided(field) && text.with(|text| *text == value))
        };
        let shown = if value.is_empty() { "(empty)".to_owned() } else { readable(&value) };
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name=format!("choice-{}", field.name())
                    value=name
                    prop:checked=move || is_chosen.get()
                    on:change=move |_| state.type_in(field, value.clone())
                />
                <span>{label} ": " <q>{shown}</q></span>
            </label>
        }
    })
    .collect_view();
    view! {
        <li>
            <fieldset>
                <legend>{field.label()}</legend>
                {choices}
            </fieldset>
        </li>
    }
}

/// A time as people write it; any other text as it is.
fn readable(text: &str) -> String {
    match text.split_once('T') {
        Some((date, time)) if date.len() == 10 && time.len() == 5 => format!("{date} {time}"),
        _ => text.to_owned(),
    }
}
