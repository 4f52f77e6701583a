//! Pages, searches and counts of lists of events.
//!
//! A search takes one of two ways. If many titles match, reading the list in its order soon fills a
//! page. If few match, the index over the parts of titles finds them.

use rowlock_entities::{EventId, event};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, Order,
    PaginatorTrait, QueryFilter, QueryTrait,
    sea_query::{Asterisk, Expr, LikeExpr, Query, SelectStatement},
};

use super::order::{EventFilter, Position, SortKey};
use crate::{
    database::{ReadRow, read_each},
    pagination::PageRequest,
};

/// The shortest text that an index over the parts of titles finds, in characters.
const MIN_INDEXED_CHARS: usize = 3;
/// With more matches than this, reading the list in its order soon fills a page.
const MAX_RARE_MATCHES: u64 = 1_000;
/// Number of events that are read in the list's order before the index over the parts of titles is
/// used.
const MAX_EVENTS_BEFORE_INDEX: u64 = 1_000;

impl EventFilter {
    fn condition(&self) -> Condition {
        let matches =
            (!self.search.is_empty()).then(|| event::Column::TitleKey.like(contains(&self.search)));
        Condition::all().add_option(matches)
    }

    /// Whether the index over the parts of titles can find these events.
    fn has_index(&self) -> bool {
        self.search.chars().count() >= MIN_INDEXED_CHARS
    }

    /// The same condition through the index, if there is one. SQLite has the index as a table of
    /// its own.
    fn condition_by_index(&self, backend: DbBackend) -> Condition {
        if backend == DbBackend::Postgres || !self.has_index() {
            return self.condition();
        }
        let found = self.found_on_sqlite(Expr::col("event_id"));
        Condition::all().add(event::Column::Id.in_subquery(found))
    }

    /// Selects `column` of each title that SQLite's index finds.
    fn found_on_sqlite(&self, column: Expr) -> SelectStatement {
        let matches = Expr::cust_with_values("event_titles MATCH ?", [phrase(&self.search)]);
        Query::select().expr(column).from("event_titles").and_where(matches).take()
    }

    /// Whether SQLite's index finds so few events that sorting them is faster than reading the list
    /// in its order.
    async fn is_rare_on_sqlite(&self, db: &impl ConnectionTrait) -> Result<bool, DbErr> {
        let few = self.found_on_sqlite(Expr::val(1)).limit(MAX_RARE_MATCHES + 1).take();
        let count =
            Query::select().expr(Expr::col(Asterisk).count()).from_subquery(few, "few").take();
        let row = db.query_one(&count).await?;
        let count: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        Ok(count <= MAX_RARE_MATCHES as i64)
    }
}

/// Quotes a text for SQLite's index, whatever characters it has.
fn phrase(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
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
) -> Result<Vec<ReadRow<event::Model>>, DbErr> {
    let column = filter.key.column();
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
    let read = async |select: SelectStatement| {
        read_each(db, db.get_database_backend().build(&select)).await
    };
    // The queries around these sort by the key, which the entity may lack.
    let events = || {
        let mut select = event::Entity::find().into_query();
        match filter.key {
            SortKey::Price => select.column(column).take(),
            SortKey::Date | SortKey::Title => select,
        }
    };
    let list = || events().cond_where(bounds.clone()).take();

    let backend = db.get_database_backend();
    let matching = match backend {
        _ if !filter.has_index() => list().cond_where(filter.condition()).take(),
        // PostgreSQL's planner can't tell how many titles match, and a wrong guess takes a hundred
        // times as long. So this reads the start of the list first, and only then all matches.
        DbBackend::Postgres => {
            let first = in_order(list()).limit(MAX_EVENTS_BEFORE_INDEX).take();
            let rows = read(of_page(in_order(all_of(first).cond_where(filter.condition()).take())))
                .await?;
            if rows.len() as u64 > page.size {
                return Ok(rows);
            }
            let all = events().cond_where(filter.condition()).offset(0).take();
            all_of(all).cond_where(bounds.clone()).take()
        }
        _ => match filter.is_rare_on_sqlite(db).await? {
            true => list().cond_where(filter.condition_by_index(backend)).take(),
            false => list().cond_where(filter.condition()).take(),
        },
    };
    read(of_page(in_order(matching))).await
}

/// Selects from a subquery of events as if it were the table. A subquery with a limit or an offset
/// is run as it is: the planner moves no conditions into it.
fn all_of(events: SelectStatement) -> SelectStatement {
    Query::select().column(Asterisk).from_subquery(events, event::Entity).take()
}

pub(super) async fn count(db: &impl ConnectionTrait, filter: &EventFilter) -> Result<u64, DbErr> {
    let condition = filter.condition_by_index(db.get_database_backend());
    event::Entity::find().filter(condition).count(db).await
}
