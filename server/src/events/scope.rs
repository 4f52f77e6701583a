//! The events of a list by their start, and by whether they can be booked.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rowlock_entities::event;
use sea_orm::{ColumnTrait, Condition};

/// The last time of an event that the databases take is before this.
const LAST_MICROSECOND: i64 = 253_402_300_799_999_999;

/// Which events a list has, whatever their texts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EventScope {
    starts_after: Option<DateTime<Utc>>,
    starts_before: Option<DateTime<Utc>>,
    has_past: bool,
    available: Option<bool>,
}

impl EventScope {
    /// Events that start at `starts_after` or later, and before `starts_before`. With `available`,
    /// only those that can be booked, and with its opposite only those that can't.
    ///
    /// Without `has_past`, events that have begun are left out, unless `starts_after` says where to
    /// begin.
    pub(crate) fn new(
        starts_after: Option<DateTime<Utc>>,
        starts_before: Option<DateTime<Utc>>,
        has_past: Option<bool>,
        available: Option<bool>,
    ) -> Self {
        Self {
            starts_after: starts_after.map(next_microsecond),
            starts_before: starts_before.map(next_microsecond),
            has_past: has_past.unwrap_or(starts_after.is_some()),
            available,
        }
    }

    /// Whether the list has events of all times.
    pub(super) fn has_all_times(&self) -> bool {
        self.has_past && self.starts_after.is_none() && self.starts_before.is_none()
    }

    /// Compares starts alone, so the index over them answers it.
    pub(super) fn time_condition(&self, now: DateTime<Utc>) -> Condition {
        use event::Column::StartsAt;
        Condition::all()
            .add_option((!self.has_past).then(|| StartsAt.gt(now)))
            .add_option(self.starts_after.map(|after| StartsAt.gte(after)))
            .add_option(self.starts_before.map(|before| StartsAt.lt(before)))
    }

    pub(super) fn condition(&self, now: DateTime<Utc>) -> Condition {
        use event::Column::{RemainingTickets, StartsAt};
        let can_be_booked = || Condition::all().add(StartsAt.gt(now)).add(RemainingTickets.gt(0));
        self.time_condition(now).add_option(self.available.map(|available| match available {
            true => can_be_booked(),
            false => can_be_booked().not(),
        }))
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
