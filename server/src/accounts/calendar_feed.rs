//! The private address of a person's calendar: a secret that nobody else knows.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rowlock_entities::{UserId, user};

use super::{
    service::{Accounts, AccountsError},
    store,
};
use crate::database::within_transaction_timeout;

/// Longest token that is looked up, in bytes.
const MAX_TOKEN_BYTES: usize = 64;

impl Accounts {
    /// Gives the person's calendar an address that nobody can guess, in place of the one before.
    ///
    /// # Errors
    /// `NoSuchAccount`.
    pub(crate) async fn create_calendar_feed(
        &self,
        user: UserId,
    ) -> Result<user::Model, AccountsError> {
        let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        self.set_calendar_token(user, Some(token)).await
    }

    /// Takes the address of the person's calendar away.
    ///
    /// # Errors
    /// `NoSuchAccount`.
    pub(crate) async fn remove_calendar_feed(
        &self,
        user: UserId,
    ) -> Result<user::Model, AccountsError> {
        self.set_calendar_token(user, None).await
    }

    /// The person whose calendar has this token in its address.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn find_by_calendar_token(
        &self,
        token: &str,
    ) -> Result<Option<user::Model>, AccountsError> {
        // PostgreSQL can't take NUL in a text.
        if token.len() > MAX_TOKEN_BYTES || token.contains('\0') {
            return Ok(None);
        }
        Ok(store::find_user_by_calendar_token(self.db.reads(), token).await?)
    }

    async fn set_calendar_token(
        &self,
        id: UserId,
        token: Option<String>,
    ) -> Result<user::Model, AccountsError> {
        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            let user = store::lock_account(&tx, id).await?.ok_or(AccountsError::NoSuchAccount)?;
            store::update_calendar_token(&tx, id, token.as_deref()).await?;
            tx.commit().await?;
            Ok(user::Model { calendar_token: token.clone(), ..user })
        })
        .await
    }
}
