//! Events in the database, by id.

use chrono::{DateTime, Utc};
use rowlock_entities::event;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr,
};

/// Gives an event a new time if it has started and none of its tickets is booked; returns whether
/// it did.
pub(crate) async fn move_if_over_and_unbooked(
    db: &impl ConnectionTrait,
    event: &event::Model,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    use event::Column::{CountVersion, Id, RemainingTickets, Revision, StartsAt, TotalTickets};
    let moved = event::Entity::update_many()
        .col_expr(StartsAt, Expr::val(event.starts_at))
        .col_expr(Revision, Expr::col(Revision).add(1))
        .col_expr(CountVersion, Expr::col(CountVersion).add(1))
        .filter(Id.eq(event.id))
        .filter(StartsAt.lte(now))
        .filter(Expr::col(RemainingTickets).eq(Expr::col(TotalTickets)))
        .exec(db)
        .await?;
    Ok(moved.rows_affected > 0)
}
