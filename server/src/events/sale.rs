//! Whether tickets of an event can be booked at a given time.

use chrono::{DateTime, Utc};
use rowlock_entities::event;

/// The reason why nobody can book an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClosedReason {
    NotYetOnSale,
    SaleEnded,
    Started,
    Cancelled,
}

/// The reason why the event can't be booked at this time, if there is one. A draft counts as
/// published: who may not see it gets another answer anyway.
pub(crate) fn closed_reason(event: &event::Model, now: DateTime<Utc>) -> Option<ClosedReason> {
    if event.status == event::Status::Cancelled {
        Some(ClosedReason::Cancelled)
    } else if has_started(event, now) {
        Some(ClosedReason::Started)
    } else if event.sales_end_at.is_some_and(|end| end <= now) {
        Some(ClosedReason::SaleEnded)
    } else if event.sales_start_at.is_some_and(|start| start > now) {
        Some(ClosedReason::NotYetOnSale)
    } else {
        None
    }
}

pub(crate) fn has_started(event: &event::Model, now: DateTime<Utc>) -> bool {
    event.starts_at <= now
}
