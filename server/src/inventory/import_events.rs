//! Adds and edits many events of one organizer: all of them or none.

use std::{collections::HashSet, sync::Arc};

use rowlock_entities::{EventId, OrganizerId, event};

use super::{
    command::{Command, CommandScope, Rejection},
    edit_event::{Edit, EditOutcome, carry_out, has_same_values},
    ledger::Ledger,
    needed_bookings::NeededBookings,
};
use crate::events::{EventChanges, EventProblem, problems};

/// Adds and edits events. The caller has checked the permission and each value by itself.
#[derive(Clone, Debug)]
pub(crate) struct ImportEvents {
    /// The organizer who needs a member. `None` if the operator imports, who may always do so.
    pub(crate) by_member_of: Option<OrganizerId>,
    /// At least one.
    pub(crate) events: Vec<ImportedEvent>,
}

/// One event of an import.
#[derive(Clone, Debug)]
pub(crate) enum ImportedEvent {
    /// A new event.
    New(Box<event::Model>),
    /// New values for an event, which must be there.
    Changed { event_id: EventId, changes: Box<EventChanges>, is_published: bool },
}

/// The outcome of an import.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ImportOutcome {
    Imported {
        created: usize,
        updated: usize,
        unchanged: usize,
    },
    /// Nothing was changed. Each event that was refused, by its place in the import.
    Refused(Vec<(usize, EditOutcome)>),
}

impl ImportedEvent {
    fn event_id(&self) -> EventId {
        match self {
            Self::New(event) => event.id,
            Self::Changed { event_id, .. } => *event_id,
        }
    }
}

impl CommandScope for ImportEvents {
    fn event_id(&self) -> EventId {
        self.events.first().map(ImportedEvent::event_id).unwrap_or(EventId(uuid::Uuid::nil()))
    }

    fn add_events(&self, ids: &mut Vec<EventId>) {
        ids.extend(self.events.iter().map(ImportedEvent::event_id));
    }

    fn add_needed_bookings(&self, _: &mut NeededBookings, _is_retry: bool) {}

    fn add_organizers(&self, _: &[event::Model], ids: &mut HashSet<OrganizerId>) {
        ids.extend(self.by_member_of);
    }

    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for ImportEvents {
    type Outcome = ImportOutcome;

    /// The last member may have left since the permission was checked.
    fn decide(&self, ledger: &mut Ledger) -> Result<ImportOutcome, Rejection> {
        if self.by_member_of.is_some_and(|organizer| ledger.is_deserted(organizer)) {
            return Err(Rejection::NoMembers);
        }
        let mut refused = Vec::new();
        let (mut created, mut updated, mut unchanged) = (0, 0, 0);
        // Nothing in the ledger changes until all are known to be possible.
        let mut trial = ledger.clone();
        for (place, imported) in self.events.iter().enumerate() {
            match imported {
                // An earlier attempt may have added it.
                ImportedEvent::New(event) if trial.event(event.id).is_some() => created += 1,
                ImportedEvent::New(event) => {
                    let problems: Vec<EventProblem> = problems(None, event, trial.now());
                    if problems.is_empty() {
                        trial.add_event(event.as_ref().clone());
                        created += 1;
                    } else {
                        refused.push((place, EditOutcome::Invalid(problems)));
                    }
                }
                ImportedEvent::Changed { event_id, changes, is_published } => {
                    let before = Arc::clone(trial.event(*event_id).ok_or(Rejection::NoSuchEvent)?);
                    let is_same = has_same_values(&before, &changes.apply(&before));
                    if before.status == event::Status::Cancelled && is_same {
                        unchanged += 1;
                        continue;
                    }
                    let mut edits = vec![Edit::Values(changes.clone())];
                    if *is_published && before.status == event::Status::Draft {
                        edits.push(Edit::Publish);
                    }
                    let mut now = Arc::clone(&before);
                    for edit in &edits {
                        match carry_out(&mut trial, &now, edit) {
                            EditOutcome::Edited(event) => now = event,
                            other => {
                                refused.push((place, other));
                                break;
                            }
                        }
                    }
                    match now.revision == before.revision {
                        true => unchanged += 1,
                        false => updated += 1,
                    }
                }
            }
        }
        if !refused.is_empty() {
            return Ok(ImportOutcome::Refused(refused));
        }
        *ledger = trial;
        Ok(ImportOutcome::Imported { created, updated, unchanged })
    }

    fn only_refuses(decision: &Result<ImportOutcome, Rejection>) -> bool {
        match decision {
            Ok(ImportOutcome::Imported { .. }) => false,
            Ok(ImportOutcome::Refused(_)) | Err(_) => true,
        }
    }

    fn label(outcome: &ImportOutcome) -> &'static str {
        match outcome {
            ImportOutcome::Imported { .. } => "imported",
            ImportOutcome::Refused(_) => "import_refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::world::{World, total, world},
        *,
    };

    fn new_event(world: &World, change: impl FnOnce(&mut event::Model)) -> ImportedEvent {
        let mut event =
            event::Model { id: EventId::new(), count_version: 0, ..world.event.clone() };
        change(&mut event);
        ImportedEvent::New(Box::new(event))
    }

    fn changed(world: &World, changes: EventChanges, is_published: bool) -> ImportedEvent {
        ImportedEvent::Changed {
            event_id: world.event.id,
            changes: Box::new(changes),
            is_published,
        }
    }

    fn import(events: Vec<ImportedEvent>) -> ImportEvents {
        ImportEvents { by_member_of: None, events }
    }

    #[test]
    fn events_are_created_updated_or_left() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        let events = vec![new_event(&world, |_| ()), changed(&world, total(6), true)];
        let outcome = ledger.decide(&import(events));
        assert_eq!(outcome, Ok(ImportOutcome::Imported { created: 1, updated: 1, unchanged: 0 }));
        let outcome = ledger.decide(&import(vec![changed(&world, total(6), false)]));
        assert_eq!(outcome, Ok(ImportOutcome::Imported { created: 0, updated: 0, unchanged: 1 }));
        let changes = ledger.into_changes();
        assert_eq!(changes.added_events.len(), 1);
        assert_eq!(changes.edited_events[0].remaining_tickets, 6);
        assert_eq!(changes.edited_events[0].status, event::Status::Published);
    }

    #[test]
    fn all_are_imported_or_none() {
        let mut world = world(5);
        world.event.remaining_tickets = 1;
        let mut ledger = world.ledger(vec![]);
        let late = new_event(&world, |event| event.starts_at = world.now);
        let events = vec![new_event(&world, |_| ()), changed(&world, total(3), false), late];
        let outcome = ledger.decide(&import(events));
        let Ok(ImportOutcome::Refused(refused)) = outcome else { panic!("{outcome:?}") };
        let places: Vec<usize> = refused.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [1, 2]);
        assert!(matches!(refused[0].1, EditOutcome::CapacityTooLow(_)));
        assert_eq!(refused[1].1, EditOutcome::Invalid(vec![EventProblem::StartInPast]));
        assert!(ledger.into_changes().is_empty());
    }

    #[test]
    fn a_draft_is_published_if_asked_and_nothing_is_hidden_again() {
        let mut world = world(5);
        let mut ledger = world.ledger(vec![]);
        ledger.decide(&import(vec![changed(&world, total(6), false)])).unwrap();
        assert!(ledger.into_changes().edited_events[0].is_public);

        (world.event.status, world.event.is_public) = (event::Status::Draft, false);
        for is_published in [false, true] {
            let mut ledger = world.ledger(vec![]);
            ledger.decide(&import(vec![changed(&world, total(6), is_published)])).unwrap();
            assert_eq!(ledger.into_changes().edited_events[0].is_public, is_published);
        }
    }

    #[test]
    fn a_cancelled_event_is_not_imported() {
        let mut world = world(5);
        world.event.status = event::Status::Cancelled;
        let outcome = world.ledger(vec![]).decide(&import(vec![changed(&world, total(6), true)]));
        let Ok(ImportOutcome::Refused(refused)) = outcome else { panic!("{outcome:?}") };
        assert!(matches!(refused[..], [(0, EditOutcome::Cancelled(_))]));
    }

    #[test]
    fn an_event_that_an_earlier_attempt_added_is_not_added_again() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        let again = ImportedEvent::New(Box::new(world.event));
        let outcome = ledger.decide(&import(vec![again]));
        assert_eq!(outcome, Ok(ImportOutcome::Imported { created: 1, updated: 0, unchanged: 0 }));
        assert!(ledger.into_changes().is_empty());
    }
}
