//! The pages of the web client: which addresses have one, with which status, and what each says
//! about itself.
//!
//! The client draws all of them from one file. The server puts the page's own lines into its head,
//! for whoever runs no script.

use std::{io, path::PathBuf, time::Duration};

use axum::{
    Extension, Router,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use rowlock_entities::{EventId, event};
use tokio::{io::AsyncReadExt, time::timeout};
use tower_http::services::fs::Backend;
use uuid::Uuid;

use super::{
    head::{Head, TAGLINE},
    public_origin::{DEPENDS_ON, public_origin},
    structured_data::event_data,
};
use crate::{database::Fault, events::EventsError, http::state::App};

/// The client's pages besides the lists and the events, and their titles.
const OTHER_PAGES: [(&str, &str); 3] =
    [("/bookings", "My bookings"), ("/sign-in", "Sign in"), ("/register", "Create an account")];

/// The lines between these, in the client's file, are about the page.
const HEAD_START: &str = "<!-- about this page: replaced by the server -->";
const HEAD_END: &str = "<!-- /about this page -->";

/// Longest wait for an event. After that, the page is sent without it.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// The line by which the client knows that the server has IDEs.
const LINK_TO_IDES: &str = "\n    <link rel=\"help\" href=\"/playground\" />";

/// The client's file, and whether its pages link to the IDEs.
#[derive(Clone)]
pub(super) struct Client<B> {
    pub(super) backend: B,
    pub(super) index: PathBuf,
    pub(super) has_ides: bool,
}

/// The routes to all pages. Other addresses get the client's page, too, which says that there is
/// nothing.
pub(super) fn routes<B: Backend>(client: Client<B>) -> Router<App> {
    let mut router = Router::new()
        .route("/", get(list::<B>))
        .route("/events", get(list::<B>))
        .route("/events/", get(list::<B>))
        .route("/events/{id}", get(event::<B>))
        .route("/events/{id}/", get(event::<B>));
    for (path, title) in OTHER_PAGES {
        let page = get(async move |Extension(client): Extension<Client<B>>| {
            client.page(StatusCode::OK, &Head::unlisted(title)).await
        });
        router = router.route(path, page.clone()).route(&format!("{path}/"), page);
    }
    router.fallback(get(not_found::<B>)).layer(Extension(client))
}

async fn list<B: Backend>(
    State(app): State<App>,
    Extension(client): Extension<Client<B>>,
    headers: HeaderMap,
) -> Response {
    let head = Head {
        title: "Events".to_owned(),
        description: TAGLINE.to_owned(),
        address: public_origin(&headers, app.scheme(&headers))
            .map(|origin| (origin, "/events".to_owned())),
        structured_data: None,
    };
    client.page(StatusCode::OK, &head).await
}

async fn event<B: Backend>(
    State(app): State<App>,
    Extension(client): Extension<Client<B>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let id = id.ok().and_then(|Path(id)| Uuid::try_parse(&id).ok()).map(EventId::from);
    let Some(id) = id else { return not_found(Extension(client)).await };
    match timeout(READ_TIMEOUT, app.services.events.find(id)).await {
        Ok(Ok(Some(event))) if event.is_public => {
            let origin = public_origin(&headers, app.scheme(&headers));
            let head = event_head(&event, origin, &app);
            client.page(StatusCode::OK, &head).await
        }
        // A page request says nothing about who sends it, so drafts are not found.
        Ok(Ok(_)) => not_found(Extension(client)).await,
        Ok(Err(error)) => {
            log_unread(id, &error);
            unavailable(&client).await
        }
        Err(_) => unavailable(&client).await,
    }
}

fn log_unread(id: EventId, error: &EventsError) {
    match error {
        // Nobody would hear of it otherwise, since the page is 503 whatever the cause.
        EventsError::Database(cause) if Fault::of(cause) == Fault::Other => {
            tracing::error!(%error, event = %id, "an event can't be read for its page");
        }
        // Probes log that the database is away.
        _ => tracing::debug!(%error, event = %id, "an event could not be read for its page"),
    }
}

/// The page of an event that can't be read now. The client asks again, and says what is wrong.
async fn unavailable<B: Backend>(client: &Client<B>) -> Response {
    let mut page = client.page(StatusCode::SERVICE_UNAVAILABLE, &Head::unlisted("Event")).await;
    let headers = page.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    page
}

async fn not_found<B: Backend>(Extension(client): Extension<Client<B>>) -> Response {
    client.page(StatusCode::NOT_FOUND, &Head::unlisted("Not found")).await
}

fn event_head(event: &event::Model, origin: Option<String>, app: &App) -> Head {
    let path = format!("/events/{}", event.id);
    let url = origin.as_ref().map(|origin| format!("{origin}{path}"));
    let structured_data = event_data(event, url.as_deref(), app.services.clock.now());
    let description =
        if event.description.trim().is_empty() { &event.venue } else { &event.description };
    Head {
        title: event.title.clone(),
        description: description.clone(),
        address: origin.map(|origin| (origin, path)),
        structured_data: Some(structured_data),
    }
}

impl<B: Backend> Client<B> {
    async fn page(&self, status: StatusCode, head: &Head) -> Response {
        match self.read().await {
            Ok(file) => {
                let vary = [(header::VARY, HeaderValue::from_static(DEPENDS_ON))];
                let link = if self.has_ides { LINK_TO_IDES } else { "" };
                let page = with_lines(&file, &(head.to_html() + link));
                (status, vary, Html(page)).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "the web client's page can't be read");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// Reads the client's file each time, because a build may replace it.
    async fn read(&self) -> io::Result<String> {
        let mut text = String::new();
        self.backend.open(self.index.clone()).await?.read_to_string(&mut text).await?;
        Ok(text)
    }
}

/// The client's file with a page's own lines.
fn with_lines(file: &str, lines: &str) -> String {
    let replaced = || {
        let (before, rest) = file.split_once(HEAD_START)?;
        let (_, after) = rest.split_once(HEAD_END)?;
        Some([before, lines, after].concat())
    };
    // Another client than Rowlock's own may lack the two comments.
    replaced().unwrap_or_else(|| file.to_owned())
}
