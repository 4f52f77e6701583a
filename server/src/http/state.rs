//! The state that all handlers share.

use std::{sync::Arc, time::Duration};

use async_graphql::Data;
use axum::http::HeaderMap;
use tokio_util::sync::CancellationToken;

use super::{
    client_address::{ClientAddresses, Peer},
    forwarded_scheme::{Scheme, forwarded_scheme},
    open_sockets::OpenSockets,
    origin::{is_loopback, origin_may_call},
    persisted::PersistedQueries,
    public_query::PublicQuery,
    settings::{HttpArgs, Origins, SocketTimeouts},
    shutdown::Shutdown,
};
use crate::{
    accounts::Viewer,
    coalescing::SharedReads,
    graphql::{Api, CookieSameSite, CookieScope, RequestId, SubscriptionAllowance},
    limits::{Client, ClientAddress, Clients, HeldBytes, RateLimits},
    services::Services,
};

/// The whole server shares one, because a copy for each request would cost time.
pub(super) type App = Arc<AppState>;

pub(super) struct AppState {
    pub(super) api: Api,
    /// Queries of callers that are not signed in.
    pub(super) public_queries: SharedReads<PublicQuery>,
    pub(super) persisted_queries: PersistedQueries,
    pub(super) services: Services,
    clients: Clients,
    pub(super) rate_limits: Arc<RateLimits>,
    pub(super) max_message_bytes: usize,
    pub(super) max_cover_bytes: usize,
    pub(super) body_timeout: Duration,
    pub(super) sockets: OpenSockets,
    pub(super) max_subscriptions_per_socket: usize,
    pub(super) socket_timeouts: SocketTimeouts,
    pub(super) stopping: CancellationToken,
    /// Whether GraphQL Playground and GraphiQL are served.
    pub(super) has_ides: bool,
    allowed_origins: Origins,
    client_addresses: ClientAddresses,
    cookie_same_site: CookieSameSite,
}

impl AppState {
    pub(super) fn new(
        services: Services,
        api: Api,
        settings: &HttpArgs,
        clients: Clients,
        rate_limits: Arc<RateLimits>,
        shutdown: &Shutdown,
        has_ides: bool,
    ) -> Self {
        Self {
            public_queries: SharedReads::new(api.clone()),
            persisted_queries: PersistedQueries::new(),
            api,
            services,
            clients,
            rate_limits,
            max_message_bytes: settings.max_body_bytes,
            max_cover_bytes: settings.max_cover_bytes,
            body_timeout: settings.request_timeout(),
            sockets: shutdown.sockets.clone(),
            max_subscriptions_per_socket: settings.max_subscriptions_per_socket,
            socket_timeouts: settings.socket_timeouts(),
            stopping: shutdown.stopping.clone(),
            has_ides,
            allowed_origins: settings.allowed_origins.clone(),
            client_addresses: ClientAddresses::new(settings.client_address_header.clone()),
            cookie_same_site: settings.refresh_cookie_same_site,
        }
    }

    /// The data that all operations of one socket or stream share.
    pub(super) fn session_data(
        &self,
        viewer: Viewer,
        address: ClientAddress,
        id: RequestId,
        held: HeldBytes,
    ) -> Data {
        let mut data = Data::default();
        data.insert(viewer);
        data.insert(address);
        data.insert(id);
        data.insert(SubscriptionAllowance::new(self.max_subscriptions_per_socket, held));
        data
    }

    pub(super) fn client_address(&self, peer: Peer, headers: &HeaderMap) -> ClientAddress {
        self.client_addresses.of(peer, headers)
    }

    pub(super) fn client(&self, address: ClientAddress) -> Arc<Client> {
        self.clients.client(address)
    }

    /// Whether the page that sent this request may call the API with its visitor's session.
    pub(super) fn origin_may_call(&self, headers: &HeaderMap) -> bool {
        origin_may_call(headers, &self.allowed_origins, self.scheme(headers))
    }

    /// How cookies are set in the answer to this request.
    pub(super) fn cookie_scope(&self, headers: &HeaderMap) -> CookieScope {
        let is_secure = !is_loopback(headers) || self.scheme(headers) == Some(Scheme::Https);
        CookieScope { is_secure, same_site: self.cookie_same_site }
    }

    /// The scheme that the proxy in front names.
    pub(super) fn scheme(&self, headers: &HeaderMap) -> Option<Scheme> {
        forwarded_scheme(headers, self.client_addresses.proxy_header())
    }
}
