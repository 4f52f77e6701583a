//! The running server: routes over the services, and the chores beside them.

use std::{
    convert::Infallible, future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration,
};

use axum::{
    extract::ConnectInfo,
    http::{HeaderValue, StatusCode, header::CONNECTION},
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use crate::{
    config::ServeArgs,
    graphql,
    http::{self, Ending},
    live::feed,
    rate_limit::RateLimits,
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
    patience: Duration,
    stop_delay: Duration,
}

impl Server {
    /// Settings that concern the database or the secret are in `services` already.
    #[must_use]
    pub fn new(services: Services, args: &ServeArgs) -> Self {
        let rate_limits = Arc::new(RateLimits::new(&args.limits));
        let api = graphql::build(&services, args, Arc::clone(&rate_limits));
        let (router, ending) = http::router(&services, api, args);
        let database = args.database.database_url.to_string();
        let patience = Duration::from_secs(args.limits.request_seconds);
        let stop_delay = Duration::from_millis(args.stop_delay_ms);
        Self { services, router, ending, rate_limits, database, patience, stop_delay }
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

        let (connections, stopping) = (Connections::default(), &self.ending.stopping);
        let stopped = async {
            stop.await;
            tracing::info!("stopping: not ready any more");
            stopping.cancel();
            sleep(self.stop_delay).await;
        };
        tokio::select! {
            () = accept(&listener, &connections, &self.router, stopping, self.patience) => {}
            () = stopped => {}
        }
        drop(listener);
        tracing::info!("stopping: no new connections, open requests finish");
        let finished = async { tokio::join!(connections.end(), self.ending.sockets.close()) };
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

/// The open connections.
#[derive(Debug, Default)]
struct Connections {
    tasks: TaskTracker,
    ending: CancellationToken,
}

impl Connections {
    /// Lets each finish the request that is open, and waits until all have.
    async fn end(&self) {
        self.ending.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Accepts connections for ever, and serves each in a task of its own. Whoever sends no request's head for as
/// long as `patience`, or takes nothing of an answer, a socket's messages included, is left.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    router: &axum::Router,
    stopping: &CancellationToken,
    patience: Duration,
) {
    // Browsers speak HTTP/2 over TLS only, which is the business of the proxy in front.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience);
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
            let (answering, stopping) = (router.clone().call(request), stopping.clone());
            async move {
                let mut answer = answering.await?;
                let is_kept = answer.status() != StatusCode::SWITCHING_PROTOCOLS;
                if is_kept && stopping.is_cancelled() {
                    // So that the next request goes elsewhere, and none meets a closed connection.
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(patience));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = http.serve_connection(stream, answer).with_upgrades();
        let ending = connections.ending.clone();
        connections.tasks.spawn(async move {
            let mut connection = pin!(connection);
            let result = tokio::select! {
                result = &mut connection => result,
                () = ending.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = result {
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
