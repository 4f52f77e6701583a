//! A labelled field of a form, with what is wrong with it below.

use leptos::{html, prelude::*};

use crate::api::{Failure, http::ApiError};

type Validator = Box<dyn Fn(&str) -> Option<&'static str> + Send + Sync>;

/// What a person types into a field; a handle that is copied about.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    /// As the server and password managers call it.
    name: &'static str,
    value: RwSignal<String>,
    /// Whether the person has left it, or sent the form: only then is it criticised.
    is_touched: RwSignal<bool>,
    /// What the server said of this value.
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

    fn problem(self) -> Option<String> {
        if let Some(server_problem) = self.server_problem.get() {
            return Some(server_problem);
        }
        let value = self.value.get();
        let found = self.validate.with_value(|validate| validate(&value));
        found.filter(|_| self.is_touched.get()).map(str::to_owned)
    }

    /// The form's values when none has a problem; else the first field with one has the focus.
    pub(crate) fn valid_values<const N: usize>(fields: [Self; N]) -> Option<[String; N]> {
        for field in fields {
            // What a password manager filled in may not have been told as typed.
            if let Some(input) = field.input.get_untracked() {
                field.value.set(input.value());
            }
            field.is_touched.set(true);
            field.server_problem.set(None);
        }
        let wrong = fields.iter().find(|field| untrack(|| field.problem()).is_some());
        match wrong {
            Some(field) => {
                field.focus();
                None
            }
            None => Some(fields.map(|field| field.value.get_untracked())),
        }
    }

    /// Shows what the server refused beside the fields it names; gives back what belongs to none.
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

    /// Shows what the server refused, where it concerns this field whatever it names.
    pub(crate) fn show_server_problem(self, message: String) {
        self.server_problem.try_set(Some(message));
        self.focus();
    }

    fn focus(self) {
        // The page may be gone since.
        if let Some(input) = self.input.try_get_untracked().flatten() {
            // It is in the page, so it can have the focus.
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
    /// What to know before typing.
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
                node_ref=field.input
                on:input=move |event| {
                    field.server_problem.set(None);
                    field.value.set(event_target_value(&event));
                }
                on:blur=move |_| field.is_touched.set(true)
            />
            <p class="problem" id=problem_id aria-live="polite">
                {move || problem.get()}
            </p>
        </div>
    }
}
