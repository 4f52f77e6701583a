//! The form with an organizer's name and short name.

use leptos::prelude::*;

use crate::components::field::{Field, FieldInput};

#[component]
pub(crate) fn OrganizerForm(
    name: Field,
    slug: Field,
    slug_hint: &'static str,
    /// What the server says about no field.
    problem: RwSignal<Option<String>>,
    busy: RwSignal<bool>,
    /// The labels of the button: normally, and while busy.
    labels: (&'static str, &'static str),
    /// Called when the form is sent and nothing is under way.
    #[prop(into)]
    on_submit: Callback<()>,
) -> impl IntoView {
    let (label, label_busy) = labels;
    view! {
        <form
            class="panel form narrow"
            method="post"
            novalidate
            on:submit=move |event| {
                event.prevent_default();
                if !busy.get_untracked() {
                    on_submit.run(());
                }
            }
        >
            <div class="form-refusal" role="alert">
                {move || problem.get()}
            </div>
            <FieldInput field=name label="Name" kind="text" autocomplete="organization" />
            <FieldInput
                field=slug
                label="Short name for the address"
                kind="text"
                autocomplete="off"
                hint=slug_hint
            />
            <button type="submit" class="button" aria-disabled=move || busy.get().to_string()>
                {move || if busy.get() { label_busy } else { label }}
            </button>
        </form>
    }
}
