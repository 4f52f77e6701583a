//! Events in the database.

use std::sync::Arc;

use chrono::{DateTime, Datelike, Utc};
use rowlock_entities::{EventId, event};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, Order,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Statement,
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
    fn fits(&self) -> Condition {
        let any =
            (!self.search.is_empty()).then(|| event::Column::TitleKey.like(contains(&self.search)));
        Condition::all().add_option(any)
    }

    /// Whether the index over the pieces of titles can find these events.
    fn has_index(&self) -> bool {
        self.search.chars().count() >= SHORTEST_PIECE
    }

    /// The same where there is an index, and on SQLite by it, which knows it as a table of its own.
    fn fits_by_index(&self, backend: DbBackend) -> Condition {
        if backend == DbBackend::Postgres || !self.has_index() {
            return self.fits();
        }
        let found = self.found_on_sqlite(Expr::col("event_id"));
        Condition::all().add(event::Column::Id.in_subquery(found))
    }

    /// `what` of each title that SQLite's index finds.
    fn found_on_sqlite(&self, what: Expr) -> SelectStatement {
        let fits = Expr::cust_with_values("event_titles MATCH ?", [phrase(&self.search)]);
        Query::select().expr(what).from("event_titles").and_where(fits).take()
    }

    /// Whether SQLite's index finds so few events that they are better sorted than met by reading the
    /// list in its order.
    async fn is_rare_on_sqlite(&self, db: &impl ConnectionTrait) -> Result<bool, DbErr> {
        let few = self.found_on_sqlite(Expr::val(1)).limit(MOST_RARE + 1).take();
        let count =
            Query::select().expr(Expr::col(Asterisk).count()).from_subquery(few, "few").take();
        let row = db.query_one(&count).await?;
        let count: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        Ok(count <= MOST_RARE as i64)
    }
}

/// The shortest text that an index over pieces of titles finds, in characters.
const SHORTEST_PIECE: usize = 3;
/// Beyond this many, a page of those that fit is filled soon by reading the list in its order.
const MOST_RARE: u64 = 1_000;
/// So much of the list is read in its order before an index over pieces of titles is turned to.
const GLANCE: u64 = 1_000;

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

    let in_order = |mut select: SelectStatement| {
        select.order_by(column, order.clone()).order_by(event::Column::Id, order.clone()).take()
    };
    let of_page = |mut select: SelectStatement| {
        if page.offset > 0 {
            select.offset(page.offset);
        }
        select.limit(page.size + 1).take()
    };
    let read = async |select: SelectStatement| {
        let statement = db.get_database_backend().build(&select);
        event::Entity::find().from_raw_sql(statement).all(db).await
    };
    let list = || event::Entity::find().filter(bounds.clone()).into_query();

    let backend = db.get_database_backend();
    let fitting = match backend {
        _ if !filter.has_index() => list().cond_where(filter.fits()).take(),
        // Its planner can't tell how many titles fit, and a wrong guess takes it a hundred times as long.
        // So it is told to read a part of the list, and then all that fits.
        DbBackend::Postgres => {
            let first = in_order(list()).limit(GLANCE).take();
            let rows =
                read(of_page(in_order(all_of(first).cond_where(filter.fits()).take()))).await?;
            if rows.len() as u64 > page.size {
                return Ok(rows);
            }
            let all = event::Entity::find().filter(filter.fits()).offset(0).into_query();
            all_of(all).cond_where(bounds.clone()).take()
        }
        _ => match filter.is_rare_on_sqlite(db).await? {
            true => list().cond_where(filter.fits_by_index(backend)).take(),
            false => list().cond_where(filter.fits()).take(),
        },
    };
    read(of_page(in_order(fitting))).await
}

/// What a subquery of events gives, as if it were all events. With a limit or an offset of its own it is run
/// as it stands, whatever is asked of its rows.
fn all_of(events: SelectStatement) -> SelectStatement {
    Query::select().column(Asterisk).from_subquery(events, event::Entity).take()
}

pub(crate) async fn count(db: &impl ConnectionTrait, filter: &EventFilter) -> Result<u64, DbErr> {
    let fits = filter.fits_by_index(db.get_database_backend());
    event::Entity::find().filter(fits).count(db).await
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
