//! Keeps track of the open WebSockets and streams of results, and closes all of them at the end.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{http::StatusCode, response::Response};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::answer::refuse;
use crate::{
    graphql::ApiError,
    limits::{Client, Open},
};

/// The open sockets and streams. Clones share everything.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenSockets {
    count: Arc<AtomicUsize>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl OpenSockets {
    /// Counts one more socket of this client. Returns `None` if the client has reached its limit.
    pub(super) fn open(&self, client: &Client) -> Option<SocketPermit> {
        let of_client = client.sockets.open()?;
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(SocketPermit { count: Arc::clone(&self.count), _of_client: of_client })
    }

    /// The number of open sockets and streams.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
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
    count: Arc<AtomicUsize>,
    _of_client: Open,
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
