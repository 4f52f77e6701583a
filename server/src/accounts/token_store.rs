//! Mailed tokens in the database.

use chrono::{DateTime, Utc};
use rowlock_entities::{
    AccountTokenId, UserId,
    account_token::{self, Purpose},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr,
};

pub(super) async fn find(
    db: &impl ConnectionTrait,
    id: AccountTokenId,
) -> Result<Option<account_token::Model>, DbErr> {
    account_token::Entity::find_by_id(id).one(db).await
}

pub(super) async fn find_by_hash(
    db: &impl ConnectionTrait,
    hash: &[u8],
) -> Result<Option<account_token::Model>, DbErr> {
    account_token::Entity::find().filter(account_token::Column::TokenHash.eq(hash)).one(db).await
}

/// The tokens of one purpose that were made for a user, replaced ones too.
pub(super) async fn find_of(
    db: &impl ConnectionTrait,
    user: UserId,
    purpose: Purpose,
) -> Result<Vec<account_token::Model>, DbErr> {
    account_token::Entity::find().filter(is_of(user, &[purpose])).all(db).await
}

pub(super) async fn insert(
    db: &impl ConnectionTrait,
    token: account_token::Model,
) -> Result<(), DbErr> {
    let insert = account_token::Entity::insert(token.into_active_model());
    insert.exec_without_returning(db).await.map(drop)
}

/// Notes that these tokens are good no more, because a newer one took their place or because one was
/// used. Their rows stay for some time: they count for the limit of mails, and the job of a mail that
/// is done once more finds that its token is void instead of making it again.
pub(super) async fn void(
    db: &impl ConnectionTrait,
    user: UserId,
    purposes: &[Purpose],
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    account_token::Entity::update_many()
        .col_expr(account_token::Column::ReplacedAt, Expr::val(at))
        .filter(is_of(user, purposes))
        .filter(account_token::Column::ReplacedAt.is_null())
        .exec(db)
        .await
        .map(drop)
}

/// Deletes a user's replaced tokens that were made before `before`: they count no more.
pub(super) async fn delete_replaced_of(
    db: &impl ConnectionTrait,
    user: UserId,
    before: DateTime<Utc>,
) -> Result<(), DbErr> {
    account_token::Entity::delete_many()
        .filter(account_token::Column::UserId.eq(user))
        .filter(account_token::Column::ReplacedAt.is_not_null())
        .filter(account_token::Column::CreatedAt.lt(before))
        .exec(db)
        .await
        .map(drop)
}

/// Stores a token's hash and when it expires. Returns whether the token is still there and was not
/// replaced.
pub(super) async fn renew(
    db: &impl ConnectionTrait,
    id: AccountTokenId,
    hash: Vec<u8>,
    expires_at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let updated = account_token::Entity::update_many()
        .col_expr(account_token::Column::TokenHash, Expr::val(hash))
        .col_expr(account_token::Column::ExpiresAt, Expr::val(expires_at))
        .filter(account_token::Column::Id.eq(id))
        .filter(account_token::Column::ReplacedAt.is_null())
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Deletes the tokens of these purposes that were made for a user.
pub(super) async fn delete_of(
    db: &impl ConnectionTrait,
    user: UserId,
    purposes: &[Purpose],
) -> Result<(), DbErr> {
    account_token::Entity::delete_many().filter(is_of(user, purposes)).exec(db).await.map(drop)
}

fn is_of(user: UserId, purposes: &[Purpose]) -> sea_orm::Condition {
    let purposes = purposes.iter().copied();
    sea_orm::Condition::all()
        .add(account_token::Column::UserId.eq(user))
        .add(account_token::Column::Purpose.is_in(purposes))
}
