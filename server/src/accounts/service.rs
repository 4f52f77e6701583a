//! Accounts: registers people, and signs them in.

use rowlock_entities::{UserId, user};
use sea_orm::{DatabaseTransaction, DbErr, SqlErr};

use super::{
    emails::{MAX_EMAIL_BYTES, normalised_email, stored_forms},
    known_devices::KnownDevices,
    password::{Caller, PasswordError, Passwords, Verified},
    password_forms::prepared,
    rules::{MAX_PASSWORD_CHARS, email_problem, name_problem, password_problem},
    sessions::{Sessions, SessionsError, SignedIn},
    settings::JwtSecrets,
    store,
};
use crate::{
    clock::Clock,
    database::{Database, MayBeDatabaseError, within_transaction_timeout},
    field_problem::FieldProblem,
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
    #[error(transparent)]
    Password(#[from] PasswordError),
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
            Self::Invalid(_) | Self::EmailTaken | Self::InvalidCredentials | Self::Password(_) => {
                None
            }
        }
    }
}

/// Accounts. Clones share everything.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(super) db: Database,
    pub(super) clock: Clock,
    pub(super) passwords: Passwords,
    sessions: Sessions,
    known_devices: KnownDevices,
}

impl Accounts {
    #[must_use]
    pub fn new(db: Database, clock: Clock, sessions: Sessions, secrets: &JwtSecrets) -> Self {
        let known_devices = KnownDevices::new(secrets, clock.clone());
        Self { db, clock, passwords: Passwords::new(), sessions, known_devices }
    }

    pub(crate) fn known_devices(&self) -> &KnownDevices {
        &self.known_devices
    }

    /// The number of callers that wait for their password to be hashed or checked.
    pub(crate) fn passwords_waiting(&self) -> usize {
        self.passwords.waiting()
    }

    /// Creates an account and begins its first session.
    ///
    /// # Errors
    /// `Invalid`, with each field that is wrong; `EmailTaken`.
    pub async fn register(
        &self,
        email: &str,
        password: &str,
        name: &str,
    ) -> Result<SignedIn, AccountsError> {
        let forms = stored_forms(email);
        let email = normalised_email(email);
        let name = name.trim();
        let password = match password.len() <= MAX_PASSWORD_BYTES {
            true => prepared(password),
            // The rules refuse it as it is.
            false => password.to_owned(),
        };
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
        let user = user::Model {
            id: UserId::new(),
            email,
            name: name.to_owned(),
            password_hash: self.passwords.hash(password).await?,
            created_at: self.clock.now(),
        };
        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            store::insert_user(&tx, user.clone()).await.map_err(|error| match error.sql_err() {
                Some(SqlErr::UniqueConstraintViolation(_)) => AccountsError::EmailTaken,
                _ => error.into(),
            })?;
            let signed_in = self.sessions.begin(&tx, user.clone()).await?;
            tx.commit().await?;
            Ok(signed_in)
        })
        .await
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
    ) -> Result<SignedIn, AccountsError> {
        // An email or password that no account can have is not looked up, but costs the same time.
        let is_possible = normalised_email(email).len() <= MAX_EMAIL_BYTES
            && !email.contains('\0')
            && password.len() <= MAX_PASSWORD_BYTES;
        let user = match is_possible {
            true => store::find_user_by_email(self.db.reads(), &stored_forms(email)).await?,
            false => None,
        };
        let password = if is_possible { password.to_owned() } else { String::new() };
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let verified = self.passwords.verify(password, stored, caller).await?;
        let user = user.filter(|_| verified != Verified::No);
        let user = user.ok_or(AccountsError::InvalidCredentials)?;

        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            if let Verified::YesInOldForm(hash) = &verified {
                store::replace_password_hash(&tx, &user, hash).await?;
            }
            let signed_in = self.sessions.begin(&tx, user.clone()).await?;
            tx.commit().await?;
            Ok(signed_in)
        })
        .await
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
        Ok(store::lock_user(tx, id).await?)
    }

    /// The user with this id, if there still is one.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn find_user(&self, id: UserId) -> Result<Option<user::Model>, AccountsError> {
        Ok(store::find_user(self.db.reads(), id).await?)
    }
}
