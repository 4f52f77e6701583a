//! Events in the database, by id.

use chrono::{DateTime, Utc};
use rowlock_entities::{EventId, OrganizerId, event};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, UpdateMany,
    sea_query::Expr,
};

/// Gives an event the times of another row if it has started and none of its tickets is booked;
/// returns whether it did.
pub(crate) async fn move_if_over_and_unbooked(
    db: &impl ConnectionTrait,
    event: &event::Model,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    use event::Column::{
        EndsAt, Id, RemainingTickets, SalesEndAt, SalesStartAt, StartsAt, TotalTickets,
    };
    let moved = counted_edit()
        .col_expr(StartsAt, Expr::val(event.starts_at))
        .col_expr(EndsAt, Expr::val(event.ends_at))
        .col_expr(SalesStartAt, Expr::val(event.sales_start_at))
        .col_expr(SalesEndAt, Expr::val(event.sales_end_at))
        .filter(Id.eq(event.id))
        .filter(StartsAt.lte(now))
        .filter(Expr::col(RemainingTickets).eq(Expr::col(TotalTickets)))
        .exec(db)
        .await?;
    Ok(moved.rows_affected > 0)
}

/// Gives an event to another organizer if it still belongs to the first.
pub(crate) async fn give_to_organizer(
    db: &impl ConnectionTrait,
    event: EventId,
    from: OrganizerId,
    to: OrganizerId,
) -> Result<(), DbErr> {
    use event::Column::{Id, OrganizerId};
    counted_edit()
        .col_expr(OrganizerId, Expr::val(to))
        .filter(Id.eq(event))
        .filter(OrganizerId.eq(from))
        .exec(db)
        .await
        .map(drop)
}

/// An update that counts as an edit of the events that it changes.
fn counted_edit() -> UpdateMany<event::Entity> {
    use event::Column::{CountVersion, Revision};
    event::Entity::update_many()
        .col_expr(Revision, Expr::col(Revision).add(1))
        .col_expr(CountVersion, Expr::col(CountVersion).add(1))
}
