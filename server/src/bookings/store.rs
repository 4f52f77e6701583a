//! Bookings in the database, as lists and lookups read them.

use rowlock_entities::{BookingId, EventId, UserId, booking};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, Order, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Statement,
};
use uuid::Uuid;

use crate::{
    database::{ReadRow, hex, json, read_each},
    pagination::PageRequest,
};

/// A user and an event. The user has at most one confirmed booking of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UserAtEvent {
    pub(crate) user: UserId,
    pub(crate) event: EventId,
}

pub(super) async fn find_booking(
    db: &impl ConnectionTrait,
    id: BookingId,
) -> Result<Option<booking::Model>, DbErr> {
    booking::Entity::find_by_id(id).one(db).await
}

/// The next confirmed bookings of an event in the order of their ids.
pub(super) async fn find_confirmed_after(
    db: &impl ConnectionTrait,
    event: EventId,
    after: Option<BookingId>,
    limit: u64,
) -> Result<Vec<BookingId>, DbErr> {
    use booking::Column::{EventId, Id, Status};
    booking::Entity::find()
        .select_only()
        .column(Id)
        .filter(booking::is_of_event(event))
        .filter(Status.eq(booking::Status::Confirmed))
        .filter(Condition::all().add_option(after.map(|id| booking::is_after(event, id))))
        .order_by_asc(EventId)
        .order_by_asc(Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Finds the confirmed bookings of these users for these events.
pub(super) async fn find_confirmed(
    db: &impl ConnectionTrait,
    asked: &[UserAtEvent],
) -> Result<Vec<ReadRow<booking::Model>>, DbErr> {
    let backend = db.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => {
            let users: Vec<Uuid> = asked.iter().map(|pair| pair.user.0).collect();
            let events: Vec<Uuid> = asked.iter().map(|pair| pair.event.0).collect();
            Statement::from_sql_and_values(
                backend,
                "SELECT b.* FROM unnest($1::uuid[], $2::uuid[]) AS asked (user_id, event_id) \
                 CROSS JOIN LATERAL (SELECT id, event_id, user_id, quantity, \
                 booked_quantity, status, unit_price_minor, currency, idempotency_key, created_at, cancelled_at, \
                 cancelled_by, cancellation_reason FROM bookings \
                 WHERE user_id = asked.user_id \
                 AND event_id = asked.event_id AND status = 'CONFIRMED' LIMIT 1) AS b",
                [users.into(), events.into()],
            )
        }
        _ => {
            let rows = asked.iter().map(|pair| (hex(&pair.user.0), hex(&pair.event.0)));
            Statement::from_sql_and_values(
                backend,
                "SELECT b.id, b.event_id, b.user_id, b.quantity, b.booked_quantity, b.status, \
                 b.unit_price_minor, b.currency, b.idempotency_key, b.created_at, b.cancelled_at, b.cancelled_by, \
                 b.cancellation_reason FROM json_each($1) AS asked JOIN bookings b \
                 ON b.user_id = unhex(asked.value ->> 0) AND b.event_id = unhex(asked.value ->> 1) \
                 WHERE b.status = 'CONFIRMED'",
                [json(rows).into()],
            )
        }
    };
    read_each(db, statement).await
}

/// Selects the bookings of a list: those of one user, with any status or with a given one.
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

/// Reads a page in its direction, and one row more if there is one. The newest come first: ids are
/// UUIDv7, which sort by the time when they were made.
pub(super) async fn find_page(
    db: &impl ConnectionTrait,
    filter: &BookingFilter,
    page: &PageRequest<BookingId>,
) -> Result<Vec<ReadRow<booking::Model>>, DbErr> {
    use booking::Column::Id;
    let bounds = Condition::all()
        .add_option(page.after.map(|id| Id.lt(id)))
        .add_option(page.before.map(|id| Id.gt(id)));
    let order = if page.is_backwards { Order::Asc } else { Order::Desc };
    let select = filter.select().filter(bounds).order_by(Id, order).limit(page.size + 1);
    read_each(db, select.build(db.get_database_backend())).await
}

pub(super) async fn find_confirmed_of(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<booking::Model>, DbErr> {
    BookingFilter { user, status: Some(booking::Status::Confirmed) }.select().all(db).await
}

pub(super) async fn find_confirmed_of_user_after(
    db: &impl ConnectionTrait,
    user: UserId,
    after: Option<BookingId>,
    limit: u64,
) -> Result<Vec<booking::Model>, DbErr> {
    use booking::Column::Id;
    BookingFilter { user, status: Some(booking::Status::Confirmed) }
        .select()
        .filter(Condition::all().add_option(after.map(|id| Id.gt(id))))
        .order_by_asc(Id)
        .limit(limit)
        .all(db)
        .await
}

/// Deletes the cancelled bookings of a user, which no count includes; returns their number.
pub(super) async fn delete_cancelled_of(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<u64, DbErr> {
    let deleted = booking::Entity::delete_many()
        .filter(booking::Column::UserId.eq(user))
        .filter(booking::Column::Status.eq(booking::Status::Cancelled))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

pub(super) async fn count(db: &impl ConnectionTrait, filter: &BookingFilter) -> Result<u64, DbErr> {
    filter.select().count(db).await
}
