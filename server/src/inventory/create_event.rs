//! Adds one event.

use rowlock_entities::{EventId, event};

use super::{
    command::{Command, CommandScope, Rejection},
    ledger::Ledger,
    needed_bookings::NeededBookings,
};

/// Adds an event. The caller has checked the permission and the values.
#[derive(Clone, Debug)]
pub(crate) struct CreateEvent(pub(crate) Box<event::Model>);

/// The event is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventCreated;

impl CommandScope for CreateEvent {
    fn event_id(&self) -> EventId {
        self.0.id
    }

    fn add_needed_bookings(&self, _: &mut NeededBookings, _is_retry: bool) {}

    fn only_takes_tickets(&self) -> bool {
        false
    }
}

impl Command for CreateEvent {
    type Outcome = EventCreated;

    /// An earlier attempt may have added it.
    fn decide(&self, ledger: &mut Ledger) -> Result<EventCreated, Rejection> {
        if ledger.event(self.0.id).is_none() {
            ledger.add_event(self.0.as_ref().clone());
        }
        Ok(EventCreated)
    }

    fn only_refuses(_: &Result<EventCreated, Rejection>) -> bool {
        false
    }

    fn label(_: &EventCreated) -> &'static str {
        "event_created"
    }
}

#[cfg(test)]
mod tests {
    use super::{super::world::world, *};

    #[test]
    fn an_event_that_an_earlier_attempt_added_is_not_added_again() {
        let world = world(5);
        let known = CreateEvent(Box::new(world.event.clone()));
        let new = CreateEvent(Box::new(event::Model { id: EventId::new(), ..world.event.clone() }));
        let mut ledger = world.ledger(vec![]);
        assert_eq!(ledger.decide(&known), Ok(EventCreated));
        assert_eq!(ledger.decide(&new), Ok(EventCreated));
        assert_eq!(ledger.into_changes().added_events, [*new.0]);
    }
}
