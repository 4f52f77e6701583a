//! A form that changes something and stays on the page.

use leptos::{prelude::*, task::spawn_local};

use super::field::Field;
use crate::api::{ErrorCode, Failure};

#[component]
pub(crate) fn SettingForm<const N: usize, S, A>(
    /// The form's name for screen readers.
    label: &'static str,
    fields: [Field; N],
    /// Sends the fields' values to the server.
    send: S,
    /// Error codes that name no field, and the field that the message of each belongs to.
    #[prop(optional)]
    error_fields: Vec<(ErrorCode, Field)>,
    /// The labels of the button: normally, and while busy.
    labels: (&'static str, &'static str),
    children: Children,
) -> impl IntoView
where
    S: Fn([String; N]) -> A + 'static,
    A: Future<Output = Result<(), Failure>> + 'static,
{
    let busy = RwSignal::new(false);
    // Messages of the server that belong to no field.
    let problem = RwSignal::new(None);
    let submit = move || {
        let Some(values) = Field::valid_values(fields) else { return };
        busy.set(true);
        problem.set(None);
        let answer = send(values);
        let error_fields = error_fields.clone();
        spawn_local(async move {
            let answer = answer.await;
            // The page may be gone by now.
            busy.try_set(false);
            let Err(failure) = answer else { return };
            let code = failure.code();
            match error_fields.iter().find(|(known, _)| Some(*known) == code) {
                Some((_, field)) => field.show_server_problem(failure.message()),
                None => {
                    problem.try_set(Field::show_failure(&fields, &failure));
                }
            }
        });
    };
    let (idle_label, busy_label) = labels;
    view! {
        <form
            class="setting-form"
            method="post"
            novalidate
            aria-label=label
            on:submit=move |event| {
                event.prevent_default();
                if !busy.get_untracked() {
                    submit();
                }
            }
        >
            <div class="form-refusal" role="alert">
                {move || problem.get()}
            </div>
            {children()}
            <button type="submit" class="button" aria-disabled=move || busy.get().to_string()>
                {move || if busy.get() { busy_label } else { idle_label }}
            </button>
        </form>
    }
    .into_any()
}
