//! The files that browsers load, as `cargo xtask web` builds them: the web client and the IDEs.

use std::path::Path;

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tower_http::{
    services::{ServeDir, ServeFile},
    set_header::SetResponseHeaderLayer,
};

use super::{negotiation::Accept, state::App};

/// File names under this path contain a hash of their content, so browsers may keep them forever.
const HASHED: &str = "/assets/";

/// The client's page may load files from this origin, send requests to it and compile WebAssembly,
/// and nothing else. A script or style that somebody put into a text does not run.
const CLIENT_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// The IDEs' code sets styles in their pages. Their scripts also come from this origin only.
const IDE_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; \
    style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// The policy of files that are not pages.
const FILE_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Size of the pieces in which files are read, in bytes. A client that reads nothing keeps one.
const CHUNK_BYTES: usize = 16_384;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// The client's page, which links to the IDEs.
const PAGE: &str = "index.html";
/// The client's page without that link.
const PAGE_WITHOUT_IDES: &str = "index-without-ides.html";

/// Whether `dir` has a web client.
pub(crate) fn has_web_client(dir: &Path) -> bool {
    dir.join(PAGE).is_file()
}

/// Whether `dir` has the IDEs.
pub(super) fn has_ides(dir: &Path) -> bool {
    has_web_client(dir) && dir.join("ide/playground/index.html").is_file()
}

/// Serves files from `dir`, and their compressed versions to browsers that accept these. The client
/// draws its own pages, so a browser gets the client's one page for any other path. Other programs
/// get a 404.
///
/// The IDEs are served only if `has_ides`.
pub(super) fn routes(dir: &Path, has_ides: bool) -> Router<App> {
    if !has_web_client(dir) {
        tracing::info!(
            "serving the API alone: there is no web client in {}; `cargo xtask web` builds it, and \
             WEB_DIR names another folder",
            dir.display()
        );
        return Router::new().fallback(missing);
    }
    let files =
        |path| ServeDir::new(dir.join(path)).with_buf_chunk_size(CHUNK_BYTES).precompressed_br();
    let file =
        |path| ServeFile::new(dir.join(path)).with_buf_chunk_size(CHUNK_BYTES).precompressed_br();
    let page = if has_ides { PAGE } else { PAGE_WITHOUT_IDES };
    let client = Router::<()>::new()
        .fallback_service(file(page))
        .layer(header_of(header::CONTENT_SECURITY_POLICY, CLIENT_POLICY))
        .layer(middleware::from_fn(only_for_browsers));
    let ides = match has_ides {
        true => Router::new()
            .nest_service("/ide", files("ide"))
            .route_service("/playground", file("ide/playground/index.html"))
            .route_service("/graphiql", file("ide/graphiql/index.html")),
        false => ["/ide/{*path}", "/playground", "/graphiql"]
            .into_iter()
            .fold(Router::new(), |router, path| router.route(path, get(StatusCode::NOT_FOUND))),
    };
    let ides = ides.layer(header_of(header::CONTENT_SECURITY_POLICY, IDE_POLICY));
    Router::new()
        .nest_service("/assets", files("assets"))
        .merge(ides)
        .fallback_service(client)
        .layer(header_of(header::CONTENT_SECURITY_POLICY, FILE_POLICY))
        .layer(header_of(header::REFERRER_POLICY, "same-origin"))
        .layer(header_of(CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
        .layer(middleware::from_fn(cache))
}

/// Sets a header if no inner layer has set it.
fn header_of(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// Lets only browsers through, so that a monitor that asks for a wrong path does not get a page.
async fn only_for_browsers(request: Request, next: Next) -> Response {
    if request.uri().path() == "/" || Accept::of(request.headers()).prefers_html() {
        return next.run(request).await;
    }
    StatusCode::NOT_FOUND.into_response()
}

async fn cache(request: Request, next: Next) -> Response {
    let is_hashed = request.uri().path().starts_with(HASHED);
    let mut response = next.run(request).await;
    let rule = match response.status() {
        status if is_hashed && status.is_success() => "public, max-age=31536000, immutable",
        _ => "no-cache",
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(rule));
    response
}

async fn missing() -> Response {
    let page = "<!doctype html><title>Rowlock</title><p>The API is at <code>/graphql</code>. \
                The web client and the IDEs are not built: run <code>cargo xtask web</code>, or \
                set <code>WEB_DIR</code> to the folder that has them.";
    (StatusCode::NOT_FOUND, Html(page)).into_response()
}
