//! Standbys that answer lists of events while they are healthy. Otherwise, the primary answers them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement, sqlx,
};
use tokio::time::{Instant, timeout};

use super::{
    Availability, Fault, Health, Reads,
    connection_trust::ConnectionTrust,
    pools::{ConnectionTest, Purpose, postgres_options},
    reads::READ_TIMEOUT,
    replication::RequiredWal,
    session::SessionMark,
    url::PostgresUrl,
};

/// Longest wait for the answer to a probe.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for the standby's answer. After that, the primary is asked, with a deadline of its
/// own.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// After it failed to answer, the standby is not used for this long, whatever its probe says.
const DISTRUST_TIME: Duration = Duration::from_secs(10);
/// Number of connections that a probe opens until one leads to a standby that keeps up. Behind one
/// address there may be several.
const PROBED_CONNECTIONS: usize = 3;

/// Reads lists from a healthy standby, each time from the next one, and from the primary if there is
/// none. Clones share all.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    standbys: Arc<[Standby]>,
    next: Arc<AtomicUsize>,
    primary: Reads,
}

#[derive(Clone, Debug)]
pub(super) struct Standby {
    pool: DatabaseConnection,
    trust: ConnectionTrust,
    /// A connection that only the probe uses.
    probe: DatabaseConnection,
    probe_mark: SessionMark,
    required: RequiredWal,
    /// Unreachable until the first probe succeeds.
    health: Arc<Health>,
    last_failure: Arc<Mutex<Option<Instant>>>,
    /// For the log.
    name: String,
}

impl Lists {
    pub(super) fn new(primary: Reads, standbys: Vec<Standby>) -> Self {
        Self { standbys: standbys.into(), next: Arc::default(), primary }
    }

    pub(super) fn primary(&self) -> &Reads {
        &self.primary
    }

    pub(super) fn standbys(&self) -> &[Standby] {
        &self.standbys
    }

    fn healthy_standby(&self) -> Option<&Standby> {
        if self.standbys.is_empty() {
            return None;
        }
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.standbys.len();
        let (before, after) = self.standbys.split_at(first);
        after.iter().chain(before).find(|standby| standby.is_healthy())
    }
}

impl Standby {
    /// Prepares the pools of each standby that a URL names.
    ///
    /// # Errors
    /// When a URL can't be understood.
    pub(super) async fn open_all(
        url: &PostgresUrl,
        connections: u32,
        required: &RequiredWal,
    ) -> Result<Vec<Self>, DbErr> {
        let mut standbys = Vec::new();
        for node in url.nodes() {
            standbys.push(
                Self::open(node.with_secrets(), node.to_string(), connections, required).await?,
            );
        }
        Ok(standbys)
    }

    async fn open(
        url: &str,
        name: String,
        connections: u32,
        required: &RequiredWal,
    ) -> Result<Self, DbErr> {
        // Its connections break independently of the primary's.
        let trust = ConnectionTrust::default();
        let probe_mark = SessionMark::default();
        let options = |connections, test, mark: &SessionMark, purpose| {
            postgres_options(url, connections, &trust, test, mark, purpose)
        };
        let (keeps_up, mark) = (ConnectionTest::KeepsUp(required.clone()), SessionMark::default());
        let pool = options(connections, keeps_up, &mark, Purpose::Reads(READ_TIMEOUT));
        let mut probe = options(1, ConnectionTest::Answers, &probe_mark, Purpose::Messages);
        probe.sqlx_logging(false);
        Ok(Self {
            pool: sea_orm::Database::connect(pool).await?,
            probe: sea_orm::Database::connect(probe).await?,
            probe_mark,
            trust,
            required: required.clone(),
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
    pub(super) async fn check(&self, is_first: bool) {
        let result = self.probe().await;
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
    async fn probe(&self) -> Result<(), String> {
        if self.last_failure.lock().is_some_and(|failed| failed.elapsed() < DISTRUST_TIME) {
            return Err("it failed to answer a moment ago".to_owned());
        }
        let mut shortfall = None;
        for _ in 0..PROBED_CONNECTIONS {
            let probing = timeout(PROBE_TIMEOUT, self.shortfall_of_connection());
            shortfall = match probing.await {
                Ok(answer) => answer.map_err(|error| error.to_string())?,
                Err(_) => {
                    return Err(format!("no answer within {} s", PROBE_TIMEOUT.as_secs()));
                }
            };
            if shortfall.is_none() {
                return Ok(());
            }
        }
        Err(shortfall.unwrap_or_default())
    }

    /// Why the probe's connection can't be used, which is closed then; `None` if it can.
    async fn shortfall_of_connection(&self) -> Result<Option<String>, sqlx::Error> {
        let mut connection = self.probe.get_postgres_connection_pool().acquire().await?;
        let others = self.pool.get_postgres_connection_pool();
        let shortfall = match self.probe_mark.is_kept(&mut connection, others).await? {
            true => self.required.shortfall_of(&mut connection).await?,
            false => {
                let problem = Availability::NoSession.problem().unwrap_or_default();
                Some(format!("it {problem}"))
            }
        };
        if shortfall.is_some() {
            connection.close().await?;
        }
        Ok(shortfall)
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

    /// Its pools connect only when they are used.
    async fn standby() -> Standby {
        let url = "postgres://127.0.0.1:1/nowhere";
        let required = RequiredWal::default();
        let standby = Standby::open(url, "standby".to_owned(), 1, &required).await.unwrap();
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
        let distrusted = standby.probe().await.unwrap_err();
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
