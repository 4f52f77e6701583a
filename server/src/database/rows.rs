//! Statements over many rows, for either engine.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, FromQueryResult,
    IntoActiveModel, Iterable, PrimaryKeyToColumn, QueryFilter, QueryResult, QueryTrait, Statement,
    TryGetable,
    sea_query::{BinOper, Expr, OnConflict, extension::postgres::PgFunc},
};
use serde::Serialize;
use uuid::Uuid;

/// Rows in one `INSERT`. Both engines limit the number of values in a statement.
const ROWS_PER_INSERT: usize = 1_000;

/// Inserts the rows whose primary keys are missing; returns how many it inserted.
pub(crate) async fn insert_missing<E>(
    db: &impl ConnectionTrait,
    rows: Vec<E::Model>,
) -> Result<u64, DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let key = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let unless_present = OnConflict::columns(key).do_nothing().to_owned();
    let mut inserted = 0;
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while rows.peek().is_some() {
        let chunk: Vec<E::ActiveModel> = rows.by_ref().take(ROWS_PER_INSERT).collect();
        inserted += E::insert_many(chunk)
            .on_conflict(unless_present.clone())
            .exec_without_returning(db)
            .await?;
    }
    Ok(inserted)
}

/// Matches rows whose `column` is one of `ids`. The ids are a single value, an array on PostgreSQL
/// and JSON on SQLite. So the statement's text, and its prepared plan, is the same for any number.
pub(crate) fn any_of(
    backend: DbBackend,
    column: impl ColumnTrait,
    ids: impl IntoIterator<Item = Uuid>,
) -> Expr {
    match backend {
        DbBackend::Postgres => {
            let ids: Vec<Uuid> = ids.into_iter().collect();
            column.into_expr().eq(PgFunc::any(Expr::val(ids)))
        }
        _ => {
            let ids = json(ids.into_iter().map(|id| hex(&id)));
            let rows = Expr::cust_with_values("(SELECT unhex(value) FROM json_each(?))", [ids]);
            column.into_expr().binary(BinOper::In, rows)
        }
    }
}

/// Like [`any_of`], for texts.
pub(crate) fn any_of_texts(
    backend: DbBackend,
    column: impl ColumnTrait,
    texts: impl IntoIterator<Item = String>,
) -> Expr {
    match backend {
        DbBackend::Postgres => {
            let texts: Vec<String> = texts.into_iter().collect();
            column.into_expr().eq(PgFunc::any(Expr::val(texts)))
        }
        _ => {
            let texts = json(texts);
            let rows = Expr::cust_with_values("(SELECT value FROM json_each(?))", [texts]);
            column.into_expr().binary(BinOper::In, rows)
        }
    }
}

/// Reads the rows of these ids, those that exist, in no order.
pub(crate) async fn find_by_ids<E: EntityTrait>(
    db: &impl ConnectionTrait,
    id_column: E::Column,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<E::Model>, DbErr> {
    E::find().filter(any_of(db.get_database_backend(), id_column, ids)).all(db).await
}

/// Like [`find_by_ids`], but a row that can't be read fails alone.
pub(crate) async fn find_each_by_id<E: EntityTrait>(
    db: &impl ConnectionTrait,
    id_column: E::Column,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<ReadRow<E::Model>>, DbErr> {
    let backend = db.get_database_backend();
    read_each(db, E::find().filter(any_of(backend, id_column, ids)).build(backend)).await
}

/// A row as the database returned it, and what it was read as.
pub(crate) struct ReadRow<M> {
    row: QueryResult,
    pub(crate) read: Result<M, DbErr>,
}

impl<M> ReadRow<M> {
    /// A value of the row, such as the key of a row that can't be read as a whole.
    pub(crate) fn value<T: TryGetable>(&self, column: &str) -> Option<T> {
        self.row.try_get("", column).ok()
    }
}

/// Reads each row by itself, so that one that can't be read does not fail the others. The database
/// refuses such rows, unless somebody has dropped its constraints or changed a column's type.
pub(crate) async fn read_each<M: FromQueryResult>(
    db: &impl ConnectionTrait,
    statement: Statement,
) -> Result<Vec<ReadRow<M>>, DbErr> {
    let rows = db.query_all_raw(statement).await?;
    // The driver panics at a time that is out of range.
    let read = |row: &QueryResult| {
        catch_unwind(AssertUnwindSafe(|| M::from_query_result(row, "")))
            .unwrap_or_else(|_| Err(DbErr::Type("a value is out of range".to_owned())))
    };
    Ok(rows.into_iter().map(|row| ReadRow { read: read(&row), row }).collect())
}

/// Leaves out the rows that can't be read, and logs them.
pub(crate) fn only_readable<M>(rows: Vec<ReadRow<M>>) -> Vec<M> {
    let readable = |row: ReadRow<M>| {
        let id = row.value::<Uuid>("id");
        row.read
            .inspect_err(|error| {
                tracing::error!(%error, ?id, "a row can't be read and is left out of a list");
            })
            .ok()
    };
    rows.into_iter().filter_map(readable).collect()
}

/// Encodes rows as one JSON value, which SQLite's `json_each` takes apart again.
pub(crate) fn json(rows: impl IntoIterator<Item = impl Serialize>) -> String {
    let rows: Vec<_> = rows.into_iter().collect();
    // Encoding text and numbers can't fail, and SQLite rejects an empty text.
    serde_json::to_string(&rows).unwrap_or_default()
}

/// Encodes an id as SQLite's `unhex` reads it.
pub(crate) fn hex(id: &Uuid) -> String {
    id.simple().to_string()
}
