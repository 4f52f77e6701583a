//! A person who can sign in.

use sea_orm::entity::prelude::*;

use crate::UserId;

/// An Argon2id hash in PHC string format. It never appears in a log.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// The email address, trimmed and in lower case. Only this form is compared.
    #[sea_orm(unique)]
    pub email: String,
    pub name: String,
    pub password_hash: PasswordHash,
    pub created_at: DateTimeUtc,
    #[sea_orm(has_many)]
    pub bookings: HasMany<super::booking::Entity>,
    #[sea_orm(has_many)]
    pub sessions: HasMany<super::session::Entity>,
    #[sea_orm(has_many)]
    pub memberships: HasMany<super::organizer_member::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
