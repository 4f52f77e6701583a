//! Sessions: each sign-in begins one, and rotating its refresh token keeps it alive.

use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use rowlock_entities::{RefreshTokenId, SessionId, UserId, refresh_token, session, user};
use sea_orm::{ConnectionTrait, DbErr};
use tokio::time::{Instant, sleep};

use super::{
    access_tokens::{AccessToken, AccessTokens},
    purpose_key::PurposeKey,
    refresh_token::{RefreshToken, Series, is_of_earlier_version},
    rotation::{self, Decision, Replaced},
    sent_tokens::{CookieName, SentTokens},
    settings::JwtSecrets,
    store,
    user_agent::UserAgent,
};
use crate::{
    clock::Clock,
    database::{Database, MayBeDatabaseError, within_transaction_timeout},
};

/// The time after which an unused session expires.
pub(crate) const SESSION_LIFETIME: Duration = Duration::days(7);
/// Time between two removals of expired sessions.
const REMOVAL_INTERVAL: StdDuration = StdDuration::from_secs(3_600);
/// Most sessions that one person sees in the list of them.
const MAX_LISTED: u64 = 100;
/// Most expired rows that one transaction removes.
const BATCH: u64 = 500;

/// The reason why a session was not begun, continued or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    #[error("the session has ended")]
    SessionEnded,
    #[error("the user has no such session")]
    NoSuchSession,
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error("signing an access token: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

impl MayBeDatabaseError for SessionsError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Database(error) => Some(error),
            Self::SessionEnded | Self::NoSuchSession | Self::Signing(_) => None,
        }
    }
}

/// A new or continued session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub user: user::Model,
    pub session: SessionId,
    pub access_token: AccessToken,
    /// The cookie's value.
    pub(crate) refresh_token: RefreshToken,
}

/// The effect on a session of sending one of its void tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnTheft {
    /// It goes on, because the request may have a better token.
    Refuse,
    EndSession,
}

/// Begins, continues and ends sessions. Clones share everything.
#[derive(Clone, Debug)]
pub struct Sessions {
    db: Database,
    clock: Clock,
    access_tokens: AccessTokens,
    refresh_key: PurposeKey,
}

impl Sessions {
    #[must_use]
    pub fn new(
        db: Database,
        clock: Clock,
        access_tokens: AccessTokens,
        secrets: &JwtSecrets,
    ) -> Self {
        let refresh_key = PurposeKey::new(secrets, "rowlock refresh tokens");
        Self { db, clock, access_tokens, refresh_key }
    }

    /// Begins a session of `user` on a device within `tx`.
    pub(super) async fn begin(
        &self,
        tx: &impl ConnectionTrait,
        user: user::Model,
        device: UserAgent,
    ) -> Result<SignedIn, SessionsError> {
        let now = self.clock.now();
        let series = Series::random();
        let session = session::Model {
            id: SessionId::new(),
            user_id: user.id,
            series_hash: Some(series.hash()),
            created_at: now,
            expires_at: now + SESSION_LIFETIME,
            revoked_at: None,
            last_seen_at: Some(now),
            user_agent: device.into_text(),
        };
        let session_id = session.id;
        store::insert_session(tx, session).await?;
        let refresh_token = self.issue_refresh_token(tx, session_id, series, now).await?;
        self.signed_in(user, session_id, refresh_token)
    }

    /// Exchanges a refresh token of a request for its session's next one.
    ///
    /// It can be exchanged again until the next one is used, because the answer may have been lost.
    /// After that, it ends its whole session, because one of those who sent it is not its owner.
    /// `rotation` has the rules.
    ///
    /// A cookie that somebody else has planted ends no session but its own, and signs nobody in to
    /// another account: if the tokens belong to several people, none is exchanged.
    ///
    /// # Errors
    /// `SessionEnded` when every token is unknown, expired or void, or its session was revoked.
    pub(crate) async fn refresh(&self, sent: &SentTokens) -> Result<SignedIn, SessionsError> {
        for (name, tokens) in sent.by_name() {
            match self.refresh_one_of(tokens, name).await {
                Err(SessionsError::SessionEnded) => {}
                refreshed => return refreshed,
            }
        }
        Err(SessionsError::SessionEnded)
    }

    /// Exchanges the first of these tokens that is good.
    async fn refresh_one_of(
        &self,
        tokens: &[RefreshToken],
        name: CookieName,
    ) -> Result<SignedIn, SessionsError> {
        if let [token] = tokens {
            return self.refresh_within_timeout(token, name, OnTheft::EndSession).await;
        }
        if self.belong_to_several_people(tokens).await? {
            return Err(SessionsError::SessionEnded);
        }
        // A browser can have a void token beside the one that replaced it.
        for on_theft in [OnTheft::Refuse, OnTheft::EndSession] {
            for token in tokens {
                match self.refresh_within_timeout(token, name, on_theft).await {
                    Err(SessionsError::SessionEnded) => {}
                    refreshed => return refreshed,
                }
            }
        }
        Err(SessionsError::SessionEnded)
    }

    async fn belong_to_several_people(&self, tokens: &[RefreshToken]) -> Result<bool, DbErr> {
        let now = self.clock.now();
        let mut person = None;
        for token in tokens {
            let Some(session_id) = self.find_session(token).await? else { continue };
            let session = store::find_session(self.db.reads(), session_id).await?;
            let live =
                session.filter(|session| session.revoked_at.is_none() && session.expires_at > now);
            let Some(session) = live else { continue };
            if person.replace(session.user_id).is_some_and(|person| person != session.user_id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn refresh_within_timeout(
        &self,
        token: &RefreshToken,
        name: CookieName,
        on_theft: OnTheft,
    ) -> Result<SignedIn, SessionsError> {
        within_transaction_timeout(&self.db, || self.rotate(token, name, on_theft)).await
    }

    async fn rotate(
        &self,
        token: &RefreshToken,
        name: CookieName,
        on_theft: OnTheft,
    ) -> Result<SignedIn, SessionsError> {
        let now = self.clock.now();
        // This look needs no transaction, so that made-up tokens do not take the writer's time.
        let session_id = self.find_session(token).await?.ok_or(SessionsError::SessionEnded)?;
        let tx = self.db.begin().await?;
        let session = store::lock_session(&tx, session_id).await?;
        let session = session.ok_or(SessionsError::SessionEnded)?;
        // This look sees the changes that other rotations of this session made before the lock.
        let tokens = store::find_tokens_of_session(&tx, session_id).await?;
        if session.revoked_at.is_some() || session.expires_at <= now {
            return Err(SessionsError::SessionEnded);
        }
        let (series, hash) = (token.series(), token.hash());
        let sent = tokens.iter().find(|known| known.token_hash == hash);
        let decision = match sent {
            // This version never sets a cookie of the earlier name, so somebody else has put its
            // token there.
            Some(sent)
                if name == CookieName::Earlier && !is_of_earlier_version(sent.nonce.as_deref()) =>
            {
                return Err(SessionsError::SessionEnded);
            }
            Some(sent) => rotation::decide(&tokens, sent, now),
            // It is one of the session's tokens, and the session has forgotten it.
            None if session.series_hash == Some(series.hash()) => Decision::Theft,
            None => return Err(SessionsError::SessionEnded),
        };
        let repeated = match decision {
            Decision::Issue => None,
            // Of a token that a server of the previous version issued, or one with another secret,
            // only the hash is known. Then another one is issued.
            Decision::Repeat(newest) => newest
                .nonce
                .as_deref()
                .and_then(|nonce| series.find_token(&self.refresh_key, nonce, &newest.token_hash)),
            Decision::Expired => return Err(SessionsError::SessionEnded),
            Decision::Theft if on_theft == OnTheft::Refuse => {
                return Err(SessionsError::SessionEnded);
            }
            Decision::Theft => {
                tracing::warn!(user = %session.user_id, session = %session.id,
                    "a void refresh token was sent; its session is revoked");
                store::revoke_session(&tx, session, now).await?;
                tx.commit().await?;
                return Err(SessionsError::SessionEnded);
            }
        };
        let user = store::find_user(&tx, session.user_id).await?;
        let user = user.ok_or(SessionsError::SessionEnded)?;
        if let Some(newest) = repeated {
            return self.signed_in(user, session_id, newest);
        }

        if let Some(sent) = sent {
            if sent.used_at.is_none() {
                store::mark_used(&tx, sent.id, now).await?;
            }
            let Replaced { voided, deleted } = rotation::replaced_by_issuing(&tokens, sent, now);
            if !voided.is_empty() {
                store::void_tokens(&tx, voided, now).await?;
            }
            if !deleted.is_empty() {
                store::delete_tokens(&tx, deleted).await?;
            }
        }
        store::extend_session(&tx, session, series.hash(), now, now + SESSION_LIFETIME).await?;
        let refresh_token = self.issue_refresh_token(&tx, session_id, series, now).await?;
        let signed_in = self.signed_in(user, session_id, refresh_token)?;
        tx.commit().await?;
        Ok(signed_in)
    }

    /// The session that this token belongs or belonged to.
    async fn find_session(&self, token: &RefreshToken) -> Result<Option<SessionId>, DbErr> {
        let db = self.db.reads();
        let session = store::find_session_by_series(db, &token.series().hash()).await?;
        if let Some(session) = session {
            return Ok(Some(session.id));
        }
        // A server of the previous version issued it.
        let token = store::find_refresh_token(db, &token.hash()).await?;
        Ok(token.map(|token| token.session_id))
    }

    /// Ends the sessions that the tokens of a request belong to. Does nothing if there is none.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn logout(&self, sent: &SentTokens) -> Result<(), SessionsError> {
        for token in sent.all() {
            if let Some(session_id) = self.find_session(token).await? {
                within_transaction_timeout(&self.db, || self.end(session_id)).await?;
            }
        }
        Ok(())
    }

    async fn end(&self, session_id: SessionId) -> Result<(), SessionsError> {
        let tx = self.db.begin().await?;
        if let Some(session) = store::lock_session(&tx, session_id).await?
            && session.revoked_at.is_none()
        {
            store::revoke_session(&tx, session, self.clock.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// The user's sessions that are still good, newest first.
    ///
    /// # Errors
    /// Only when the database fails.
    pub(crate) async fn of_user(&self, user: UserId) -> Result<Vec<session::Model>, SessionsError> {
        let now = self.clock.now();
        Ok(store::find_live_sessions_of(self.db.reads(), user, now, MAX_LISTED).await?)
    }

    /// Ends a session of this user. One that has ended already stays so.
    ///
    /// # Errors
    /// `NoSuchSession` if the user has none with this id.
    pub(crate) async fn end_of_user(
        &self,
        user: UserId,
        id: SessionId,
    ) -> Result<(), SessionsError> {
        let found = store::find_session(self.db.reads(), id).await?;
        if found.is_none_or(|session| session.user_id != user) {
            return Err(SessionsError::NoSuchSession);
        }
        within_transaction_timeout(&self.db, || self.end(id)).await
    }

    /// Ends all sessions of this user. Access tokens stay good until they expire.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn logout_everywhere(&self, user: UserId) -> Result<(), SessionsError> {
        within_transaction_timeout(&self.db, || async {
            let tx = self.db.begin().await?;
            store::revoke_sessions_of(&tx, user, None, self.clock.now()).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Removes expired sessions, refresh tokens and mailed tokens every hour, for as long as the server runs.
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
            let count = within_transaction_timeout(&self.db, || self.remove_batch(now)).await?;
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
        // Tokens first: a session takes its tokens along, and one of a previous version may have
        // many.
        let mut count = store::delete_expired_refresh_tokens(&tx, now, BATCH).await?;
        if count < BATCH {
            count += store::delete_expired_sessions(&tx, now, BATCH - count).await?;
        }
        if count < BATCH {
            count += store::delete_expired_account_tokens(&tx, now, BATCH - count).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    async fn issue_refresh_token(
        &self,
        tx: &impl ConnectionTrait,
        session_id: SessionId,
        series: Series,
        now: DateTime<Utc>,
    ) -> Result<RefreshToken, DbErr> {
        let (refresh_token, nonce) = series.new_token(&self.refresh_key);
        let row = refresh_token::Model {
            id: RefreshTokenId::new(),
            session_id,
            token_hash: refresh_token.hash(),
            nonce: Some(nonce.to_vec()),
            created_at: now,
            expires_at: now + SESSION_LIFETIME,
            used_at: None,
            voided_at: None,
        };
        store::insert_refresh_token(tx, row).await?;
        Ok(refresh_token)
    }

    fn signed_in(
        &self,
        user: user::Model,
        session: SessionId,
        refresh_token: RefreshToken,
    ) -> Result<SignedIn, SessionsError> {
        let access_token = self.access_tokens.issue_in_session(user.id, session)?;
        Ok(SignedIn { user, session, access_token, refresh_token })
    }
}
