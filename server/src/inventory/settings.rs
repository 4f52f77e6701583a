//! Settings for the transactions that bookings and cancellations share.

use std::time::Duration;

use clap::Args;
use sea_orm::DbBackend;

use crate::coalescing::Bounds;

/// Settings for the transactions that bookings and cancellations share.
#[derive(Clone, Debug, Args)]
pub struct BookingArgs {
    /// Number of booking transactions that run at the same time on PostgreSQL, each for its share
    /// of the events; SQLite has one writer
    #[arg(
        long,
        env,
        default_value_t = Self::LANES,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=64)
    )]
    pub booking_lanes: u32,

    /// Maximum number of bookings and cancellations in one transaction
    #[arg(
        long,
        env,
        default_value_t = Self::BATCH,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=5_000)
    )]
    pub booking_batch: u32,

    /// Maximum number of bookings and cancellations that wait in each lane; further ones get
    /// UNAVAILABLE
    #[arg(
        long,
        env,
        default_value_t = Self::QUEUE,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub booking_queue: u32,

    /// Longest time that a booking waits for its transaction to start; after that it gets
    /// UNAVAILABLE
    #[arg(
        long,
        env,
        default_value_t = Self::WAIT_MS,
        value_name = "MS",
        value_parser = clap::value_parser!(u64).range(1..=600_000)
    )]
    pub booking_wait_ms: u64,

    /// Hold each transaction's row locks this much longer, to make races visible; 0 for real use
    #[arg(
        long,
        env,
        default_value_t = 0,
        value_name = "MS",
        value_parser = clap::value_parser!(u64).range(..=10_000)
    )]
    pub booking_delay_ms: u64,
}

impl BookingArgs {
    const LANES: u32 = 4;
    const BATCH: u32 = 256;
    const QUEUE: u32 = 10_000;
    const WAIT_MS: u64 = 10_000;

    /// The extra time for which each transaction holds its row locks.
    pub(super) fn lock_delay(&self) -> Duration {
        Duration::from_millis(self.booking_delay_ms)
    }

    /// The number of lanes.
    pub(super) fn lanes(&self, backend: DbBackend) -> u32 {
        if backend == DbBackend::Sqlite { 1 } else { self.booking_lanes }
    }

    pub(super) fn lane_bounds(&self) -> Bounds {
        Bounds {
            max_batch: self.booking_batch as usize,
            max_waiting: self.booking_queue as usize,
            wait_timeout: Duration::from_millis(self.booking_wait_ms),
        }
    }
}

impl Default for BookingArgs {
    fn default() -> Self {
        Self {
            booking_lanes: Self::LANES,
            booking_batch: Self::BATCH,
            booking_queue: Self::QUEUE,
            booking_wait_ms: Self::WAIT_MS,
            booking_delay_ms: 0,
        }
    }
}
