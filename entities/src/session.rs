//! A sign-in on one device, with the refresh tokens that replace each other.
//!
//! Replacing a token locks the session's row, and revoking the session marks it. So one update
//! revokes all of its tokens, and no concurrent refresh escapes that.

use sea_orm::entity::prelude::*;

use crate::{SessionId, UserId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    pub user_id: UserId,
    pub created_at: DateTimeUtc,
    /// When the newest refresh token expires. Each refresh moves it.
    pub expires_at: DateTimeUtc,
    pub revoked_at: Option<DateTimeUtc>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
    #[sea_orm(has_many)]
    pub refresh_tokens: HasMany<super::refresh_token::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
