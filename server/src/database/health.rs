//! Whether the database can be reached, as a watch beside the work last found it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Database;

const PROBE_EVERY: Duration = Duration::from_secs(1);
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// The last finding. Until the first probe the database counts as there.
#[derive(Debug, Default)]
pub struct Health {
    away: AtomicBool,
}

impl Health {
    /// Whether the last probe failed.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Records a finding; logs one line when it differs from the last.
    fn found(&self, result: Result<(), String>, database: &str) {
        let is_away = result.is_err();
        let was_away = self.away.swap(is_away, Ordering::Relaxed);
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
    pub async fn probe(&self) -> Result<(), String> {
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
            let finding = self.probe().await;
            self.health.found(finding, &name);
        }
    }
}
