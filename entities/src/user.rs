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
    /// When the person showed that they get mail at `email`. Null until then.
    pub email_verified_at: Option<DateTimeUtc>,
    /// The address that a change of email waits for.
    pub pending_email: Option<String>,
    /// Whether the person is reminded of events by mail.
    pub reminders: bool,
    /// The secret in the address of the person's calendar, 43 characters.
    #[sea_orm(unique)]
    pub calendar_token: Option<String>,
    /// When the account was deleted. The row stays for its bookings, and names nobody.
    pub deleted_at: Option<DateTimeUtc>,
    #[sea_orm(has_many)]
    pub bookings: HasMany<super::booking::Entity>,
    #[sea_orm(has_many)]
    pub sessions: HasMany<super::session::Entity>,
    #[sea_orm(has_many)]
    pub memberships: HasMany<super::organizer_member::Entity>,
    #[sea_orm(has_many)]
    pub tokens: HasMany<super::account_token::Entity>,
}

impl Model {
    /// A new account, of which nothing is known but what it is made with.
    #[must_use]
    pub fn new(email: String, name: String, password_hash: PasswordHash, at: DateTimeUtc) -> Self {
        Self {
            id: UserId::new(),
            email,
            name,
            password_hash,
            created_at: at,
            email_verified_at: None,
            pending_email: None,
            reminders: true,
            calendar_token: None,
            deleted_at: None,
        }
    }
}

impl ActiveModelBehavior for ActiveModel {}
