//! Endpoints for operators and their programs: whether the server is alive, whether it is ready,
//! and its metrics.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{answer::refuse, client_address::Peer, state::App};
use crate::{
    database::{Availability, Schema},
    metrics::Snapshot,
    services::Services,
};

/// Reports that the process is alive.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Reports whether the server is ready: the database takes writes and has this server's schema, and
/// the server is not stopping. The answer comes from the last probe, so it costs the database nothing.
pub(super) async fn readyz(State(app): State<App>) -> Response {
    let unready = |cause: String| (StatusCode::SERVICE_UNAVAILABLE, cause).into_response();
    if app.stopping.is_cancelled() {
        return unready("the server is stopping\n".to_owned());
    }
    let health = app.services.db.health();
    if let Some(problem) = health.availability().problem() {
        return unready(format!("the database {problem}\n"));
    }
    match health.schema() {
        Schema::Complete => "ready\n".into_response(),
        Schema::Pending(pending) => {
            unready(format!("{pending} migrations are missing: run `rowlock migrate`\n"))
        }
        Schema::Unknown => {
            unready("the database's migrations can't be read: see the log\n".to_owned())
        }
    }
}

/// Reports metrics to Prometheus and similar programs. Each client has them one after another, at the
/// expense of its budget.
pub(super) async fn metrics(State(app): State<App>, peer: Peer, headers: HeaderMap) -> Response {
    let client = app.client(app.client_address(peer, &headers));
    match client.work.turn().await {
        Ok(mut turn) => turn.run(|| render_metrics(&app)),
        Err(error) => refuse(StatusCode::TOO_MANY_REQUESTS, error.into()),
    }
}

fn render_metrics(app: &App) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let Services { db, hub, accounts, jobs, metrics, .. } = &app.services;
    let snapshot = Snapshot {
        live: hub.size(),
        sockets: app.sockets.count(),
        passwords_waiting: accounts.passwords_waiting(),
        database_is_up: db.health().availability() == Availability::Full,
        standby_is_up: db.standbys_are_healthy(),
        pools: db.pool_sizes(),
        jobs: jobs.backlog(),
    };
    match metrics.render(&snapshot) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
