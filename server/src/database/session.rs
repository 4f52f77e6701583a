//! The sessions on PostgreSQL: what is set in each, and whether a connection has one of its own.
//!
//! Everything is set after connecting, because poolers refuse most parameters of the startup
//! message. In transaction mode, a pooler gives each transaction the session that is free. Settings,
//! prepared statements and `LISTEN` of one connection then end up in those of others. So each
//! connection marks its session, and the probe looks whether its mark is still there, and in no
//! other connection's session.

use std::{fmt::Write, sync::Arc, time::Duration};

use parking_lot::Mutex;
use sea_orm::sqlx::{self, AssertSqlSafe, Executor, PgConnection, PgPool, Postgres, Row};
use tokio::time::timeout;
use uuid::Uuid;

/// How often a new connection and another one take turns to look for the new one's mark. An idle
/// pooler gives both the same session at once; a busy one may take a few turns.
const ROUNDS: usize = 5;
/// Longest wait for the other connection. If it is not there in time, the next probe looks again.
const OTHER_CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// The mark of the session that a connection opened last. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionMark(Arc<Mutex<Mark>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    id: Uuid,
    /// Whether another connection was found to have a different session.
    is_unique: bool,
}

impl SessionMark {
    /// Makes the settings of a new session, and marks it.
    ///
    /// # Errors
    /// The errors of the statement.
    pub(super) async fn set_up(
        &self,
        connection: &mut PgConnection,
        settings: &[(&'static str, String)],
    ) -> Result<(), sqlx::Error> {
        let id = Uuid::now_v7();
        let mut sql = format!("SET rowlock.session = '{id}'");
        for (name, value) in settings {
            // Writing to a string succeeds, and no value has a quote.
            let _ = write!(sql, "; SET {name} = '{value}'");
        }
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
        *self.0.lock() = Mark { id, is_unique: false };
        Ok(())
    }

    /// The mark's id, which is a new one whenever its connection was replaced.
    pub(super) fn id(&self) -> Uuid {
        self.0.lock().id
    }

    /// Forgets that the mark was found in no other session.
    pub(super) fn doubt(&self) {
        self.0.lock().is_unique = false;
    }

    /// Whether `marked`, the connection that set this mark, still has its session, and no other
    /// connection has it. The answer comes after a few turns if the connection is new, and otherwise
    /// at once.
    ///
    /// # Errors
    /// The errors of the statements on `marked`.
    pub(super) async fn is_kept(
        &self,
        marked: &mut PgConnection,
        others: &PgPool,
    ) -> Result<bool, sqlx::Error> {
        let mark = *self.0.lock();
        if mark.is_unique {
            return Ok(found_mark(marked).await? == Some(mark.id));
        }
        let other = timeout(OTHER_CONNECTION_TIMEOUT, others.acquire()).await;
        let mut other = other.ok().and_then(Result::ok);
        let is_unique = other.is_some();
        for _ in 0..ROUNDS {
            if let Some(other) = &mut other {
                let found = timeout(OTHER_CONNECTION_TIMEOUT, found_mark(&mut **other)).await;
                if matches!(found, Ok(Ok(found)) if found == Some(mark.id)) {
                    return Ok(false);
                }
            }
            // Twice, because a pooler may hand its sessions out in turn.
            for _ in 0..2 {
                if found_mark(&mut *marked).await? != Some(mark.id) {
                    return Ok(false);
                }
            }
        }
        *self.0.lock() = Mark { is_unique, ..mark };
        Ok(true)
    }
}

/// The mark in the session that the connection has now.
async fn found_mark<'a>(
    connection: impl Executor<'a, Database = Postgres>,
) -> Result<Option<Uuid>, sqlx::Error> {
    // A prepared statement would be one of those that a pooler mixes up.
    let sql = "SELECT coalesce(current_setting('rowlock.session', true), '')";
    let row = connection.fetch_one(sqlx::raw_sql(sql)).await?;
    Ok(row.try_get::<String, _>(0)?.parse().ok())
}
