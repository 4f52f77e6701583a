//! Users, sessions and refresh tokens in the database.

use chrono::{DateTime, Utc};
use rowlock_entities::{RefreshTokenId, SessionId, UserId, refresh_token, session, user};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    sea_query::{Expr, LockBehavior, LockType},
};

use crate::database::{any_of, find_by_ids};

pub(crate) async fn find_user(
    db: &impl ConnectionTrait,
    id: UserId,
) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find_by_id(id).one(db).await
}

pub(crate) async fn find_users(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<Vec<user::Model>, DbErr> {
    find_by_ids::<user::Entity>(db, user::Column::Id, ids.into_iter().map(|id| id.0)).await
}

/// Locks a user's row until the transaction ends; returns whether there still is one. Bookings go
/// on: they share the row.
pub(crate) async fn lock_user(tx: &impl ConnectionTrait, id: UserId) -> Result<bool, DbErr> {
    Ok(user::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await?.is_some())
}

/// The user whose email is stored in one of these forms. If there are several, the first form
/// decides.
pub(crate) async fn find_user_by_email(
    db: &impl ConnectionTrait,
    forms: &[String],
) -> Result<Option<user::Model>, DbErr> {
    let users = user::Entity::find().filter(user::Column::Email.is_in(forms)).all(db).await?;
    let place = |user: &user::Model| forms.iter().position(|form| *form == user.email);
    Ok(users.into_iter().min_by_key(place))
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

/// Notes that the session's next token has this series and expires at this time.
pub(crate) async fn extend_session(
    tx: &impl ConnectionTrait,
    session: session::Model,
    series_hash: Vec<u8>,
    expires_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let has_series = session.series_hash.as_ref() == Some(&series_hash);
    let mut session = session.into_active_model();
    if !has_series {
        session.series_hash = Set(Some(series_hash));
    }
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

/// Revokes the user's sessions that have not expired. Expired ones are left alone, so that this and
/// their removal never wait for each other.
pub(crate) async fn revoke_sessions_of(
    tx: &impl ConnectionTrait,
    user: UserId,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::val(at))
        .filter(session::Column::UserId.eq(user))
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
