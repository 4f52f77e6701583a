//! The statements of a batch's transaction.
//!
//! A statement has the same text whatever the batch's size, so that it is prepared only once. Its
//! rows come as arrays on PostgreSQL and as JSON on SQLite.

use std::{iter::zip, mem, sync::Arc};

use rowlock_entities::{EventId, booking, event, event_reminder};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Statement,
    sea_query::{Alias, Expr},
};
use uuid::Uuid;

use super::needed_bookings::{ConfirmedOfEvent, NeededBookings};
use crate::database::{any_of, hex, insert_missing, json};

/// Notes that people need no reminder of these events.
pub(super) async fn insert_reminders(
    tx: &impl ConnectionTrait,
    reminders: Vec<event_reminder::Model>,
) -> Result<(), DbErr> {
    insert_missing::<event_reminder::Entity>(tx, reminders).await.map(drop)
}

/// A booking's columns by name. A prepared `SELECT *` fails after a column was added.
macro_rules! booking_columns {
    ($table:literal) => {
        concat!(
            $table,
            ".id, ",
            $table,
            ".event_id, ",
            $table,
            ".user_id, ",
            $table,
            ".quantity, ",
            $table,
            ".booked_quantity, ",
            $table,
            ".status, ",
            $table,
            ".unit_price_minor, ",
            $table,
            ".currency, ",
            $table,
            ".idempotency_key, ",
            $table,
            ".created_at, ",
            $table,
            ".cancelled_at, ",
            $table,
            ".cancelled_by, ",
            $table,
            ".cancellation_reason"
        )
    };
}

/// Finds bookings by user and event, by user, event and key, and by id. Each row is looked up by itself: a
/// plain join, planned while the table is small, may read all of it, and its plan is still used
/// when the table has grown.
const FIND_BOOKINGS_ON_POSTGRES: &str = concat!(
    "SELECT ",
    booking_columns!("b"),
    " FROM unnest($1::uuid[], $2::uuid[]) AS asked (user_id, event_id) \
     CROSS JOIN LATERAL (SELECT ",
    booking_columns!("bookings"),
    " FROM bookings \
     WHERE user_id = asked.user_id AND event_id = asked.event_id AND status = 'CONFIRMED' \
     LIMIT 1) AS b \
     UNION ALL \
     SELECT ",
    booking_columns!("b"),
    " FROM unnest($3::uuid[], $4::uuid[], $5::text[]) AS asked (user_id, event_id, key) \
     CROSS JOIN LATERAL (SELECT ",
    booking_columns!("bookings"),
    " FROM bookings \
     WHERE user_id = asked.user_id AND event_id = asked.event_id \
     AND idempotency_key = asked.key LIMIT 1) AS b \
     UNION ALL \
     SELECT ",
    booking_columns!("bookings"),
    " FROM bookings WHERE id = ANY($6::uuid[])",
);

const FIND_BOOKINGS_ON_SQLITE: &str = concat!(
    "SELECT ",
    booking_columns!("b"),
    " FROM json_each($1) AS asked JOIN bookings b \
     ON b.user_id = unhex(asked.value ->> 0) AND b.event_id = unhex(asked.value ->> 1) \
     WHERE b.status = 'CONFIRMED' \
     UNION ALL \
     SELECT ",
    booking_columns!("b"),
    " FROM json_each($2) AS asked JOIN bookings b \
     ON b.user_id = unhex(asked.value ->> 0) AND b.event_id = unhex(asked.value ->> 1) \
     AND b.idempotency_key = asked.value ->> 2 \
     UNION ALL \
     SELECT ",
    booking_columns!("b"),
    " FROM json_each($3) AS asked \
     JOIN bookings b ON b.id = unhex(asked.value)",
);

/// Reads the bookings that the decisions of a batch depend on.
pub(super) async fn find_bookings(
    db: &impl ConnectionTrait,
    needed: NeededBookings,
) -> Result<Vec<booking::Model>, DbErr> {
    let NeededBookings { confirmed, by_idempotency_key, by_id, of_events } = needed;
    let (users, events): (Vec<Uuid>, Vec<Uuid>) =
        confirmed.into_iter().map(|(user, event)| (user.0, event.0)).unzip();
    let by_key = by_idempotency_key.into_iter().map(|(user, event, key)| (user.0, event.0, key));
    let ids: Vec<Uuid> = by_id.into_iter().map(|id| id.0).collect();
    let backend = db.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => {
            let (key_users, key_events, keys): (Vec<Uuid>, Vec<Uuid>, Vec<String>) =
                by_key.collect();
            Statement::from_sql_and_values(
                backend,
                FIND_BOOKINGS_ON_POSTGRES,
                [
                    users.into(),
                    events.into(),
                    key_users.into(),
                    key_events.into(),
                    keys.into(),
                    ids.into(),
                ],
            )
        }
        _ => Statement::from_sql_and_values(
            backend,
            FIND_BOOKINGS_ON_SQLITE,
            [
                json(zip(users.iter().map(hex), events.iter().map(hex))).into(),
                json(by_key.map(|(user, event, key)| (hex(&user), hex(&event), key))).into(),
                json(ids.iter().map(hex)).into(),
            ],
        ),
    };
    let mut bookings = booking::Entity::find().from_raw_sql(statement).all(db).await?;
    for asked in of_events {
        bookings.extend(find_confirmed_of_event(db, asked).await?);
    }
    Ok(bookings)
}

async fn find_confirmed_of_event(
    db: &impl ConnectionTrait,
    asked: ConfirmedOfEvent,
) -> Result<Vec<booking::Model>, DbErr> {
    use booking::Column::{EventId, Id, Status};
    let ConfirmedOfEvent { event_id, after, limit } = asked;
    let select = booking::Entity::find()
        .filter(booking::is_of_event(event_id))
        .filter(Status.eq(booking::Status::Confirmed))
        .order_by_asc(EventId)
        .order_by_asc(Id)
        .limit(u64::from(limit));
    match after {
        Some(after) => select.filter(booking::is_after(event_id, after)),
        None => select,
    }
    .all(db)
    .await
}

/// Inserts a batch's new bookings. All of them have the same time.
pub(super) async fn insert_bookings(
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
            let prices: Vec<i64> =
                bookings.iter().map(|booking| booking.unit_price_minor).collect();
            // These arrays can't hold nulls. An empty text stands for a booking that nobody
            // cancelled, and for a missing key, because no key is empty.
            let cancelled_by: Vec<String> =
                bookings.iter().map(|booking| cancelled_by(booking).unwrap_or_default()).collect();
            let (currencies, bookings): (Vec<String>, Vec<booking::Model>) = bookings
                .into_iter()
                .map(|mut booking| (mem::take(&mut booking.currency), booking))
                .unzip();
            let keys: Vec<String> = bookings
                .into_iter()
                .map(|booking| booking.idempotency_key.unwrap_or_default())
                .collect();
            Statement::from_sql_and_values(
                backend,
                "INSERT INTO bookings (id, event_id, user_id, quantity, unit_price_minor, \
                 currency, idempotency_key, created_at, status, cancelled_at, cancelled_by) \
                 SELECT id, event_id, user_id, quantity, unit_price_minor, currency, \
                 nullif(idempotency_key, ''), $9::timestamptz, \
                 CASE cancelled_by WHEN '' THEN 'CONFIRMED' ELSE 'CANCELLED' END, \
                 CASE WHEN cancelled_by <> '' THEN $9::timestamptz END, nullif(cancelled_by, '') \
                 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::bigint[], \
                 $6::text[], $7::text[], $8::text[]) AS new (id, event_id, user_id, quantity, \
                 unit_price_minor, currency, cancelled_by, idempotency_key)",
                [
                    ids.into(),
                    events.into(),
                    users.into(),
                    quantities.into(),
                    prices.into(),
                    currencies.into(),
                    cancelled_by.into(),
                    keys.into(),
                    created_at.into(),
                ],
            )
        }
        _ => {
            let rows = bookings.iter().map(|booking| {
                let booking::Model { id, event_id, user_id, quantity, currency, .. } = booking;
                let (price, key) = (booking.unit_price_minor, &booking.idempotency_key);
                let (id, event_id, user_id) = (hex(&id.0), hex(&event_id.0), hex(&user_id.0));
                (id, event_id, user_id, quantity, price, currency, cancelled_by(booking), key)
            });
            Statement::from_sql_and_values(
                backend,
                "INSERT INTO bookings (id, event_id, user_id, quantity, unit_price_minor, \
                 currency, idempotency_key, created_at, status, cancelled_at, cancelled_by) \
                 SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, \
                 value ->> 4, value ->> 5, value ->> 7, $2, \
                 CASE WHEN value ->> 6 IS NULL THEN 'CONFIRMED' ELSE 'CANCELLED' END, \
                 CASE WHEN value ->> 6 IS NOT NULL THEN $2 END, value ->> 6 FROM json_each($1)",
                [json(rows).into(), created_at.into()],
            )
        }
    };
    tx.execute_raw(statement).await.map(drop)
}

/// Tells the database that this transaction keeps the counts itself. Without this, the database
/// changes a count with each booking. On PostgreSQL, a setting of the session tells it.
pub(super) async fn begin_keeping_counts(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    on_sqlite(tx, "INSERT OR IGNORE INTO count_keeping (id) VALUES (1)").await
}

/// Leaves the counts to the database again. No row of `count_keeping` is ever committed.
pub(super) async fn end_keeping_counts(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    on_sqlite(tx, "DELETE FROM count_keeping").await
}

async fn on_sqlite(tx: &impl ConnectionTrait, sql: &str) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    match backend {
        DbBackend::Sqlite => tx.execute_raw(Statement::from_string(backend, sql)).await.map(drop),
        _ => Ok(()),
    }
}

/// How the database writes who cancelled a booking.
fn cancelled_by(booking: &booking::Model) -> Option<String> {
    booking.cancelled_by.map(|by| by.to_value())
}

/// Marks confirmed bookings as cancelled. All of them have the same time.
pub(super) async fn cancel_bookings(
    tx: &impl ConnectionTrait,
    bookings: &[booking::Model],
) -> Result<(), DbErr> {
    use booking::Column::{CancellationReason, CancelledAt, CancelledBy, Id, Status};
    // Nearly always, all of them have the same reason.
    let mut rest: Vec<&booking::Model> = bookings.iter().collect();
    while let Some(first) = rest.first().copied() {
        let is_alike = |booking: &&booking::Model| {
            booking.cancelled_by == first.cancelled_by
                && booking.cancellation_reason == first.cancellation_reason
        };
        let (alike, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_alike);
        let ids = alike.iter().map(|booking| booking.id.0);
        booking::Entity::update_many()
            .col_expr(Status, Expr::val(booking::Status::Cancelled))
            .col_expr(CancelledAt, Expr::val(first.cancelled_at))
            .col_expr(CancelledBy, Expr::val(first.cancelled_by))
            .col_expr(CancellationReason, Expr::val(first.cancellation_reason.clone()))
            .filter(any_of(tx.get_database_backend(), Id, ids))
            .exec(tx)
            .await?;
        rest = others;
    }
    Ok(())
}

/// Stores other numbers of tickets of bookings.
pub(super) async fn change_quantities(
    tx: &impl ConnectionTrait,
    bookings: &[booking::Model],
) -> Result<(), DbErr> {
    if bookings.is_empty() {
        return Ok(());
    }
    let backend = tx.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => {
            let ids: Vec<Uuid> = bookings.iter().map(|booking| booking.id.0).collect();
            let quantities: Vec<i32> = bookings.iter().map(|booking| booking.quantity).collect();
            let booked: Vec<i32> =
                bookings.iter().map(booking::Model::requested_quantity).collect();
            Statement::from_sql_and_values(
                backend,
                "UPDATE bookings SET quantity = new.quantity, booked_quantity = new.booked \
                 FROM unnest($1::uuid[], $2::int[], $3::int[]) AS new (id, quantity, booked) \
                 WHERE bookings.id = new.id",
                [ids.into(), quantities.into(), booked.into()],
            )
        }
        _ => {
            let rows = bookings.iter().map(|booking| {
                (hex(&booking.id.0), booking.quantity, booking.requested_quantity())
            });
            Statement::from_sql_and_values(
                backend,
                "UPDATE bookings SET quantity = new.value ->> 1, booked_quantity = new.value ->> 2 \
                 FROM json_each($1) AS new WHERE bookings.id = unhex(new.value ->> 0)",
                [json(rows).into()],
            )
        }
    };
    tx.execute_raw(statement).await.map(drop)
}

/// Adds events, which have no bookings.
pub(super) async fn insert_events(
    tx: &impl ConnectionTrait,
    events: Vec<event::Model>,
) -> Result<(), DbErr> {
    insert_missing::<event::Entity>(tx, events).await.map(drop)
}

/// Stores all values of events that are locked, with their counts.
pub(super) async fn update_events(
    tx: &impl ConnectionTrait,
    events: &[Arc<event::Model>],
) -> Result<(), DbErr> {
    for event in events {
        let values = event.as_ref().clone().into_active_model().reset_all();
        event::Entity::update(values).exec(tx).await?;
    }
    Ok(())
}

/// Takes the keys of searches away from events with other texts, as the database does when another
/// program writes them.
pub(super) async fn forget_search_keys(
    tx: &impl ConnectionTrait,
    events: Vec<EventId>,
) -> Result<(), DbErr> {
    if events.is_empty() {
        return Ok(());
    }
    let ids = events.into_iter().map(|id| id.0);
    event::Entity::update_many()
        .col_expr(Alias::new("search_key"), Expr::val(None::<String>))
        .filter(any_of(tx.get_database_backend(), event::Column::Id, ids))
        .exec(tx)
        .await
        .map(drop)
}

/// Stores the counts of events that are locked.
pub(super) async fn update_counts(
    tx: &impl ConnectionTrait,
    events: &[&event::Model],
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
