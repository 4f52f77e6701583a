//! The rows that a batch's transaction locks, and what it reads about them under these locks.
//!
//! A transaction that locks rows of several tables locks events before organizers, and organizers before
//! users, so that no two transactions wait for each other.

use std::collections::{HashMap, HashSet};

use rowlock_entities::{
    BookingId, EventId, OrganizerId, UserId, booking, check_in, event, organizer, organizer_member,
    user,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{LockBehavior, LockType},
};

use crate::database::any_of;

/// Locks events until the transaction ends. It locks them in the order of their ids, so that two
/// transactions never wait for each other. The lock is weaker than `FOR UPDATE`, which would also
/// wait for the share lock that the database takes on the event of a new booking.
pub(super) async fn lock_events(
    tx: &impl ConnectionTrait,
    ids: Vec<EventId>,
    skips_locked: bool,
) -> Result<Vec<event::Model>, DbErr> {
    let ids = ids.into_iter().map(|id| id.0);
    let select = event::Entity::find()
        .filter(any_of(tx.get_database_backend(), event::Column::Id, ids))
        .order_by_asc(event::Column::Id);
    let select = match skips_locked {
        false => select.lock(LockType::NoKeyUpdate),
        true => select.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked),
    };
    select.all(tx).await
}

/// Finds out which of these users have an account, and locks these as the database locks the users of
/// new bookings. So none of them is deleted before the transaction ends. With `skips_locked`, users that
/// another transaction may delete are left out. A lock also makes the commit wait for a synchronous
/// standby, even if all events were skipped. So no booking is acknowledged that only the primary has.
pub(super) async fn find_existing_users(
    tx: &impl ConnectionTrait,
    ids: HashSet<UserId>,
    skips_locked: bool,
) -> Result<HashSet<UserId>, DbErr> {
    let ids = ids.into_iter().map(|id| id.0);
    let select = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(any_of(tx.get_database_backend(), user::Column::Id, ids))
        .filter(user::Column::DeletedAt.is_null());
    let select = match skips_locked {
        false => select.lock(LockType::KeyShare),
        true => select.lock_with_behavior(LockType::KeyShare, LockBehavior::SkipLocked),
    };
    let found: Vec<UserId> = select.into_tuple().all(tx).await?;
    Ok(found.into_iter().collect())
}

/// Finds out which of these organizers have no members. The others can't lose any before the
/// transaction ends: whoever changes members locks the organizer first. Organizers are locked after
/// events, before users, and in the order of their ids.
pub(super) async fn find_deserted(
    tx: &impl ConnectionTrait,
    mut organizers: HashSet<OrganizerId>,
) -> Result<HashSet<OrganizerId>, DbErr> {
    let backend = tx.get_database_backend();
    let ids = || organizers.iter().map(|id| id.0);
    // SQLite has one writer at a time.
    if backend == DbBackend::Postgres {
        let lock = organizer::Entity::find()
            .select_only()
            .column(organizer::Column::Id)
            .filter(any_of(backend, organizer::Column::Id, ids()))
            .order_by_asc(organizer::Column::Id)
            .lock(LockType::Share);
        lock.into_tuple::<OrganizerId>().all(tx).await?;
    }
    let with_members = organizer_member::Entity::find()
        .select_only()
        .column(organizer_member::Column::OrganizerId)
        .filter(any_of(backend, organizer_member::Column::OrganizerId, ids()))
        .distinct();
    for organizer in with_members.into_tuple::<OrganizerId>().all(tx).await? {
        organizers.remove(&organizer);
    }
    Ok(organizers)
}

/// Finds the highest number of a ticket that was checked in, for these bookings.
///
/// The bookings are locked first. A door locks the booking, too, before it checks a ticket in, and
/// locks no event. So either it has committed by now, and the second statement sees what it did; or
/// it waits, and sees the booking as this transaction leaves it. Nobody waits for a door's lock while
/// a door waits for theirs.
pub(super) async fn find_used_tickets(
    tx: &impl ConnectionTrait,
    bookings: Vec<BookingId>,
) -> Result<HashMap<BookingId, i32>, DbErr> {
    let backend = tx.get_database_backend();
    let ids = || bookings.iter().map(|id| id.0);
    // SQLite has one writer at a time.
    if backend == DbBackend::Postgres {
        let lock = booking::Entity::find()
            .select_only()
            .column(booking::Column::Id)
            .filter(any_of(backend, booking::Column::Id, ids()))
            .order_by_asc(booking::Column::Id)
            .lock(LockType::NoKeyUpdate);
        lock.into_tuple::<BookingId>().all(tx).await?;
    }
    let used = check_in::Entity::find()
        .select_only()
        .column(check_in::Column::BookingId)
        .expr(check_in::Column::Number.max())
        .filter(any_of(backend, check_in::Column::BookingId, ids()))
        .group_by(check_in::Column::BookingId);
    let used: Vec<(BookingId, i32)> = used.into_tuple().all(tx).await?;
    Ok(used.into_iter().collect())
}
