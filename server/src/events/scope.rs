//! The events of a list by who sees them, by their organizer, their start, their city, their price,
//! and whether they can be booked.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rowlock_entities::{OrganizerId, event};
use sea_orm::{ActiveEnum, ColumnTrait, Condition, DbBackend, ExprTrait, sea_query::Expr};

use super::{
    price::{Price, PriceLimit},
    search_key::city_key,
};

/// The column that the database computes, so the entity does not have it.
pub(super) const PRICE_KEY: &str = "price_key";

/// The last time of an event that the databases take is before this.
const LAST_MICROSECOND: i64 = 253_402_300_799_999_999;

/// Which events a list has, whatever is searched for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EventScope {
    starts_after: Option<DateTime<Utc>>,
    starts_before: Option<DateTime<Utc>>,
    has_past: bool,
    available: Option<bool>,
    organizer: Option<OrganizerId>,
    /// In the form of [`city_key`].
    city: Option<String>,
    max_price: Option<PriceLimit>,
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
            city: None,
            max_price: None,
            audience: Audience::Buyers,
            status: None,
        }
    }

    /// Published events that have not begun.
    pub(super) fn coming() -> Self {
        Self::new(None, None, None, None, None)
    }

    /// Those of the events that are in this city, or in any. `None` if nothing of the name can be
    /// seen.
    pub(crate) fn in_city(self, city: Option<&str>) -> Option<Self> {
        let city = city.map(city_key);
        let is_empty = city.as_ref().is_some_and(String::is_empty);
        (!is_empty).then_some(Self { city, ..self })
    }

    /// Those of the events that cost at most this in its currency. If it is nothing, those that are
    /// free in any currency.
    pub(crate) fn at_most(self, price: Option<Price>) -> Self {
        Self { max_price: price.map(PriceLimit::from), ..self }
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
            city: None,
            max_price: None,
            audience: if has_drafts { Audience::Members } else { Audience::Everybody },
            status,
        }
    }

    /// Whether members of an organizer read the list, who must see what they have just done.
    pub(super) fn is_for_members(&self) -> bool {
        self.audience == Audience::Members
    }

    /// Whether the list has events of all times, organizers, cities and prices.
    pub(super) fn is_unbounded(&self) -> bool {
        self.has_past
            && self.starts_after.is_none()
            && self.starts_before.is_none()
            && self.organizer.is_none()
            && self.city.is_none()
            && self.max_price.is_none()
    }

    /// Whether the list has all published events of some time, so that the index over starts answers
    /// a search of it alone.
    pub(super) fn is_of_buyers_by_time(&self) -> bool {
        self.audience == Audience::Buyers
            && self.organizer.is_none()
            && self.city.is_none()
            && self.max_price.is_none()
            && self.available.is_none()
    }

    /// Whether the list has events of one city, which the database knows by their search keys.
    pub(super) fn has_city(&self) -> bool {
        self.city.is_some()
    }

    /// Compares prices alone, so the index over them answers it. `None` if there is no limit, or if
    /// [`EventScope::indexed_condition`] has it.
    pub(super) fn price_condition(&self) -> Option<Expr> {
        match &self.max_price {
            Some(PriceLimit::InCurrency { max_key, .. }) => {
                Some(Expr::col(PRICE_KEY).lte(*max_key))
            }
            Some(PriceLimit::Free) | None => None,
        }
    }

    /// Compares only what an index in the order of starts has: one for organizers, one for cities,
    /// one for free events, and one for all.
    pub(super) fn indexed_condition(&self, backend: DbBackend, now: DateTime<Utc>) -> Condition {
        use event::Column::{OrganizerId, PriceMinor, StartsAt};
        let is_free = self.max_price == Some(PriceLimit::Free);
        // The indexes of cities and of free events have published events alone.
        let is_published =
            (self.has_city() || is_free).then(|| has_status(event::Status::Published));
        Condition::all()
            .add_option(is_published)
            .add_option(self.city.as_deref().map(|city| city_expr(backend).eq(city)))
            // A constant, as in the index.
            .add_option(is_free.then(|| Expr::col(PriceMinor).eq(Expr::Constant(0_i64.into()))))
            .add_option(self.organizer.map(|organizer| OrganizerId.eq(organizer)))
            .add_option((!self.has_past).then(|| StartsAt.gt(now)))
            .add_option(self.starts_after.map(|after| StartsAt.gte(after)))
            .add_option(self.starts_before.map(|before| StartsAt.lt(before)))
    }

    pub(super) fn condition(&self, backend: DbBackend, now: DateTime<Utc>) -> Condition {
        use event::Column::{
            Currency, IsPublic, RemainingTickets, SalesEndAt, SalesStartAt, StartsAt,
        };
        // What `closed_reason` decides, and the tickets that are left.
        let can_be_booked = || {
            Condition::all()
                .add(StartsAt.gt(now))
                .add(RemainingTickets.gt(0))
                .add(SalesStartAt.is_null().or(SalesStartAt.lte(now)))
                .add(SalesEndAt.is_null().or(SalesEndAt.gt(now)))
        };
        let is_for_audience = match self.audience {
            Audience::Buyers => Some(has_status(event::Status::Published)),
            Audience::Everybody => Some(IsPublic.eq(true)),
            Audience::Members => None,
        };
        let currency = match &self.max_price {
            Some(PriceLimit::InCurrency { currency, .. }) => Some(Currency.eq(currency)),
            Some(PriceLimit::Free) | None => None,
        };
        let indexed = self.indexed_condition(backend, now).add_option(is_for_audience);
        let priced = indexed.add_option(self.price_condition()).add_option(currency);
        priced.add_option(self.status.map(has_status)).add_option(self.available.map(|available| {
            match available {
                true => can_be_booked(),
                false => can_be_booked().not(),
            }
        }))
    }
}

fn has_status(status: event::Status) -> Expr {
    // A constant, so that a planner knows how many events have this status.
    Expr::col(event::Column::Status).eq(Expr::Constant(status.to_value().into()))
}

/// The key of an event's city, as the index over cities has it.
pub(super) fn city_expr(backend: DbBackend) -> Expr {
    match backend {
        DbBackend::Postgres => Expr::cust("split_part(search_key, chr(10), 3)"),
        _ => Expr::col("city_key"),
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
