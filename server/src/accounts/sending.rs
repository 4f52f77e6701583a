//! Sends the mails about accounts: the work of the job [`AccountMail`].

use rowlock_entities::{
    AccountTokenId, JobId, UserId,
    account_token::{self, Purpose},
};

use super::{
    emails::stored_forms,
    letters,
    mailed_tokens::lifetime,
    mails::AccountMail,
    service::{Accounts, AccountsError},
    store, token_store,
};
use crate::{
    database::within_transaction_timeout,
    jobs::{Failure, Progress},
    mail::{Letter, Postman, Recipient, confirmed_name},
};

/// The page on which a new password is asked for.
const FORGOT_PASSWORD: &str = "/forgot-password";

impl Accounts {
    /// Sends the mail of a job, if there still is somebody who is to get it. A repeated attempt sends
    /// the same mail.
    ///
    /// # Errors
    /// When the mail is to be tried again. No error names the person.
    pub(crate) async fn send_mail(
        &self,
        postman: &Postman,
        job: JobId,
        mail: AccountMail,
    ) -> Result<Progress, Failure> {
        if let Some(letter) = self.letter(postman, job, mail).await? {
            postman.send(job, &letter).await?;
        }
        Ok(Progress::Done)
    }

    async fn letter(
        &self,
        postman: &Postman,
        job: JobId,
        mail: AccountMail,
    ) -> Result<Option<Letter>, AccountsError> {
        let forgot_password = || postman.link(FORGOT_PASSWORD);
        Ok(match mail {
            AccountMail::VerifyEmail { token_id } => {
                let id = AccountTokenId(token_id);
                let token = token_store::find(self.db.reads(), id).await?;
                self.letter_with(postman, token).await?
            }
            AccountMail::RequestedReset { email } => {
                let token = self.token_for_reset(AccountTokenId(job.0), &email).await?;
                self.letter_with(postman, token).await?
            }
            AccountMail::PasswordChanged { user_id } => {
                let user = store::find_user(self.db.reads(), UserId(user_id)).await?;
                user.map(|user| letters::password_changed(Recipient::of(&user), forgot_password()))
            }
            AccountMail::EmailChangeRequested { email, name, masked_new_email } => {
                let to = Recipient { name, email };
                let letter =
                    letters::email_change_requested(to, &masked_new_email, forgot_password());
                Some(letter)
            }
            AccountMail::EmailChanged { email, name } => {
                Some(letters::email_changed(Recipient { name, email }, &postman.sender()))
            }
            AccountMail::AccountDeleted { email, name } => {
                Some(letters::account_deleted(Recipient { name, email }, &postman.sender()))
            }
        })
    }

    /// The token of a request to reset a password, if somebody has this email and has not been sent
    /// as many as they may be. A repeated attempt finds the token that it made before.
    async fn token_for_reset(
        &self,
        id: AccountTokenId,
        email: &str,
    ) -> Result<Option<account_token::Model>, AccountsError> {
        let user = store::find_user_by_email(self.db.reads(), &stored_forms(email)).await?;
        let Some(user) = user else { return Ok(None) };
        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            let Some(user) = store::lock_account(&tx, user.id).await? else { return Ok(None) };
            if let Some(made) = token_store::find(&tx, id).await? {
                return Ok(Some(made));
            }
            let made = self.make_token(&tx, id, user.id, Purpose::ResetPassword, user.email).await;
            match made {
                Ok(token) => {
                    tx.commit().await?;
                    Ok(Some(token))
                }
                // The newest of those that were sent is good.
                Err(AccountsError::TooManyMails(_)) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// The letter with a token, unless the token was used or replaced. The token's time begins when
    /// it is sent, however long the mail server was away.
    async fn letter_with(
        &self,
        postman: &Postman,
        token: Option<account_token::Model>,
    ) -> Result<Option<Letter>, AccountsError> {
        let Some(row) = token.filter(|token| token.replaced_at.is_none()) else { return Ok(None) };
        let user = store::find_user(self.db.reads(), row.user_id).await?;
        let Some(user) = user else { return Ok(None) };
        let known = self.mailed_tokens.find(row.id, &row.token_hash);
        // The secret may have been replaced since the row was written.
        let token = known.unwrap_or_else(|| self.mailed_tokens.of(row.id));
        let expires_at = self.clock.now() + lifetime(row.purpose);
        let is_there = within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            let is_there = token_store::renew(&tx, row.id, token.hash(), expires_at).await?;
            tx.commit().await?;
            Ok::<_, AccountsError>(is_there)
        })
        .await?;
        if !is_there {
            return Ok(None);
        }
        let link = |page: &str| postman.link(&format!("/{page}#token={}", token.as_text()));
        let is_own = row.email == user.email;
        let name = confirmed_name(&user).filter(|_| is_own);
        let to = Recipient { name, email: row.email };
        Ok(Some(match row.purpose {
            Purpose::VerifyEmail => letters::verify_email(to, link("verify-email")),
            Purpose::ChangeEmail => letters::change_email(to, link("verify-email")),
            Purpose::ResetPassword => letters::reset_password(to, link("reset-password")),
        }))
    }
}
