//! Takes everything about a person out of their account. The row stays, because bookings refer to it.

use argon2::password_hash::phc;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use rowlock_entities::{
    UserId,
    user::{self, PasswordHash},
};
use sea_orm::DatabaseTransaction;

use super::{
    emails::DELETED_DOMAIN,
    mails::AccountMail,
    recovery::{ALL_PURPOSES, enqueue},
    service::{Accounts, AccountsError},
    store, token_store,
};
use crate::mail::confirmed_name;

/// The name that is shown for somebody whose account was deleted.
const NAME: &str = "Deleted account";

impl Accounts {
    /// Takes everything about a person out of their account, ends their sessions, and writes the mail
    /// that tells them. The caller has locked the account.
    pub(crate) async fn remove_person(
        &self,
        tx: &DatabaseTransaction,
        user: &user::Model,
    ) -> Result<(), AccountsError> {
        let removed = user::Model {
            email: format!("deleted-{}@{DELETED_DOMAIN}", user.id),
            name: NAME.to_owned(),
            password_hash: unusable_hash(),
            email_verified_at: None,
            pending_email: None,
            reminders: false,
            calendar_token: None,
            deleted_at: Some(self.clock.now()),
            ..user.clone()
        };
        store::replace_user(tx, removed).await?;
        token_store::delete_of(tx, user.id, &ALL_PURPOSES).await?;
        store::delete_sessions_of(tx, user.id).await?;
        let (email, name) = (user.email.clone(), confirmed_name(user));
        enqueue(tx, &AccountMail::AccountDeleted { email, name }).await?;
        Ok(())
    }

    /// Deletes the sessions of a deleted account that somebody began while it was being deleted.
    pub(crate) async fn forget_sessions(&self, user: UserId) -> Result<(), AccountsError> {
        Ok(store::delete_sessions_of(self.db.writer()?, user).await?)
    }
}

/// A hash like others, made from no password. Servers of the previous version check it like others,
/// too.
fn unusable_hash() -> PasswordHash {
    let (salt, hash) = (rand::random::<[u8; 16]>(), rand::random::<[u8; 32]>());
    let encoded = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
    let hash = format!("$argon2id$v=19$m=19456,t=2,p=1${}${}", encoded(&salt), encoded(&hash));
    debug_assert!(phc::PasswordHash::new(&hash).is_ok(), "{hash}");
    PasswordHash(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::password::{Caller, Passwords, Verified};

    #[tokio::test]
    async fn no_password_opens_a_deleted_account() {
        let passwords = Passwords::new();
        for password in ["", "passw0rd"] {
            let verified =
                passwords.verify(password.to_owned(), Some(unusable_hash()), Caller::Stranger);
            assert_eq!(verified.await.unwrap(), Verified::No, "{password}");
        }
    }
}
