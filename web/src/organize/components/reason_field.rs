//! A field for the reason of a cancellation, in a dialog.

use leptos::prelude::*;

#[component]
pub(crate) fn ReasonField(
    id: &'static str,
    reason: RwSignal<String>,
    problem: RwSignal<Option<String>>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>"Reason"</label>
            <textarea
                id=id
                rows="3"
                required
                aria-invalid=move || problem.with(Option::is_some).to_string()
                aria-describedby=format!("{id}-problem")
                prop:value=move || reason.get()
                on:input=move |event| {
                    problem.set(None);
                    reason.set(event_target_value(&event));
                }
            ></textarea>
            <p class="problem" id=format!("{id}-problem") aria-live="polite">
                {move || problem.get()}
            </p>
        </div>
    }
}
