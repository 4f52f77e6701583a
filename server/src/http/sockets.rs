//! The open WebSockets: how many one address may have, and how all of them are told to go.

use std::{
    collections::{HashMap, hash_map::Entry},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::rate_limit::ClientAddress;

/// What somebody is told who has all that one address may have.
pub(super) const NO_PLACE: &str =
    "There are too many sockets and streams open from this address: close some first.";

/// Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Sockets {
    most_per_address: u32,
    open: Arc<Mutex<HashMap<ClientAddress, u32>>>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Sockets {
    pub(crate) fn new(most_per_address: u32) -> Self {
        Self {
            most_per_address,
            open: Arc::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// A place for one more socket, unless its address has all that it may have.
    pub(super) fn take_place(&self, address: ClientAddress) -> Option<Place> {
        let mut open = self.open();
        let count = open.entry(address).or_default();
        if *count >= self.most_per_address {
            return None;
        }
        *count += 1;
        Some(Place { sockets: self.clone(), address })
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.open().values().map(|count| *count as usize).sum()
    }

    /// Ends when all sockets are to be closed.
    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// The same work, which is waited for when all are closed.
    pub(super) fn track<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.tasks.track_future(work)
    }

    /// Closes all, and waits until they are.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn open(&self) -> MutexGuard<'_, HashMap<ClientAddress, u32>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One socket's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    sockets: Sockets,
    address: ClientAddress,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.sockets.open().entry(self.address) {
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
    fn an_address_has_so_many_places_and_gets_them_back() {
        let sockets = Sockets::new(2);
        let address = |last| ClientAddress::from(IpAddr::from([192, 0, 2, last]));
        let (one, other) = (address(1), address(2));
        let places = [sockets.take_place(one).unwrap(), sockets.take_place(one).unwrap()];
        assert!(sockets.take_place(one).is_none());
        assert!(sockets.take_place(other).is_some());
        drop(places);
        assert!(sockets.open().is_empty(), "nothing is kept of those who went");
        assert!(sockets.take_place(one).is_some());
    }
}
