//! Edits or publishes an event.

use std::sync::Arc;

use rowlock_entities::{EventId, UserId, event};

use super::{
    command::{Command, CommandScope, NeededBookings, Rejection},
    ledger::Ledger,
};
use crate::events::{EventChanges, EventProblem, problems, published};

/// Edits an event, whoever edits it: the caller has checked the permission.
#[derive(Clone, Debug)]
pub(crate) struct EditEvent {
    pub(crate) event_id: EventId,
    /// The revision that the edit was made from. Another one means that somebody else has edited
    /// the event in between.
    pub(crate) revision: i32,
    pub(crate) edit: Edit,
}

/// What is done to an event.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// Values are changed. They have been checked one by one.
    Values(EventChanges),
    /// Everybody may see it from now on.
    Publish,
}

/// The outcome of an attempt to edit, publish or cancel an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EditOutcome {
    /// The event as it is now.
    Edited(Arc<event::Model>),
    /// Somebody else has edited the event since.
    EditedByAnother(Arc<event::Model>),
    /// More tickets are taken than the event would have.
    CapacityTooLow(Arc<event::Model>),
    /// The event was cancelled, and stays so.
    Cancelled(Arc<event::Model>),
    /// Values don't fit each other or the event.
    Invalid(Vec<EventProblem>),
}

impl Edit {
    /// The event after the edit, except for its count and versions.
    pub(super) fn apply(&self, event: &event::Model) -> event::Model {
        match self {
            Self::Values(changes) => changes.apply(event),
            Self::Publish => published(event.clone()),
        }
    }
}

/// The values of an event that an edit can change.
fn has_same_values(a: &event::Model, b: &event::Model) -> bool {
    let without_counts = |event: &event::Model| event::Model {
        remaining_tickets: 0,
        count_version: 0,
        revision: 0,
        ..event.clone()
    };
    without_counts(a) == without_counts(b)
}

/// Carries out an edit of an event that is in the ledger and is not stale.
pub(super) fn carry_out(
    ledger: &mut Ledger,
    event: &Arc<event::Model>,
    edit: &Edit,
) -> EditOutcome {
    if event.status == event::Status::Cancelled {
        return EditOutcome::Cancelled(Arc::clone(event));
    }
    let after = edit.apply(event);
    if has_same_values(event, &after) {
        return EditOutcome::Edited(Arc::clone(event));
    }
    let taken = event.total_tickets - event.remaining_tickets;
    if after.total_tickets < taken {
        return EditOutcome::CapacityTooLow(Arc::clone(event));
    }
    let before = match edit {
        Edit::Values(_) => Some(event.as_ref()),
        // A draft's start may have passed since it was written.
        Edit::Publish => None,
    };
    let problems = problems(before, &after, ledger.now());
    if !problems.is_empty() {
        return EditOutcome::Invalid(problems);
    }
    EditOutcome::Edited(ledger.edit_event(after))
}

impl CommandScope for EditEvent {
    fn event_id(&self) -> EventId {
        self.event_id
    }

    fn user_id(&self) -> Option<UserId> {
        None
    }

    fn add_needed_bookings(&self, _: &mut NeededBookings, _is_retry: bool) {}

    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for EditEvent {
    type Outcome = EditOutcome;

    /// An edit that is made already is not made again: an earlier attempt may have committed it, and
    /// its answer may be lost.
    fn decide(&self, ledger: &mut Ledger) -> Result<EditOutcome, Rejection> {
        let event = Arc::clone(ledger.event(self.event_id).ok_or(Rejection::NoSuchEvent)?);
        let is_made_already = || has_same_values(&event, &self.edit.apply(&event));
        if event.revision != self.revision && event.status != event::Status::Cancelled {
            let may_be_own = event.revision == self.revision.saturating_add(1);
            return Ok(match may_be_own && is_made_already() {
                true => EditOutcome::Edited(event),
                false => EditOutcome::EditedByAnother(event),
            });
        }
        Ok(carry_out(ledger, &event, &self.edit))
    }

    fn only_refuses(decision: &Result<EditOutcome, Rejection>) -> bool {
        match decision {
            Ok(EditOutcome::Edited(_)) => false,
            Ok(
                EditOutcome::EditedByAnother(_)
                | EditOutcome::CapacityTooLow(_)
                | EditOutcome::Cancelled(_)
                | EditOutcome::Invalid(_),
            )
            | Err(_) => true,
        }
    }

    fn label(outcome: &EditOutcome) -> &'static str {
        outcome.label()
    }
}

impl EditOutcome {
    /// The metrics' label.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Edited(_) => "edited",
            Self::EditedByAnother(_) => "edited_by_another",
            Self::CapacityTooLow(_) => "capacity_too_low",
            Self::Cancelled(_) => "event_cancelled",
            Self::Invalid(_) => "invalid",
        }
    }
}
