//! Check-ins in the database.

use std::collections::HashMap;

use rowlock_entities::{BookingId, EventId, UserId, booking, check_in, event, user};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, FromQueryResult,
    IntoActiveModel, JoinType, QueryFilter, QuerySelect, QueryTrait, RelationTrait,
    sea_query::{Alias, Expr, LockType},
};

use super::arrivals::Arrivals;
use crate::database::{any_of, find_by_ids};

/// Locks a booking until the transaction ends. Cancellations and changes by buyers take the same
/// lock before they look for check-ins.
pub(super) async fn lock_booking(
    tx: &impl ConnectionTrait,
    id: BookingId,
) -> Result<Option<booking::Model>, DbErr> {
    booking::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await
}

pub(super) async fn find_event_status(
    tx: &impl ConnectionTrait,
    id: EventId,
) -> Result<Option<event::Status>, DbErr> {
    let select = event::Entity::find_by_id(id).select_only().column(event::Column::Status);
    select.into_tuple().one(tx).await
}

/// The check-ins of one booking. There are ten at most.
pub(super) async fn find_check_ins(
    tx: &impl ConnectionTrait,
    booking: BookingId,
) -> Result<Vec<check_in::Model>, DbErr> {
    check_in::Entity::find().filter(check_in::Column::BookingId.eq(booking)).all(tx).await
}

/// The check-ins of some bookings.
pub(super) async fn find_check_ins_of(
    db: &impl ConnectionTrait,
    bookings: impl IntoIterator<Item = BookingId>,
) -> Result<Vec<check_in::Model>, DbErr> {
    let ids = bookings.into_iter().map(|id| id.0);
    find_by_ids::<check_in::Entity>(db, check_in::Column::BookingId, ids).await
}

pub(super) async fn find_name(
    db: &impl ConnectionTrait,
    id: UserId,
) -> Result<Option<String>, DbErr> {
    let select = user::Entity::find_by_id(id).select_only().column(user::Column::Name);
    select.into_tuple().one(db).await
}

pub(super) async fn insert(
    tx: &impl ConnectionTrait,
    check_in: check_in::Model,
) -> Result<(), DbErr> {
    let row = check_in.into_active_model();
    check_in::Entity::insert(row).exec_without_returning(tx).await.map(drop)
}

pub(super) async fn delete(
    tx: &impl ConnectionTrait,
    booking: BookingId,
    number: i32,
) -> Result<(), DbErr> {
    check_in::Entity::delete_by_id((booking, number)).exec(tx).await.map(drop)
}

#[derive(FromQueryResult)]
struct Expected {
    id: EventId,
    expected: i32,
}

#[derive(FromQueryResult)]
struct Arrived {
    event_id: EventId,
    arrived: i64,
}

/// Counts who is in and who is expected at these events.
pub(super) async fn count_arrivals(
    db: &impl ConnectionTrait,
    events: &[EventId],
) -> Result<HashMap<EventId, Arrivals>, DbErr> {
    let backend = db.get_database_backend();
    let ids = || events.iter().map(|id| id.0);
    let taken =
        Expr::col(event::Column::TotalTickets).sub(Expr::col(event::Column::RemainingTickets));
    let expected = event::Entity::find()
        .select_only()
        .column(event::Column::Id)
        .expr_as(taken, "expected")
        .filter(any_of(backend, event::Column::Id, ids()))
        .into_model::<Expected>()
        .all(db)
        .await?;
    let mut arrivals: HashMap<EventId, Arrivals> = expected
        .into_iter()
        .map(|Expected { id, expected }| (id, Arrivals { arrived: 0, expected }))
        .collect();
    let mut check_ins = check_in::Entity::find()
        .select_only()
        .column(check_in::Column::EventId)
        .expr_as(check_in::Column::Number.count().cast_as(Alias::new("bigint")), "arrived")
        .filter(any_of(backend, check_in::Column::EventId, ids()))
        .group_by(check_in::Column::EventId);
    let has_ticket = || {
        booking::Column::Status.eq(booking::Status::Confirmed).and(
            Expr::col((booking::Entity, booking::Column::Quantity))
                .gte(Expr::col((check_in::Entity, check_in::Column::Number))),
        )
    };
    match backend {
        // Bookings are looked up one by one. A plain join, planned while there are few, may read all
        // of them, and its plan is still used when there are many.
        DbBackend::Postgres => {
            let id = Expr::col((booking::Entity, booking::Column::Id));
            let booked = booking::Entity::find()
                .select_only()
                .column(booking::Column::Id)
                .filter(id.equals((check_in::Entity, check_in::Column::BookingId)))
                .filter(has_ticket())
                .limit(1)
                .into_query();
            let (every_row, alias) = (Expr::cust("TRUE"), Alias::new("booked"));
            let query = QueryTrait::query(&mut check_ins);
            query.join_lateral(JoinType::InnerJoin, booked, alias, every_row);
        }
        _ => {
            let join = check_in::Relation::Booking.def();
            check_ins = check_ins.join(JoinType::InnerJoin, join).filter(has_ticket());
        }
    }
    for Arrived { event_id, arrived } in check_ins.into_model::<Arrived>().all(db).await? {
        if let Some(counted) = arrivals.get_mut(&event_id) {
            counted.arrived = i32::try_from(arrived).unwrap_or(i32::MAX);
        }
    }
    Ok(arrivals)
}
