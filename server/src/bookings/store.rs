//! Bookings in the database.

use rowlock_entities::{BookingId, EventId, UserId, booking};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, Order,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr,
};

use super::ledger::{BookRequest, CancelRequest};
use crate::{database::any_of, pagination::PageRequest};

pub(crate) async fn find_bookings(
    db: &impl ConnectionTrait,
    ids: Vec<BookingId>,
) -> Result<Vec<booking::Model>, DbErr> {
    let these = any_of(db.get_database_backend(), booking::Column::Id, ids);
    booking::Entity::find().filter(these).all(db).await
}

/// Every booking that the decisions on these requests can depend on.
pub(crate) async fn find_bookings_that_matter(
    tx: &impl ConnectionTrait,
    books: &[&BookRequest],
    cancels: &[&CancelRequest],
) -> Result<Vec<booking::Model>, DbErr> {
    use booking::Column::{EventId, Id, IdempotencyKey, Status, UserId};
    let backend = tx.get_database_backend();

    let ids: Vec<BookingId> = books
        .iter()
        .map(|request| request.booking_id)
        .chain(cancels.iter().map(|request| request.booking_id))
        .collect();
    let mut matters = Condition::any().add(any_of(backend, Id, ids));
    if !books.is_empty() {
        let users: Vec<_> = books.iter().map(|request| request.user_id).collect();
        let events: Vec<_> = books.iter().map(|request| request.event_id).collect();
        let keys: Vec<_> =
            books.iter().filter_map(|request| request.idempotency_key.clone()).collect();
        matters = matters.add(
            Condition::all()
                .add(any_of(backend, UserId, users.clone()))
                .add(any_of(backend, EventId, events))
                .add(Status.eq(booking::Status::Confirmed)),
        );
        if !keys.is_empty() {
            matters =
                matters.add(Condition::all().add(any_of(backend, UserId, users)).add(any_of(
                    backend,
                    IdempotencyKey,
                    keys,
                )));
        }
    }
    booking::Entity::find().filter(matters).all(tx).await
}

pub(crate) async fn insert(
    tx: &impl ConnectionTrait,
    bookings: Vec<booking::Model>,
) -> Result<(), DbErr> {
    booking::Entity::insert_many(bookings.into_iter().map(IntoActiveModel::into_active_model))
        .exec_without_returning(tx)
        .await
        .map(drop)
}

/// Marks confirmed bookings cancelled; all in one batch carry the same time.
pub(crate) async fn cancel(
    tx: &impl ConnectionTrait,
    bookings: &[booking::Model],
) -> Result<(), DbErr> {
    let Some(first) = bookings.first() else { return Ok(()) };
    let ids: Vec<_> = bookings.iter().map(|booking| booking.id).collect();
    booking::Entity::update_many()
        .col_expr(booking::Column::Status, Expr::val(booking::Status::Cancelled))
        .col_expr(booking::Column::CancelledAt, Expr::val(first.cancelled_at))
        .filter(any_of(tx.get_database_backend(), booking::Column::Id, ids))
        .exec(tx)
        .await
        .map(drop)
}

/// Confirmed bookings of any of the users for any of the events.
pub(crate) async fn find_confirmed(
    db: &impl ConnectionTrait,
    users: Vec<UserId>,
    events: Vec<EventId>,
) -> Result<Vec<booking::Model>, DbErr> {
    let backend = db.get_database_backend();
    booking::Entity::find()
        .filter(any_of(backend, booking::Column::UserId, users))
        .filter(any_of(backend, booking::Column::EventId, events))
        .filter(booking::Column::Status.eq(booking::Status::Confirmed))
        .all(db)
        .await
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
