//! Whether the database can be reached, as a watch beside the work last found it.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use super::Database;

pub(super) const PROBE_EVERY: Duration = Duration::from_secs(1);
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// The last finding. Until the first probe the database counts as there.
#[derive(Debug, Default)]
pub struct Health {
    away: watch::Sender<bool>,
    schema: Mutex<Schema>,
}

/// Whether the database has the schema that this server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Schema {
    /// It was not looked at yet, or has none.
    #[default]
    Unknown,
    Misses(usize),
    Complete,
}

impl Health {
    /// As long as nothing is known, and that should not count as there.
    pub(super) fn away() -> Self {
        Self { away: watch::Sender::new(true), ..Self::default() }
    }

    /// Whether the last probe failed.
    #[must_use]
    pub fn is_away(&self) -> bool {
        *self.away.borrow()
    }

    /// What was last found of the schema.
    pub(crate) fn schema(&self) -> Schema {
        *self.schema.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a finding, and gives the one before.
    fn set_schema(&self, found: Schema) -> Schema {
        mem::replace(&mut self.schema.lock().unwrap_or_else(PoisonError::into_inner), found)
    }

    /// Ends when a probe fails.
    pub(super) async fn goes_away(&self) {
        // The sender lives as long as this.
        let _ = self.away.subscribe().wait_for(|away| *away).await;
    }

    /// Records a finding, and gives the one before.
    pub(super) fn set_away(&self, is_away: bool) -> bool {
        self.away.send_replace(is_away)
    }

    /// Records a finding; logs one line when it differs from the last.
    fn found(&self, result: Result<(), String>, database: &str) {
        let was_away = self.set_away(result.is_err());
        match result {
            Err(cause) if !was_away => tracing::error!(
                "the database {database} can't be reached ({cause}); callers get UNAVAILABLE, and \
                 the server goes on trying every second"
            ),
            Ok(()) if was_away => tracing::info!("the database {database} is back"),
            _ => {}
        }
    }
}

impl Database {
    /// Asks the database for a sign of life, once.
    ///
    /// # Errors
    /// What kept it from answering within three seconds.
    pub(crate) async fn probe(&self) -> Result<(), String> {
        match timeout(PROBE_TIMEOUT, self.probe.ping()).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PROBE_TIMEOUT.as_secs())),
        }
    }

    /// Probes the database every second, for as long as the server runs. `name` is for the log.
    pub async fn watch_health(self, name: String) {
        let mut tick = interval(PROBE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.check_health(&name).await;
        }
    }

    /// Probes the database once, and looks at its schema.
    pub(crate) async fn check_health(&self, name: &str) {
        let finding = self.probe().await;
        let is_there = finding.is_ok();
        self.health.found(finding, name);
        if is_there {
            self.check_schema(name).await;
        }
    }

    async fn check_schema(&self, name: &str) {
        let found = match timeout(PROBE_TIMEOUT, self.pending_migrations()).await {
            Ok(Ok(0)) => Schema::Complete,
            Ok(Ok(pending)) => Schema::Misses(pending),
            Ok(Err(_)) | Err(_) => Schema::Unknown,
        };
        if self.health.set_schema(found) != found
            && let Schema::Misses(pending) = found
        {
            tracing::error!(
                "the database {name} misses {pending} migrations: run `rowlock migrate`"
            );
        }
    }
}
