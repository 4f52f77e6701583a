//! Events in the database.

use std::sync::Arc;

use chrono::{DateTime, Datelike, Utc};
use rowlock_entities::{EventId, event};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, Order,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, Statement,
    sea_query::{Asterisk, Expr, LikeExpr, LockBehavior, LockType, Query, SelectStatement},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    database::{any_of, hex, json},
    pagination::PageRequest,
};

/// What a list of events is sorted by. The id settles ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SortKey {
    Date,
    Price,
    Title,
}

/// An event's value of a [`SortKey`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum SortValue {
    #[serde(rename = "d", with = "chrono::serde::ts_microseconds")]
    Date(DateTime<Utc>),
    #[serde(rename = "p")]
    Price(i64),
    #[serde(rename = "t")]
    Title(String),
}

/// An event's place in a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) value: SortValue,
    pub(crate) id: Uuid,
}

impl SortKey {
    fn column(self) -> event::Column {
        match self {
            Self::Date => event::Column::StartsAt,
            Self::Price => event::Column::PriceMinor,
            Self::Title => event::Column::TitleKey,
        }
    }

    /// Where `event` stands in a list sorted by this key.
    pub(crate) fn position(self, event: &event::Model) -> Position {
        let value = match self {
            Self::Date => SortValue::Date(event.starts_at),
            Self::Price => SortValue::Price(event.price_minor),
            Self::Title => SortValue::Title(event.title_key.clone()),
        };
        Position { value, id: event.id.0 }
    }

    /// Whether a position can be one of a list sorted by this key. Cursors are not signed, so it may
    /// also be something that no database column holds.
    pub(crate) fn owns(self, position: &Position) -> bool {
        match (self, &position.value) {
            (Self::Date, SortValue::Date(date)) => (0..=9999).contains(&date.year()),
            (Self::Price, SortValue::Price(_)) => true,
            (Self::Title, SortValue::Title(title)) => !title.contains('\0'),
            _ => false,
        }
    }
}

impl SortValue {
    fn into_expr(self) -> Expr {
        match self {
            Self::Date(date) => Expr::val(date),
            Self::Price(price) => Expr::val(price),
            Self::Title(title) => Expr::val(title),
        }
    }
}

/// Which events a list has, and in which order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EventFilter {
    /// In lower case; empty finds all.
    pub(crate) search: String,
    pub(crate) key: SortKey,
    pub(crate) descending: bool,
}

impl EventFilter {
    /// Compares each event's title. PostgreSQL turns to its index by itself where that is faster.
    fn select(&self) -> Select<event::Entity> {
        let select = event::Entity::find();
        if self.search.is_empty() {
            return select;
        }
        select.filter(event::Column::TitleKey.like(contains(&self.search)))
    }

    /// The same events, found by SQLite's index over the pieces of titles.
    fn select_by_index(&self) -> Select<event::Entity> {
        let found = self.found_by_index(Expr::col("event_id"));
        event::Entity::find().filter(event::Column::Id.in_subquery(found))
    }

    /// `what` of each title that SQLite's index finds.
    fn found_by_index(&self, what: Expr) -> SelectStatement {
        let fits = Expr::cust_with_values("event_titles MATCH ?", [phrase(&self.search)]);
        Query::select().expr(what).from("event_titles").and_where(fits).take()
    }

    /// Whether SQLite's index over the pieces of titles can find these events.
    fn has_index(&self, backend: DbBackend) -> bool {
        backend == DbBackend::Sqlite && self.search.chars().count() >= SHORTEST_PIECE
    }

    /// Whether so few events fit that they are better found by that index and sorted than met by
    /// reading the list in its order.
    async fn is_rare(&self, db: &impl ConnectionTrait) -> Result<bool, DbErr> {
        if !self.has_index(db.get_database_backend()) {
            return Ok(false);
        }
        let few = self.found_by_index(Expr::val(1)).limit(MOST_RARE + 1).take();
        let count =
            Query::select().expr(Expr::col(Asterisk).count()).from_subquery(few, "few").take();
        let row = db.query_one(&count).await?;
        let count: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        Ok(count <= MOST_RARE as i64)
    }
}

/// The shortest text that SQLite's index finds, in characters.
const SHORTEST_PIECE: usize = 3;
/// Beyond this many, a page of those that fit is filled soon by reading the list in its order.
const MOST_RARE: u64 = 1_000;

/// A text as the index takes it, whatever characters that is made of.
fn phrase(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// `LIKE`'s pattern for a text that has `part` in it, whatever characters that is made of.
fn contains(part: &str) -> LikeExpr {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}

/// The rows of a page in the direction it is read, and one more where there is one.
pub(crate) async fn find_page(
    db: &impl ConnectionTrait,
    filter: &EventFilter,
    page: &PageRequest<Position>,
) -> Result<Vec<event::Model>, DbErr> {
    let column = filter.key.column();
    let beyond = |position: &Position, descending: bool| {
        let place =
            Expr::tuple([position.value.clone().into_expr(), Expr::val(EventId(position.id))]);
        let row = Expr::tuple([Expr::col(column), Expr::col(event::Column::Id)]);
        if descending { row.lt(place) } else { row.gt(place) }
    };
    let bounds = Condition::all()
        .add_option(page.after.as_ref().map(|p| beyond(p, filter.descending)))
        .add_option(page.before.as_ref().map(|p| beyond(p, !filter.descending)));
    let order = if filter.descending == page.backwards { Order::Asc } else { Order::Desc };

    let select = match filter.is_rare(db).await? {
        true => filter.select_by_index(),
        false => filter.select(),
    };
    select
        .filter(bounds)
        .order_by(column, order.clone())
        .order_by(event::Column::Id, order)
        .offset((page.offset > 0).then_some(page.offset))
        .limit(page.size + 1)
        .all(db)
        .await
}

pub(crate) async fn count(db: &impl ConnectionTrait, filter: &EventFilter) -> Result<u64, DbErr> {
    let select = match filter.has_index(db.get_database_backend()) {
        true => filter.select_by_index(),
        false => filter.select(),
    };
    select.count(db).await
}

pub(crate) async fn find_events(
    db: &impl ConnectionTrait,
    ids: Vec<EventId>,
) -> Result<Vec<event::Model>, DbErr> {
    let these =
        any_of(db.get_database_backend(), event::Column::Id, ids.into_iter().map(|id| id.0));
    event::Entity::find().filter(these).all(db).await
}

/// What locking does with an event that another transaction holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Await,
    Skip,
}

/// Locks events until the transaction ends, always in the order of their ids, so that two
/// transactions never wait for each other. Weaker than `FOR UPDATE`, which would also wait for the
/// share lock that inserting a booking takes through its foreign key.
pub(crate) async fn lock_events(
    tx: &impl ConnectionTrait,
    ids: Vec<EventId>,
    held: Held,
) -> Result<Vec<event::Model>, DbErr> {
    let these =
        any_of(tx.get_database_backend(), event::Column::Id, ids.into_iter().map(|id| id.0));
    let select = event::Entity::find().filter(these).order_by_asc(event::Column::Id);
    let select = match held {
        Held::Await => select.lock(LockType::NoKeyUpdate),
        Held::Skip => select.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked),
    };
    select.all(tx).await
}

/// Stores the counts of events that are locked.
pub(crate) async fn update_counts(
    tx: &impl ConnectionTrait,
    events: &[Arc<event::Model>],
) -> Result<(), DbErr> {
    if events.is_empty() {
        return Ok(());
    }
    let backend = tx.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => {
            let ids: Vec<Uuid> = events.iter().map(|event| event.id.0).collect();
            let remaining: Vec<i32> = events.iter().map(|event| event.remaining_tickets).collect();
            let versions: Vec<i64> = events.iter().map(|event| event.count_version).collect();
            Statement::from_sql_and_values(
                backend,
                "UPDATE events SET remaining_tickets = new.remaining, count_version = new.version \
                 FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS new (id, remaining, version) \
                 WHERE events.id = new.id",
                [ids.into(), remaining.into(), versions.into()],
            )
        }
        _ => {
            let rows = events
                .iter()
                .map(|event| (hex(&event.id.0), event.remaining_tickets, event.count_version));
            Statement::from_sql_and_values(
                backend,
                "UPDATE events SET remaining_tickets = new.value ->> 1, \
                 count_version = new.value ->> 2 \
                 FROM json_each($1) AS new WHERE events.id = unhex(new.value ->> 0)",
                [json(rows).into()],
            )
        }
    };
    tx.execute_raw(statement).await.map(drop)
}

/// Gives an event a new time if it has started and all its tickets are left; says whether it did.
pub(crate) async fn move_if_over_and_unbooked(
    db: &impl ConnectionTrait,
    event: &event::Model,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    use event::Column::{Id, RemainingTickets, StartsAt, TotalTickets};
    let moved = event::Entity::update_many()
        .col_expr(StartsAt, Expr::val(event.starts_at))
        .filter(Id.eq(event.id))
        .filter(StartsAt.lte(now))
        .filter(Expr::col(RemainingTickets).eq(Expr::col(TotalTickets)))
        .exec(db)
        .await?;
    Ok(moved.rows_affected > 0)
}
