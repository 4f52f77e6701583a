//! Waits for things that a server does in the background.

use std::time::Duration;

use tokio::time::{Instant, sleep};

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Polls until `holds` returns true. Panics with `condition` if that takes longer than `timeout`.
pub(crate) async fn wait_until(
    timeout: Duration,
    condition: &str,
    mut holds: impl AsyncFnMut() -> bool,
) {
    let deadline = Instant::now() + timeout;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {timeout:?}: {condition}");
        sleep(POLL_INTERVAL).await;
    }
}
