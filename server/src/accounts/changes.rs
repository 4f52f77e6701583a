//! What people change about their account while they are signed in.

use rowlock_entities::{SessionId, UserId, account_token::Purpose, user};

use super::{
    emails::normalised_email,
    mails::{AccountMail, masked},
    password::{Caller, Verified},
    recovery::enqueue,
    rules::{email_problem, name_problem},
    service::{Accounts, AccountsError, checked_password},
    store, token_store,
};
use crate::{
    database::within_transaction_timeout, field_problem::FieldProblem, mail::confirmed_name,
};

impl Accounts {
    /// Gives the account another name, and says whether its owner is reminded of events. What is
    /// `None` stays.
    ///
    /// # Errors
    /// `Invalid` for `name`; `NoSuchAccount`.
    pub(crate) async fn update_profile(
        &self,
        id: UserId,
        name: &str,
        reminders: Option<bool>,
    ) -> Result<user::Model, AccountsError> {
        let name = name.trim();
        if let Some(problem) = name_problem(name) {
            return Err(AccountsError::Invalid(vec![problem]));
        }
        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            let user = store::lock_account(&tx, id).await?.ok_or(AccountsError::NoSuchAccount)?;
            let reminders = reminders.unwrap_or(user.reminders);
            let user = user::Model { name: name.to_owned(), reminders, ..user };
            store::update_profile(&tx, &user).await?;
            tx.commit().await?;
            Ok(user)
        })
        .await
    }

    /// Gives the account another password, and ends all sessions but `kept`. A change of email that
    /// waits is taken back, because somebody else may have asked for it.
    ///
    /// # Errors
    /// `WrongPassword`; `Invalid` for `newPassword`; `NoSuchAccount`.
    pub(crate) async fn change_password(
        &self,
        user: &user::Model,
        kept: Option<SessionId>,
        current_password: &str,
        new_password: &str,
        caller: Caller,
    ) -> Result<(), AccountsError> {
        let password = checked_password(new_password, "newPassword")?;
        self.require_password(user, current_password, caller).await?;
        let hash = self.passwords.hash(password).await?;
        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            let locked = self.lock_with_same_password(&tx, user).await?;
            let changed =
                user::Model { password_hash: hash.clone(), pending_email: None, ..locked };
            store::update_password(&tx, &changed).await?;
            store::revoke_sessions_of(&tx, user.id, kept, self.clock.now()).await?;
            // A link that somebody has asked for must not undo this.
            let void = [Purpose::ResetPassword, Purpose::ChangeEmail];
            token_store::void(&tx, user.id, &void, self.clock.now()).await?;
            enqueue(&tx, &AccountMail::password_changed(user.id)).await?;
            Ok::<_, AccountsError>(tx.commit().await?)
        })
        .await?;
        self.jobs.wake_workers();
        Ok(())
    }

    /// Sends a link to another address, which is the account's once that is opened. The present
    /// address is told. Asking for the present address takes a change back that waits.
    ///
    /// # Errors
    /// `WrongPassword`; `Invalid` for `newEmail`; `EmailTaken`; `TooManyMails`; `NoSuchAccount`.
    pub(crate) async fn change_email(
        &self,
        user: &user::Model,
        new_email: &str,
        password: &str,
        caller: Caller,
    ) -> Result<user::Model, AccountsError> {
        let email = normalised_email(new_email);
        if let Some(problem) = email_problem(&email) {
            let problem = FieldProblem::new("newEmail", problem.message);
            return Err(AccountsError::Invalid(vec![problem]));
        }
        self.require_password(user, password, caller).await?;
        // Only somebody who has an account and its password learns this, as often as they may sign
        // in. In the end, the unique index decides.
        if self.has_other_account(new_email, user.id).await? {
            return Err(AccountsError::EmailTaken);
        }
        let changed = within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            let mut locked = self.lock_with_same_password(&tx, user).await?;
            if email == locked.email {
                locked.pending_email = None;
                token_store::void(&tx, user.id, &[Purpose::ChangeEmail], self.clock.now()).await?;
            } else {
                locked.pending_email = Some(email.clone());
                self.send_verification(&tx, user.id, Purpose::ChangeEmail, email.clone()).await?;
                let notice = AccountMail::EmailChangeRequested {
                    email: locked.email.clone(),
                    name: confirmed_name(&locked),
                    masked_new_email: masked(&email),
                };
                enqueue(&tx, &notice).await?;
            }
            store::update_emails(&tx, &locked).await?;
            tx.commit().await?;
            Ok::<_, AccountsError>(locked)
        })
        .await?;
        self.jobs.wake_workers();
        Ok(changed)
    }

    /// Refuses whoever does not know the account's password, after the same work as a sign-in.
    pub(crate) async fn require_password(
        &self,
        user: &user::Model,
        password: &str,
        caller: Caller,
    ) -> Result<(), AccountsError> {
        match self.verify_password(Some(user), password, caller).await? {
            Verified::No => Err(AccountsError::WrongPassword),
            Verified::Yes | Verified::YesInOldForm(_) => Ok(()),
        }
    }

    /// Locks an account whose password was checked just now. If it was changed meanwhile, what was
    /// checked is no longer the password.
    pub(crate) async fn lock_with_same_password(
        &self,
        tx: &sea_orm::DatabaseTransaction,
        user: &user::Model,
    ) -> Result<user::Model, AccountsError> {
        let locked = store::lock_account(tx, user.id).await?.ok_or(AccountsError::NoSuchAccount)?;
        match locked.password_hash == user.password_hash {
            true => Ok(locked),
            false => Err(AccountsError::WrongPassword),
        }
    }
}
