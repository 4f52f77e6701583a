//! The running server: routes over the services, and the chores beside them.

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::ConnectInfo,
    http::{HeaderValue, StatusCode, Version, header::CONNECTION},
};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::{
    config::ServeArgs,
    http::{self, Ending},
    live::feed,
    rate_limit::RateLimits,
    schema,
    services::Services,
};

/// How long open requests may go on after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// Wait after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// Connections that may wait to be accepted, where the kernel allows as many. Whoever comes when there is no
/// room for more tries again only after a second.
const BACKLOG: u32 = 4_096;

/// Listens, with room for a crowd that connects all at once.
///
/// # Errors
/// When the address is not to be had.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A server that only misses its listener.
#[derive(Debug)]
pub struct Server {
    services: Services,
    router: axum::Router,
    ending: Ending,
    rate_limits: Arc<RateLimits>,
    database: String,
    head_within: Duration,
    stop_delay: Duration,
}

impl Server {
    /// Settings that concern the database or the secret are in `services` already.
    #[must_use]
    pub fn new(services: Services, args: &ServeArgs) -> Self {
        let rate_limits = Arc::new(RateLimits::new(&args.limits));
        let api = schema::build(&services, &args.limits, Arc::clone(&rate_limits));
        let (router, ending) = http::router(&services, api, args);
        let database = args.database.database_url.to_string();
        let head_within = Duration::from_secs(args.limits.request_seconds);
        let stop_delay = Duration::from_millis(args.stop_delay_ms);
        Self { services, router, ending, rate_limits, database, head_within, stop_delay }
    }

    /// Serves until `stop` ends. Then it is not ready any more, goes on for the delay that was set, tells
    /// every socket to connect elsewhere, and finishes what is open, for ten seconds at most.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let Services { db, accounts, bookings, hub, events, metrics, .. } = self.services;
        // Before the first caller, who would else find out by waiting.
        db.check_health(&self.database).await;
        let mut chores = JoinSet::new();
        chores.spawn(db.clone().watch_health(self.database));
        chores.spawn(db.clone().watch_standby());
        chores.spawn(feed::run(db.clone(), hub, events, metrics));
        chores.spawn(accounts.clear_expired_sessions());
        chores.spawn(self.rate_limits.forget_idle());

        let (connections, stopping) = (GracefulShutdown::new(), &self.ending.stopping);
        let stopped = async {
            stop.await;
            tracing::info!("stopping: not ready any more");
            stopping.cancel();
            sleep(self.stop_delay).await;
        };
        tokio::select! {
            () = accept(&listener, &connections, &self.router, stopping, self.head_within) => {}
            () = stopped => {}
        }
        drop(listener);
        tracing::info!("stopping: no new connections, open requests finish");
        let finished = async { tokio::join!(connections.shutdown(), self.ending.sockets.close()) };
        if timeout(DRAIN, finished).await.is_err() {
            tracing::warn!("requests were still open when the server stopped");
        }
        // What was begun for callers that are gone by now.
        if timeout(DRAIN, bookings.idle()).await.is_err() {
            tracing::warn!("bookings were still under way when the server stopped");
        }
        chores.abort_all();
        db.close().await;
        tracing::info!("stopped");
    }
}

/// Accepts connections for ever, and serves each in a task of its own.
async fn accept(
    listener: &TcpListener,
    connections: &GracefulShutdown,
    router: &axum::Router,
    stopping: &CancellationToken,
    head_within: Duration,
) {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(head_within);
    http.http2().timer(TokioTimer::new()).keep_alive_interval(head_within);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Of one connection that is gone already, or of all while no more files may be open.
                tracing::debug!(%error, "a connection could not be accepted");
                sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        // Answers are written whole. Where it can't be set the connection is gone.
        let _ = stream.set_nodelay(true);
        let (router, stopping) = (router.clone(), stopping.clone());
        let answer = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let is_kept = request.version() <= Version::HTTP_11;
            let (answering, stopping) = (router.clone().call(request), stopping.clone());
            async move {
                let mut answer = answering.await?;
                let is_kept = is_kept && answer.status() != StatusCode::SWITCHING_PROTOCOLS;
                if is_kept && stopping.is_cancelled() {
                    // So that the next request goes elsewhere, and none meets a closed connection.
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), answer);
        let connection = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::future::try_join_all;
    use tokio::{net::TcpStream, time::timeout};

    use super::*;

    #[tokio::test]
    async fn a_crowd_that_connects_at_once_need_not_try_again() {
        let nobody_accepts = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = nobody_accepts.local_addr().unwrap();
        let crowd = try_join_all((0..500).map(|_| TcpStream::connect(address)));
        let before_a_second_try = Duration::from_millis(900);
        assert_eq!(timeout(before_a_second_try, crowd).await.unwrap().unwrap().len(), 500);
    }
}
