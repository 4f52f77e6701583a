//! A token that was sent by mail: whoever has it gets the mail of its address. Only its hash is here.

use sea_orm::entity::prelude::*;

use crate::{AccountTokenId, UserId};

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Purpose {
    #[sea_orm(string_value = "VERIFY_EMAIL")]
    VerifyEmail,
    #[sea_orm(string_value = "CHANGE_EMAIL")]
    ChangeEmail,
    #[sea_orm(string_value = "RESET_PASSWORD")]
    ResetPassword,
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AccountTokenId,
    pub user_id: UserId,
    pub purpose: Purpose,
    /// The SHA-256 hash of the token, 32 bytes.
    #[sea_orm(unique)]
    pub token_hash: Vec<u8>,
    /// The address that the token is sent to.
    pub email: String,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    /// When it became void, because it was used, or a newer token or another password took its place.
    /// It then only counts as a mail that was sent, and keeps its job from making it again.
    pub replaced_at: Option<DateTimeUtc>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
