//! Bookings in the database.

use std::iter::zip;

use rowlock_entities::{BookingId, UserId, booking};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, Order, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select, Statement, sea_query::Expr,
};
use uuid::Uuid;

use super::loader::Seat;
use crate::inventory::ledger::{BookRequest, CancelRequest, Request};
use crate::{
    database::{any_of, hex, json},
    pagination::PageRequest,
};

pub(crate) async fn find_booking(
    db: &impl ConnectionTrait,
    id: BookingId,
) -> Result<Option<booking::Model>, DbErr> {
    booking::Entity::find_by_id(id).one(db).await
}

// What a batch runs has the same text whatever the batch's size, so that it is prepared once: its rows
// come as arrays on PostgreSQL and as JSON on SQLite.

/// Every booking that the decisions on these requests can depend on: those of the same user and event,
/// those with the same key, those to cancel, and, of requests that were tried before, their own.
pub(crate) async fn find_bookings_that_matter(
    db: &impl ConnectionTrait,
    batch: &[&Request],
    tried_before: bool,
) -> Result<Vec<booking::Model>, DbErr> {
    let (mut users, mut events) = (Vec::new(), Vec::new());
    let (mut key_users, mut keys) = (Vec::new(), Vec::new());
    let mut ids = Vec::new();
    for request in batch {
        match request {
            Request::Book(BookRequest {
                booking_id, user_id, event_id, idempotency_key, ..
            }) => {
                users.push(user_id.0);
                events.push(event_id.0);
                if let Some(key) = idempotency_key {
                    key_users.push(user_id.0);
                    keys.push(key.clone());
                }
                if tried_before {
                    ids.push(booking_id.0);
                }
            }
            Request::Cancel(CancelRequest { booking_id, .. }) => ids.push(booking_id.0),
        }
    }
    let backend = db.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => Statement::from_sql_and_values(
            backend,
            // Each row asked for is looked up by itself: a plain join, planned while the table is
            // small, may read all of it, and is still used when it has grown.
            "SELECT b.* FROM unnest($1::uuid[], $2::uuid[]) AS asked (user_id, event_id) \
             CROSS JOIN LATERAL (SELECT * FROM bookings WHERE user_id = asked.user_id \
             AND event_id = asked.event_id AND status = 'CONFIRMED' LIMIT 1) AS b \
             UNION ALL \
             SELECT b.* FROM unnest($3::uuid[], $4::text[]) AS asked (user_id, key) \
             CROSS JOIN LATERAL (SELECT * FROM bookings WHERE user_id = asked.user_id \
             AND idempotency_key = asked.key LIMIT 1) AS b \
             UNION ALL \
             SELECT * FROM bookings WHERE id = ANY($5::uuid[])",
            [users.into(), events.into(), key_users.into(), keys.into(), ids.into()],
        ),
        _ => Statement::from_sql_and_values(
            backend,
            "SELECT b.* FROM json_each($1) AS asked JOIN bookings b \
             ON b.user_id = unhex(asked.value ->> 0) AND b.event_id = unhex(asked.value ->> 1) \
             WHERE b.status = 'CONFIRMED' \
             UNION ALL \
             SELECT b.* FROM json_each($2) AS asked JOIN bookings b \
             ON b.user_id = unhex(asked.value ->> 0) AND b.idempotency_key = asked.value ->> 1 \
             UNION ALL \
             SELECT b.* FROM json_each($3) AS asked JOIN bookings b ON b.id = unhex(asked.value)",
            [
                json(zip(users.iter().map(hex), events.iter().map(hex))).into(),
                json(zip(key_users.iter().map(hex), &keys)).into(),
                json(ids.iter().map(hex)).into(),
            ],
        ),
    };
    booking::Entity::find().from_raw_sql(statement).all(db).await
}

/// Inserts a batch's new bookings; all of them carry the same time.
pub(crate) async fn insert(
    tx: &impl ConnectionTrait,
    bookings: Vec<booking::Model>,
) -> Result<(), DbErr> {
    let Some(created_at) = bookings.first().map(|booking| booking.created_at) else {
        return Ok(());
    };
    let backend = tx.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => {
            let ids: Vec<Uuid> = bookings.iter().map(|booking| booking.id.0).collect();
            let events: Vec<Uuid> = bookings.iter().map(|booking| booking.event_id.0).collect();
            let users: Vec<Uuid> = bookings.iter().map(|booking| booking.user_id.0).collect();
            let quantities: Vec<i32> = bookings.iter().map(|booking| booking.quantity).collect();
            let cancelled: Vec<bool> =
                bookings.iter().map(|booking| booking.cancelled_at.is_some()).collect();
            // An array has no nulls here, and a key is never empty.
            let keys: Vec<String> = bookings
                .into_iter()
                .map(|booking| booking.idempotency_key.unwrap_or_default())
                .collect();
            Statement::from_sql_and_values(
                backend,
                "INSERT INTO bookings (id, event_id, user_id, quantity, idempotency_key, \
                 created_at, status, cancelled_at) \
                 SELECT id, event_id, user_id, quantity, nullif(idempotency_key, ''), $7::timestamptz, \
                 CASE WHEN cancelled THEN 'CANCELLED' ELSE 'CONFIRMED' END, \
                 CASE WHEN cancelled THEN $7::timestamptz END \
                 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::bool[], \
                 $6::text[]) AS new (id, event_id, user_id, quantity, cancelled, idempotency_key)",
                [
                    ids.into(),
                    events.into(),
                    users.into(),
                    quantities.into(),
                    cancelled.into(),
                    keys.into(),
                    created_at.into(),
                ],
            )
        }
        _ => {
            let rows = bookings.iter().map(|booking| {
                let booking::Model { id, event_id, user_id, quantity, .. } = booking;
                let is_cancelled = booking.cancelled_at.is_some();
                let key = &booking.idempotency_key;
                (hex(&id.0), hex(&event_id.0), hex(&user_id.0), quantity, is_cancelled, key)
            });
            Statement::from_sql_and_values(
                backend,
                "INSERT INTO bookings (id, event_id, user_id, quantity, idempotency_key, \
                 created_at, status, cancelled_at) \
                 SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, \
                 value ->> 5, $2, \
                 CASE WHEN value ->> 4 THEN 'CANCELLED' ELSE 'CONFIRMED' END, \
                 CASE WHEN value ->> 4 THEN $2 END FROM json_each($1)",
                [json(rows).into(), created_at.into()],
            )
        }
    };
    tx.execute_raw(statement).await.map(drop)
}

/// Marks confirmed bookings cancelled; all in one batch carry the same time.
pub(crate) async fn cancel(
    tx: &impl ConnectionTrait,
    bookings: &[booking::Model],
) -> Result<(), DbErr> {
    let Some(first) = bookings.first() else { return Ok(()) };
    let ids = bookings.iter().map(|booking| booking.id.0);
    booking::Entity::update_many()
        .col_expr(booking::Column::Status, Expr::val(booking::Status::Cancelled))
        .col_expr(booking::Column::CancelledAt, Expr::val(first.cancelled_at))
        .filter(any_of(tx.get_database_backend(), booking::Column::Id, ids))
        .exec(tx)
        .await
        .map(drop)
}

/// The confirmed bookings in these seats.
pub(crate) async fn find_confirmed(
    db: &impl ConnectionTrait,
    seats: &[Seat],
) -> Result<Vec<booking::Model>, DbErr> {
    let backend = db.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => {
            let users: Vec<Uuid> = seats.iter().map(|seat| seat.user.0).collect();
            let events: Vec<Uuid> = seats.iter().map(|seat| seat.event.0).collect();
            Statement::from_sql_and_values(
                backend,
                "SELECT b.* FROM unnest($1::uuid[], $2::uuid[]) AS asked (user_id, event_id) \
                 CROSS JOIN LATERAL (SELECT * FROM bookings WHERE user_id = asked.user_id \
                 AND event_id = asked.event_id AND status = 'CONFIRMED' LIMIT 1) AS b",
                [users.into(), events.into()],
            )
        }
        _ => {
            let seats = seats.iter().map(|seat| (hex(&seat.user.0), hex(&seat.event.0)));
            Statement::from_sql_and_values(
                backend,
                "SELECT b.* FROM json_each($1) AS asked JOIN bookings b \
                 ON b.user_id = unhex(asked.value ->> 0) AND b.event_id = unhex(asked.value ->> 1) \
                 WHERE b.status = 'CONFIRMED'",
                [json(seats).into()],
            )
        }
    };
    booking::Entity::find().from_raw_sql(statement).all(db).await
}

/// Whose bookings a list has, and of which status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookingFilter {
    pub(crate) user: UserId,
    pub(crate) status: Option<booking::Status>,
}

impl BookingFilter {
    fn select(&self) -> Select<booking::Entity> {
        booking::Entity::find().filter(
            Condition::all()
                .add(booking::Column::UserId.eq(self.user))
                .add_option(self.status.map(|status| booking::Column::Status.eq(status))),
        )
    }
}

/// The rows of a page in the direction it is read, and one more where there is one. Newest first:
/// ids are UUIDv7, which sort by the time they were made.
pub(crate) async fn find_page(
    db: &impl ConnectionTrait,
    filter: &BookingFilter,
    page: &PageRequest<BookingId>,
) -> Result<Vec<booking::Model>, DbErr> {
    use booking::Column::Id;
    let bounds = Condition::all()
        .add_option(page.after.map(|id| Id.lt(id)))
        .add_option(page.before.map(|id| Id.gt(id)));
    let order = if page.backwards { Order::Asc } else { Order::Desc };
    filter.select().filter(bounds).order_by(Id, order).limit(page.size + 1).all(db).await
}

pub(crate) async fn count(db: &impl ConnectionTrait, filter: &BookingFilter) -> Result<u64, DbErr> {
    filter.select().count(db).await
}
