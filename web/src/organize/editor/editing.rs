//! Saving, publishing and cancelling an event, and telling the outcome.

use cynic::Id;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::{
    event_editing::{ManagedEvent, cancel_event, publish_event, update_event},
    events::EventStatus,
};

use super::{
    form_state::FormState,
    saving::{Outcome, change_event, has_values, values_to_update},
};
use crate::{
    api::{ErrorCode, Failure, http::ApiError, live::LiveCounts},
    browser,
    organize::{
        event_form::{EventField::TotalTickets, EventForm},
        form_check::EventValues,
        kept_draft::DraftKey,
    },
    query::Query,
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

/// What the user is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Saving,
    Publishing,
    Cancelling,
}

/// The event that a request is about. Unlike the page's signals, it is there until the answer.
struct About {
    id: Id,
    title: String,
}

/// The form as it is sent.
struct Edit {
    about: About,
    revision: i32,
    values: EventValues,
    form: EventForm,
    key: DraftKey,
}

/// A `Copy` handle to the event, its form, and what is being done with it.
#[derive(Clone, Copy)]
pub(super) struct Editor {
    pub(super) session: Session,
    pub(super) toasts: Toasts,
    pub(super) event: RwSignal<ManagedEvent>,
    pub(super) form: FormState,
    pub(super) live: LiveCounts,
    pub(super) query: Query<Option<ManagedEvent>>,
    pub(super) work: RwSignal<Option<Work>>,
    /// A message of the server that belongs to no field.
    pub(super) problem: RwSignal<Option<String>>,
    pub(super) is_publish_asked: RwSignal<bool>,
    pub(super) is_cancel_asked: RwSignal<bool>,
    pub(super) reason_problem: RwSignal<Option<String>>,
}

impl Editor {
    /// Takes over what was read, if it is newer.
    pub(super) fn take_from_query(self, read: &ManagedEvent) {
        // What is being saved comes with its answer.
        if self.work.get_untracked().is_none() && read.event.revision >= self.form.revision() {
            if read.event.revision > self.form.revision() {
                self.form.set_changed_elsewhere(read);
            }
            self.event.set(read.clone());
        }
    }

    pub(super) fn is_busy(self) -> bool {
        self.work.get_untracked().is_some()
    }

    /// Whether the form can be sent. Otherwise, the page says why not.
    fn is_ready(self) -> bool {
        self.problem.set(None);
        if untrack(|| self.form.has_undecided()) {
            let problem = "Somebody else has changed what you have changed, too. Please choose \
                           above what should stand.";
            self.problem.set(Some(problem.to_owned()));
            browser::focus("changed-elsewhere");
            return false;
        }
        self.form.valid_values().is_some()
    }

    pub(super) fn save(self) {
        if self.is_busy() || !self.form.is_changed_untracked() {
            return;
        }
        if !self.is_ready() {
            return;
        }
        let Some(edit) = self.edit() else { return };
        self.work.set(Some(Work::Saving));
        spawn_local(async move {
            if self.send(&edit).await.is_some() {
                self.tell(&edit.about, Tone::Success, "Your changes are saved.");
            }
            self.work.try_set(None);
        });
    }

    fn about(self) -> About {
        self.event.with_untracked(|ManagedEvent { event, .. }| About {
            id: event.id.clone(),
            title: event.title.clone(),
        })
    }

    /// What the form says now, if it can be sent.
    fn edit(self) -> Option<Edit> {
        Some(Edit {
            about: self.about(),
            revision: self.form.revision(),
            values: self.form.valid_values()?,
            form: self.form.form_untracked(),
            key: self.form.key(),
        })
    }

    /// Sends an edit. Returns the event's new revision if it is saved; otherwise the page says why
    /// not.
    async fn send(self, edit: &Edit) -> Option<i32> {
        let Edit { about, revision, values, form, key } = edit;
        let send = async || {
            let input = values_to_update(about.id.clone(), *revision, values.clone());
            Ok(self.session.run_repeatable(&update_event(input)).await?.update_event)
        };
        let is_done = |event: &ManagedEvent| has_values(event, values);
        let outcome = change_event(self.session, send, is_done, || self.tell_waiting(about)).await;
        match outcome {
            Outcome::Done(event) => {
                let revision = event.event.revision;
                match self.is_left() {
                    // Otherwise, the next visit would show what is saved as a change.
                    true => key.remove_if_form_is(form),
                    false => self.show_saved(*event, form),
                }
                Some(revision)
            }
            outcome => {
                self.show_refusal(about, outcome);
                None
            }
        }
    }

    pub(super) fn ask_to_publish(self) {
        if !self.is_busy() && self.is_ready() {
            self.is_publish_asked.set(true);
        }
    }

    pub(super) fn publish(self) {
        if self.is_busy() {
            return;
        }
        let (about, revision) = (self.about(), self.form.revision());
        let edit = match self.form.is_changed_untracked() {
            true => {
                let Some(edit) = self.edit() else { return self.is_publish_asked.set(false) };
                Some(edit)
            }
            false => None,
        };
        self.work.set(Some(Work::Publishing));
        spawn_local(async move {
            let revision = match &edit {
                Some(edit) => self.send(edit).await,
                None => Some(revision),
            };
            if let Some(revision) = revision {
                self.send_publication(&about, revision).await;
            }
            self.work.try_set(None);
            self.is_publish_asked.try_set(false);
        });
    }

    async fn send_publication(self, about: &About, revision: i32) {
        let send = async || {
            let operation = publish_event(about.id.clone(), revision);
            Ok(self.session.run_repeatable(&operation).await?.publish_event)
        };
        let is_done = |managed: &ManagedEvent| managed.event.status == EventStatus::Published;
        let outcome = change_event(self.session, send, is_done, || self.tell_waiting(about)).await;
        match outcome {
            Outcome::Done(event) => {
                if !self.is_left() {
                    self.show_saved(*event, &self.form.form_untracked());
                    // From now on, its count is watched.
                    self.query.refetch();
                }
                self.tell(about, Tone::Success, "The event is published.");
            }
            outcome => self.show_refusal(about, outcome),
        }
    }

    pub(super) fn ask_to_cancel(self) {
        if !self.is_busy() {
            self.problem.set(None);
            self.reason_problem.set(None);
            self.is_cancel_asked.set(true);
            // Reads how many people hold tickets.
            self.query.refetch();
        }
    }

    pub(super) fn cancel(self, reason: String) {
        if self.is_busy() {
            return;
        }
        let about = self.about();
        self.work.set(Some(Work::Cancelling));
        spawn_local(async move {
            let send = async || {
                let operation = cancel_event(about.id.clone(), reason.clone());
                Ok(self.session.run_repeatable(&operation).await?.cancel_event)
            };
            let is_done = |managed: &ManagedEvent| managed.event.status == EventStatus::Cancelled;
            let outcome =
                change_event(self.session, send, is_done, || self.tell_waiting(&about)).await;
            match outcome {
                // The first attempt may have done it, and its answer was lost.
                Outcome::Done(event) | Outcome::Cancelled(event) => {
                    if !self.is_left() {
                        self.show_cancelled(*event);
                        self.is_cancel_asked.set(false);
                    }
                    self.tell(&about, Tone::Success, "The event is cancelled.");
                }
                Outcome::Failed(Failure::Api(ApiError {
                    code: ErrorCode::BadUserInput,
                    message,
                    ..
                })) if !self.is_left() => self.reason_problem.set(Some(message)),
                outcome => {
                    self.is_cancel_asked.try_set(false);
                    self.show_refusal(&about, outcome);
                }
            }
            self.work.try_set(None);
        });
    }

    /// Whether the user has left the page. Its signals can't be asked then, and the outcome is told
    /// on the page where the user is now.
    fn is_left(self) -> bool {
        self.event.is_disposed()
    }

    /// Shows the event as it is saved. `sent` is the form as it was sent.
    fn show_saved(self, event: ManagedEvent, sent: &EventForm) {
        self.form.set_saved(&event, sent);
        self.show(event);
    }

    /// Shows the event with its count, which no subscription brings for a draft.
    fn show(self, managed: ManagedEvent) {
        let ManagedEvent { event, remaining_tickets, .. } = &managed;
        self.live.set_from_query(&event.id, *remaining_tickets, event.total_tickets);
        self.event.set(managed);
    }

    fn show_cancelled(self, event: ManagedEvent) {
        self.form.discard();
        self.show_saved(event, &self.form.form_untracked());
    }

    fn show_refusal(self, about: &About, outcome: Outcome) {
        if self.is_left() {
            if let Some(text) = refusal_elsewhere(about, outcome) {
                self.tell(about, Tone::Error, &text);
            }
            return;
        }
        let problem = match outcome {
            Outcome::Changed(event) => {
                self.form.set_changed_elsewhere(&event);
                self.show(*event);
                request_animation_frame(|| browser::focus("changed-elsewhere"));
                return;
            }
            Outcome::Cancelled(event) => {
                self.show_cancelled(*event);
                self.tell(about, Tone::Error, CANCELLED_ELSEWHERE);
                return;
            }
            Outcome::Unwanted | Outcome::Done(_) => return,
            Outcome::TooFew { taken } => {
                self.form.show_problem(TotalTickets, too_few(taken));
                return;
            }
            Outcome::Failed(failure) => self.form.show_failure(&failure),
            Outcome::Unknown => Some(UNKNOWN.to_owned()),
        };
        self.problem.set(problem);
    }

    fn tell(self, about: &About, tone: Tone, text: &str) {
        self.toasts.show(Toast::new(tone, text).about_event(about.id.inner()));
    }

    fn tell_waiting(self, about: &About) {
        let toast = Toast::new(Tone::Waiting, "No answer yet. Please wait…");
        self.toasts.show(toast.about_event(about.id.inner()).until_replaced());
    }
}

const CANCELLED_ELSEWHERE: &str = "Somebody else has cancelled this event.";

const UNKNOWN: &str = "We couldn't find out whether this was done. You can try again: it is not \
                       done twice.";

fn too_few(taken: i32) -> String {
    match taken {
        1 => "1 ticket is already taken, so there can't be fewer.".to_owned(),
        taken => format!(
            "{} tickets are already taken, so there can't be fewer.",
            browser::number(taken)
        ),
    }
}

/// A refusal in words for somebody who has left the page. What they typed is kept for their return.
fn refusal_elsewhere(about: &About, outcome: Outcome) -> Option<String> {
    let reason = match outcome {
        Outcome::Unwanted | Outcome::Done(_) => return None,
        Outcome::Changed(_) => {
            "Somebody else has changed this event, so nothing was done.".to_owned()
        }
        Outcome::Cancelled(_) => CANCELLED_ELSEWHERE.to_owned(),
        Outcome::TooFew { taken } => too_few(taken),
        Outcome::Failed(failure) => failure.message(),
        Outcome::Unknown => UNKNOWN.to_owned(),
    };
    Some(format!("{}: {reason}", about.title))
}
