//! Settings for the transactions that bookings and cancellations share.

use std::{num::NonZero, ops::RangeInclusive, thread, time::Duration};

use clap::Args;
use sea_orm::DbBackend;

use crate::coalescing::Bounds;

/// Settings for the transactions that bookings and cancellations share.
#[derive(Clone, Debug, Args)]
pub struct BookingArgs {
    /// Number of booking transactions that run at the same time on PostgreSQL, each for its share
    /// of the events; as many as there are cores, from 2 to 8, if it is not set; SQLite has one
    /// writer
    #[arg(long, env, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub booking_lanes: Option<u32>,

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

    /// Tell nobody by mail. It is for bookings of people who don't exist.
    #[arg(skip)]
    pub tells_nobody: bool,
}

impl BookingArgs {
    const LANES: RangeInclusive<usize> = 2..=8;
    const BATCH: u32 = 256;
    const QUEUE: u32 = 10_000;
    const WAIT_MS: u64 = 10_000;

    /// The extra time for which each transaction holds its row locks.
    pub(super) fn lock_delay(&self) -> Duration {
        Duration::from_millis(self.booking_delay_ms)
    }

    /// The number of lanes. While one waits for its commit, another one works. With more of them
    /// than cores, batches are smaller and nothing is won.
    pub(super) fn lanes(&self, backend: DbBackend) -> usize {
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        match (backend, self.booking_lanes) {
            (DbBackend::Sqlite, _) => 1,
            (_, Some(lanes)) => lanes as usize,
            (_, None) => cores().clamp(*Self::LANES.start(), *Self::LANES.end()),
        }
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
            booking_lanes: None,
            booking_batch: Self::BATCH,
            booking_queue: Self::QUEUE,
            booking_wait_ms: Self::WAIT_MS,
            booking_delay_ms: 0,
            tells_nobody: false,
        }
    }
}
