//! A standby that answers lists of events while it is healthy. Otherwise, the primary answers them.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use tokio::time::{Instant, timeout};

use super::{
    Availability, Fault, Health, Reads,
    connection_trust::ConnectionTrust,
    fault::driver_error,
    pools::{ConnectionTest, Purpose, postgres_options},
    reads::READ_TIMEOUT,
    session::SessionMark,
};

/// Longest wait for the answer to a probe.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// A standby that lags further behind the primary is not used.
const MAX_LAG: Duration = Duration::from_secs(5);
/// Longest wait for the standby's answer. After that, the primary is asked, with a deadline of its
/// own.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// After it failed to answer, the standby is not used for this long, whatever its probe says.
const DISTRUST_TIME: Duration = Duration::from_secs(10);

/// Reads lists from the standby while it is healthy, and otherwise from the primary. Clones share
/// both.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    standby: Option<Standby>,
    primary: Reads,
}

#[derive(Clone, Debug)]
pub(super) struct Standby {
    pool: DatabaseConnection,
    trust: ConnectionTrust,
    /// A connection that only the probe uses.
    probe: DatabaseConnection,
    probe_mark: SessionMark,
    /// Unreachable until the first probe succeeds.
    health: Arc<Health>,
    last_failure: Arc<Mutex<Option<Instant>>>,
    /// For the log.
    name: String,
}

/// An SQL expression that identifies a database: a primary and its standbys agree on its value.
pub(super) const IDENTITY: &str =
    "(SELECT system_identifier FROM pg_control_system()) || ' ' || current_database()";

/// The end of the primary's write-ahead log at one moment.
#[derive(Clone, Debug)]
pub(super) struct WalPosition {
    pub(super) at: Instant,
    /// The position, in PostgreSQL's `pg_lsn` notation.
    pub(super) lsn: String,
    pub(super) identity: String,
}

/// The primary's recent positions. A standby must have replayed the oldest of them.
#[derive(Debug, Default)]
pub(super) struct WalHistory(VecDeque<WalPosition>);

impl WalHistory {
    /// Adds a position and forgets those that are no longer needed.
    pub(super) fn record(&mut self, position: Option<WalPosition>) {
        self.0.extend(position);
        while self.0.get(1).is_some_and(|second| second.at.elapsed() >= MAX_LAG) {
            self.0.pop_front();
        }
    }

    /// The position that a standby must have replayed by now.
    pub(super) fn required(&self) -> Option<&WalPosition> {
        self.0.front()
    }
}

/// The result of a standby's probe.
#[derive(Clone, Copy, Debug)]
struct StandbyStatus {
    is_standby: bool,
    is_of_primary: bool,
    has_replayed: bool,
}

impl StandbyStatus {
    /// # Errors
    /// The reason why the standby can't be used.
    fn check(self) -> Result<(), String> {
        if !self.is_standby {
            return Err("it is not a standby, or no longer one".to_owned());
        }
        if !self.is_of_primary {
            return Err("it is the standby of another database".to_owned());
        }
        if !self.has_replayed {
            return Err(format!("it is more than {} s behind", MAX_LAG.as_secs()));
        }
        Ok(())
    }
}

impl Lists {
    pub(super) fn new(primary: Reads, standby: Option<Standby>) -> Self {
        Self { standby, primary }
    }

    pub(super) fn primary(&self) -> &Reads {
        &self.primary
    }

    pub(super) fn standby(&self) -> Option<&Standby> {
        self.standby.as_ref()
    }

    fn healthy_standby(&self) -> Option<&Standby> {
        self.standby().filter(|standby| standby.is_healthy())
    }
}

impl Standby {
    pub(super) async fn open(url: &str, name: String, connections: u32) -> Result<Self, DbErr> {
        // Its connections break independently of the primary's.
        let trust = ConnectionTrust::default();
        let probe_mark = SessionMark::default();
        let options = |connections, mark: &SessionMark, purpose| {
            postgres_options(url, connections, &trust, ConnectionTest::Answers, mark, purpose)
        };
        let pool = options(connections, &SessionMark::default(), Purpose::Reads(READ_TIMEOUT));
        let mut probe = options(1, &probe_mark, Purpose::Messages);
        probe.sqlx_logging(false);
        Ok(Self {
            pool: sea_orm::Database::connect(pool).await?,
            probe: sea_orm::Database::connect(probe).await?,
            probe_mark,
            trust,
            health: Arc::new(Health::unreachable()),
            last_failure: Arc::default(),
            name,
        })
    }

    pub(super) fn pool(&self) -> &DatabaseConnection {
        &self.pool
    }

    pub(super) fn connections(&self) -> [&DatabaseConnection; 2] {
        [&self.probe, &self.pool]
    }

    pub(super) fn is_healthy(&self) -> bool {
        !self.health.is_unreachable()
    }

    /// Runs `work` at the standby; `None` means that the primary must be asked. The first failure
    /// marks the standby as unreachable, so that nobody else waits for it.
    async fn ask<T>(&self, work: impl Future<Output = Result<T, DbErr>>) -> Option<T> {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        let answer = tokio::select! {
            biased;
            answer = self.trust.with_deadline(deadline, work) => answer,
            () = self.health.becomes_unreachable() => return None,
        };
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                match Fault::of(&error) {
                    Fault::Unreachable | Fault::Overloaded => {
                        *self.last_failure.lock() = Some(Instant::now());
                        if !self.health.set_unreachable(true) {
                            self.log_unusable(&error.to_string());
                        }
                    }
                    Fault::SchemaChanged => self.trust.schema_changed(),
                    // Replaying the log can also cancel a single statement.
                    Fault::LockTimeout
                    | Fault::ReadOnly
                    | Fault::SerializationFailure
                    | Fault::ConstraintViolation
                    | Fault::Other => {}
                }
                tracing::debug!(%error, "the standby did not answer");
                None
            }
        }
    }

    /// Probes the standby and records the result; logs it if it has changed or `is_first`.
    pub(super) async fn check(&self, required: Option<&WalPosition>, is_first: bool) {
        let result = self.probe(required).await;
        let was_unreachable = self.health.set_unreachable(result.is_err());
        match result {
            Ok(()) if was_unreachable => {
                tracing::info!("the standby {} answers lists of events", self.name);
            }
            Err(cause) if !was_unreachable || is_first => self.log_unusable(&cause),
            _ => {}
        }
    }

    fn log_unusable(&self, cause: &str) {
        tracing::warn!(
            "the standby {} can't be used ({cause}); the primary answers lists, and the standby is \
             tried again every second",
            self.name
        );
    }

    /// # Errors
    /// The reason why the standby can't be used.
    async fn probe(&self, required: Option<&WalPosition>) -> Result<(), String> {
        if self.last_failure.lock().is_some_and(|failed| failed.elapsed() < DISTRUST_TIME) {
            return Err("it failed to answer a moment ago".to_owned());
        }
        let has_session = timeout(PROBE_TIMEOUT, self.has_own_session());
        let no_answer = || format!("no answer within {} s", PROBE_TIMEOUT.as_secs());
        match has_session.await.map_err(|_| no_answer())? {
            Ok(true) => {}
            Ok(false) => {
                return Err(format!(
                    "it {}",
                    Availability::NoSession.problem().unwrap_or_default()
                ));
            }
            Err(error) => return Err(error.to_string()),
        }
        let (lsn, identity) =
            required.map(|position| (position.lsn.clone(), position.identity.clone())).unzip();
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            format!(
                "SELECT pg_is_in_recovery() AND to_regclass('events') IS NOT NULL AS is_standby, \
                 coalesce({IDENTITY} = $2, true) AS is_of_primary, \
                 coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, true) AS has_replayed"
            ),
            [lsn.into(), identity.into()],
        );
        let row = match timeout(PROBE_TIMEOUT, self.probe.query_one_raw(statement)).await {
            Ok(answer) => answer.map_err(|error| error.to_string())?.ok_or("it gave no row")?,
            Err(_) => return Err(no_answer()),
        };
        let column = |name| row.try_get::<bool>("", name).map_err(|error| error.to_string());
        let status = StandbyStatus {
            is_standby: column("is_standby")?,
            is_of_primary: column("is_of_primary")?,
            has_replayed: column("has_replayed")?,
        };
        status.check()
    }

    async fn has_own_session(&self) -> Result<bool, DbErr> {
        let mut marked =
            self.probe.get_postgres_connection_pool().acquire().await.map_err(driver_error)?;
        let others = self.pool.get_postgres_connection_pool();
        self.probe_mark.is_kept(&mut marked, others).await.map_err(driver_error)
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Lists {
    fn get_database_backend(&self) -> DbBackend {
        self.primary.get_database_backend()
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if let Some(standby) = self.healthy_standby()
            && let Some(row) = standby.ask(standby.pool.query_one_raw(statement.clone())).await
        {
            return Ok(row);
        }
        self.primary.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if let Some(standby) = self.healthy_standby()
            && let Some(rows) = standby.ask(standby.pool.query_all_raw(statement.clone())).await
        {
            return Ok(rows);
        }
        self.primary.query_all_raw(statement).await
    }

    // A standby takes no writes, so these go to the primary.

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.primary.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.primary.execute_unprepared(sql).await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::advance;

    use super::*;

    fn position(lsn: &str) -> Option<WalPosition> {
        Some(WalPosition { at: Instant::now(), lsn: lsn.to_owned(), identity: "7 db".to_owned() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_standby_must_have_replayed_what_the_primary_had_five_seconds_ago() {
        let mut history = WalHistory::default();
        assert!(history.required().is_none(), "nothing is required while nothing is known");
        let mut required = Vec::new();
        for second in 0..9 {
            history.record(position(&format!("0/{second}")));
            required.push(history.required().unwrap().lsn.clone());
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(required, ["0/0", "0/0", "0/0", "0/0", "0/0", "0/0", "0/1", "0/2", "0/3"]);
        // The primary writes nothing while it is away, so its last position stays required.
        advance(Duration::from_secs(60)).await;
        history.record(None);
        assert_eq!(history.required().unwrap().lsn, "0/8");
    }

    #[test]
    fn only_a_standby_of_this_primary_that_keeps_up_is_used() {
        let good = StandbyStatus { is_standby: true, is_of_primary: true, has_replayed: true };
        assert_eq!(good.check(), Ok(()));
        for (bad, cause) in [
            (StandbyStatus { is_standby: false, ..good }, "not a standby"),
            (StandbyStatus { is_of_primary: false, ..good }, "another database"),
            (StandbyStatus { has_replayed: false, ..good }, "behind"),
        ] {
            assert!(bad.check().unwrap_err().contains(cause), "{bad:?}");
        }
    }

    /// Its pools connect only when they are used.
    async fn standby() -> Standby {
        let url = "postgres://127.0.0.1:1/nowhere";
        let standby = Standby::open(url, "standby".to_owned(), 1).await.unwrap();
        standby.health.set_unreachable(false);
        standby
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_who_gets_no_answer_spares_the_others_the_wait() {
        let standby = standby().await;
        assert_eq!(standby.ask(ready(Ok(7))).await, Some(7));
        let other = tokio::spawn({
            let standby = standby.clone();
            async move {
                advance(Duration::from_millis(500)).await;
                standby.ask(pending::<Result<(), DbErr>>()).await
            }
        });
        let asked = Instant::now();
        assert_eq!(standby.ask(pending::<Result<(), DbErr>>()).await, None);
        assert_eq!(other.await.unwrap(), None);
        assert!(asked.elapsed() < Duration::from_millis(1_500), "{:?}", asked.elapsed());
        assert!(!standby.is_healthy());
        let distrusted = standby.probe(None).await.unwrap_err();
        assert!(distrusted.contains("a moment ago"), "{distrusted}");
    }

    #[tokio::test]
    async fn a_statement_that_is_wrong_says_nothing_about_the_standby() {
        let standby = standby().await;
        let wrong = DbErr::Custom("no such column".to_owned());
        assert_eq!(standby.ask(ready(Err::<(), _>(wrong))).await, None);
        assert!(standby.is_healthy());
    }
}
