//! Sends an event's form to the server.

use cynic::Id;
use rowlock_web_operations::event_editing::{
    CreateEventInput, ManagedEvent, UpdateEventInput, UpdateEventResult,
};

use crate::{
    api::Failure,
    organize::{form_check::EventValues, price_input::is_same_amount},
    repetition::{History, Repeated, repeat_until_answered},
    session::Session,
};

/// The outcome of a change of an event.
pub(super) enum Outcome {
    /// The event is as it was sent.
    Done(Box<ManagedEvent>),
    /// Somebody else has changed the event, and nothing was done.
    Changed(Box<ManagedEvent>),
    /// More tickets are taken than there would be.
    TooFew {
        taken: i32,
    },
    Cancelled(Box<ManagedEvent>),
    Failed(Failure),
    /// It is not known whether it was done.
    Unknown,
    /// Somebody else has signed in.
    Unwanted,
}

/// Sends a change of an event until it is answered. A change may arrive twice: the second time, the
/// event has another revision, and `is_done` tells whether it already is as wanted.
pub(super) async fn change_event(
    session: Session,
    send: impl AsyncFn() -> Result<UpdateEventResult, Failure>,
    is_done: impl Fn(&ManagedEvent) -> bool,
    on_missing: impl Fn(),
) -> Outcome {
    let viewer = session.viewer_untracked();
    let is_wanted = || session.viewer_untracked() == viewer;
    let answer = repeat_until_answered(send, History::New, is_wanted, |_| on_missing()).await;
    match answer {
        Repeated::Unwanted => Outcome::Unwanted,
        Repeated::Unknown => Outcome::Unknown,
        Repeated::Answered(Err(failure)) => Outcome::Failed(failure),
        Repeated::Answered(Ok(result)) => match result {
            UpdateEventResult::UpdateEventSuccess(success) => {
                Outcome::Done(Box::new(success.event))
            }
            UpdateEventResult::EventChanged(changed) if is_done(&changed.event) => {
                Outcome::Done(Box::new(changed.event))
            }
            UpdateEventResult::EventChanged(changed) => Outcome::Changed(Box::new(changed.event)),
            UpdateEventResult::CapacityTooLow(refusal) => Outcome::TooFew { taken: refusal.taken },
            UpdateEventResult::EventCancelled(cancelled) => {
                Outcome::Cancelled(Box::new(cancelled.event))
            }
            UpdateEventResult::Other => Outcome::Failed(Failure::NoAnswer),
        },
    }
}

pub(crate) fn values_to_create(organizer_id: Id, values: EventValues) -> CreateEventInput {
    let EventValues {
        title,
        description,
        venue,
        city,
        time_zone,
        starts_at,
        ends_at,
        price,
        total_tickets,
        max_per_booking,
        sales_start_at,
        sales_end_at,
    } = values;
    CreateEventInput {
        organizer_id,
        title,
        description,
        venue,
        city,
        time_zone,
        starts_at,
        ends_at,
        price,
        total_tickets,
        max_per_booking,
        sales_start_at,
        sales_end_at,
    }
}

pub(super) fn values_to_update(
    event_id: Id,
    revision: i32,
    values: EventValues,
) -> UpdateEventInput {
    UpdateEventInput {
        event_id,
        revision,
        title: Some(values.title),
        description: Some(values.description),
        venue: Some(values.venue),
        city: Some(values.city),
        time_zone: Some(values.time_zone),
        starts_at: Some(values.starts_at),
        ends_at: values.ends_at,
        price: Some(values.price),
        total_tickets: Some(values.total_tickets),
        max_per_booking: Some(values.max_per_booking),
        sales_start_at: values.sales_start_at,
        sales_end_at: values.sales_end_at,
    }
}

/// Whether an event has all these values.
pub(super) fn has_values(saved: &ManagedEvent, values: &EventValues) -> bool {
    let ManagedEvent { description, event, .. } = saved;
    *description == values.description
        && event.title == values.title
        && event.venue == values.venue
        && event.city == values.city
        && event.time_zone == values.time_zone
        && event.starts_at == values.starts_at
        && event.ends_at == values.ends_at
        && event.price.currency == values.price.currency
        && is_same_amount(&event.price.amount.0, &values.price.amount.0)
        && event.total_tickets == values.total_tickets
        && event.max_per_booking == values.max_per_booking
        && event.sales_start_at == values.sales_start_at
        && event.sales_end_at == values.sales_end_at
}
