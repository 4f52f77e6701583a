//! The running server: routes over the services, and the chores beside them.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinSet};

use crate::{config::ServeArgs, http, rate_limit::RateLimits, schema, services::Services};

/// How long open requests may go on after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);

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
        let Services { db, accounts, bookings, .. } = self.services;
        // Before the first caller, who would else find out by waiting.
        db.check_health(&self.database).await;
        let mut chores = JoinSet::new();
        chores.spawn(db.clone().watch_health(self.database));
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
