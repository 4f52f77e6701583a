//! Decides which pooled connections can be used without a test first.

use std::{pin::pin, sync::Arc, time::Duration};

use parking_lot::Mutex;
use sea_orm::DbErr;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::fault::{timeout_error, unreachable_error};

/// A connection that was idle for longer than this is pinged before it is used.
const TRUSTED_IDLE_TIME: Duration = Duration::from_secs(1);
/// For this long after a connection broke, every connection is pinged when it returns to its pool.
const DISTRUST_TIME: Duration = Duration::from_secs(60);

/// Remembers when a connection last broke. A ping costs a round trip, so a connection is used
/// without one if it worked a moment ago and none broke since. Clones share the state.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionTrust(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    events: Mutex<Events>,
    database_moved: Notify,
}

#[derive(Debug, Default)]
struct Events {
    broke_at: Option<Instant>,
    /// Connections that were opened before are of no more use.
    outdated_at: Option<Instant>,
}

impl ConnectionTrust {
    /// Records that a connection broke. Others may have broken with it.
    pub(super) fn connection_broke(&self) {
        self.0.events.lock().broke_at = Some(Instant::now());
    }

    /// Records that a prepared statement no longer fits its table.
    pub(super) fn schema_changed(&self) {
        self.0.events.lock().outdated_at = Some(Instant::now());
    }

    /// Records that the database is at another node. All work at the one before ends as if its
    /// connection had broken.
    pub(super) fn database_moved(&self) {
        let now = Some(Instant::now());
        *self.0.events.lock() = Events { broke_at: now, outdated_at: now };
        self.0.database_moved.notify_waiters();
    }

    /// Whether a connection that was opened `age` ago may lead to another node, or have prepared
    /// statements that no longer fit.
    pub(super) fn may_be_outdated(&self, age: Duration) -> bool {
        self.0.events.lock().outdated_at.is_some_and(|outdated_at| outdated_at.elapsed() <= age)
    }

    /// Whether a connection that was idle for `time` can be used without a ping.
    pub(super) fn allows_idle(&self, time: Duration) -> bool {
        time < TRUSTED_IDLE_TIME && self.since_last_break().is_none_or(|since| since > time)
    }

    /// Whether a connection that was opened `age` ago has seen no break.
    pub(super) fn allows_age(&self, age: Duration) -> bool {
        self.since_last_break().is_none_or(|since| since > age)
    }

    /// Whether no connection has broken lately.
    pub(super) fn is_full(&self) -> bool {
        self.since_last_break().is_none_or(|since| since > DISTRUST_TIME)
    }

    /// Runs `work`, and stops it at `deadline`, or when the database is at another node. Its
    /// connection then counts as broken before the pool gets it back.
    ///
    /// # Errors
    /// The errors of `work`, [`timeout_error`] at the deadline, and [`unreachable_error`] when the
    /// database has moved.
    pub(super) async fn with_deadline<T, E: From<DbErr>>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        // Pinned here, so that `work` is dropped only after the break was recorded.
        let mut work = pin!(work);
        let mut moved = pin!(self.0.database_moved.notified());
        // From now on, no move is missed.
        moved.as_mut().enable();
        tokio::select! {
            biased;
            result = timeout_at(deadline, &mut work) => result.unwrap_or_else(|_| {
                self.connection_broke();
                Err(timeout_error().into())
            }),
            () = moved => Err(unreachable_error().into()),
        }
    }

    fn since_last_break(&self) -> Option<Duration> {
        self.0.events.lock().broke_at.map(|broke_at| broke_at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_break_connections_are_pinged_until_it_is_long_ago() {
        let trust = ConnectionTrust::default();
        let (short, long) = (Duration::from_millis(300), Duration::from_secs(1));
        assert!(trust.allows_idle(short) && !trust.allows_idle(long) && trust.is_full());
        trust.connection_broke();
        assert!(!trust.allows_idle(short), "it was idle while another one broke");
        assert!(!trust.allows_age(long), "it was open then");
        advance(Duration::from_millis(400)).await;
        assert!(trust.allows_idle(short), "it worked since");
        assert!(trust.allows_age(short), "it was opened since");
        assert!(!trust.is_full());
        advance(Duration::from_secs(60)).await;
        assert!(trust.is_full());
    }

    #[tokio::test(start_paused = true)]
    async fn connections_opened_before_a_change_of_the_schema_are_outdated() {
        let trust = ConnectionTrust::default();
        assert!(!trust.may_be_outdated(Duration::from_secs(60)));
        trust.schema_changed();
        advance(Duration::from_secs(5)).await;
        assert!(trust.may_be_outdated(Duration::from_secs(6)));
        assert!(!trust.may_be_outdated(Duration::from_secs(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn work_at_a_node_that_was_left_ends_at_once() {
        let trust = ConnectionTrust::default();
        let deadline = Instant::now() + Duration::from_secs(3);
        let waiting = tokio::spawn({
            let trust = trust.clone();
            async move { trust.with_deadline(deadline, pending::<Result<(), DbErr>>()).await }
        });
        tokio::task::yield_now().await;
        trust.database_moved();
        assert_eq!(waiting.await.unwrap(), Err(unreachable_error()));
        assert!(Instant::now() < deadline);
        assert!(trust.may_be_outdated(Duration::from_secs(1)), "it leads to the node before");
        assert_eq!(trust.with_deadline(deadline, ready(Ok::<_, DbErr>(7))).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_misses_its_deadline_breaks_its_connection() {
        let trust = ConnectionTrust::default();
        let deadline = Instant::now() + Duration::from_secs(3);
        assert_eq!(trust.with_deadline(deadline, ready(Ok::<_, DbErr>(7))).await, Ok(7));
        assert!(trust.is_full());
        let missed = trust.with_deadline(deadline, pending::<Result<(), DbErr>>()).await;
        assert_eq!(missed, Err(timeout_error()));
        assert!(!trust.is_full());
    }
}
