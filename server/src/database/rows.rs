//! Many rows in one statement, on either engine.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, IntoActiveModel,
    Iterable, PrimaryKeyToColumn,
    sea_query::{BinOper, Expr, OnConflict, extension::postgres::PgFunc},
};
use serde::Serialize;
use uuid::Uuid;

/// Rows in one `INSERT`: both engines bound how many values a statement has.
const ROWS_PER_INSERT: usize = 1_000;

/// Inserts the rows whose primary keys are not there yet; says how many.
pub(crate) async fn insert_missing<E>(
    db: &impl ConnectionTrait,
    rows: Vec<E::Model>,
) -> Result<u64, DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let key = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let unless_there = OnConflict::columns(key).do_nothing().to_owned();
    let mut inserted = 0;
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while rows.peek().is_some() {
        let some: Vec<E::ActiveModel> = rows.by_ref().take(ROWS_PER_INSERT).collect();
        inserted += E::insert_many(some)
            .on_conflict(unless_there.clone())
            .exec_without_returning(db)
            .await?;
    }
    Ok(inserted)
}

/// `column` is one of these ids. They are one value, an array on PostgreSQL and JSON on SQLite, so that
/// the statement's text, and with it the prepared plan, is the same however many there are.
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
            let these = Expr::cust_with_values("(SELECT unhex(value) FROM json_each(?))", [ids]);
            column.into_expr().binary(BinOper::In, these)
        }
    }
}

/// Rows as the one JSON value that SQLite's `json_each` takes apart again.
pub(crate) fn json(rows: impl IntoIterator<Item = impl Serialize>) -> String {
    let rows: Vec<_> = rows.into_iter().collect();
    // Texts and numbers can't fail; and SQLite refuses what is not JSON.
    serde_json::to_string(&rows).unwrap_or_default()
}

/// An id as SQLite's `unhex` takes it.
pub(crate) fn hex(id: &Uuid) -> String {
    id.simple().to_string()
}
