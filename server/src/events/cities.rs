//! The cities of coming events. To count the events of each, all coming events are read. So an answer
//! is kept for some seconds, and for longer if it took long.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use rowlock_entities::event;
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, Order, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Asterisk, Expr, Query},
};
use tokio::time::Instant;

use super::{
    lists::Lists,
    scope::{EventScope, city_expr},
};
use crate::coalescing::Read;

/// Largest number of cities that are read and kept.
pub(crate) const MAX_CITIES: usize = 50;
/// Shortest time for which an answer is kept.
const MIN_AGE: TimeDelta = TimeDelta::seconds(5);
/// An answer is kept for this many times as long as it took to read. So with any number of events,
/// only a small part of the time is spent on this.
const TIME_SHARE: i32 = 20;

/// A city with coming events.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct City {
    /// As its next event spells it.
    pub(crate) name: String,
    /// The number of coming events.
    pub(crate) events: i64,
}

/// The last answer. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptCities(Arc<Mutex<Option<Kept>>>);

#[derive(Debug)]
struct Kept {
    cities: Arc<[City]>,
    read_at: DateTime<Utc>,
    age: TimeDelta,
}

impl KeptCities {
    pub(super) fn find(&self, now: DateTime<Utc>) -> Option<Arc<[City]>> {
        let kept = self.0.lock();
        // The clock may have been set back since.
        let kept =
            kept.as_ref().filter(|kept| (kept.read_at..kept.read_at + kept.age).contains(&now));
        kept.map(|kept| Arc::clone(&kept.cities))
    }

    fn keep(&self, cities: Arc<[City]>, read_at: DateTime<Utc>, took: TimeDelta) {
        let age = Ord::max(MIN_AGE, took * TIME_SHARE);
        *self.0.lock() = Some(Kept { cities, read_at, age });
    }
}

/// The cities with most coming events.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CitiesOfEvents;

impl Read for CitiesOfEvents {
    type Source = (Lists, KeptCities);
    type Found = Result<Arc<[City]>, DbErr>;

    async fn run(&self, (lists, kept): &Self::Source) -> Self::Found {
        let now = lists.clock.now();
        // Whoever came while an earlier read ran is content with its answer.
        if let Some(cities) = kept.find(now) {
            return Ok(cities);
        }
        lists.stale_keys.renew_some().await;
        let start = Instant::now();
        let cities: Arc<[City]> = find_cities(lists.db.lists(), now).await?.into();
        let took = TimeDelta::from_std(start.elapsed()).unwrap_or_default();
        kept.keep(Arc::clone(&cities), now, took);
        Ok(cities)
    }
}

async fn find_cities(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Vec<City>, DbErr> {
    let backend = db.get_database_backend();
    let (city_key, number) = ("found_key", "events");
    let coming = || EventScope::coming().condition(backend, now);
    let counted = Query::select()
        .expr_as(city_expr(backend), city_key)
        .expr_as(Expr::col(Asterisk).count(), number)
        .from(event::Entity)
        .cond_where(coming())
        .and_where(city_expr(backend).ne(Expr::Constant("".into())))
        .add_group_by([city_expr(backend)])
        .order_by_expr(Expr::col(number), Order::Desc)
        .order_by(city_key, Order::Asc)
        .limit(MAX_CITIES as u64)
        .take();
    let next = event::Entity::find()
        .select_only()
        .column(event::Column::City)
        .filter(coming())
        .filter(city_expr(backend).eq(Expr::col(city_key)))
        .order_by_asc(event::Column::StartsAt)
        .order_by_asc(event::Column::Id)
        .limit(1)
        .into_query();
    let named = Query::select()
        .expr_as(Expr::SubQuery(None, Box::new(next.into())), "name")
        .column(number)
        .from_subquery(counted, "cities")
        .order_by(number, Order::Desc)
        .order_by(city_key, Order::Asc)
        .take();
    City::find_by_statement(backend.build(&named)).all(db).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_some_seconds_and_for_longer_if_it_took_long() {
        let (kept, at) = (KeptCities::default(), DateTime::UNIX_EPOCH);
        let is_kept = |seconds| kept.find(at + TimeDelta::seconds(seconds)).is_some();
        assert!(!is_kept(0));
        kept.keep(Arc::new([]), at, TimeDelta::milliseconds(1));
        assert_eq!([-1, 0, 4, 5].map(is_kept), [false, true, true, false]);
        kept.keep(Arc::new([]), at, TimeDelta::seconds(2));
        assert_eq!([39, 40].map(is_kept), [true, false]);
    }
}
