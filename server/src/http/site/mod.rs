//! What browsers load: the web client and the IDEs, as `cargo xtask web` builds them, and the site's
//! own pages, such as help and terms.

#[cfg(feature = "site")]
mod embedded;
mod head;
mod markdown;
mod pages;
mod preview;
mod public_origin;
mod structured_data;
mod text_pages;
mod texts;

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tower::util::MapRequest;
use tower_http::{
    services::{
        ServeDir,
        fs::{Backend, TokioBackend},
    },
    set_header::SetResponseHeaderLayer,
};

use self::texts::{SiteText, read_texts};
use super::{settings::HttpArgs, state::App};

pub(crate) use self::texts::check_texts;

/// The folder in which a checkout has the site.
const DEFAULT_DIR: &str = "web/dist";

/// The file from which the client draws its pages, except for those that have a file of their own.
const INDEX: &str = "index.html";
/// The file from which the client draws the page of the user's bookings.
const BOOKINGS: &str = "bookings.html";
/// The file from which the client draws the pages of organizers.
const ORGANIZE: &str = "organize.html";
/// The file of the site's own pages. Another client than Rowlock's own may lack it, and has pages of
/// its own at their addresses.
const TEXT_PAGE: &str = "page.html";
/// The page of GraphQL Playground.
const PLAYGROUND: &str = "ide/playground/index.html";

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

/// Whether `dir` has a web client.
pub(crate) fn has_web_client(dir: &Path) -> bool {
    dir.join(INDEX).is_file()
}

/// Whether the site that is served has the IDEs.
pub(super) fn has_ides(settings: &HttpArgs) -> bool {
    #[cfg(feature = "site")]
    if settings.web_dir.is_none() {
        return embedded::has_file(Path::new(PLAYGROUND));
    }
    let dir = settings.web_dir.as_deref().unwrap_or(Path::new(DEFAULT_DIR));
    has_web_client(dir) && dir.join(PLAYGROUND).is_file()
}

/// Serves the files in the configured folder; without one, those in the program; and without these,
/// those in the default folder, where a checkout builds them. If there are none, it says so.
///
/// The IDEs are served only if `has_ides`.
pub(super) fn routes(settings: &HttpArgs, has_ides: bool) -> Router<App> {
    #[cfg(feature = "site")]
    if settings.web_dir.is_none() {
        let texts = texts_of(settings, embedded::has_file(Path::new(TEXT_PAGE)));
        return routes_to(Path::new(""), embedded::EmbeddedFiles, has_ides, texts);
    }
    let dir = settings.web_dir.as_deref().unwrap_or(Path::new(DEFAULT_DIR));
    if has_web_client(dir) {
        let texts = texts_of(settings, dir.join(TEXT_PAGE).is_file());
        return routes_to(dir, TokioBackend, has_ides, texts);
    }
    tracing::info!(
        "serving the API alone: there is no web client in {}; `cargo xtask web` builds it, and \
         WEB_DIR names another folder",
        dir.display()
    );
    Router::new().fallback(missing)
}

/// The texts of the site's own pages, if the site has a file for these.
fn texts_of(settings: &HttpArgs, has_page: bool) -> Vec<Arc<SiteText>> {
    let dir = settings.pages_dir.as_deref();
    if !has_page {
        if dir.is_some() {
            tracing::warn!("PAGES_DIR has no effect: the web client has no {TEXT_PAGE}");
        }
        return Vec::new();
    }
    read_texts(dir).unwrap_or_else(|error| {
        // The command line was refused if this was so when the program started.
        tracing::error!(%error, "PAGES_DIR can't be read any more");
        Vec::new()
    })
}

/// Serves files, and their compressed versions to browsers that accept these. All addresses that no
/// file has belong to the client's pages.
fn routes_to<B: Backend>(
    dir: &Path,
    backend: B,
    has_ides: bool,
    texts: Vec<Arc<SiteText>>,
) -> Router<App> {
    let client = |file: &str| pages::Client {
        backend: backend.clone(),
        file: dir.join(file),
        index: dir.join(INDEX),
        has_ides,
    };
    let files = |path: &str| {
        ServeDir::with_backend(dir.join(path), backend.clone())
            .with_buf_chunk_size(CHUNK_BYTES)
            .precompressed_br()
    };
    let ides = match has_ides {
        true => Router::new()
            .nest_service("/ide", files("ide"))
            .route_service("/playground", index_of(files("ide/playground")))
            .route_service("/graphiql", index_of(files("ide/graphiql"))),
        false => ["/ide/{*path}", "/playground", "/graphiql"]
            .into_iter()
            .fold(Router::new(), |router, path| router.route(path, get(StatusCode::NOT_FOUND))),
    };
    Router::new()
        .nest_service("/assets", files("assets"))
        .route_service("/robots.txt", files(""))
        .route_service("/apple-touch-icon.png", files(""))
        .merge(ides.layer(header_of(header::CONTENT_SECURITY_POLICY, IDE_POLICY)))
        .merge(
            pages::routes(client(INDEX), client(BOOKINGS), client(ORGANIZE))
                .merge(text_pages::routes(&client(TEXT_PAGE), texts))
                .layer(header_of(header::CONTENT_SECURITY_POLICY, CLIENT_POLICY)),
        )
        .layer(header_of(header::CONTENT_SECURITY_POLICY, FILE_POLICY))
        .layer(header_of(header::REFERRER_POLICY, "same-origin"))
        .layer(header_of(CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
        .layer(middleware::from_fn(cache))
}

/// Serves a folder's page under another address.
fn index_of<S>(folder: S) -> MapRequest<S, fn(Request) -> Request> {
    MapRequest::new(folder, |mut request| {
        *request.uri_mut() = Uri::from_static("/");
        request
    })
}

/// Sets a header if no inner layer has set it.
fn header_of(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn cache(request: Request, next: Next) -> Response {
    let is_hashed = request.uri().path().starts_with(HASHED);
    let mut response = next.run(request).await;
    let rule = match response.status() {
        status if is_hashed && status.is_success() => "public, max-age=31536000, immutable",
        _ => "no-cache",
    };
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(rule));
    response
}

async fn missing() -> Response {
    let page = "<!doctype html><title>Rowlock</title><p>The API is at <code>/graphql</code>. \
                The web client and the IDEs are not built: run <code>cargo xtask web</code>, or \
                set <code>WEB_DIR</code> to the folder that has them.";
    (StatusCode::NOT_FOUND, Html(page)).into_response()
}
