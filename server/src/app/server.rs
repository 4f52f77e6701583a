//! The running server: it accepts connections, runs the background tasks, and stops in order.

use std::{
    convert::Infallible, future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration,
};

use axum::{
    extract::ConnectInfo,
    http::{HeaderValue, StatusCode, header::CONNECTION},
};
use futures_util::future::{Either, ready};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpSocket},
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use super::{
    cli::ServeArgs, connection_stream::ConnectionStream, open_files::available_for_connections,
    supervisor::Supervisor,
};
use crate::{
    accounts::AccountMail,
    booking_mails::Reminders,
    graphql::Api,
    http::{self, Arrived, Shutdown},
    inventory::{
        BookingMailJob, CancelBookingsJob, EventMailJob, FormerGuestMailJob, GuestMailJob,
    },
    jobs::{Handlers, Progress, Workers},
    limits::{Clients, Count, Open, RateLimits},
    live::{reread_watched_events, run_feed},
    personal_data::CancelBookingsOfAccountJob,
    services::Services,
};

/// Longest time for open requests to finish after the signal to stop. After that, bookings have as
/// long again.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a failed attempt to accept a connection.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Maximum number of connections that wait to be accepted, if the kernel allows as many. A client
/// that finds no room tries again only after a second.
const BACKLOG: u32 = 4_096;

/// Listens, with room for a crowd that connects all at once.
///
/// # Errors
/// When the address is not available.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A server that is ready to run on a listener.
#[derive(Debug)]
pub struct Server {
    services: Services,
    router: axum::Router,
    shutdown: Shutdown,
    clients: Clients,
    rate_limits: Arc<RateLimits>,
    workers: Workers,
    accepting: Accepting,
    /// The database's name, for the log.
    database: String,
    stop_delay: Duration,
}

impl Server {
    /// `services` already has the settings of the database, the secrets and the bookings.
    #[must_use]
    pub fn new(services: Services, args: &ServeArgs) -> Self {
        let rate_limits = Arc::new(RateLimits::new(&args.rate_limits));
        let api = Api::new(&services, &args.operations, &rate_limits);
        let max_connections = u32::try_from(available_for_connections())
            .unwrap_or(u32::MAX)
            .min(args.http.max_connections);
        let mut client_settings = args.clients.clone();
        // Whatever the settings say, one address leaves room for others.
        client_settings.max_connections_per_address =
            client_settings.max_connections_per_address.min(max_connections / 2);
        let clients = Clients::new(&client_settings);
        let has_ides = args.operations.has_ides();
        let (router, shutdown) = http::router(
            &services,
            api,
            &args.http,
            clients.clone(),
            Arc::clone(&rate_limits),
            has_ides,
        );
        let counts_addresses = args.http.client_address_header.is_none();
        let accepting = Accepting {
            request_timeout: args.http.request_timeout(),
            max_head_bytes: args.http.max_head_bytes,
            connections: Arc::new(Count::up_to(max_connections)),
            clients: counts_addresses.then(|| clients.clone()),
        };
        let workers = Workers::new(&services.jobs, job_handlers(&services), &services.metrics);
        Self {
            services,
            router,
            shutdown,
            clients,
            rate_limits,
            workers,
            accepting,
            database: args.database.database_url.to_string(),
            stop_delay: Duration::from_millis(args.stop_delay_ms),
        }
    }

    /// Serves until `stop` ends. Then the server reports that it is not ready, but keeps serving
    /// for the configured delay. After that, it closes every socket, so that clients connect
    /// elsewhere, and has ten seconds to finish open requests.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let Services { db, bookings, .. } = &self.services;
        // If the database is away, the first caller must not be the one who waits to find out.
        db.check_health(&self.database).await;
        let background_tasks = self.start_background_tasks();

        let (connections, stopping) = (Connections::default(), &self.shutdown.stopping);
        let stopped = async {
            stop.await;
            tracing::info!("stopping: the server reports that it is not ready");
            stopping.cancel();
            self.workers.stop();
            sleep(self.stop_delay).await;
        };
        tokio::select! {
            () = accept(&listener, &connections, &self.router, stopping, &self.accepting) => {}
            () = stopped => {}
        }
        drop(listener);
        tracing::info!("stopping: no new connections are accepted; open requests are finishing");
        let finished = async { tokio::join!(connections.finish(), self.shutdown.close_sockets()) };
        let (finished, ()) = tokio::join!(
            timeout(DRAIN_TIMEOUT, finished),
            self.workers.stopped_within(DRAIN_TIMEOUT)
        );
        if finished.is_err() {
            tracing::warn!("requests were still open when the server stopped");
        }
        // Bookings continue without their callers.
        if timeout(DRAIN_TIMEOUT, bookings.idle()).await.is_err() {
            tracing::warn!("bookings were still running when the server stopped");
        }
        drop(background_tasks);
        db.close().await;
        tracing::info!("stopped");
    }

    fn start_background_tasks(&self) -> Supervisor {
        let Services { db, sessions, hub, events, metrics, .. } = self.services.clone();
        let mut tasks = Supervisor::new(metrics.clone());
        tasks.run("database-health", {
            let (db, name) = (db.clone(), self.database.clone());
            move || db.clone().watch_health(name.clone())
        });
        tasks.run("standby-health", {
            let db = db.clone();
            move || db.clone().watch_standbys()
        });
        tasks.run("live-feed", {
            let (db, hub) = (db.clone(), hub.clone());
            move || run_feed(db.clone(), hub.clone(), metrics.clone())
        });
        let searched_events = events.clone();
        tasks.run("live-reread", move || {
            reread_watched_events(db.clone(), hub.clone(), events.clone())
        });
        tasks.run("search-keys", move || searched_events.clone().keep_search_keys());
        let (workers, counter) = (self.workers.clone(), self.workers.clone());
        tasks.run("jobs", move || workers.clone().run());
        tasks.run("job-count", move || counter.clone().count_jobs());
        let reminders = Reminders::new(self.services.db.clone(), self.services.clock.clone());
        tasks.run("reminders", move || reminders.clone().remind());
        tasks.run("expired-sessions", move || sessions.clone().remove_expired_sessions());
        let rate_limits = Arc::clone(&self.rate_limits);
        let clients = self.clients.clone();
        tasks.run("idle-clients", move || clients.clone().forget_idle());
        tasks.run("idle-rate-limits", move || Arc::clone(&rate_limits).forget_idle_callers());
        tasks
    }
}

/// What is done for each kind of job.
fn job_handlers(services: &Services) -> Handlers {
    let managed_events = services.managed_events.clone();
    let mails = services.booking_mails();
    let (mails_of_events, mails_of_guests) = (mails.clone(), mails.clone());
    let mails_of_former_guests = mails.clone();
    let (accounts, postman) = (services.accounts.clone(), services.postman.clone());
    let personal_data = services.personal_data();
    Handlers::default()
        .with(move |job: CancelBookingsJob| {
            let managed_events = managed_events.clone();
            async move { managed_events.cancel_some_bookings(job).await }
        })
        .with_id(move |id, job: BookingMailJob| {
            let mails = mails.clone();
            async move { mails.tell(id, job).await }
        })
        .with_id(move |id, job: GuestMailJob| {
            let mails = mails_of_guests.clone();
            async move { mails.tell_guests(id, job).await }
        })
        .with_id(move |id, job: EventMailJob| {
            let mails = mails_of_events.clone();
            async move { mails.tell_all(id, job).await }
        })
        .with_id(move |id, job: FormerGuestMailJob| {
            let mails = mails_of_former_guests.clone();
            async move {
                mails.tell_former_guest(id, job).await?;
                Ok(Progress::Done)
            }
        })
        .with_id(move |id, mail: AccountMail| {
            let (accounts, postman) = (accounts.clone(), postman.clone());
            async move { accounts.send_mail(&postman, id, mail).await }
        })
        .with(move |job: CancelBookingsOfAccountJob| {
            let personal_data = personal_data.clone();
            async move { personal_data.cancel_some_bookings(job).await }
        })
}

/// The open connections.
#[derive(Debug, Default)]
struct Connections {
    tasks: TaskTracker,
    finishing: CancellationToken,
}

impl Connections {
    /// Lets each connection finish its open request, and waits until all have.
    async fn finish(&self) {
        self.finishing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// How connections are accepted.
#[derive(Debug)]
struct Accepting {
    /// A connection is closed if, for this long, its client sends no request head, or reads nothing
    /// of an answer or of a socket's messages.
    request_timeout: Duration,
    max_head_bytes: usize,
    connections: Arc<Count>,
    /// Counts the connections of each address; `None` if all of them are a proxy's.
    clients: Option<Clients>,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
struct OpenConnection {
    _of_all: Open,
    _of_peer: Option<Open>,
}

impl Accepting {
    /// Counts one more connection from this peer. Returns `None` if there are too many already.
    fn open(&self, peer: SocketAddr) -> Option<OpenConnection> {
        let of_all = self.connections.open()?;
        let of_peer = match &self.clients {
            Some(clients) => Some(clients.client(peer.ip().into()).connections.open()?),
            None => None,
        };
        Some(OpenConnection { _of_all: of_all, _of_peer: of_peer })
    }
}

/// Accepts connections forever, and serves each in a task of its own.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    router: &axum::Router,
    stopping: &CancellationToken,
    accepting: &Accepting,
) {
    // Browsers speak HTTP/2 only over TLS, which the proxy in front handles.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(accepting.request_timeout)
        .max_buf_size(accepting.max_head_bytes);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // The connection is gone already, or the process may open no more files.
                tracing::debug!(%error, "a connection could not be accepted");
                sleep(ACCEPT_RETRY_PAUSE).await;
                continue;
            }
        };
        let Some(open) = accepting.open(peer) else {
            tracing::debug!("a connection was closed, because there are too many");
            continue;
        };
        // Answers are written in one piece, so delaying small packets gains nothing. An error means
        // that the connection is gone.
        let _ = stream.set_nodelay(true);
        let (router, stopping) = (router.clone(), stopping.clone());
        let arrived = Arrived::default();
        let counted = arrived.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(arrived.clone());
            http::limit_requested_headers(&mut request);
            let answering = match http::refuse_bad_host(&mut request) {
                Some(refused) => Either::Left(ready(Ok(refused))),
                None => Either::Right(router.clone().call(request)),
            };
            let stopping = stopping.clone();
            async move {
                let mut response = answering.await?;
                http::ensure_request_id(&mut response);
                let stays_http = response.status() != StatusCode::SWITCHING_PROTOCOLS;
                if stays_http && stopping.is_cancelled() {
                    // The client then sends its next request elsewhere, and never to a closed
                    // connection.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(accepting.request_timeout));
        let stream = TokioIo::new(ConnectionStream::new(stream, open, counted));
        let connection = http.serve_connection(stream, service).with_upgrades();
        let finishing = connections.finishing.clone();
        connections.tasks.spawn(async move {
            let mut connection = pin!(connection);
            let result = tokio::select! {
                result = &mut connection => result,
                () = finishing.cancelled() => {
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
