//! Keeps track of the open WebSockets and streams of results: limits their number per address, and
//! closes all of them at the end.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use axum::{http::StatusCode, response::Response};
use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::answer::refuse;
use crate::{graphql::ApiError, limits::ClientAddress};

/// The open sockets and streams. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct OpenSockets {
    max_per_address: u32,
    per_address: Arc<Mutex<HashMap<ClientAddress, u32>>>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl OpenSockets {
    pub(super) fn new(max_per_address: u32) -> Self {
        Self {
            max_per_address,
            per_address: Arc::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Counts one more socket of this address. Returns `None` if the address has reached its limit.
    pub(super) fn open(&self, address: ClientAddress) -> Option<SocketPermit> {
        let mut per_address = self.per_address.lock();
        let count = per_address.entry(address).or_default();
        if *count >= self.max_per_address {
            return None;
        }
        *count += 1;
        Some(SocketPermit { sockets: self.clone(), address })
    }

    /// The number of open sockets and streams.
    pub(super) fn count(&self) -> usize {
        self.per_address.lock().values().map(|count| *count as usize).sum()
    }

    /// Waits until all sockets must close.
    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Wraps a socket's work, so that [`Self::close_all`] waits for it.
    pub(super) fn track<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.tasks.track_future(work)
    }

    /// Closes all sockets, and waits until they are closed.
    pub(super) async fn close_all(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The answer for an address that has reached its limit.
pub(super) fn too_many_sockets() -> Response {
    let message = "This address has too many open sockets and streams: close some first.";
    refuse(StatusCode::TOO_MANY_REQUESTS, ApiError::TooComplex(message.to_owned()))
}

/// One open socket. It is counted until this is dropped.
#[derive(Debug)]
pub(super) struct SocketPermit {
    sockets: OpenSockets,
    address: ClientAddress,
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.sockets.per_address.lock().entry(self.address) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn an_address_has_a_limited_number_of_sockets_and_can_open_others_later() {
        let sockets = OpenSockets::new(2);
        let address = |last| ClientAddress::from(IpAddr::from([192, 0, 2, last]));
        let (one, other) = (address(1), address(2));
        let permits = [sockets.open(one).unwrap(), sockets.open(one).unwrap()];
        assert!(sockets.open(one).is_none());
        assert!(sockets.open(other).is_some());
        drop(permits);
        assert!(sockets.per_address.lock().is_empty(), "nothing is kept of addresses that left");
        assert!(sockets.open(one).is_some());
    }
}
