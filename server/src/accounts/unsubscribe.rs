//! Ends reminders for whoever has the link from one, without a sign-in.

use rowlock_entities::UserId;

use super::{
    service::{Accounts, AccountsError},
    store,
};

impl Accounts {
    /// The token by which this person gets no more reminders.
    pub(crate) fn unsubscribe_token(&self, user: UserId) -> String {
        self.unsubscribe_tokens.of(user)
    }

    /// Whether somebody could unsubscribe by this token.
    pub(crate) fn is_unsubscribe_token(&self, token: &str) -> bool {
        self.unsubscribe_tokens.user(token).is_some()
    }

    /// Sends the person of this token no more reminders. Returns whether the token is good.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn unsubscribe(&self, token: &str) -> Result<bool, AccountsError> {
        let Some(user) = self.unsubscribe_tokens.user(token) else { return Ok(false) };
        store::end_reminders(self.db.writer()?, user).await?;
        Ok(true)
    }
}
