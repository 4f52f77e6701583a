//! Users, sessions and refresh tokens in the database.

use chrono::{DateTime, Utc};
use rowlock_entities::{
    RefreshTokenId, SessionId, UserId, account_token, refresh_token, session, user,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    sea_query::{Expr, LockBehavior, LockType},
};

use crate::database::{any_of, find_by_ids};

/// The user with this id, unless the account was deleted.
pub(crate) async fn find_user(
    db: &impl ConnectionTrait,
    id: UserId,
) -> Result<Option<user::Model>, DbErr> {
    let user = user::Entity::find_by_id(id).one(db).await?;
    Ok(user.filter(|user| user.deleted_at.is_none()))
}

pub(crate) async fn find_users(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<Vec<user::Model>, DbErr> {
    find_by_ids::<user::Entity>(db, user::Column::Id, ids.into_iter().map(|id| id.0)).await
}

/// Locks a user's row until the transaction ends, and reads it, unless the account was deleted.
/// Bookings go on: they share the row.
pub(crate) async fn lock_account(
    tx: &impl ConnectionTrait,
    id: UserId,
) -> Result<Option<user::Model>, DbErr> {
    let user = user::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await?;
    Ok(user.filter(|user| user.deleted_at.is_none()))
}

/// Reads a user, unless the account was deleted, and keeps others from changing it until the
/// transaction ends.
pub(crate) async fn share_account(
    tx: &impl ConnectionTrait,
    id: UserId,
) -> Result<Option<user::Model>, DbErr> {
    let user = user::Entity::find_by_id(id).lock(LockType::Share).one(tx).await?;
    Ok(user.filter(|user| user.deleted_at.is_none()))
}

/// The user whose email is stored in one of these forms, unless the account was deleted. If there are
/// several, the first form decides.
pub(crate) async fn find_user_by_email(
    db: &impl ConnectionTrait,
    forms: &[String],
) -> Result<Option<user::Model>, DbErr> {
    let users = user::Entity::find()
        .filter(user::Column::Email.is_in(forms))
        .filter(user::Column::DeletedAt.is_null())
        .all(db)
        .await?;
    let place = |user: &user::Model| forms.iter().position(|form| *form == user.email);
    Ok(users.into_iter().min_by_key(place))
}

/// Stores a user's name, and whether they are reminded of events.
pub(crate) async fn update_profile(
    tx: &impl ConnectionTrait,
    user: &user::Model,
) -> Result<(), DbErr> {
    use user::Column::{Id, Name, Reminders};
    user::Entity::update_many()
        .col_expr(Name, Expr::val(user.name.as_str()))
        .col_expr(Reminders, Expr::val(user.reminders))
        .filter(Id.eq(user.id))
        .exec(tx)
        .await
        .map(drop)
}

/// Stores a user's email, whether it is verified, and the one that a change waits for.
pub(crate) async fn update_emails(
    tx: &impl ConnectionTrait,
    user: &user::Model,
) -> Result<(), DbErr> {
    use user::Column::{Email, EmailVerifiedAt, Id, PendingEmail};
    user::Entity::update_many()
        .col_expr(Email, Expr::val(user.email.as_str()))
        .col_expr(EmailVerifiedAt, Expr::val(user.email_verified_at))
        .col_expr(PendingEmail, Expr::val(user.pending_email.as_deref()))
        .filter(Id.eq(user.id))
        .exec(tx)
        .await
        .map(drop)
}

/// Stores a user's password hash, whether the email is verified, and the one that a change waits for.
pub(crate) async fn update_password(
    tx: &impl ConnectionTrait,
    user: &user::Model,
) -> Result<(), DbErr> {
    use user::Column::{EmailVerifiedAt, Id, PasswordHash, PendingEmail};
    user::Entity::update_many()
        .col_expr(PasswordHash, Expr::val(user.password_hash.clone()))
        .col_expr(EmailVerifiedAt, Expr::val(user.email_verified_at))
        .col_expr(PendingEmail, Expr::val(user.pending_email.as_deref()))
        .filter(Id.eq(user.id))
        .exec(tx)
        .await
        .map(drop)
}

/// Replaces a user's password hash, unless somebody else has replaced it by now.
pub(crate) async fn replace_password_hash(
    db: &impl ConnectionTrait,
    user: &user::Model,
    hash: &user::PasswordHash,
) -> Result<(), DbErr> {
    user::Entity::update_many()
        .col_expr(user::Column::PasswordHash, Expr::val(hash.clone()))
        .filter(user::Column::Id.eq(user.id))
        .filter(user::Column::PasswordHash.eq(user.password_hash.clone()))
        .exec(db)
        .await
        .map(drop)
}

/// Stores all columns of a user.
pub(crate) async fn replace_user(
    tx: &impl ConnectionTrait,
    user: user::Model,
) -> Result<(), DbErr> {
    user.into_active_model().reset_all().update(tx).await.map(drop)
}

/// Deletes a user's sessions, with their tokens.
pub(crate) async fn delete_sessions_of(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), DbErr> {
    session::Entity::delete_many().filter(session::Column::UserId.eq(user)).exec(db).await.map(drop)
}

/// Stores the secret in the address of a user's calendar.
pub(crate) async fn update_calendar_token(
    tx: &impl ConnectionTrait,
    user: UserId,
    token: Option<&str>,
) -> Result<(), DbErr> {
    user::Entity::update_many()
        .col_expr(user::Column::CalendarToken, Expr::val(token))
        .filter(user::Column::Id.eq(user))
        .exec(tx)
        .await
        .map(drop)
}

/// Sends a user no more reminders.
pub(crate) async fn end_reminders(db: &impl ConnectionTrait, id: UserId) -> Result<(), DbErr> {
    user::Entity::update_many()
        .col_expr(user::Column::Reminders, Expr::val(false))
        .filter(user::Column::Id.eq(id))
        .exec(db)
        .await
        .map(drop)
}

/// The user with this private address of a calendar.
pub(crate) async fn find_user_by_calendar_token(
    db: &impl ConnectionTrait,
    token: &str,
) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find().filter(user::Column::CalendarToken.eq(token)).one(db).await
}

pub(crate) async fn insert_user(db: &impl ConnectionTrait, user: user::Model) -> Result<(), DbErr> {
    user::Entity::insert(user.into_active_model()).exec_without_returning(db).await.map(drop)
}

/// Deletes a user and, with it, the user's sessions. The database refuses this while the user has
/// bookings.
pub(crate) async fn delete_user(db: &impl ConnectionTrait, id: UserId) -> Result<(), DbErr> {
    user::Entity::delete_by_id(id).exec(db).await.map(drop)
}

pub(crate) async fn insert_session(
    db: &impl ConnectionTrait,
    session: session::Model,
) -> Result<(), DbErr> {
    session::Entity::insert(session.into_active_model()).exec_without_returning(db).await.map(drop)
}

pub(crate) async fn insert_refresh_token(
    db: &impl ConnectionTrait,
    token: refresh_token::Model,
) -> Result<(), DbErr> {
    refresh_token::Entity::insert(token.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// The session whose tokens begin with the series of this hash.
pub(crate) async fn find_session_by_series(
    db: &impl ConnectionTrait,
    series_hash: &[u8],
) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find().filter(session::Column::SeriesHash.eq(series_hash)).one(db).await
}

pub(crate) async fn find_session(
    db: &impl ConnectionTrait,
    id: SessionId,
) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find_by_id(id).one(db).await
}

pub(crate) async fn find_refresh_token(
    db: &impl ConnectionTrait,
    hash: &[u8],
) -> Result<Option<refresh_token::Model>, DbErr> {
    refresh_token::Entity::find().filter(refresh_token::Column::TokenHash.eq(hash)).one(db).await
}

/// Locks the session until the transaction ends, so that rotations and revocations take turns.
pub(crate) async fn lock_session(
    tx: &impl ConnectionTrait,
    id: SessionId,
) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await
}

pub(crate) async fn find_tokens_of_session(
    tx: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Vec<refresh_token::Model>, DbErr> {
    let of_session = refresh_token::Column::SessionId.eq(session);
    refresh_token::Entity::find().filter(of_session).all(tx).await
}

pub(crate) async fn mark_used(
    tx: &impl ConnectionTrait,
    token: RefreshTokenId,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::UsedAt, Expr::val(at))
        .filter(refresh_token::Column::Id.eq(token))
        .exec(tx)
        .await
        .map(drop)
}

pub(crate) async fn void_tokens(
    tx: &impl ConnectionTrait,
    tokens: Vec<RefreshTokenId>,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let ids = tokens.into_iter().map(|id| id.0);
    refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::VoidedAt, Expr::val(at))
        .filter(any_of(tx.get_database_backend(), refresh_token::Column::Id, ids))
        .exec(tx)
        .await
        .map(drop)
}

pub(crate) async fn delete_tokens(
    tx: &impl ConnectionTrait,
    tokens: Vec<RefreshTokenId>,
) -> Result<(), DbErr> {
    let ids = tokens.into_iter().map(|id| id.0);
    refresh_token::Entity::delete_many()
        .filter(any_of(tx.get_database_backend(), refresh_token::Column::Id, ids))
        .exec(tx)
        .await
        .map(drop)
}

/// Notes that the session was continued now, and that its next token has this series and expires at
/// this time.
pub(crate) async fn extend_session(
    tx: &impl ConnectionTrait,
    session: session::Model,
    series_hash: Vec<u8>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let has_series = session.series_hash.as_ref() == Some(&series_hash);
    let mut session = session.into_active_model();
    if !has_series {
        session.series_hash = Set(Some(series_hash));
    }
    session.last_seen_at = Set(Some(now));
    session.expires_at = Set(expires_at);
    session.update(tx).await.map(drop)
}

pub(crate) async fn revoke_session(
    tx: &impl ConnectionTrait,
    session: session::Model,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut session = session.into_active_model();
    session.revoked_at = Set(Some(at));
    session.update(tx).await.map(drop)
}

/// The user's sessions that are neither revoked nor expired, at most `limit`, newest first.
pub(crate) async fn find_live_sessions_of(
    db: &impl ConnectionTrait,
    user: UserId,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<session::Model>, DbErr> {
    use session::Column::{ExpiresAt, Id, RevokedAt, UserId};
    session::Entity::find()
        .filter(UserId.eq(user))
        .filter(RevokedAt.is_null())
        .filter(ExpiresAt.gt(now))
        .order_by_desc(Id)
        .limit(limit)
        .all(db)
        .await
}

/// Revokes the user's sessions that have not expired, except `kept`. Expired ones are left alone, so
/// that this and their removal never wait for each other.
pub(crate) async fn revoke_sessions_of(
    tx: &impl ConnectionTrait,
    user: UserId,
    kept: Option<SessionId>,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::val(at))
        .filter(session::Column::UserId.eq(user))
        .filter(sea_orm::Condition::all().add_option(kept.map(|kept| session::Column::Id.ne(kept))))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::ExpiresAt.gte(at))
        .exec(tx)
        .await
        .map(drop)
}

/// Deletes up to `limit` refresh tokens that expired before `before`; returns their number.
pub(crate) async fn delete_expired_refresh_tokens(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    use refresh_token::{Column, Entity};
    delete_expired::<Entity>(db, Column::Id, Column::ExpiresAt, before, limit).await
}

/// Deletes up to `limit` sessions that expired before `before`, with their tokens; returns the
/// number of sessions.
pub(crate) async fn delete_expired_sessions(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    use session::{Column, Entity};
    delete_expired::<Entity>(db, Column::Id, Column::ExpiresAt, before, limit).await
}

/// Deletes up to `limit` mailed tokens that expired before `before`; returns their number.
pub(crate) async fn delete_expired_account_tokens(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    use account_token::{Column, Entity};
    delete_expired::<Entity>(db, Column::Id, Column::ExpiresAt, before, limit).await
}

/// Deletes the rows that expired first. Rows that another server is deleting are left to it.
async fn delete_expired<E: EntityTrait>(
    db: &impl ConnectionTrait,
    id: E::Column,
    expires_at: E::Column,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    let expired = E::find()
        .select_only()
        .column(id)
        .filter(expires_at.lt(before))
        .order_by_asc(expires_at)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let deleted = E::delete_many().filter(id.in_subquery(expired.into_query())).exec(db).await?;
    Ok(deleted.rows_affected)
}
