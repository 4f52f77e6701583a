//! What people do with tokens that were sent by mail: they verify an address, or reset a password.
//!
//! A token is used in a transaction that locks its user first. So of two uses at the same moment,
//! the second one finds no token.

use chrono::Duration;
use rowlock_entities::{
    AccountTokenId, UserId,
    account_token::{self, Purpose},
    user,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, SqlErr};

use super::{
    emails::{normalised_email, stored_forms},
    mailed_tokens::{MailedToken, lifetime},
    mails::AccountMail,
    rules::email_problem,
    service::{Accounts, AccountsError, checked_password},
    sessions::SignedIn,
    store, token_store,
    user_agent::UserAgent,
};
use crate::{
    database::within_transaction_timeout,
    jobs::{self, NewJob},
    limits::TooManyRequests,
    mail::confirmed_name,
};

/// The time in which one account gets few mails of one kind.
const MAIL_PERIOD: Duration = Duration::hours(1);
/// Most mails of one kind that one account gets in that time. Each makes the ones before it void, so
/// nobody has to search for the right one among many.
const MAX_MAILS: usize = 3;

impl Accounts {
    /// Sends the links again by which the account's addresses are verified: its own, and the one that
    /// a change waits for. There may be nothing to send.
    ///
    /// # Errors
    /// `NoSuchAccount`; `TooManyMails` if neither may be sent again.
    pub(crate) async fn request_verification(&self, id: UserId) -> Result<(), AccountsError> {
        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            let user = store::lock_account(&tx, id).await?.ok_or(AccountsError::NoSuchAccount)?;
            let own = user.email_verified_at.is_none().then(|| user.email.clone());
            let own = own.map(|email| (Purpose::VerifyEmail, email));
            let pending = user.pending_email.clone().map(|email| (Purpose::ChangeEmail, email));
            let (mut is_sent, mut refused) = (false, None);
            for (purpose, email) in own.into_iter().chain(pending) {
                match self.send_verification(&tx, id, purpose, email).await {
                    Ok(()) => is_sent = true,
                    // The other address may have had fewer.
                    Err(error @ AccountsError::TooManyMails(_)) => refused = Some(error),
                    Err(error) => return Err(error),
                }
            }
            if let Some(error) = refused.filter(|_| !is_sent) {
                return Err(error);
            }
            Ok::<_, AccountsError>(tx.commit().await?)
        })
        .await?;
        self.jobs.wake_workers();
        Ok(())
    }

    /// Makes a token that verifies an address, and writes the job that sends it.
    pub(super) async fn send_verification(
        &self,
        tx: &DatabaseTransaction,
        user: UserId,
        purpose: Purpose,
        email: String,
    ) -> Result<(), AccountsError> {
        let id = AccountTokenId::new();
        self.make_token(tx, id, user, purpose, email).await?;
        enqueue(tx, &AccountMail::verify_email(id)).await?;
        Ok(())
    }

    /// Makes a token, which takes the place of the user's others of this purpose. The user is locked
    /// or new.
    pub(super) async fn make_token(
        &self,
        tx: &impl ConnectionTrait,
        id: AccountTokenId,
        user_id: UserId,
        purpose: Purpose,
        email: String,
    ) -> Result<account_token::Model, AccountsError> {
        let now = self.clock.now();
        let sent = token_store::find_of(tx, user_id, purpose).await?;
        let mut recent: Vec<_> = sent
            .iter()
            .map(|token| token.created_at)
            .filter(|created_at| *created_at + MAIL_PERIOD > now)
            .collect();
        recent.sort_unstable();
        if recent.len() >= MAX_MAILS {
            let wait = recent[recent.len() - MAX_MAILS] + MAIL_PERIOD - now;
            let retry_after_seconds = wait.num_seconds().unsigned_abs() + 1;
            return Err(AccountsError::TooManyMails(TooManyRequests { retry_after_seconds }));
        }
        if !sent.is_empty() {
            token_store::void(tx, user_id, &[purpose], now).await?;
            token_store::delete_replaced_of(tx, user_id, now - MAIL_PERIOD).await?;
        }
        let token = account_token::Model {
            id,
            user_id,
            purpose,
            token_hash: self.mailed_tokens.of(id).hash(),
            email,
            created_at: now,
            expires_at: now + lifetime(purpose),
            replaced_at: None,
        };
        token_store::insert(tx, token.clone()).await?;
        Ok(token)
    }

    /// Verifies the address that this token was sent to. If a change of email waited for it, it is in
    /// force from now on.
    ///
    /// # Errors
    /// `InvalidToken`; `EmailTaken` if somebody else has the address by now.
    pub(crate) async fn verify_email(&self, token: &str) -> Result<user::Model, AccountsError> {
        let known = self.find_token(token).await?;
        if known.purpose == Purpose::ChangeEmail
            && self.has_other_account(&known.email, known.user_id).await?
        {
            return Err(AccountsError::EmailTaken);
        }
        let verified = within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            let (mut user, token) = self.take_token(&tx, &known).await?;
            let now = self.clock.now();
            match token.purpose {
                Purpose::VerifyEmail if token.email == user.email => {
                    user.email_verified_at = user.email_verified_at.or(Some(now));
                    token_store::void(&tx, user.id, &[Purpose::VerifyEmail], self.clock.now())
                        .await?;
                }
                Purpose::ChangeEmail if user.pending_email.as_ref() == Some(&token.email) => {
                    // The name goes with the address whose mail it is in.
                    let name = confirmed_name(&user);
                    let old = std::mem::replace(&mut user.email, token.email);
                    user.pending_email = None;
                    user.email_verified_at = Some(now);
                    // What was sent to the old address is void.
                    token_store::void(&tx, user.id, &ALL_PURPOSES, self.clock.now()).await?;
                    enqueue(&tx, &AccountMail::EmailChanged { email: old, name }).await?;
                }
                _ => return Err(AccountsError::InvalidToken),
            }
            store::update_emails(&tx, &user).await.map_err(|error| match error.sql_err() {
                Some(SqlErr::UniqueConstraintViolation(_)) => AccountsError::EmailTaken,
                _ => error.into(),
            })?;
            tx.commit().await?;
            Ok::<_, AccountsError>(user)
        })
        .await?;
        self.jobs.wake_workers();
        Ok(verified)
    }

    /// Counts an account's email as verified, because the operator says so.
    ///
    /// # Errors
    /// `NoSuchAccount`.
    pub(crate) async fn verify_for_operator(&self, id: UserId) -> Result<(), AccountsError> {
        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            let user = store::lock_account(&tx, id).await?.ok_or(AccountsError::NoSuchAccount)?;
            let email_verified_at = user.email_verified_at.or(Some(self.clock.now()));
            store::update_emails(&tx, &user::Model { email_verified_at, ..user }).await?;
            token_store::void(&tx, id, &[Purpose::VerifyEmail], self.clock.now()).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Sends a link that resets the password of the account with this email, if there is one. It does
    /// the same for every address, so nobody can tell whether there is.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn request_password_reset(&self, email: &str) -> Result<(), AccountsError> {
        // No account has such an email, and no job could hold it.
        if email_problem(&normalised_email(email)).is_some() {
            return Ok(());
        }
        let mail = AccountMail::requested_reset(email.trim().to_owned());
        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            enqueue(&tx, &mail).await?;
            tx.commit().await
        })
        .await?;
        self.jobs.wake_workers();
        Ok(())
    }

    /// Gives the account of this token another password, ends all of its sessions, and begins a new
    /// one. Whoever has the token gets the mail of its address, so that is verified from now on. A
    /// change of email that waits is taken back, because somebody else may have asked for it.
    ///
    /// # Errors
    /// `Invalid` for `newPassword`; `InvalidToken`.
    pub(crate) async fn reset_password(
        &self,
        token: &str,
        new_password: &str,
        device: &UserAgent,
    ) -> Result<SignedIn, AccountsError> {
        let password = checked_password(new_password, "newPassword")?;
        let known = self.find_token(token).await?;
        if known.purpose != Purpose::ResetPassword {
            return Err(AccountsError::InvalidToken);
        }
        let hash = self.passwords.hash(password).await?;
        let signed_in = within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            let (mut user, token) = self.take_token(&tx, &known).await?;
            if token.email != user.email {
                return Err(AccountsError::InvalidToken);
            }
            let now = self.clock.now();
            user.password_hash = hash.clone();
            user.email_verified_at = user.email_verified_at.or(Some(now));
            user.pending_email = None;
            store::update_password(&tx, &user).await?;
            token_store::void(&tx, user.id, &ALL_PURPOSES, self.clock.now()).await?;
            store::revoke_sessions_of(&tx, user.id, None, now).await?;
            enqueue(&tx, &AccountMail::password_changed(user.id)).await?;
            let signed_in = self.sessions.begin(&tx, user, device.clone()).await?;
            tx.commit().await?;
            Ok::<_, AccountsError>(signed_in)
        })
        .await?;
        self.jobs.wake_workers();
        Ok(signed_in)
    }

    /// Finds a token that is good. It needs no transaction, so that made-up tokens do not take the
    /// writer's time.
    async fn find_token(&self, text: &str) -> Result<account_token::Model, AccountsError> {
        let token = MailedToken::parse(text).ok_or(AccountsError::InvalidToken)?;
        let found = token_store::find_by_hash(self.db.reads(), &token.hash()).await?;
        found.filter(|token| self.is_good(token)).ok_or(AccountsError::InvalidToken)
    }

    /// Locks a token's user, and reads the token again. Nobody else uses it until the transaction
    /// ends. The caller deletes it.
    async fn take_token(
        &self,
        tx: &DatabaseTransaction,
        known: &account_token::Model,
    ) -> Result<(user::Model, account_token::Model), AccountsError> {
        let user = store::lock_account(tx, known.user_id).await?;
        let token = token_store::find(tx, known.id).await?;
        let token =
            token.filter(|token| token.token_hash == known.token_hash && self.is_good(token));
        user.zip(token).ok_or(AccountsError::InvalidToken)
    }

    fn is_good(&self, token: &account_token::Model) -> bool {
        token.replaced_at.is_none() && token.expires_at > self.clock.now()
    }

    /// Whether somebody else has an account with this email, in any form.
    pub(super) async fn has_other_account(
        &self,
        email: &str,
        user: UserId,
    ) -> Result<bool, AccountsError> {
        let found = store::find_user_by_email(self.db.reads(), &stored_forms(email)).await?;
        Ok(found.is_some_and(|found| found.id != user))
    }
}

pub(super) const ALL_PURPOSES: [Purpose; 3] =
    [Purpose::VerifyEmail, Purpose::ChangeEmail, Purpose::ResetPassword];

/// Writes the job of a mail in the transaction that causes it.
pub(super) async fn enqueue(tx: &DatabaseTransaction, mail: &AccountMail) -> Result<(), DbErr> {
    jobs::enqueue(tx, vec![NewJob::new(mail)?]).await
}
