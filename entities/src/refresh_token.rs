//! A refresh token. The token itself is stored only in its owner's cookie.
//!
//! A session keeps its newest token, the one that was exchanged for it, and for some seconds those
//! that these two replaced.

use sea_orm::entity::prelude::*;

use crate::{RefreshTokenId, SessionId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RefreshTokenId,
    pub session_id: SessionId,
    /// The SHA-256 hash of the token, 32 bytes.
    #[sea_orm(unique)]
    pub token_hash: Vec<u8>,
    /// The random bytes that the token was made from, together with its series and the server's
    /// secret. Tokens of a previous version have none.
    pub nonce: Option<Vec<u8>>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    /// The time when the token was first exchanged for a successor.
    pub used_at: Option<DateTimeUtc>,
    /// The time when the token became void: a successor of it was exchanged, or another token took
    /// its place because it seems to be lost.
    pub voided_at: Option<DateTimeUtc>,
    #[sea_orm(belongs_to, from = "session_id", to = "id")]
    pub session: BelongsTo<super::session::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
