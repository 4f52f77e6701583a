//! Edits or publishes an event.

use std::{collections::HashSet, sync::Arc};

use rowlock_entities::{EventId, OrganizerId, event};

use super::{
    command::{Command, CommandScope, Rejection},
    ledger::Ledger,
    needed_bookings::NeededBookings,
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
    Values(Box<EventChanges>),
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
pub(super) fn has_same_values(a: &event::Model, b: &event::Model) -> bool {
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

    fn add_needed_bookings(&self, _: &mut NeededBookings, _is_retry: bool) {}

    fn add_organizers(&self, events: &[event::Model], ids: &mut HashSet<OrganizerId>) {
        let event = events.iter().find(|event| event.id == self.event_id);
        ids.extend(event.map(|event| event.organizer_id));
    }

    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for EditEvent {
    type Outcome = EditOutcome;

    /// An edit that is made already is not made again: an earlier attempt may have committed it, and
    /// its answer may be lost. The last member of the organizer may have left since the permission was
    /// checked. Then nobody could take the event off sale.
    fn decide(&self, ledger: &mut Ledger) -> Result<EditOutcome, Rejection> {
        let event = ledger.event(self.event_id).ok_or(Rejection::NoSuchEvent)?;
        if ledger.is_deserted(event.organizer_id) {
            return Err(Rejection::NoMembers);
        }
        let event = Arc::clone(event);
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

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::{
        super::{
            book::BookOutcome,
            world::{World, booked, total, world},
        },
        *,
    };
    use crate::events::{Price, closed_reason};

    #[test]
    fn nobody_edits_what_no_member_could_take_off_sale() {
        let mut world = world(5);
        world.event.status = event::Status::Draft;
        let deserted = HashSet::from([world.event.organizer_id]);
        let mut ledger = world.ledger(vec![]).with_deserted(deserted);
        for edit in [world.publish(1), world.edit(1, total(6))] {
            assert_eq!(ledger.decide(&edit), Err(Rejection::NoMembers));
        }
        let mut organizers = HashSet::new();
        world.publish(1).add_organizers(&[world.event.clone()], &mut organizers);
        assert_eq!(organizers, HashSet::from([world.event.organizer_id]));
    }

    fn edited(decision: Result<EditOutcome, Rejection>) -> Arc<event::Model> {
        match decision {
            Ok(EditOutcome::Edited(event)) => event,
            other => panic!("not edited: {other:?}"),
        }
    }

    /// The event after three of its five tickets were booked.
    fn with_three_booked() -> World {
        let mut world = world(5);
        world.event.remaining_tickets = 2;
        world
    }

    #[test]
    fn an_edit_counts_and_its_count_follows_the_total() {
        let world = with_three_booked();
        for (tickets, remaining) in [(8, 5), (4, 1), (3, 0)] {
            let mut ledger = world.ledger(vec![]);
            let event = edited(ledger.decide(&world.edit(1, total(tickets))));
            assert_eq!((event.total_tickets, event.remaining_tickets), (tickets, remaining));
            assert_eq!((event.revision, event.count_version), (2, 8));
            let changes = ledger.into_changes();
            assert_eq!(changes.edited_events, [event]);
            assert!(changes.retitled_events.is_empty() && changes.cancelled_events.is_empty());
        }
    }

    #[test]
    fn a_total_below_what_is_taken_is_refused() {
        let world = with_three_booked();
        let mut ledger = world.ledger(vec![]);
        for tickets in [2, 0] {
            let decision = ledger.decide(&world.edit(1, total(tickets)));
            let Ok(EditOutcome::CapacityTooLow(event)) = decision else { panic!("{decision:?}") };
            assert_eq!((event.total_tickets, event.remaining_tickets), (5, 2));
        }
        assert!(ledger.into_changes().is_empty());
    }

    #[test]
    fn an_edit_from_another_revision_changes_nothing() {
        let mut world = world(5);
        world.event.revision = 4;
        let mut ledger = world.ledger(vec![]);
        for revision in [1, 3, 5, i32::MAX] {
            let decision = ledger.decide(&world.edit(revision, total(9)));
            let Ok(EditOutcome::EditedByAnother(event)) = decision else { panic!("{decision:?}") };
            assert_eq!(*event, world.event);
        }
        assert!(ledger.into_changes().is_empty());
    }

    #[test]
    fn of_two_editors_at_the_same_moment_the_second_is_told() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        let first = edited(ledger.decide(&world.edit(1, total(9))));
        let second = ledger.decide(&world.edit(1, total(8)));
        assert_eq!(second, Ok(EditOutcome::EditedByAnother(Arc::clone(&first))));
        assert_eq!(ledger.into_changes().edited_events, [first]);
    }

    #[test]
    fn a_repeated_edit_is_made_once() {
        let mut world = world(5);
        let edit = world.edit(1, total(9));
        let event = edited(world.ledger(vec![]).decide(&edit));
        world.event = event.as_ref().clone();
        let mut second_attempt = world.ledger(vec![]);
        assert_eq!(edited(second_attempt.decide(&edit)), event);
        assert!(second_attempt.into_changes().is_empty());
        // Somebody has edited it since.
        world.event =
            edited(world.ledger(vec![]).decide(&world.edit(2, total(7)))).as_ref().clone();
        let late = world.ledger(vec![]).decide(&edit);
        assert!(matches!(late, Ok(EditOutcome::EditedByAnother(_))), "{late:?}");
    }

    #[test]
    fn an_edit_without_a_change_counts_for_nothing() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        for changes in [EventChanges::default(), total(5)] {
            assert_eq!(edited(ledger.decide(&world.edit(1, changes))).revision, 1);
        }
        edited(ledger.decide(&world.publish(1)));
        assert!(ledger.into_changes().is_empty());
    }

    #[test]
    fn texts_that_searches_look_in_are_named() {
        let world = world(5);
        let text = || Some("New".to_owned());
        for (changes, is_searched) in [
            (EventChanges { title: text(), ..EventChanges::default() }, true),
            (EventChanges { venue: text(), ..EventChanges::default() }, true),
            (EventChanges { city: text(), ..EventChanges::default() }, true),
            (EventChanges { description: text(), ..EventChanges::default() }, false),
        ] {
            let mut ledger = world.ledger(vec![]);
            edited(ledger.decide(&world.edit(1, changes.clone())));
            assert_eq!(
                ledger.into_changes().retitled_events.len() == 1,
                is_searched,
                "{changes:?}"
            );
        }
    }

    #[test]
    fn a_draft_is_published_once_and_not_after_its_start() {
        let mut world = world(5);
        world.event.status = event::Status::Draft;
        world.event.is_public = false;
        let mut ledger = world.ledger(vec![]);
        assert_eq!(ledger.decide(&world.book(0, 1, None)), Err(Rejection::NoSuchEvent));
        let event = edited(ledger.decide(&world.publish(1)));
        assert!(event.is_public && event.status == event::Status::Published);
        assert_eq!(edited(ledger.decide(&world.publish(1))), event);
        booked(ledger.decide(&world.book(0, 1, None)));

        world.now = world.event.starts_at;
        let late = world.ledger(vec![]).decide(&world.publish(1));
        assert_eq!(late, Ok(EditOutcome::Invalid(vec![EventProblem::StartInPast])));
    }

    #[test]
    fn what_has_begun_can_be_described_but_not_put_off_into_the_past() {
        let mut world = world(5);
        world.now = world.event.starts_at + Duration::hours(1);
        let describe = EventChanges { description: Some("x".into()), ..EventChanges::default() };
        edited(world.ledger(vec![]).decide(&world.edit(1, describe)));
        let starts_at = Some(world.event.starts_at + Duration::minutes(1));
        let put_off = EventChanges { starts_at, ..EventChanges::default() };
        let decision = world.ledger(vec![]).decide(&world.edit(1, put_off));
        assert_eq!(decision, Ok(EditOutcome::Invalid(vec![EventProblem::StartInPast])));
    }

    #[test]
    fn a_cancelled_event_stays_as_it_is() {
        let mut world = world(5);
        world.event.status = event::Status::Cancelled;
        for command in [world.edit(1, total(9)), world.edit(9, total(9)), world.publish(1)] {
            let mut ledger = world.ledger(vec![]);
            let decision = ledger.decide(&command);
            assert!(matches!(decision, Ok(EditOutcome::Cancelled(_))), "{decision:?}");
            assert!(ledger.into_changes().is_empty());
        }
    }

    #[test]
    fn only_what_is_not_booked_changes_its_currency() {
        let price = Some(Price { minor: 5, currency: "JPY".to_owned() });
        let changes = EventChanges { price, ..EventChanges::default() };
        let world = world(5);
        assert_eq!(
            edited(world.ledger(vec![]).decide(&world.edit(1, changes.clone()))).currency,
            "JPY"
        );
        let world = with_three_booked();
        let decision = world.ledger(vec![]).decide(&world.edit(1, changes));
        assert_eq!(decision, Ok(EditOutcome::Invalid(vec![EventProblem::CurrencyOfBookings])));
    }

    #[test]
    fn bookings_and_an_edit_of_one_batch_see_each_other_and_are_one_version() {
        let world = world(1);
        let mut ledger = world.ledger(vec![]);
        booked(ledger.decide(&world.book(0, 1, None)));
        let sold_out = ledger.decide(&world.book(1, 1, None));
        assert!(matches!(sold_out, Ok(BookOutcome::SoldOut(_))), "{sold_out:?}");
        edited(ledger.decide(&world.edit(1, total(3))));
        booked(ledger.decide(&world.book(1, 2, None)));
        let too_low = ledger.decide(&world.edit(2, total(2)));
        assert!(matches!(too_low, Ok(EditOutcome::CapacityTooLow(_))), "{too_low:?}");
        let ends = EventChanges { sales_end_at: Some(Some(world.now)), ..EventChanges::default() };
        let event = edited(ledger.decide(&world.edit(2, ends)));
        assert!(closed_reason(&event, world.now).is_some());
        let closed = ledger.decide(&world.book(2, 1, None));
        assert!(matches!(closed, Ok(BookOutcome::Closed(..))), "{closed:?}");
        let changes = ledger.into_changes();
        assert_eq!((changes.added.len(), changes.events.len()), (2, 1));
        let event = &changes.edited_events[0];
        assert_eq!((event.remaining_tickets, event.count_version, event.revision), (0, 8, 3));
    }

    #[test]
    fn an_event_that_is_not_there_is_not_edited() {
        let world = world(1);
        let edit = EditEvent { event_id: EventId::new(), ..world.edit(1, total(3)) };
        assert_eq!(world.ledger(vec![]).decide(&edit), Err(Rejection::NoSuchEvent));
    }
}
