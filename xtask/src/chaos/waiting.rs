//! Waits for servers.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::server::get;

/// For a server to notice that the database refuses writes, or takes them again.
const READINESS_TIMEOUT: Duration = Duration::from_secs(5);

/// Waits until all these servers are ready, or until none is.
pub(super) fn wait_for_readiness(addresses: &[&str], is_ready: bool) -> Result<()> {
    for address in addresses {
        let started = Instant::now();
        while get(address, "/readyz")?.starts_with("HTTP/1.1 200") != is_ready {
            ensure!(started.elapsed() < READINESS_TIMEOUT, "{address}: is_ready is not {is_ready}");
            sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}
