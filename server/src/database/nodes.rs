//! The nodes of a cluster that `DATABASE_URL` names, and the one in use.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use sea_orm::{
    DatabaseConnection, DbErr,
    sqlx::{self, ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions},
};
use tokio::time::timeout;

use super::{
    Availability,
    fault::driver_error,
    url::{NodeUrl, PostgresUrl},
};

/// Longest wait for the nodes' answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for a refusal, which comes at once. Until then, nobody knows that the database is
/// away.
const REFUSAL_TIMEOUT: Duration = Duration::from_millis(100);

/// At least one node, of which one is in use.
#[derive(Debug)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    used: AtomicUsize,
}

#[derive(Debug)]
struct Node {
    options: PgConnectOptions,
    /// For the log.
    name: String,
}

/// The result of a look at all nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The node that is in use takes writes.
    Used,
    /// Another one does.
    Other(usize),
    /// None does. The one in use can be used for this, and why for no more than that.
    None(Availability, String),
}

impl Nodes {
    /// # Errors
    /// When a URL can't be understood.
    pub(super) fn new(url: &PostgresUrl) -> Result<Self, DbErr> {
        let node = |url: &NodeUrl| {
            let options = url.with_secrets().parse::<PgConnectOptions>()?;
            // Poolers refuse other parameters, as in the pools.
            let options = options.application_name("rowlock").extra_float_digits(None);
            let name = url.to_string();
            Ok::<_, sqlx::Error>(Node { options: options.disable_statement_logging(), name })
        };
        let nodes = url.nodes().iter().map(node).collect::<Result<_, _>>();
        Ok(Self { nodes: nodes.map_err(driver_error)?, used: AtomicUsize::new(0) })
    }

    pub(super) fn are_several(&self) -> bool {
        self.nodes.len() > 1
    }

    /// Asks all nodes at the same time. The first one that takes writes is the answer.
    pub(super) async fn find_writable(&self) -> Found {
        let used = self.used.load(Ordering::Relaxed);
        let mut answers: FuturesUnordered<_> = (0..self.nodes.len())
            .map(async |index| (index, timeout(ANSWER_TIMEOUT, self.nodes[index].ask()).await))
            .collect();
        let mut none = Found::None(Availability::Unreachable, String::new());
        while let Some((index, answer)) = answers.next().await {
            let (availability, cause) = match answer {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => (Availability::Unreachable, error.to_string()),
                Err(_) => {
                    let cause = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
                    (Availability::Unreachable, cause)
                }
            };
            match (availability, index == used) {
                (Availability::Full, true) => return Found::Used,
                (Availability::Full, false) => return Found::Other(index),
                (_, true) => none = Found::None(availability, cause),
                (_, false) => {}
            }
        }
        none
    }

    /// Why the node in use refuses a connection. `None` if it does not, or says nothing.
    pub(super) async fn refusal(&self) -> Option<String> {
        let node = &self.nodes[self.used.load(Ordering::Relaxed)];
        let answer = timeout(REFUSAL_TIMEOUT, node.ask()).await.ok()?;
        answer.err().map(|error| error.to_string())
    }

    /// Uses another node. These pools open their connections there from now on.
    pub(super) fn use_for<'a>(
        &self,
        index: usize,
        pools: impl Iterator<Item = &'a DatabaseConnection>,
    ) {
        let Node { options, name } = &self.nodes[index];
        for pool in pools {
            let pool = pool.get_postgres_connection_pool();
            let own = PgConnectOptions::clone(&pool.connect_options());
            pool.set_connect_options(own.host(options.get_host()).port(options.get_port()));
        }
        self.used.store(index, Ordering::Relaxed);
        tracing::warn!("the node {name} takes writes, and is used from now on");
    }
}

impl Node {
    async fn ask(&self) -> Result<(Availability, String), sqlx::Error> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        let answer = availability_of(&mut connection).await?;
        connection.close().await?;
        Ok(answer)
    }
}

/// The uses that a connection's database allows, and why it allows no more.
///
/// # Errors
/// The errors of the statement.
pub(super) async fn availability_of(
    connection: &mut PgConnection,
) -> Result<(Availability, String), sqlx::Error> {
    let sql = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', \
               current_setting('server_encoding')";
    let row = sqlx::raw_sql(sql).fetch_one(connection).await?;
    let encoding: String = row.try_get(2)?;
    if encoding != "UTF8" {
        return Ok((Availability::WrongEncoding, format!("its encoding is {encoding}")));
    }
    Ok(match (row.try_get(0)?, row.try_get(1)?) {
        (true, _) => (Availability::Standby, String::new()),
        (false, true) => (Availability::ReadOnly, "transaction_read_only is on".to_owned()),
        (false, false) => (Availability::Full, String::new()),
    })
}
