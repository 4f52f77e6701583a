//! The clients that use this server, each known by its address, and what each may use at a time.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use clap::{Args, builder::RangedU64ValueParser};
use parking_lot::Mutex;
use tokio::time::interval;

use super::{ClientAddress, HeldBytes, work::Work};

const FORGET_INTERVAL: Duration = Duration::from_secs(60);

/// Settings for what one client may use at a time.
#[derive(Clone, Debug, Args)]
pub struct ClientArgs {
    /// Connections that one address may have open at the same time, those of WebSockets and streams
    /// included, and never more than half of all. It does not hold with `CLIENT_ADDRESS_HEADER`: all
    /// connections are then the proxy's
    #[arg(
        long,
        env,
        default_value_t = 1_500,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub max_connections_per_address: u32,

    /// WebSockets and streams of results that one address may have open at the same time
    #[arg(
        long,
        env,
        default_value_t = 1_200,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub max_sockets_per_address: u32,

    /// Bytes that one address may make the server hold: what has arrived and is not answered yet,
    /// what its operations and subscriptions need, and answers that it has not read yet. WebSockets
    /// and streams may use three quarters of it
    #[arg(
        long,
        env,
        default_value_t = 12_582_912,
        value_name = "BYTES",
        value_parser = RangedU64ValueParser::<usize>::new().range(1_000_000..)
    )]
    pub max_held_bytes_per_address: usize,

    /// Bytes that one WebSocket, stream of results or request may make the server hold
    #[arg(
        long,
        env,
        default_value_t = 4_194_304,
        value_name = "BYTES",
        value_parser = RangedU64ValueParser::<usize>::new().range(100_000..)
    )]
    pub max_held_bytes_per_socket: usize,

    /// Milliseconds of a core's time per second that one address may use for texts of queries that
    /// the server does not know yet, and for large answers. Two seconds' worth may be used at once,
    /// and the first quarter of a millisecond of each operation is free
    #[arg(long, env, default_value = "250", value_name = "MS")]
    pub work_ms_per_second_per_address: NonZeroU32,
}

/// What one client uses at the moment.
#[derive(Debug)]
pub(crate) struct Client {
    held: HeldBytes,
    /// What all sockets and streams hold together. They leave room for requests.
    held_by_sockets: HeldBytes,
    pub(crate) work: Work,
    pub(crate) connections: Arc<Count>,
    pub(crate) sockets: Arc<Count>,
    max_held_bytes_per_socket: usize,
}

impl Client {
    fn new(settings: &ClientArgs) -> Self {
        let held = HeldBytes::new(settings.max_held_bytes_per_address);
        Self {
            held_by_sockets: held.part(settings.max_held_bytes_per_address / 4 * 3),
            held,
            work: Work::new(settings.work_ms_per_second_per_address),
            connections: Arc::new(Count::up_to(settings.max_connections_per_address)),
            sockets: Arc::new(Count::up_to(settings.max_sockets_per_address)),
            max_held_bytes_per_socket: settings.max_held_bytes_per_socket,
        }
    }

    /// An account for what one of this client's sockets or streams holds.
    pub(crate) fn held_by_socket(&self) -> HeldBytes {
        self.held_by_sockets.part(self.max_held_bytes_per_socket)
    }

    /// The account for one picture that arrives or is sent. Its size has a limit of its own, which may
    /// be higher than what other requests may hold.
    pub(crate) fn held_by_picture(&self) -> HeldBytes {
        self.held.clone()
    }

    /// An account for what one of this client's requests holds.
    pub(crate) fn held_by_request(&self) -> HeldBytes {
        self.held.part(self.max_held_bytes_per_socket)
    }
}

/// A number of things that are open at the same time, with a limit.
#[derive(Debug)]
pub(crate) struct Count {
    open: AtomicU32,
    max: u32,
}

impl Count {
    pub(crate) fn up_to(max: u32) -> Self {
        Self { open: AtomicU32::new(0), max }
    }

    /// Counts one more until the result is dropped; `None` at the limit.
    pub(crate) fn open(self: &Arc<Self>) -> Option<Open> {
        let one_more = |open| (open < self.max).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Open(Arc::clone(self)))
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }
}

/// One thing that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Open(Arc<Count>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The clients that were seen lately. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    settings: Arc<ClientArgs>,
    by_address: Arc<Mutex<HashMap<ClientAddress, Arc<Client>>>>,
}

impl Clients {
    pub(crate) fn new(settings: &ClientArgs) -> Self {
        Self { settings: Arc::new(settings.clone()), by_address: Arc::default() }
    }

    pub(crate) fn client(&self, address: ClientAddress) -> Arc<Client> {
        let mut by_address = self.by_address.lock();
        let client =
            by_address.entry(address).or_insert_with(|| Arc::new(Client::new(&self.settings)));
        Arc::clone(client)
    }

    /// Forgets clients that use nothing. Does so every minute, for as long as the server runs.
    pub(crate) async fn forget_idle(self) {
        let mut ticks = interval(FORGET_INTERVAL);
        loop {
            ticks.tick().await;
            self.by_address.lock().retain(|_, client| {
                let is_used = client.connections.is_open() || client.sockets.is_open();
                Arc::strong_count(client) > 1
                    || is_used
                    || !client.held.is_empty()
                    || !client.work.is_full()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_has_a_limit_and_room_for_others_later() {
        let count = Arc::new(Count::up_to(2));
        let open = [count.open().unwrap(), count.open().unwrap()];
        assert!(count.open().is_none());
        drop(open);
        assert!(!count.is_open() && count.open().is_some());
    }
}
