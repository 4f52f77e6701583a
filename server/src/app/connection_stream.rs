//! The stream of a connection, which counts what arrives.

use std::{
    io::{IoSlice, Result},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;

use crate::http::Arrived;

/// Longest time for which the rest of what a client sends is read.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);
/// Size of the pieces in which it is read, in bytes.
const DISCARD_BYTES: usize = 4_096;

type Stream = Pin<Box<TimeoutStream<TcpStream>>>;

/// A connection's stream, and what is kept for as long as the connection is open. A WebSocket's
/// connection outlives its HTTP.
#[derive(Debug)]
pub(super) struct ConnectionStream<K: Send + 'static> {
    /// `None` only while this is dropped.
    stream: Option<Stream>,
    kept: Option<K>,
    arrived: Arrived,
}

impl<K: Send + 'static> ConnectionStream<K> {
    /// `kept` is dropped when the connection is closed.
    pub(super) fn new(stream: TimeoutStream<TcpStream>, kept: K, arrived: Arrived) -> Self {
        Self { stream: Some(Box::pin(stream)), kept: Some(kept), arrived }
    }

    fn stream(&mut self) -> Pin<&mut TimeoutStream<TcpStream>> {
        #[expect(clippy::expect_used, reason = "only drop takes the stream")]
        self.stream.as_mut().expect("the connection is open").as_mut()
    }
}

impl<K: Send + 'static> Drop for ConnectionStream<K> {
    /// If bytes were left unread, the system would reset the connection, and the client might never
    /// see the last thing that was written to it.
    fn drop(&mut self) {
        if self.arrived.discards_rest()
            && let Ok(runtime) = Handle::try_current()
            && let Some(stream) = self.stream.take()
        {
            let kept = self.kept.take();
            runtime.spawn(async move {
                // The client may be gone already, or send without an end.
                let _ = timeout(DISCARD_TIMEOUT, discard_rest(stream)).await;
                drop(kept);
            });
        }
    }
}

async fn discard_rest(mut stream: Stream) -> Result<()> {
    stream.shutdown().await?;
    let mut piece = [0; DISCARD_BYTES];
    while stream.read(&mut piece).await? > 0 {}
    Ok(())
}

impl<K: Send + Unpin + 'static> AsyncRead for ConnectionStream<K> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buf.filled().len();
        let polled = self.stream().poll_read(cx, buf);
        self.arrived.add(buf.filled().len() - before);
        polled
    }
}

impl<K: Send + Unpin + 'static> AsyncWrite for ConnectionStream<K> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.stream().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
