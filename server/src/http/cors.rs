//! Lets pages of other sites call the API if their origin is allowed.

use axum::http::{Method, Request, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::{access_log::REQUEST_ID, settings::Origins};

/// Longest list of headers that a page may ask for, in bytes. It is repeated in the answer.
const MAX_REQUESTED_BYTES: usize = 2_048;

/// Pages of these origins may send any headers. Clients add some of their own, such as
/// `apollographql-client-name` and `traceparent`.
pub(super) fn cors(allowed: &Origins) -> CorsLayer {
    let allowed = allowed.clone();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| allowed.contain(origin)))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([REQUEST_ID])
}

/// Leaves out a list of headers that is too long to be repeated, so that none of it is allowed.
pub(crate) fn limit_requested_headers<B>(request: &mut Request<B>) {
    if request.method() != Method::OPTIONS {
        return;
    }
    let requested = request.headers().get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
    if requested.iter().map(|line| line.len()).sum::<usize>() > MAX_REQUESTED_BYTES {
        request.headers_mut().remove(header::ACCESS_CONTROL_REQUEST_HEADERS);
    }
}
