//! Gives an event a cover, or takes it away.

use std::sync::Arc;

use rowlock_entities::{EventId, event};

use super::{
    command::{Command, CommandScope, Rejection},
    edit_event::EditOutcome,
    ledger::Ledger,
    needed_bookings::NeededBookings,
};
use crate::covers::NewCover;

/// Gives an event a cover, or takes it away. It is an edit that is made from any revision, because
/// it replaces nothing that the event itself says. The caller has checked the permission.
#[derive(Clone, Debug)]
pub(crate) struct SetCover {
    pub(crate) event_id: EventId,
    pub(crate) cover: Option<NewCover>,
}

impl CommandScope for SetCover {
    fn event_id(&self) -> EventId {
        self.event_id
    }

    fn add_needed_bookings(&self, _: &mut NeededBookings, _is_retry: bool) {}

    fn add_needed_covers(&self, ids: &mut Vec<EventId>) {
        ids.push(self.event_id);
    }

    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for SetCover {
    type Outcome = EditOutcome;

    /// The same cover once more is no edit: an earlier attempt may have stored it.
    fn decide(&self, ledger: &mut Ledger) -> Result<EditOutcome, Rejection> {
        let event = ledger.event(self.event_id).ok_or(Rejection::NoSuchEvent)?;
        if event.status == event::Status::Cancelled {
            return Ok(EditOutcome::Cancelled(Arc::clone(event)));
        }
        if ledger.has_cover(self.event_id, self.cover.as_ref()) {
            return Ok(EditOutcome::Edited(Arc::clone(event)));
        }
        Ok(EditOutcome::Edited(ledger.set_cover(event.as_ref().clone(), self.cover.clone())))
    }

    fn only_refuses(decision: &Result<EditOutcome, Rejection>) -> bool {
        !matches!(decision, Ok(EditOutcome::Edited(_)))
    }

    fn label(outcome: &EditOutcome) -> &'static str {
        outcome.label()
    }
}

#[cfg(test)]
mod tests {
    use rowlock_entities::cover::{self, Hash};
    use uuid::Uuid;

    use super::{
        super::world::{World, booked, world},
        *,
    };

    fn cover(number: u128) -> NewCover {
        NewCover { hash: Hash(Uuid::from_u128(number)), alt: "Hall".to_owned(), sizes: [].into() }
    }

    impl World {
        fn set_cover(&self, cover: Option<NewCover>) -> SetCover {
            SetCover { event_id: self.event.id, cover }
        }

        fn ledger_with(&self, cover: NewCover) -> Ledger {
            let NewCover { hash, alt, .. } = cover;
            let row = cover::Model { event_id: self.event.id, hash, alt };
            self.ledger(vec![]).with_covers(vec![row])
        }
    }

    fn edited(decision: Result<EditOutcome, Rejection>) -> Arc<event::Model> {
        match decision {
            Ok(EditOutcome::Edited(event)) => event,
            other => panic!("not edited: {other:?}"),
        }
    }

    #[test]
    fn a_cover_is_an_edit_and_the_last_one_of_a_batch_stays() {
        let world = world(5);
        let mut ledger = world.ledger(vec![]);
        booked(ledger.decide(&world.book(0, 2, None)));
        for (number, revision) in [(1, 2), (2, 3)] {
            let event = edited(ledger.decide(&world.set_cover(Some(cover(number)))));
            assert_eq!(
                (event.revision, event.count_version, event.remaining_tickets),
                (revision, 8, 3)
            );
        }
        let changes = ledger.into_changes();
        assert_eq!(changes.covers, [(world.event.id, Some(cover(2)))]);
        assert_eq!(changes.edited_events[0].revision, 3);
    }

    #[test]
    fn what_the_event_has_already_is_not_stored_again() {
        let world = world(5);
        let mut ledger = world.ledger_with(cover(1));
        assert_eq!(edited(ledger.decide(&world.set_cover(Some(cover(1))))).revision, 1);
        let mut without = world.ledger(vec![]);
        assert_eq!(edited(without.decide(&world.set_cover(None))).revision, 1);
        assert!(ledger.into_changes().is_empty() && without.into_changes().is_empty());

        let other_text = NewCover { alt: "Stage".to_owned(), ..cover(1) };
        for other in [Some(other_text), Some(cover(2)), None] {
            let mut ledger = world.ledger_with(cover(1));
            for _ in 0..2 {
                assert_eq!(edited(ledger.decide(&world.set_cover(other.clone()))).revision, 2);
            }
            assert_eq!(ledger.into_changes().covers, [(world.event.id, other)]);
        }
    }

    #[test]
    fn a_cancelled_event_keeps_its_cover() {
        let mut world = world(5);
        world.event.status = event::Status::Cancelled;
        for other in [None, Some(cover(2))] {
            let mut ledger = world.ledger_with(cover(1));
            let decision = ledger.decide(&world.set_cover(other));
            assert!(matches!(decision, Ok(EditOutcome::Cancelled(_))), "{decision:?}");
            assert!(ledger.into_changes().is_empty());
        }
    }
}
