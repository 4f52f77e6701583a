//! Accounts that nobody registered: for the demo, for load tests and for measurements.

use chrono::{DateTime, Utc};
use rowlock_entities::{UserId, user};
use sea_orm::EntityTrait;

use super::{Accounts, AccountsError, emails::stored_forms, store};
use crate::database::{Fault, insert_missing};

impl Accounts {
    /// Creates `count` accounts for load tests; returns their ids. They share one random password
    /// that nobody knows.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn create_load_users(&self, count: u32) -> Result<Vec<UserId>, AccountsError> {
        let users: Vec<(UserId, String)> =
            (1..=count).map(|number| (UserId::new(), format!("Load user {number}"))).collect();
        let ids = users.iter().map(|(id, _)| *id).collect();
        self.ensure_generated_users(users, true).await?;
        Ok(ids)
    }

    /// Creates the accounts with these ids and names that are missing; returns how many it created.
    /// Nobody knows their password.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn ensure_generated_users(
        &self,
        users: Vec<(UserId, String)>,
        reminders: bool,
    ) -> Result<u64, AccountsError> {
        let password_hash = self.passwords.hash(nobodys_password()).await?;
        let now = self.clock.now();
        let users = users
            .into_iter()
            .map(|(id, name)| {
                let email = format!("load-{id}@example.test");
                let user = verified_user(email, name, password_hash.clone(), now);
                user::Model { id, reminders, ..user }
            })
            .collect();
        let tx = self.db.begin().await?;
        let inserted = insert_missing::<user::Entity>(&tx, users).await?;
        tx.commit().await?;
        Ok(inserted)
    }

    /// Creates an account with a given id unless the email has one; returns whether it was created.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn ensure_demo_user(
        &self,
        id: UserId,
        email: &str,
        password: &str,
        name: &str,
    ) -> Result<bool, AccountsError> {
        if store::find_user_by_email(self.db.reads(), &stored_forms(email)).await?.is_some() {
            return Ok(false);
        }
        // Its owner may have changed the address, or deleted the account.
        if user::Entity::find_by_id(id).one(self.db.reads()).await?.is_some() {
            return Ok(false);
        }
        let password_hash = self.passwords.hash(password.to_owned()).await?;
        let tx = self.db.begin().await?;
        let (email, name) = (email.to_owned(), name.to_owned());
        let user =
            user::Model { id, ..verified_user(email, name, password_hash, self.clock.now()) };
        store::insert_user(&tx, user).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes an account with its sessions, unless it has bookings; returns whether it is gone.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn remove_demo_user(&self, id: UserId) -> Result<bool, AccountsError> {
        let tx = self.db.begin().await?;
        match store::delete_user(&tx, id).await {
            Ok(()) => {
                tx.commit().await?;
                Ok(true)
            }
            Err(error) if Fault::of(&error) == Fault::ConstraintViolation => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A user whose email counts as verified, because nobody gets mail there.
fn verified_user(
    email: String,
    name: String,
    password_hash: user::PasswordHash,
    at: DateTime<Utc>,
) -> user::Model {
    let email_verified_at = Some(at);
    user::Model { email_verified_at, ..user::Model::new(email, name, password_hash, at) }
}

/// A password that nobody knows.
fn nobodys_password() -> String {
    format!("{:x}", rand::random::<u128>())
}
