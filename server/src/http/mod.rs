//! HTTP: the routes, and the layers around all of them.

mod access_log;
mod account_data;
mod answer;
mod arrived;
mod attendees_csv;
mod body;
mod calendar_feed;
mod client_address;
mod cors;
mod covers;
mod endpoint;
mod event_request;
mod forwarded_scheme;
mod graphql;
mod host;
mod negotiation;
mod open_sockets;
mod origin;
mod parameters;
mod persisted;
mod probes;
mod public_query;
mod settings;
mod shutdown;
mod site;
mod state;
mod streaming;
mod trace_parent;
mod unsubscribe;
mod websocket;

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::{get, put},
};
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};

use self::{
    answer::refuse,
    cors::cors,
    state::{App, AppState},
};
use crate::{
    graphql::{Api, ApiError},
    limits::{Clients, RateLimits},
    services::Services,
};

pub use self::settings::HttpArgs;
pub(crate) use self::site::{check_texts, has_web_client};
pub use self::websocket::CLOSE_CODES;
pub(crate) use self::{
    access_log::ensure_request_id, arrived::Arrived, cors::limit_requested_headers,
    host::refuse_bad_host, shutdown::Shutdown,
};

/// Returns all routes, and the means to stop the sockets and streams that they open. `has_ides`
/// says whether GraphQL Playground and GraphiQL are served, if they were built.
pub(crate) fn router(
    services: &Services,
    api: Api,
    settings: &HttpArgs,
    clients: Clients,
    rate_limits: Arc<RateLimits>,
    has_ides: bool,
) -> (Router, Shutdown) {
    let has_ides = has_ides && site::has_ides(settings);
    let shutdown = Shutdown::default();
    let app: App = Arc::new(AppState::new(
        services.clone(),
        api,
        settings,
        clients,
        rate_limits,
        &shutdown,
        has_ides,
    ));
    let router = Router::new()
        .route(
            "/graphql",
            get(endpoint::get_or_upgrade)
                .post(endpoint::post)
                .fallback(endpoint::method_not_allowed),
        )
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics))
        .route("/account/data.json", get(account_data::get))
        .route("/calendar/{name}", get(calendar_feed::get))
        .route("/unsubscribe/{token}", get(unsubscribe::get).post(unsubscribe::post))
        .route("/events/{id}/attendees.csv", get(attendees_csv::get))
        .route("/events/{id}/cover", put(covers::put).delete(covers::delete))
        .route("/covers/{name}", get(covers::get_file))
        .merge(site::routes(settings, has_ides))
        // These are one layer, because each layer of a router costs a box around every route and a
        // future for each request.
        .layer(
            ServiceBuilder::new()
                .layer(SetResponseHeaderLayer::if_not_present(
                    header::X_CONTENT_TYPE_OPTIONS,
                    HeaderValue::from_static("nosniff"),
                ))
                .layer(CatchPanicLayer::custom(after_panic))
                .layer(cors(&settings.allowed_origins)),
        )
        .with_state(app);
    (router, shutdown)
}

/// A panic is a defect. It is logged, and its caller still gets an answer.
fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let cause = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("of an unknown kind");
    refuse(StatusCode::INTERNAL_SERVER_ERROR, ApiError::Internal(format!("panic: {cause}")))
}
