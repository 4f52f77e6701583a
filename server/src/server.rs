//! The running server: routes over the services, and the chores beside them.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinSet,
};

use crate::{
    config::ServeArgs, http, live::feed, rate_limit::RateLimits, schema, services::Services,
};

/// How long open requests may go on after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);
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
    rate_limits: Arc<RateLimits>,
    database: String,
}

impl Server {
    /// Settings that concern the database or the secret are in `services` already.
    #[must_use]
    pub fn new(services: Services, args: &ServeArgs) -> Self {
        let rate_limits = Arc::new(RateLimits::new(&args.limits));
        let api = schema::build(&services, &args.limits, Arc::clone(&rate_limits));
        let router = http::router(&services, api, args);
        let database = args.database.database_url.to_string();
        Self { services, router, rate_limits, database }
    }

    /// Serves until `stop` ends, then finishes what is open, for ten seconds at most.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let Services { db, accounts, bookings, hub, events, .. } = self.services;
        // Before the first caller, who would else find out by waiting.
        db.check_health(&self.database).await;
        let mut chores = JoinSet::new();
        chores.spawn(db.clone().watch_health(self.database));
        chores.spawn(feed::run(db.clone(), hub, events));
        chores.spawn(accounts.clear_expired_sessions());
        chores.spawn(self.rate_limits.forget_idle());

        let (stopping, stopped) = tokio::sync::oneshot::channel();
        let app = self.router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
            stop.await;
            tracing::info!("stopping: no new connections, open requests finish");
            let _ = stopping.send(());
        });
        let overdue = async {
            let _ = stopped.await;
            tokio::time::sleep(DRAIN).await;
        };
        let result = tokio::select! {
            result = async { serving.await } => result,
            // Subscriptions never end by themselves.
            () = overdue => Ok(()),
        };
        // What was begun for callers that are gone by now.
        if tokio::time::timeout(DRAIN, bookings.idle()).await.is_err() {
            tracing::warn!("bookings were still under way when the server stopped");
        }
        chores.abort_all();
        db.close().await;
        result
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
