//! Decides who may have an account and a session.

use std::{future::Future, time::Duration as StdDuration};

use chrono::{DateTime, Duration, Utc};
use rowlock_entities::{RefreshTokenId, SessionId, UserId, refresh_token, session, user};
use sea_orm::{ConnectionTrait, DbErr, SqlErr};
use tokio::time::Instant;

use super::access_tokens::{AccessToken, AccessTokens};
use super::{
    password::{PasswordError, Passwords},
    refresh_token::RefreshToken,
    rules::{
        LONGEST_EMAIL, LONGEST_PASSWORD, email_problem, name_problem, normalised_email,
        password_problem,
    },
    store,
};
use crate::{
    clock::Clock,
    database::{Database, overdue},
    field_problem::FieldProblem,
    graphql::errors::ApiError,
};

/// How long a session lasts without being used.
pub(crate) const SESSION_LIFE: Duration = Duration::days(7);
/// How long after its use a refresh token still gives a session's next one: two tabs that wake at
/// the same time both send the same cookie, and neither is a thief.
const REUSE_GRACE: Duration = Duration::seconds(10);
/// Longest wait for a transaction, from when it begins until it is stored.
const FINISH_WITHIN: StdDuration = StdDuration::from_secs(10);
/// How often sessions that are over are cleared away.
const CLEAR_EVERY: StdDuration = StdDuration::from_secs(3_600);

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error("the input is not valid")]
    Invalid(Vec<FieldProblem>),
    #[error("the email has an account")]
    EmailTaken,
    #[error("no account has this email and password")]
    InvalidCredentials,
    #[error("the session has ended")]
    SessionEnded,
    #[error("no turn for a password check")]
    Busy,
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error("{0}")]
    Internal(String),
}

impl From<AccountsError> for ApiError {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Invalid(problems) => Self::BadUserInput(problems),
            AccountsError::EmailTaken => Self::EmailTaken,
            AccountsError::InvalidCredentials => Self::InvalidCredentials,
            AccountsError::SessionEnded => {
                Self::Unauthenticated("The session has ended. Please sign in again.")
            }
            AccountsError::Busy => Self::busy(),
            AccountsError::Database(error) => error.into(),
            AccountsError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<PasswordError> for AccountsError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Busy,
            PasswordError::Hash(cause) => Self::Internal(cause),
        }
    }
}

impl From<jsonwebtoken::errors::Error> for AccountsError {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        Self::Internal(format!("signing an access token: {error}"))
    }
}

/// A session that was just begun or continued.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub user: user::Model,
    pub access_token: AccessToken,
    /// For the cookie.
    pub(crate) refresh_token: RefreshToken,
}

/// Accounts and their sessions. Clones share everything.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(super) db: Database,
    pub(super) clock: Clock,
    pub(super) passwords: Passwords,
    pub(super) access_tokens: AccessTokens,
}

impl Accounts {
    #[must_use]
    pub fn new(db: Database, clock: Clock, access_tokens: AccessTokens) -> Self {
        Self { db, clock, passwords: Passwords::new(), access_tokens }
    }

    /// How many passwords wait to be hashed or checked.
    pub(crate) fn passwords_waiting(&self) -> usize {
        self.passwords.waiting()
    }

    /// Makes an account and signs it in.
    ///
    /// # Errors
    /// `Invalid` names each field that is wrong; `EmailTaken`.
    pub async fn register(
        &self,
        email: &str,
        password: &str,
        name: &str,
    ) -> Result<SignedIn, AccountsError> {
        let email = normalised_email(email);
        let name = name.trim();
        let problems: Vec<FieldProblem> =
            [email_problem(&email), password_problem(password), name_problem(name)]
                .into_iter()
                .flatten()
                .collect();
        if !problems.is_empty() {
            return Err(AccountsError::Invalid(problems));
        }
        // Before the costly hash; the unique index has the last word.
        if store::find_user_by_email(self.db.reads(), &email).await?.is_some() {
            return Err(AccountsError::EmailTaken);
        }
        let user = user::Model {
            id: UserId::new(),
            email,
            name: name.to_owned(),
            password_hash: self.passwords.hash(password.to_owned()).await?,
            created_at: self.clock.now(),
        };
        self.in_time(async {
            let tx = self.db.begin().await?;
            store::insert_user(&tx, user.clone()).await.map_err(|error| match error.sql_err() {
                Some(SqlErr::UniqueConstraintViolation(_)) => AccountsError::EmailTaken,
                _ => error.into(),
            })?;
            let signed_in = self.begin_session(&tx, user).await?;
            tx.commit().await?;
            Ok(signed_in)
        })
        .await
    }

    /// Begins a session.
    ///
    /// # Errors
    /// `InvalidCredentials`, in the same time whether the email or the password is wrong.
    pub async fn login(&self, email: &str, password: &str) -> Result<SignedIn, AccountsError> {
        let email = normalised_email(email);
        // What no account can have is not looked up, but costs the same.
        let possible = email.len() <= LONGEST_EMAIL
            && !email.contains('\0')
            && password.len() <= 4 * LONGEST_PASSWORD;
        let user = match possible {
            true => store::find_user_by_email(self.db.reads(), &email).await?,
            false => None,
        };
        let password = if possible { password.to_owned() } else { String::new() };
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let right = self.passwords.verify(password, stored).await?;
        let user = user.filter(|_| right).ok_or(AccountsError::InvalidCredentials)?;

        self.in_time(async {
            let tx = self.db.begin().await?;
            let signed_in = self.begin_session(&tx, user).await?;
            tx.commit().await?;
            Ok(signed_in)
        })
        .await
    }

    /// Exchanges a refresh token, as the cookie has it, for the session's next one.
    ///
    /// A token that was used before ends its whole session, since one of the two who had it is not
    /// its owner; except within a few seconds, when it gives another one.
    ///
    /// # Errors
    /// `SessionEnded` when the token is unknown, expired, used or revoked.
    pub async fn refresh(&self, cookie: &str) -> Result<SignedIn, AccountsError> {
        let token = RefreshToken::parse(cookie).ok_or(AccountsError::SessionEnded)?;
        self.in_time(self.rotate(token.hash())).await
    }

    async fn rotate(&self, hash: Vec<u8>) -> Result<SignedIn, AccountsError> {
        let now = self.clock.now();
        // Without a transaction first: a made-up token must not take the writer's time.
        let found = store::find_refresh_token(self.db.reads(), &hash).await?;
        let session_id = found.ok_or(AccountsError::SessionEnded)?.session_id;
        let tx = self.db.begin().await?;
        let session = store::lock_session(&tx, session_id).await?;
        // Again, now that no other rotation of this session can run.
        let token = store::find_refresh_token(&tx, &hash).await?;
        let (Some(session), Some(token)) = (session, token) else {
            return Err(AccountsError::SessionEnded);
        };

        if session.revoked_at.is_some() || token.expires_at <= now {
            return Err(AccountsError::SessionEnded);
        }
        if token.used_at.is_some_and(|used_at| now - used_at > REUSE_GRACE) {
            tracing::warn!(user = %session.user_id, session = %session.id,
                "a used refresh token came again; its session is revoked");
            store::revoke_session(&tx, session, now).await?;
            tx.commit().await?;
            return Err(AccountsError::SessionEnded);
        }
        let user = store::find_user(&tx, session.user_id).await?;
        let user = user.ok_or(AccountsError::SessionEnded)?;
        if token.used_at.is_none() {
            store::mark_used(&tx, token, now).await?;
        }
        let (session_id, expires_at) = (session.id, now + SESSION_LIFE);
        store::extend_session(&tx, session, expires_at).await?;
        let signed_in = self.give_tokens(&tx, user, session_id, now).await?;
        tx.commit().await?;
        Ok(signed_in)
    }

    /// Ends the session that a refresh token belongs to; nothing happens when there is none.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn logout(&self, cookie: &str) -> Result<(), AccountsError> {
        let Some(token) = RefreshToken::parse(cookie) else { return Ok(()) };
        let found = store::find_refresh_token(self.db.reads(), &token.hash()).await?;
        let Some(token) = found else { return Ok(()) };
        self.in_time(async {
            let tx = self.db.begin().await?;
            if let Some(session) = store::lock_session(&tx, token.session_id).await?
                && session.revoked_at.is_none()
            {
                store::revoke_session(&tx, session, self.clock.now()).await?;
                tx.commit().await?;
            }
            Ok(())
        })
        .await
    }

    /// Ends every session that this user has by now. Access tokens end by themselves.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn logout_everywhere(&self, user: UserId) -> Result<(), AccountsError> {
        self.in_time(async {
            let tx = self.db.begin().await?;
            store::revoke_sessions_of(&tx, user, self.clock.now()).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// The user with this id, if there still is one.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn find_user(&self, id: UserId) -> Result<Option<user::Model>, AccountsError> {
        Ok(store::find_user(self.db.reads(), id).await?)
    }

    /// Clears away sessions and refresh tokens that are over, every hour, for as long as the server runs.
    pub async fn clear_expired_sessions(self) {
        let mut tick = tokio::time::interval(CLEAR_EVERY);
        loop {
            tick.tick().await;
            match self.in_time(async { Ok(self.clear_expired().await?) }).await {
                Ok(count) => tracing::debug!(count, "cleared expired sessions"),
                // The next hour will do; that the database is away is logged where that is watched.
                Err(error) => tracing::debug!(%error, "could not clear expired sessions"),
            }
        }
    }

    /// A transaction that is given up, together with its connection, when it takes too long.
    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, AccountsError>>,
    ) -> Result<T, AccountsError> {
        let deadline = Instant::now() + FINISH_WITHIN;
        let done = self.db.finish_by(deadline, work).await;
        done.unwrap_or_else(|| Err(overdue().into()))
    }

    async fn clear_expired(&self) -> Result<u64, DbErr> {
        let tx = self.db.begin().await?;
        let now = self.clock.now();
        let count = store::delete_sessions_expired_before(&tx, now).await?;
        store::delete_refresh_tokens_expired_before(&tx, now).await?;
        tx.commit().await?;
        Ok(count)
    }

    async fn begin_session(
        &self,
        tx: &impl ConnectionTrait,
        user: user::Model,
    ) -> Result<SignedIn, AccountsError> {
        let now = self.clock.now();
        let session = session::Model {
            id: SessionId::new(),
            user_id: user.id,
            created_at: now,
            expires_at: now + SESSION_LIFE,
            revoked_at: None,
        };
        let session_id = session.id;
        store::insert_session(tx, session).await?;
        self.give_tokens(tx, user, session_id, now).await
    }

    async fn give_tokens(
        &self,
        tx: &impl ConnectionTrait,
        user: user::Model,
        session_id: SessionId,
        now: DateTime<Utc>,
    ) -> Result<SignedIn, AccountsError> {
        let refresh_token = RefreshToken::random();
        let row = refresh_token::Model {
            id: RefreshTokenId::new(),
            session_id,
            token_hash: refresh_token.hash(),
            created_at: now,
            expires_at: now + SESSION_LIFE,
            used_at: None,
        };
        store::insert_refresh_token(tx, row).await?;
        let access_token = self.access_tokens.issue(user.id)?;
        Ok(SignedIn { user, access_token, refresh_token })
    }
}
