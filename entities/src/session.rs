//! A session: one sign-in on one device, with the refresh tokens that follow each other in it.
//!
//! A rotation locks the row and a revocation marks it. So revoking a session is one update, and no
//! concurrent rotation can slip past it.

use sea_orm::entity::prelude::*;

use crate::{SessionId, UserId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    pub user_id: UserId,
    /// The SHA-256 hash of the bytes that all tokens of the session begin with, 32 bytes. Sessions
    /// that a previous version began have none until their next token is issued.
    #[sea_orm(unique)]
    pub series_hash: Option<Vec<u8>>,
    pub created_at: DateTimeUtc,
    /// The time when the newest refresh token expires. Each rotation extends it.
    pub expires_at: DateTimeUtc,
    pub revoked_at: Option<DateTimeUtc>,
    /// When the session was last continued. Null if a previous version began it and it was not
    /// continued since.
    pub last_seen_at: Option<DateTimeUtc>,
    /// What the browser called itself at the sign-in, up to 200 characters.
    pub user_agent: Option<String>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
    #[sea_orm(has_many)]
    pub refresh_tokens: HasMany<super::refresh_token::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
