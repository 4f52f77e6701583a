//! Sessions: each sign-in begins one, and rotating its refresh token keeps it alive.

use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use rowlock_entities::{RefreshTokenId, SessionId, UserId, refresh_token, session, user};
use sea_orm::{ConnectionTrait, DbErr};
use tokio::time::{Instant, sleep};

use super::{
    access_tokens::{AccessToken, AccessTokens},
    refresh_token::RefreshToken,
    store,
};
use crate::{clock::Clock, database::Database};

/// The time after which an unused session expires.
pub(crate) const SESSION_LIFETIME: Duration = Duration::days(7);
/// For this long after its first use, a refresh token can be used again. Two tabs that wake up at
/// the same time send the same cookie, and neither of them has stolen it.
const REUSE_GRACE: Duration = Duration::seconds(10);
/// Longest time for a transaction, from its start until it is committed.
const TRANSACTION_TIMEOUT: StdDuration = StdDuration::from_secs(10);
/// Time between two removals of expired sessions.
const REMOVAL_INTERVAL: StdDuration = StdDuration::from_secs(3_600);
/// Most expired rows that one transaction removes.
const BATCH: u64 = 500;

/// The reason why a session was not begun, continued or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    #[error("the session has ended")]
    SessionEnded,
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error("signing an access token: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

/// A new or continued session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub user: user::Model,
    pub access_token: AccessToken,
    /// The cookie's value.
    pub(crate) refresh_token: RefreshToken,
}

/// Begins, continues and ends sessions. Clones share everything.
#[derive(Clone, Debug)]
pub struct Sessions {
    db: Database,
    clock: Clock,
    access_tokens: AccessTokens,
}

impl Sessions {
    #[must_use]
    pub fn new(db: Database, clock: Clock, access_tokens: AccessTokens) -> Self {
        Self { db, clock, access_tokens }
    }

    /// Begins a session of `user` within `tx`.
    pub(super) async fn begin(
        &self,
        tx: &impl ConnectionTrait,
        user: user::Model,
    ) -> Result<SignedIn, SessionsError> {
        let now = self.clock.now();
        let session = session::Model {
            id: SessionId::new(),
            user_id: user.id,
            created_at: now,
            expires_at: now + SESSION_LIFETIME,
            revoked_at: None,
        };
        let session_id = session.id;
        store::insert_session(tx, session).await?;
        self.issue_tokens(tx, user, session_id, now).await
    }

    /// Exchanges a refresh token, as the cookie has it, for the session's next one.
    ///
    /// A token that was used before ends its whole session, because one of those who sent it is not
    /// its owner. Within a few seconds of its first use, it gives another token instead.
    ///
    /// # Errors
    /// `SessionEnded` when the token is unknown, expired, used or revoked.
    pub async fn refresh(&self, cookie: &str) -> Result<SignedIn, SessionsError> {
        let token = RefreshToken::parse(cookie).ok_or(SessionsError::SessionEnded)?;
        within_transaction_timeout(&self.db, self.rotate(token.hash())).await
    }

    async fn rotate(&self, hash: Vec<u8>) -> Result<SignedIn, SessionsError> {
        let now = self.clock.now();
        // The first look needs no transaction, so that made-up tokens do not take the writer's
        // time.
        let found = store::find_refresh_token(self.db.reads(), &hash).await?;
        let session_id = found.ok_or(SessionsError::SessionEnded)?.session_id;
        let tx = self.db.begin().await?;
        let session = store::lock_session(&tx, session_id).await?;
        // The second look sees the changes that other rotations of this session made before the
        // lock.
        let token = store::find_refresh_token(&tx, &hash).await?;
        let (Some(session), Some(token)) = (session, token) else {
            return Err(SessionsError::SessionEnded);
        };

        if session.revoked_at.is_some() || token.expires_at <= now {
            return Err(SessionsError::SessionEnded);
        }
        if token.used_at.is_some_and(|used_at| now - used_at > REUSE_GRACE) {
            tracing::warn!(user = %session.user_id, session = %session.id,
                "a used refresh token was sent again; its session is revoked");
            store::revoke_session(&tx, session, now).await?;
            tx.commit().await?;
            return Err(SessionsError::SessionEnded);
        }
        let user = store::find_user(&tx, session.user_id).await?;
        let user = user.ok_or(SessionsError::SessionEnded)?;
        if token.used_at.is_none() {
            store::mark_used(&tx, token, now).await?;
        }
        let (session_id, expires_at) = (session.id, now + SESSION_LIFETIME);
        store::extend_session(&tx, session, expires_at).await?;
        let signed_in = self.issue_tokens(&tx, user, session_id, now).await?;
        tx.commit().await?;
        Ok(signed_in)
    }

    /// Ends the session that a refresh token belongs to. Does nothing if there is none.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn logout(&self, cookie: &str) -> Result<(), SessionsError> {
        let Some(token) = RefreshToken::parse(cookie) else { return Ok(()) };
        let found = store::find_refresh_token(self.db.reads(), &token.hash()).await?;
        let Some(token) = found else { return Ok(()) };
        within_transaction_timeout(&self.db, async {
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

    /// Ends all sessions of this user. Access tokens stay good until they expire.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn logout_everywhere(&self, user: UserId) -> Result<(), SessionsError> {
        within_transaction_timeout(&self.db, async {
            let tx = self.db.begin().await?;
            store::revoke_sessions_of(&tx, user, self.clock.now()).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Removes expired sessions and refresh tokens every hour, for as long as the server runs.
    pub async fn remove_expired_sessions(self) {
        let mut ticks = tokio::time::interval(REMOVAL_INTERVAL);
        loop {
            ticks.tick().await;
            match self.remove_expired().await {
                Ok(count) => tracing::debug!(count, "removed expired sessions and tokens"),
                // The next attempt, in an hour, is soon enough. The health probe logs an
                // unreachable database.
                Err(error) => tracing::debug!(%error, "could not remove all expired sessions"),
            }
        }
    }

    /// Removes what has expired, batch after batch, and returns the number of rows. At least half
    /// of the time is left to other work.
    async fn remove_expired(&self) -> Result<u64, DbErr> {
        let now = self.clock.now();
        let mut total = 0;
        loop {
            let start = Instant::now();
            let count = within_transaction_timeout(&self.db, self.remove_batch(now)).await?;
            total += count;
            if count < BATCH {
                return Ok(total);
            }
            sleep(start.elapsed()).await;
        }
    }

    /// Returns the number of removed rows. Once it is less than a batch, none are left.
    async fn remove_batch(&self, now: DateTime<Utc>) -> Result<u64, DbErr> {
        let tx = self.db.begin().await?;
        // Tokens first: a session takes its tokens along, and it may have many.
        let mut count = store::delete_expired_refresh_tokens(&tx, now, BATCH).await?;
        if count < BATCH {
            count += store::delete_expired_sessions(&tx, now, BATCH - count).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    async fn issue_tokens(
        &self,
        tx: &impl ConnectionTrait,
        user: user::Model,
        session_id: SessionId,
        now: DateTime<Utc>,
    ) -> Result<SignedIn, SessionsError> {
        let refresh_token = RefreshToken::random();
        let row = refresh_token::Model {
            id: RefreshTokenId::new(),
            session_id,
            token_hash: refresh_token.hash(),
            created_at: now,
            expires_at: now + SESSION_LIFETIME,
            used_at: None,
        };
        store::insert_refresh_token(tx, row).await?;
        let access_token = self.access_tokens.issue(user.id)?;
        Ok(SignedIn { user, access_token, refresh_token })
    }
}

/// Runs a transaction. If it takes too long, it is given up together with its connection.
pub(super) async fn within_transaction_timeout<T, E: From<DbErr>>(
    db: &Database,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    db.with_deadline(Instant::now() + TRANSACTION_TIMEOUT, work).await
}
