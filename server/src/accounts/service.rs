//! Accounts: registers people, and signs them in.

use rowlock_entities::{UserId, account_token::Purpose, user};
use sea_orm::{DatabaseTransaction, DbErr, SqlErr};

use super::{
    emails::{MAX_EMAIL_BYTES, normalised_email, stored_forms},
    known_devices::KnownDevices,
    mailed_tokens::MailedTokens,
    password::{Caller, PasswordError, Passwords, Verified},
    password_forms::prepared,
    rules::{MAX_PASSWORD_CHARS, email_problem, name_problem, password_problem},
    sessions::{Sessions, SessionsError, SignedIn},
    settings::{AccountArgs, JwtSecrets},
    store,
    unsubscribe_tokens::UnsubscribeTokens,
    user_agent::UserAgent,
    verified::VerifiedEmails,
};
use crate::{
    clock::Clock,
    coalescing::{Batcher, Bounds, Refusal},
    database::{Database, MayBeDatabaseError, within_transaction_timeout},
    field_problem::FieldProblem,
    jobs::Queue,
    limits::TooManyRequests,
    metrics::Metrics,
};

/// Longest password that is checked, in bytes: each character has up to four, and up to three times
/// as many if its accents are typed apart.
const MAX_PASSWORD_BYTES: usize = 12 * MAX_PASSWORD_CHARS;

/// The reason why nobody was registered or signed in.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error("the input is not valid")]
    Invalid(Vec<FieldProblem>),
    #[error("the email has an account")]
    EmailTaken,
    #[error("no account has this email and password")]
    InvalidCredentials,
    #[error("the password is not the account's")]
    WrongPassword,
    #[error("the account does not exist")]
    NoSuchAccount,
    #[error("the token from the mail is wrong, used or expired")]
    InvalidToken,
    #[error("the account was sent as many mails of this kind as it may be: {0}")]
    TooManyMails(TooManyRequests),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    LookupRefused(#[from] Refusal),
    #[error(transparent)]
    Session(#[from] SessionsError),
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl MayBeDatabaseError for AccountsError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Database(error) => Some(error),
            Self::Session(error) => error.database_error(),
            Self::Invalid(_)
            | Self::EmailTaken
            | Self::InvalidCredentials
            | Self::WrongPassword
            | Self::NoSuchAccount
            | Self::InvalidToken
            | Self::TooManyMails(_)
            | Self::LookupRefused(_)
            | Self::Password(_) => None,
        }
    }
}

/// Accounts. Clones share everything.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(super) db: Database,
    pub(super) clock: Clock,
    pub(super) passwords: Passwords,
    pub(super) sessions: Sessions,
    pub(super) jobs: Queue,
    pub(super) mailed_tokens: MailedTokens,
    pub(super) unsubscribe_tokens: UnsubscribeTokens,
    known_devices: KnownDevices,
    settings: AccountArgs,
    verified: Batcher<VerifiedEmails>,
}

impl Accounts {
    pub(crate) fn new(
        db: Database,
        clock: Clock,
        sessions: Sessions,
        jobs: Queue,
        secrets: &JwtSecrets,
        settings: AccountArgs,
        metrics: &Metrics,
    ) -> Self {
        let verified = VerifiedEmails(db.clone());
        let queue = metrics.queue("verified-emails");
        Self {
            known_devices: KnownDevices::new(secrets, clock.clone()),
            passwords: Passwords::new(),
            mailed_tokens: MailedTokens::new(secrets),
            unsubscribe_tokens: UnsubscribeTokens::new(secrets),
            verified: Batcher::new(verified, Bounds::FOR_LOOKUPS, queue),
            db,
            clock,
            sessions,
            jobs,
            settings,
        }
    }

    pub(crate) fn known_devices(&self) -> &KnownDevices {
        &self.known_devices
    }

    /// The number of callers that wait for their password to be hashed or checked.
    pub(crate) fn passwords_waiting(&self) -> usize {
        self.passwords.waiting()
    }

    /// Creates an account, sends the link that verifies its email, and begins its first session.
    ///
    /// # Errors
    /// `Invalid`, with each field that is wrong; `EmailTaken`.
    pub async fn register(
        &self,
        email: &str,
        password: &str,
        name: &str,
        device: &UserAgent,
    ) -> Result<SignedIn, AccountsError> {
        let forms = stored_forms(email);
        let email = normalised_email(email);
        let name = name.trim();
        let password = bounded_form(password);
        let problems: Vec<FieldProblem> =
            [email_problem(&email), password_problem(&password), name_problem(name)]
                .into_iter()
                .flatten()
                .collect();
        if !problems.is_empty() {
            return Err(AccountsError::Invalid(problems));
        }
        // This saves the costly hash. In the end, the unique index decides.
        if store::find_user_by_email(self.db.reads(), &forms).await?.is_some() {
            return Err(AccountsError::EmailTaken);
        }
        let hash = self.passwords.hash(password).await?;
        let user = user::Model::new(email, name.to_owned(), hash, self.clock.now());
        let signed_in = within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            store::insert_user(&tx, user.clone()).await.map_err(|error| match error.sql_err() {
                Some(SqlErr::UniqueConstraintViolation(_)) => AccountsError::EmailTaken,
                _ => error.into(),
            })?;
            let (purpose, email) = (Purpose::VerifyEmail, user.email.clone());
            self.send_verification(&tx, user.id, purpose, email).await?;
            let signed_in = self.sessions.begin(&tx, user.clone(), device.clone()).await?;
            tx.commit().await?;
            Ok::<_, AccountsError>(signed_in)
        })
        .await?;
        self.jobs.wake_workers();
        Ok(signed_in)
    }

    /// Checks the password and begins a session. `caller` decides only who is first.
    ///
    /// # Errors
    /// `InvalidCredentials`, after the same time whether the email or the password is wrong.
    pub(crate) async fn login(
        &self,
        email: &str,
        password: &str,
        caller: Caller,
        device: &UserAgent,
    ) -> Result<SignedIn, AccountsError> {
        // An email or password that no account can have is not looked up, but costs the same time.
        let is_possible = normalised_email(email).len() <= MAX_EMAIL_BYTES
            && !email.contains('\0')
            && password.len() <= MAX_PASSWORD_BYTES;
        let user = match is_possible {
            true => store::find_user_by_email(self.db.reads(), &stored_forms(email)).await?,
            false => None,
        };
        let verified = self.verify_password(user.as_ref(), password, caller).await?;
        let user = user.filter(|_| verified != Verified::No);
        let user = user.ok_or(AccountsError::InvalidCredentials)?;

        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            // Whoever changed the password meanwhile has ended all sessions, so this one must not
            // begin. Sign-ins share the lock: one whose connection broke must not keep others out.
            let present = store::share_account(&tx, user.id).await?;
            if present.is_none_or(|present| present.password_hash != user.password_hash) {
                return Err(AccountsError::InvalidCredentials);
            }
            if let Verified::YesInOldForm(hash) = &verified {
                store::replace_password_hash(&tx, &user, hash).await?;
            }
            let signed_in = self.sessions.begin(&tx, user.clone(), device.clone()).await?;
            tx.commit().await?;
            Ok(signed_in)
        })
        .await
    }

    /// Checks a password. Without a user, or if nobody can have this password, the answer is no,
    /// after the same work.
    pub(super) async fn verify_password(
        &self,
        user: Option<&user::Model>,
        password: &str,
        caller: Caller,
    ) -> Result<Verified, AccountsError> {
        let is_possible = password.len() <= MAX_PASSWORD_BYTES;
        let password = if is_possible { password.to_owned() } else { String::new() };
        let stored = user.map(|user| user.password_hash.clone());
        Ok(self.passwords.verify(password, stored, caller).await?)
    }

    /// Whether only people may book who have verified their email.
    pub(crate) fn wants_verified_emails(&self) -> bool {
        self.settings.require_verified_email
    }

    /// Whether this user has verified their email. Somebody who is gone may book as far as this is
    /// concerned, because that is refused where it is known for sure.
    ///
    /// # Errors
    /// Only when the database fails, or too many ask.
    pub(crate) async fn may_book(&self, id: UserId) -> Result<bool, AccountsError> {
        Ok(self.verified.ask(id).await??.unwrap_or(true))
    }

    /// The user whose email this is, in whichever form it is typed.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn find_user_by_email(
        &self,
        email: &str,
    ) -> Result<Option<user::Model>, AccountsError> {
        // PostgreSQL can't take NUL in a text.
        if normalised_email(email).len() > MAX_EMAIL_BYTES || email.contains('\0') {
            return Ok(None);
        }
        Ok(store::find_user_by_email(self.db.reads(), &stored_forms(email)).await?)
    }

    /// Those of these users that exist, in no order.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn find_users(
        &self,
        ids: impl IntoIterator<Item = UserId>,
    ) -> Result<Vec<user::Model>, AccountsError> {
        Ok(store::find_users(self.db.reads(), ids).await?)
    }

    /// Locks a user in the caller's transaction until that ends; returns whether there still is one.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn lock_user(
        tx: &DatabaseTransaction,
        id: UserId,
    ) -> Result<bool, AccountsError> {
        Ok(store::lock_account(tx, id).await?.is_some())
    }

    /// The user with this id, if there still is one.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn find_user(&self, id: UserId) -> Result<Option<user::Model>, AccountsError> {
        Ok(store::find_user(self.db.reads(), id).await?)
    }
}

/// The form of a password that is hashed, for the rules. They refuse one that is too long as it is.
fn bounded_form(password: &str) -> String {
    match password.len() <= MAX_PASSWORD_BYTES {
        true => prepared(password),
        false => password.to_owned(),
    }
}

/// The form of a new password that is hashed, if the rules allow it. `field` is the input's.
pub(super) fn checked_password(password: &str, field: &str) -> Result<String, AccountsError> {
    let password = bounded_form(password);
    match password_problem(&password) {
        None => Ok(password),
        Some(FieldProblem { message, .. }) => {
            Err(AccountsError::Invalid(vec![FieldProblem::new(field, message)]))
        }
    }
}
