//! Pages, searches and counts of lists of events.
//!
//! A search takes one of two ways. If many events match, reading the list in its order soon fills a
//! page. If few match, the index over the pieces of their texts finds them. No planner can tell
//! which it is, and a wrong guess takes a hundred times as long. So the start of the list is read
//! first, and all matches only if that does not fill the page. The same goes for the events of some
//! time, organizer or city in another order, and for those up to some price.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rowlock_entities::{EventId, event};
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, Order, QueryTrait,
    sea_query::{
        Asterisk, Expr, Func, LikeExpr, Query, SelectStatement, extension::postgres::PgBinOper,
    },
};

use super::{
    order::{EventFilter, Position, SortKey},
    scope::PRICE_KEY,
    search_key::{is_common, pieces_query, short_pieces},
};
use crate::{
    database::{ReadRow, read_each},
    pagination::PageRequest,
};

/// Number of events that are read in the list's order before another index is used.
const MAX_EVENTS_BEFORE_INDEX: u64 = 1_000;
/// The same where PostgreSQL reads them from an index alone, which takes less than half of the time.
const MAX_INDEXED_EVENTS_BEFORE_INDEX: u64 = 3_000;

/// All columns that the condition of a scope compares. Counts, and searches through an index, select
/// little else from the table, so the database refuses to compare any other.
const SCOPE_COLUMNS: [event::Column; 9] = [
    event::Column::OrganizerId,
    event::Column::Status,
    event::Column::IsPublic,
    event::Column::StartsAt,
    event::Column::RemainingTickets,
    event::Column::SalesStartAt,
    event::Column::SalesEndAt,
    event::Column::PriceMinor,
    event::Column::Currency,
];

/// The column with the texts that are searched.
const SEARCH_KEY: &str = "search_key";
/// The column with the city's key, which SQLite alone has.
const CITY_KEY: &str = "city_key";

impl EventFilter {
    /// The columns that the list compares or is sorted by, and that the entity lacks.
    fn computed_columns(&self, backend: DbBackend) -> BTreeSet<&'static str> {
        let mut columns = BTreeSet::new();
        if self.key == SortKey::Price || self.scope.price_condition().is_some() {
            columns.insert(PRICE_KEY);
        }
        if !self.words.is_empty() {
            columns.insert(SEARCH_KEY);
        }
        if self.scope.has_city() {
            columns.insert(if backend == DbBackend::Postgres { SEARCH_KEY } else { CITY_KEY });
        }
        columns
    }

    /// Looks in the text of each event that it is asked about.
    fn has_words(&self) -> Condition {
        let has_word = |word: &String| Expr::col(SEARCH_KEY).like(contains(word));
        self.words.iter().map(has_word).fold(Condition::all(), Condition::add)
    }

    /// The same condition through the engine's index over pieces of texts.
    fn has_words_by_index(&self, backend: DbBackend) -> Condition {
        if backend == DbBackend::Postgres {
            return self.has_words_on_postgres();
        }
        let found = Query::select()
            .expr(Expr::col("rowid"))
            .from("event_pieces")
            .and_where(Expr::cust_with_values("event_pieces MATCH ?", [pieces_query(&self.words)]))
            .take();
        self.has_words().add(Expr::col("search_row").in_subquery(found))
    }

    /// Words without trigrams get no `LIKE`: the planner would read the whole index over trigrams for
    /// it. Those whose pieces are in many texts get no index either, if another word has one: they are
    /// looked for in what that one finds.
    fn has_words_on_postgres(&self) -> Condition {
        let (mut condition, mut indexed) = (Condition::all(), Vec::new());
        let all_are_common = self.words.iter().all(|word| is_common(word));
        for word in &self.words {
            let pieces = short_pieces(word);
            if pieces.is_empty() {
                condition = condition.add(Expr::col(SEARCH_KEY).like(contains(word)));
                continue;
            }
            let has_index = all_are_common || !is_common(word);
            // A word of one piece is the same as the piece.
            if !has_index || pieces.len() > 1 {
                let place = Func::cust("strpos").arg(Expr::col(SEARCH_KEY)).arg(word.as_str());
                condition = condition.add(Expr::from(place).gt(0));
            }
            if has_index {
                indexed.extend(pieces);
            }
        }
        condition.add_option((!indexed.is_empty()).then(|| {
            Expr::cust("events_short_pieces(search_key)")
                .binary(PgBinOper::Contains, Expr::val(indexed))
        }))
    }
}

/// The `LIKE` pattern for texts that contain `part`, whatever characters it has.
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

/// Reads a page in its direction, and one row more if there is one.
pub(super) async fn find_page(
    db: &impl ConnectionTrait,
    filter: &EventFilter,
    page: &PageRequest<Position>,
    now: DateTime<Utc>,
) -> Result<Vec<ReadRow<event::Model>>, DbErr> {
    let (backend, column) = (db.get_database_backend(), filter.key.column());
    let beyond = |position: &Position, is_descending: bool| {
        let place =
            Expr::tuple([position.value.clone().into_expr(), Expr::val(EventId(position.id))]);
        let row = Expr::tuple([Expr::col(column), Expr::col(event::Column::Id)]);
        if is_descending { row.lt(place) } else { row.gt(place) }
    };
    let bounds = Condition::all()
        .add_option(page.after.as_ref().map(|p| beyond(p, filter.is_descending)))
        .add_option(page.before.as_ref().map(|p| beyond(p, !filter.is_descending)));
    let order = if filter.is_descending == page.is_backwards { Order::Asc } else { Order::Desc };

    let in_order = |mut select: SelectStatement| {
        select.order_by(column, order.clone()).order_by(event::Column::Id, order.clone()).take()
    };
    let of_page = |mut select: SelectStatement| {
        if page.offset > 0 {
            select.offset(page.offset);
        }
        select.limit(page.size + 1).take()
    };
    let read = async |select: SelectStatement| read_each(db, backend.build(&select)).await;
    let events =
        || event::Entity::find().into_query().columns(filter.computed_columns(backend)).take();
    let in_scope = || filter.scope.condition(backend, now);
    let is_by_date = filter.key == SortKey::Date;
    let plain = || events().cond_where(bounds.clone()).cond_where(in_scope()).take();
    let is_in_index =
        is_by_date && filter.scope.price_condition().is_none() || filter.scope.is_unbounded();
    if filter.words.is_empty() && is_in_index {
        return read(of_page(in_order(plain()))).await;
    }

    let compared = || compared_columns(filter, backend);
    // Only the page's events are read as a whole.
    let read_found = async |ids: SelectStatement| {
        let ids = of_page(in_order(ids));
        let is_found = Expr::col(event::Column::Id).in_subquery(ids);
        read(in_order(events().and_where(is_found).take())).await
    };
    // In the order by date, the same index bounds organizers, cities and times.
    let indexed = is_by_date.then(|| filter.scope.indexed_condition(backend, now));
    let bounded = Condition::all().add_option(indexed).add(bounds.clone());
    let is_in_one_index =
        backend == DbBackend::Postgres && is_by_date && filter.scope.is_of_buyers_by_time();
    let size = match is_in_one_index {
        true => MAX_INDEXED_EVENTS_BEFORE_INDEX,
        false => MAX_EVENTS_BEFORE_INDEX,
    };
    let of_index = compared().cond_where(bounded).take();
    let first = in_order(of_index).limit(size + 2 * page.offset).take();
    let first = ids_of(first).cond_where(in_scope()).cond_where(filter.has_words()).take();
    let rows = read_found(first).await?;
    if rows.len() as u64 > page.size {
        return Ok(rows);
    }
    let found = if !filter.words.is_empty() {
        found_by_index(compared(), filter, backend)
    } else if let Some(few) = find_few(db, filter, now).await? {
        as_it_is(compared().cond_where(few).take(), backend)
    } else {
        return read(of_page(in_order(plain()))).await;
    };
    read_found(ids_of(found).cond_where(bounds).cond_where(in_scope()).take()).await
}

/// A condition that includes all events of a list, and that so few events fulfil that sorting them is
/// faster than reading the list in its order. An index answers it.
async fn find_few(
    db: &impl ConnectionTrait,
    filter: &EventFilter,
    now: DateTime<Utc>,
) -> Result<Option<Condition>, DbErr> {
    let backend = db.get_database_backend();
    let indexed = (filter.key != SortKey::Date)
        .then(|| filter.scope.indexed_condition(backend, now))
        .into_iter();
    let priced = filter.scope.price_condition().map(|priced| Condition::all().add(priced));
    for condition in indexed.chain(priced) {
        let of_index = scope_columns(filter, backend)
            .cond_where(condition.clone())
            .limit(MAX_EVENTS_BEFORE_INDEX + 1)
            .take();
        if count_rows(db, of_index, Condition::all()).await? <= MAX_EVENTS_BEFORE_INDEX {
            return Ok(Some(condition));
        }
    }
    Ok(None)
}

/// Selects what the condition of a list's scope compares.
fn scope_columns(filter: &EventFilter, backend: DbBackend) -> SelectStatement {
    let computed = filter.computed_columns(backend);
    Query::select().columns(SCOPE_COLUMNS).columns(computed).from(event::Entity).take()
}

/// Selects what a list compares and sorts by, with the id, which breaks ties.
fn compared_columns(filter: &EventFilter, backend: DbBackend) -> SelectStatement {
    let mut columns = scope_columns(filter, backend);
    columns.column(event::Column::Id);
    // The other orders are by columns of the scope.
    if filter.key == SortKey::Title {
        columns.column(event::Column::TitleKey);
    }
    columns
}

/// Makes the planner run a subquery as it is.
fn as_it_is(mut events: SelectStatement, backend: DbBackend) -> SelectStatement {
    match backend {
        DbBackend::Postgres => events.offset(0).take(),
        // SQLite has no offset without a limit.
        _ => events.limit(i64::MAX as u64).take(),
    }
}

/// Selects the events with the words of a search through the index, whatever else the query around
/// it asks for.
fn found_by_index(
    mut events: SelectStatement,
    filter: &EventFilter,
    backend: DbBackend,
) -> SelectStatement {
    as_it_is(events.cond_where(filter.has_words_by_index(backend)).take(), backend)
}

/// Selects the ids of a subquery of events. A subquery with a limit or an offset is run as it is: the
/// planner moves no conditions into it.
fn ids_of(events: SelectStatement) -> SelectStatement {
    Query::select().column(event::Column::Id).from_subquery(events, event::Entity).take()
}

pub(super) async fn count(
    db: &impl ConnectionTrait,
    filter: &EventFilter,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let backend = db.get_database_backend();
    let mut events = scope_columns(filter, backend);
    if !filter.words.is_empty() {
        events = found_by_index(events, filter, backend);
    }
    count_rows(db, events, filter.scope.condition(backend, now)).await
}

async fn count_rows(
    db: &impl ConnectionTrait,
    events: SelectStatement,
    condition: Condition,
) -> Result<u64, DbErr> {
    let count = Query::select()
        .expr(Expr::col(Asterisk).count())
        .from_subquery(events, event::Entity)
        .cond_where(condition)
        .take();
    let row = db.query_one(&count).await?;
    let count: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
    Ok(count.unsigned_abs())
}
