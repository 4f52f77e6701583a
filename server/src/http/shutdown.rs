//! The means to stop what outlives a request.

use tokio_util::sync::CancellationToken;

use super::open_sockets::OpenSockets;

/// Stops the sockets and streams that the routes opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown {
    /// Cancel this first. The server then reports that it is not ready, but keeps serving.
    pub(crate) stopping: CancellationToken,
    pub(super) sockets: OpenSockets,
}

impl Shutdown {
    /// Closes all sockets and streams, and waits until they are closed.
    pub(crate) async fn close_sockets(&self) {
        self.sockets.close_all().await;
    }
}
