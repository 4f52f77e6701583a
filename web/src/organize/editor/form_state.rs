//! The state of an event's form: its texts, what is wrong with them, and what is saved.

use std::collections::BTreeSet;

use leptos::{ev, prelude::*};
use rowlock_web_operations::event_editing::ManagedEvent;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::{
    api::{Failure, http::ApiError},
    organize::{
        edit_merge::{Difference, differences, merged},
        event_form::{
            EventField::{
                self, City, Currency, Description, EndsAt, MaxPerBooking, Price, SalesEndAt,
                SalesStartAt, StartsAt, TimeZone, Title, TotalTickets, Venue,
            },
            EventForm,
        },
        form_check::{EventValues, Problems, SavedForm, check},
        kept_draft::{DraftKey, KeptDraft},
        wall_time::{WallTime, moment_of},
        zones::{offset, own_zone, surroundings},
    },
};

type Texts = [RwSignal<String>; EventField::ALL.len()];

/// A `Copy` handle to the form's state.
#[derive(Clone, Copy)]
pub(crate) struct FormState {
    texts: StoredValue<Texts>,
    /// The fields that the user has left, or all after sending. No problem is shown before.
    touched: RwSignal<BTreeSet<EventField>>,
    /// The server's messages about the current texts.
    server_problems: RwSignal<Problems>,
    saved: RwSignal<SavedForm>,
    /// The revision of what is saved; 0 for a new event.
    revision: RwSignal<i32>,
    /// What somebody else has changed since the user began.
    differences: RwSignal<Vec<Difference>>,
    /// The fields that both people have changed, until the user has chosen.
    undecided: RwSignal<BTreeSet<EventField>>,
    checked: Memo<Result<EventValues, Problems>>,
    is_changed: Memo<bool>,
    key: StoredValue<DraftKey>,
    /// Whether the form began with changes of an earlier visit.
    is_restored: RwSignal<bool>,
}

impl FormState {
    /// The form of a new event.
    pub(crate) fn of_new_event(key: DraftKey) -> Self {
        let form = EventForm::default()
            .with(TimeZone, own_zone())
            .with(Currency, "EUR")
            .with(MaxPerBooking, "10");
        Self::new(SavedForm { form: complete(form), ..SavedForm::default() }, 0, key)
    }

    pub(crate) fn of_event(managed: &ManagedEvent, key: DraftKey) -> Self {
        Self::new(saved_form(managed), managed.event.revision, key)
    }

    fn new(saved: SavedForm, revision: i32, key: DraftKey) -> Self {
        let texts: Texts =
            EventField::ALL.map(|field| RwSignal::new(saved.form.get(field).to_owned()));
        let form = move || form_of(&texts);
        let kept = key.read();
        let saved = RwSignal::new(saved);
        let state = Self {
            texts: StoredValue::new(texts),
            touched: RwSignal::default(),
            server_problems: RwSignal::default(),
            saved,
            revision: RwSignal::new(revision),
            differences: RwSignal::default(),
            undecided: RwSignal::default(),
            checked: Memo::new(move |_| saved.with(|saved| check(&form(), saved, &surroundings()))),
            is_changed: Memo::new(move |_| saved.with(|saved| form() != saved.form)),
            key: StoredValue::new(key),
            is_restored: RwSignal::new(false),
        };
        let now = saved.with_untracked(|saved| saved.form.clone());
        let mut first_base = now.clone();
        if let Some(KeptDraft { form, base, .. }) = kept {
            state.show_differences(differences(&base, &now, &form));
            state.set_form(&merged(&base, &now, &form));
            state.is_restored.set(state.is_changed_untracked());
            first_base = base;
        }
        state.keep_draft(first_base);
        state.warn_before_unload();
        state
    }

    /// Keeps the changes in the tab's storage until they are saved or discarded. While the user has
    /// to choose between two people's changes, the draft keeps what it began with, so that a reload
    /// asks again.
    fn keep_draft(self, first_base: EventForm) {
        Effect::new(move |before: Option<EventForm>| {
            let (form, saved) = (self.form(), self.saved.with(|saved| saved.form.clone()));
            let is_changed = form != saved;
            let base = match self.undecided.with(BTreeSet::is_empty) {
                true => saved,
                false => before.unwrap_or_else(|| first_base.clone()),
            };
            self.key.with_value(|key| match is_changed {
                true => key.write(&KeptDraft { form, base: base.clone() }),
                false => key.remove(),
            });
            base
        });
    }

    /// Lets the browser ask before a page with changes is closed, because the storage ends with its
    /// tab.
    fn warn_before_unload(self) {
        let listener = window_event_listener(ev::beforeunload, move |event| {
            if self.is_changed.try_get_untracked() == Some(true) {
                event.prevent_default();
            }
        });
        on_cleanup(move || listener.remove());
    }

    pub(super) fn text(self, field: EventField) -> RwSignal<String> {
        self.texts.with_value(|texts| texts[field as usize])
    }

    /// All texts, tracked.
    pub(super) fn form(self) -> EventForm {
        form_of(&self.texts.get_value())
    }

    fn set_form(self, form: &EventForm) {
        for field in EventField::ALL {
            let text = self.text(field);
            if text.with_untracked(|text| text != form.get(field)) {
                text.set(form.get(field).to_owned());
            }
        }
    }

    /// Takes what the user has typed into a field.
    pub(super) fn type_in(self, field: EventField, text: String) {
        self.text(field).set(text);
        if self.is_undecided_untracked(field) {
            self.undecided.update(|undecided| {
                undecided.remove(&field);
            });
        }
        if self.server_problems.with_untracked(|problems| problems.contains_key(&field)) {
            self.server_problems.update(|problems| {
                problems.remove(&field);
            });
        }
    }

    pub(super) fn touch(self, field: EventField) {
        if self.touched.with_untracked(|touched| !touched.contains(&field)) {
            self.touched.update(|touched| {
                touched.insert(field);
            });
        }
    }

    /// The problem to show at a field.
    pub(super) fn problem(self, field: EventField) -> Option<String> {
        if let Some(problem) = self.server_problems.with(|problems| problems.get(&field).cloned()) {
            return Some(problem);
        }
        if !self.touched.with(|touched| touched.contains(&field)) {
            return None;
        }
        self.checked.with(|checked| checked.as_ref().err()?.get(&field).cloned())
    }

    /// The values as far as they are valid.
    pub(super) fn values(self) -> Option<EventValues> {
        self.checked.with(|checked| checked.as_ref().ok().cloned())
    }

    pub(crate) fn is_changed(self) -> Signal<bool> {
        self.is_changed.into()
    }

    pub(super) fn is_changed_untracked(self) -> bool {
        self.is_changed.get_untracked()
    }

    pub(crate) fn is_restored(self) -> Signal<bool> {
        let (is_restored, is_changed) = (self.is_restored, self.is_changed);
        Signal::derive(move || is_restored.get() && is_changed.get())
    }

    pub(super) fn revision(self) -> i32 {
        self.revision.get_untracked()
    }

    pub(super) fn key(self) -> DraftKey {
        self.key.get_value()
    }

    pub(super) fn differences(self) -> Signal<Vec<Difference>> {
        self.differences.into()
    }

    /// Adds what somebody else has changed. What the user has not looked at yet stays.
    fn show_differences(self, found: Vec<Difference>) {
        let conflicts = found.iter().filter(|found| found.is_conflict).map(|found| found.field);
        self.undecided.update(|undecided| undecided.extend(conflicts));
        self.differences.update(|shown| {
            shown.retain(|before| found.iter().all(|new| new.field != before.field));
            shown.extend(found);
        });
    }

    /// The user has looked at what somebody else has changed.
    pub(super) fn hide_differences(self) {
        self.differences.set(Vec::new());
        self.undecided.set(BTreeSet::new());
    }

    /// Whether the user has to choose a text for this field.
    pub(super) fn is_undecided(self, field: EventField) -> bool {
        self.undecided.with(|undecided| undecided.contains(&field))
    }

    fn is_undecided_untracked(self, field: EventField) -> bool {
        self.undecided.with_untracked(|undecided| undecided.contains(&field))
    }

    pub(super) fn has_undecided(self) -> bool {
        self.undecided.with(|undecided| !undecided.is_empty())
    }

    /// The values, if all are valid. Otherwise all problems show, and the first one gets the focus.
    pub(crate) fn valid_values(self) -> Option<EventValues> {
        self.touched.set(EventField::ALL.into());
        self.server_problems.set(Problems::new());
        match self.checked.get_untracked() {
            Ok(values) => Some(values),
            Err(problems) => {
                focus_first(&problems);
                None
            }
        }
    }

    /// Shows the server's messages at the fields that they name. Returns what belongs to no field.
    pub(crate) fn show_failure(self, failure: &Failure) -> Option<String> {
        let Failure::Api(ApiError { fields, .. }) = failure else { return Some(failure.message()) };
        let mut rest = Vec::new();
        let mut problems = Problems::new();
        for problem in fields {
            match EventField::named(&problem.field) {
                Some(field) => {
                    problems.insert(field, problem.message.clone());
                }
                None => rest.push(problem.message.clone()),
            }
        }
        let names_none = problems.is_empty();
        self.show_problems(problems);
        match names_none && rest.is_empty() {
            true => Some(failure.message()),
            false => Some(rest.join(" ")).filter(|rest| !rest.is_empty()),
        }
    }

    pub(super) fn show_problem(self, field: EventField, problem: String) {
        self.show_problems([(field, problem)].into());
    }

    fn show_problems(self, problems: Problems) {
        focus_first(&problems);
        self.server_problems.set(problems);
    }

    /// The form is saved as this event. `sent` is the form as it was sent: what the user has typed
    /// since then stays.
    pub(super) fn set_saved(self, event: &ManagedEvent, sent: &EventForm) {
        let saved = saved_form(event);
        let form = merged(sent, &saved.form, &self.form_untracked());
        self.hide_differences();
        self.is_restored.set(false);
        self.revision.set(event.event.revision);
        self.saved.set(saved);
        self.set_form(&form);
    }

    /// Somebody else has changed the event. Where the user has changed nothing, the form takes the
    /// other's texts over.
    pub(super) fn set_changed_elsewhere(self, event: &ManagedEvent) {
        let base = self.saved.with_untracked(|saved| saved.form.clone());
        let (saved, ours) = (saved_form(event), self.form_untracked());
        let form = merged(&base, &saved.form, &ours);
        self.show_differences(differences(&base, &saved.form, &ours));
        self.revision.set(event.event.revision);
        self.saved.set(saved);
        self.set_form(&form);
    }

    /// Gives up all changes.
    pub(crate) fn discard(self) {
        let form = self.saved.with_untracked(|saved| saved.form.clone());
        self.touched.set(BTreeSet::new());
        self.server_problems.set(Problems::new());
        self.hide_differences();
        self.set_form(&form);
    }

    /// The event has been created, so nothing of the form is a change any more.
    pub(crate) fn set_all_saved(self) {
        let form = self.form_untracked();
        self.saved.update(|saved| saved.form = form);
    }

    /// Whether the page of the form is gone. Nothing but this may be asked then.
    pub(crate) fn is_disposed(self) -> bool {
        self.saved.is_disposed()
    }

    pub(super) fn form_untracked(self) -> EventForm {
        untrack(|| self.form())
    }
}

/// Focuses the first field of the form that has a problem.
fn focus_first(problems: &Problems) {
    if let Some(field) = problems.keys().next()
        && let Some(element) = document().get_element_by_id(&input_id(*field))
    {
        // An element in the page can be focused.
        let _ = element.unchecked_into::<HtmlElement>().focus();
    }
}

/// The id of a field's element.
pub(super) fn input_id(field: EventField) -> String {
    format!("field-{}", field.name())
}

fn form_of(texts: &Texts) -> EventForm {
    EventField::ALL
        .into_iter()
        .zip(texts)
        .fold(EventForm::default(), |form, (field, text)| form.with(field, text.get()))
}

/// The form with a text for each field.
fn complete(form: EventForm) -> EventForm {
    EventField::ALL
        .into_iter()
        .fold(EventForm::default(), |complete, field| complete.with(field, form.get(field)))
}

fn saved_form(ManagedEvent { event, description, .. }: &ManagedEvent) -> SavedForm {
    let zone = &event.time_zone;
    let mut saved = SavedForm {
        form: EventForm::default()
            .with(Title, &event.title)
            .with(Description, description)
            .with(Venue, &event.venue)
            .with(City, &event.city)
            .with(TimeZone, zone)
            .with(Price, &event.price.amount.0)
            .with(Currency, &event.price.currency)
            .with(TotalTickets, event.total_tickets.to_string())
            .with(MaxPerBooking, event.max_per_booking.to_string()),
        ..SavedForm::default()
    };
    for (field, time) in [
        (StartsAt, Some(&event.starts_at)),
        (EndsAt, event.ends_at.as_ref()),
        (SalesStartAt, event.sales_start_at.as_ref()),
        (SalesEndAt, event.sales_end_at.as_ref()),
    ] {
        let Some(time) = time else { continue };
        let moment = moment_of(&time.0);
        let wall = moment.and_then(|moment| Some(WallTime::at(moment, offset(zone, moment)?)));
        saved.form.set(field, wall.map(WallTime::to_input).unwrap_or_default());
        saved.times.insert(field, time.0.clone());
    }
    saved.form = complete(saved.form);
    saved
}
