//! The events of a list by who sees them, by their organizer, their start, and whether they can be
//! booked.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rowlock_entities::{OrganizerId, event};
use sea_orm::{ActiveEnum, ColumnTrait, Condition, ExprTrait, sea_query::Expr};

/// The last time of an event that the databases take is before this.
const LAST_MICROSECOND: i64 = 253_402_300_799_999_999;

/// Which events a list has, whatever their texts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EventScope {
    starts_after: Option<DateTime<Utc>>,
    starts_before: Option<DateTime<Utc>>,
    has_past: bool,
    available: Option<bool>,
    organizer: Option<OrganizerId>,
    audience: Audience,
    status: Option<event::Status>,
}

/// The people that a list is for, and so whether it has events that are not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Audience {
    /// Those who look for something to book: published events.
    Buyers,
    /// Everybody who looks at an organizer: cancelled events, too, unless they were never
    /// published.
    Everybody,
    /// The organizer's members: all events.
    Members,
}

impl EventScope {
    /// Published events that start at `starts_after` or later, and before `starts_before`. With
    /// `available`, only those that can be booked now, and with its opposite only those that can't.
    ///
    /// Without `has_past`, events that have begun are left out, unless `starts_after` says where to
    /// begin.
    pub(crate) fn new(
        starts_after: Option<DateTime<Utc>>,
        starts_before: Option<DateTime<Utc>>,
        has_past: Option<bool>,
        available: Option<bool>,
        organizer: Option<OrganizerId>,
    ) -> Self {
        Self {
            starts_after: starts_after.map(next_microsecond),
            starts_before: starts_before.map(next_microsecond),
            has_past: has_past.unwrap_or(starts_after.is_some()),
            available,
            organizer,
            audience: Audience::Buyers,
            status: None,
        }
    }

    /// All events of an organizer, or those of one status. Only `has_drafts` shows those that were
    /// never published.
    pub(crate) fn of_organizer(
        organizer: OrganizerId,
        has_drafts: bool,
        status: Option<event::Status>,
    ) -> Self {
        Self {
            starts_after: None,
            starts_before: None,
            has_past: true,
            available: None,
            organizer: Some(organizer),
            audience: if has_drafts { Audience::Members } else { Audience::Everybody },
            status,
        }
    }

    /// Whether members of an organizer read the list, who must see what they have just done.
    pub(super) fn is_for_members(&self) -> bool {
        self.audience == Audience::Members
    }

    /// Whether the list has events of all times and organizers.
    pub(super) fn is_unbounded(&self) -> bool {
        self.has_past
            && self.starts_after.is_none()
            && self.starts_before.is_none()
            && self.organizer.is_none()
    }

    /// Compares organizers and starts alone, so an index over them answers it.
    pub(super) fn indexed_condition(&self, now: DateTime<Utc>) -> Condition {
        use event::Column::{OrganizerId, StartsAt};
        Condition::all()
            .add_option(self.organizer.map(|organizer| OrganizerId.eq(organizer)))
            .add_option((!self.has_past).then(|| StartsAt.gt(now)))
            .add_option(self.starts_after.map(|after| StartsAt.gte(after)))
            .add_option(self.starts_before.map(|before| StartsAt.lt(before)))
    }

    pub(super) fn condition(&self, now: DateTime<Utc>) -> Condition {
        use event::Column::{
            IsPublic, RemainingTickets, SalesEndAt, SalesStartAt, StartsAt, Status,
        };
        // What `closed_reason` decides, and the tickets that are left.
        let can_be_booked = || {
            Condition::all()
                .add(StartsAt.gt(now))
                .add(RemainingTickets.gt(0))
                .add(SalesStartAt.is_null().or(SalesStartAt.lte(now)))
                .add(SalesEndAt.is_null().or(SalesEndAt.gt(now)))
        };
        let has_status = |status: event::Status| {
            // A constant, so that a planner knows how many events have this status.
            Expr::col(Status).eq(Expr::Constant(status.to_value().into()))
        };
        let is_for_audience = match self.audience {
            Audience::Buyers => Some(has_status(event::Status::Published)),
            Audience::Everybody => Some(IsPublic.eq(true)),
            Audience::Members => None,
        };
        let indexed = self.indexed_condition(now).add_option(is_for_audience);
        indexed.add_option(self.status.map(has_status)).add_option(self.available.map(
            |available| match available {
                true => can_be_booked(),
                false => can_be_booked().not(),
            },
        ))
    }
}

/// The first microsecond that is not before `time`. Events start at whole microseconds.
fn next_microsecond(time: DateTime<Utc>) -> DateTime<Utc> {
    let whole = time.trunc_subsecs(6);
    let next = if whole < time { whole + TimeDelta::microseconds(1) } else { whole };
    DateTime::from_timestamp_micros(LAST_MICROSECOND).map_or(next, |last| Ord::min(next, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_whole_microsecond_that_every_database_can_compare() {
        let at = |text: &str| next_microsecond(text.parse().unwrap()).to_rfc3339();
        assert_eq!(at("2027-01-01T10:00:00Z"), "2027-01-01T10:00:00+00:00");
        assert_eq!(at("2027-01-01T10:00:00.000000001Z"), "2027-01-01T10:00:00.000001+00:00");
        let last = "9999-12-31T23:59:59.999999+00:00";
        assert_eq!(at("9999-12-31T23:59:59.999999999Z"), last);
        assert_eq!(at("+10000-01-01T00:00:00Z"), last);
    }
}
