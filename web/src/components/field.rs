//! A labelled form field with an error message below it.

use leptos::{html, prelude::*};

use super::icons::Eye;
use crate::api::{Failure, http::ApiError};

type Validator = Box<dyn Fn(&str) -> Option<&'static str> + Send + Sync>;

/// A `Copy` handle to a field's value and its problems.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    /// The name that the server and password managers use.
    name: &'static str,
    value: RwSignal<String>,
    /// Whether the user has left the field with a text, or sent the form. No problem is shown
    /// before.
    is_touched: RwSignal<bool>,
    /// The server's message about the current value.
    server_problem: RwSignal<Option<String>>,
    validate: StoredValue<Validator>,
    input: NodeRef<html::Input>,
}

impl Field {
    pub(crate) fn new(
        name: &'static str,
        validate: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            value: RwSignal::default(),
            is_touched: RwSignal::new(false),
            server_problem: RwSignal::new(None),
            validate: StoredValue::new(Box::new(validate)),
            input: NodeRef::new(),
        }
    }

    pub(crate) fn value(self) -> String {
        self.value.get()
    }

    pub(crate) fn value_untracked(self) -> String {
        self.value.get_untracked()
    }

    /// Empties the field for another entry.
    pub(crate) fn clear(self) {
        // The page may be gone by now.
        self.is_touched.try_set(false);
        self.value.try_set(String::new());
    }

    /// Replaces what is in the field.
    pub(crate) fn set_value(self, value: String) {
        self.value.set(value);
    }

    fn problem(self) -> Option<String> {
        if let Some(server_problem) = self.server_problem.get() {
            return Some(server_problem);
        }
        let value = self.value.get();
        let found = self.validate.with_value(|validate| validate(&value));
        found.filter(|_| self.is_touched.get()).map(str::to_owned)
    }

    /// The values, if all are valid. Otherwise the first invalid field gets the focus.
    pub(crate) fn valid_values<const N: usize>(fields: [Self; N]) -> Option<[String; N]> {
        for field in fields {
            // A password manager may fill a field without an input event.
            if let Some(input) = field.input.get_untracked() {
                field.value.set(input.value());
            }
            field.is_touched.set(true);
            field.server_problem.set(None);
        }
        let invalid = fields.iter().find(|field| untrack(|| field.problem()).is_some());
        match invalid {
            Some(field) => {
                field.focus();
                None
            }
            None => Some(fields.map(|field| field.value.get_untracked())),
        }
    }

    /// Shows the server's messages beside the fields that they name. Returns the messages for no
    /// field of the form.
    pub(crate) fn show_failure(fields: &[Self], failure: &Failure) -> Option<String> {
        let Failure::Api(ApiError { fields: problems, .. }) = failure else {
            return Some(failure.message());
        };
        let mut rest = Vec::new();
        let mut first = None;
        for problem in problems {
            match fields.iter().find(|field| field.name == problem.field) {
                Some(field) => {
                    field.server_problem.try_set(Some(problem.message.clone()));
                    first.get_or_insert(*field);
                }
                None => rest.push(problem.message.clone()),
            }
        }
        if let Some(field) = first {
            field.focus();
        }
        match (problems.is_empty(), rest.is_empty()) {
            (true, _) => Some(failure.message()),
            (false, true) => None,
            (false, false) => Some(rest.join(" ")),
        }
    }

    /// Shows a message of the server that concerns this field without naming it.
    pub(crate) fn show_server_problem(self, message: String) {
        self.server_problem.try_set(Some(message));
        self.focus();
    }

    pub(crate) fn focus(self) {
        // The page may be gone by now.
        if let Some(input) = self.input.try_get_untracked().flatten() {
            // An element in the page can be focused.
            let _ = input.focus();
        }
    }
}

#[component]
pub(crate) fn FieldInput(
    field: Field,
    label: &'static str,
    /// The input's type.
    kind: &'static str,
    autocomplete: &'static str,
    /// Help that is shown before the user types.
    #[prop(optional)]
    hint: &'static str,
) -> impl IntoView {
    let id = format!("field-{}", field.name);
    let problem_id = format!("{id}-problem");
    let hint_id = format!("{id}-hint");
    let problem = Memo::new(move |_| field.problem());
    let described_by = match hint {
        "" => problem_id.clone(),
        _ => format!("{hint_id} {problem_id}"),
    };
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            {(!hint.is_empty()).then(|| view! { <p class="hint" id=hint_id>{hint}</p> })}
            <div class="input">
                <input
                    id=id
                    name=field.name
                    type=kind
                    autocomplete=autocomplete
                    autocapitalize=(kind != "text").then_some("none")
                    spellcheck="false"
                    required
                    aria-invalid=move || problem.with(Option::is_some).to_string()
                    aria-describedby=described_by
                    prop:value=move || field.value.get()
                    node_ref=field.input
                    on:input=move |event| {
                        field.server_problem.set(None);
                        field.value.set(event_target_value(&event));
                    }
                    on:blur=move |_| {
                        // The first field has the focus when a form opens. To leave it empty is no
                        // mistake yet.
                        if field.value.with_untracked(|value| !value.is_empty()) {
                            field.is_touched.set(true);
                        }
                    }
                />
                {(kind == "password").then(|| view! { <ShowPassword input=field.input /> })}
            </div>
            <p class="problem" id=problem_id aria-live="polite">
                {move || problem.get()}
            </p>
        </div>
    }
}

/// Shows the password in the field as it is, or hides it again.
#[component]
fn ShowPassword(input: NodeRef<html::Input>) -> impl IntoView {
    let is_shown = RwSignal::new(false);
    let toggle = move || {
        let Some(input) = input.get_untracked() else { return };
        is_shown.update(|is_shown| *is_shown = !*is_shown);
        let selection = (input.selection_start(), input.selection_end());
        input.set_type(if is_shown.get_untracked() { "text" } else { "password" });
        // Some browsers move the caret to the beginning when the type changes.
        if let (Ok(Some(start)), Ok(Some(end))) = selection {
            // A field with text has a selection.
            let _ = input.set_selection_range(start, end);
        }
    };
    view! {
        <button
            type="button"
            class="icon-button show-password"
            title="Show password"
            aria-label="Show password"
            aria-pressed=move || is_shown.get().to_string()
            // Otherwise, the button would take the focus from the field.
            on:mousedown=|event| event.prevent_default()
            on:click=move |_| toggle()
        >
            <Eye />
        </button>
    }
    .into_any()
}
