//! HTTP: the routes, and what holds for every answer.

mod graphql;
mod persisted;
mod site;
mod sockets;
mod streaming;
mod websocket;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_graphql::Data;
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, uri::Authority},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer, cors::CorsLayer, set_header::SetResponseHeaderLayer,
};

use self::{
    graphql::PublicQuery, persisted::PersistedQueries, sockets::Sockets, websocket::Patience,
};
use crate::{
    accounts::access_tokens::Viewer,
    coalescing::shared_reads::SharedReads,
    config::{Origins, ServeArgs},
    database::Schema,
    graphql::{
        errors::ApiError,
        execution::{Api, RequestId},
        remaining_tickets::FreeSubscriptions,
    },
    metrics::Moment,
    rate_limit::ClientAddress,
    services::Services,
};

/// What handlers work with: one for the whole server, since a copy of it costs each request.
type App = Arc<Inner>;

struct Inner {
    api: Api,
    /// Queries that nobody signed in for.
    public_queries: SharedReads<PublicQuery>,
    persisted_queries: PersistedQueries,
    services: Services,
    allowed_origins: Origins,
    max_message_bytes: usize,
    body_within: Duration,
    sockets: Sockets,
    max_subscriptions_per_socket: usize,
    socket_patience: Patience,
    stopping: CancellationToken,
    /// Where the proxy in front names the client's address, if there is one.
    client_address_header: Option<HeaderName>,
}

impl Inner {
    /// What all operations of a socket, or of a stream of results, know of it.
    fn session(&self, viewer: Viewer, address: ClientAddress, id: RequestId) -> Data {
        let mut data = Data::default();
        data.insert(viewer);
        data.insert(address);
        data.insert(id);
        data.insert(FreeSubscriptions::new(self.max_subscriptions_per_socket));
        data
    }

    fn client_address(&self, peer: Peer, headers: &HeaderMap) -> ClientAddress {
        let named = self.client_address_header.as_ref().and_then(|name| address_in(headers, name));
        named.unwrap_or_else(|| peer.0.ip()).into()
    }
}

/// The last address of a header, which is what the nearest proxy wrote; the others may be anybody's.
fn address_in(headers: &HeaderMap, name: &HeaderName) -> Option<IpAddr> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let last = value.rsplit(',').next()?.trim();
    let with_port = || last.parse::<SocketAddr>().map(|address| address.ip());
    last.parse().or_else(|_| with_port()).ok()
}

/// How the server that has these routes comes to its end.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// Not ready any more; to be cancelled before anything ends.
    pub(crate) stopping: CancellationToken,
    pub(crate) sockets: Sockets,
}

/// Every route, and how to end what they began.
pub(crate) fn router(services: &Services, api: Api, args: &ServeArgs) -> (Router, Ending) {
    let limits = &args.limits;
    let ending = Ending {
        stopping: CancellationToken::new(),
        sockets: Sockets::new(limits.max_sockets_per_address),
    };
    let app = Arc::new(Inner {
        public_queries: SharedReads::new(api.clone()),
        persisted_queries: PersistedQueries::new(),
        api,
        services: services.clone(),
        allowed_origins: args.allowed_origins.clone(),
        max_message_bytes: limits.max_body_bytes,
        body_within: Duration::from_secs(limits.request_seconds),
        sockets: ending.sockets.clone(),
        max_subscriptions_per_socket: limits.max_subscriptions_per_socket,
        socket_patience: Patience {
            init: Duration::from_secs(limits.socket_init_seconds),
            ping: Duration::from_secs(limits.socket_ping_seconds),
        },
        stopping: ending.stopping.clone(),
        client_address_header: args.client_address_header.clone(),
    });
    let router = Router::new()
        .route("/graphql", get(graphql::get_or_upgrade).post(graphql::post))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .merge(site::routes(&args.web_dir, args.has_ides()))
        // As one: each layer of a router is a box around every route, and one more future for each request.
        .layer(
            ServiceBuilder::new()
                .layer(SetResponseHeaderLayer::if_not_present(
                    header::X_CONTENT_TYPE_OPTIONS,
                    HeaderValue::from_static("nosniff"),
                ))
                .layer(DefaultBodyLimit::max(limits.max_body_bytes))
                .layer(CatchPanicLayer::custom(after_panic))
                .layer(cors(&args.allowed_origins)),
        )
        .with_state(app);
    (router, ending)
}

/// Other sites' pages may call the API only from the allowed origins.
fn cors(allowed: &Origins) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(allowed.0.clone())
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
}

/// Alive: the process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready: the database answers and has the schema that this server knows, by what the watch over it last
/// found, and the server is not about to stop. Whoever asks costs the database nothing.
async fn readyz(State(app): State<App>) -> Response {
    let unready = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    if app.stopping.is_cancelled() {
        return unready("the server is stopping\n".to_owned());
    }
    let health = app.services.db.health();
    if health.is_away() {
        return unready("the database can't be reached\n".to_owned());
    }
    match health.schema() {
        Schema::Complete => "ready\n".into_response(),
        Schema::Misses(pending) => {
            unready(format!("{pending} migrations are missing: run `rowlock migrate`\n"))
        }
        Schema::Unknown => {
            unready("the database has no schema yet: run `rowlock migrate`\n".to_owned())
        }
    }
}

/// For Prometheus and the like.
async fn metrics(State(app): State<App>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let Services { db, hub, accounts, metrics, .. } = &app.services;
    let moment = Moment {
        live: hub.size(),
        sockets: app.sockets.count(),
        passwords_waiting: accounts.passwords_waiting(),
        database_is_up: !db.health().is_away(),
        standby_is_up: db.standby_is_up(),
        pools: db.pool_sizes(),
    };
    match metrics.render(&moment) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A panic is a defect: it is logged, and its caller gets an answer all the same.
fn after_panic(panic: Box<dyn std::any::Any + Send + 'static>) -> Response<Body> {
    let cause = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("of an unknown kind");
    graphql::refuse(
        StatusCode::INTERNAL_SERVER_ERROR,
        ApiError::Internal(format!("panic: {cause}")),
    )
}

fn authority_of(headers: &HeaderMap) -> Option<Authority> {
    headers.get(header::HOST)?.to_str().ok()?.parse().ok()
}

/// Whether the client reached this server as its own machine, where there is no HTTPS to ask for.
fn is_loopback(headers: &HeaderMap) -> bool {
    let Some(authority) = authority_of(headers) else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether the page that sent this request may: one of this server's own, one of an allowed origin,
/// or no page at all.
fn origin_may_call(headers: &HeaderMap, allowed: &Origins) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    if allowed.0.contains(origin) {
        return true;
    }
    let origin_host = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (origin_host, headers.get(header::HOST).and_then(|host| host.to_str().ok())) {
        (Some((_, origin)), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// Where a connection came from, as axum tells it.
type Peer = axum::extract::ConnectInfo<SocketAddr>;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.clone(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn the_nearest_proxys_word_counts() {
        let name = HeaderName::from_static("x-forwarded-for");
        let address = |values: &[&'static str]| {
            let mut map = HeaderMap::new();
            for value in values {
                map.append(name.clone(), HeaderValue::from_static(value));
            }
            address_in(&map, &name).map(|address| address.to_string())
        };
        assert_eq!(address(&["192.0.2.1, 192.0.2.2"]).as_deref(), Some("192.0.2.2"));
        assert_eq!(address(&["192.0.2.1", "2001:db8::7"]).as_deref(), Some("2001:db8::7"));
        assert_eq!(address(&["[2001:db8::7]:443"]).as_deref(), Some("2001:db8::7"));
        for bad in [&[][..], &["192.0.2.1, unknown"], &[""]] {
            assert_eq!(address(bad), None);
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "a.localhost"] {
            assert!(is_loopback(&headers(&[(header::HOST, host)])), "{host}");
        }
        for host in ["example.org", "localhost.example.org", "10.0.0.1:80", ""] {
            assert!(!is_loopback(&headers(&[(header::HOST, host)])), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_origin_may_call_only_where_it_is_allowed() {
        let allowed: Origins = "https://shop.example".parse().unwrap();
        let from = |origin| headers(&[(header::HOST, "a.example:1"), (header::ORIGIN, origin)]);
        assert!(origin_may_call(&headers(&[(header::HOST, "a.example")]), &allowed));
        assert!(origin_may_call(&from("http://a.example:1"), &allowed));
        assert!(origin_may_call(&from("https://shop.example"), &allowed));
        for origin in
            ["https://evil.example", "http://a.example", "null", "https://a.example:1.evil"]
        {
            assert!(!origin_may_call(&from(origin), &allowed), "{origin}");
        }
    }
}
