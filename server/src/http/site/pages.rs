//! The pages of the web client: which addresses have one, with which status, and what each says
//! about itself.
//!
//! The client draws all of them from two files, one for each of its programs. The server puts the
//! page's own lines into its head, for whoever runs no script.

use std::{
    fmt,
    io::{self, ErrorKind},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use rowlock_entities::{EventId, event, organizer};
use tokio::{io::AsyncReadExt, time::timeout};
use tower_http::services::fs::Backend;
use uuid::Uuid;

use super::{
    head::{Head, Picture, TAGLINE},
    preview::event_preview,
    public_origin::{DEPENDS_ON, public_origin},
    structured_data::{event_data, organization, organizer_path},
};
use crate::{
    covers::{Cover, CoversError},
    database::Fault,
    events::EventsError,
    http::state::App,
    organizers::OrganizersError,
};

/// The client's pages besides the lists, the events and the organizers, and their titles.
const OTHER_PAGES: [(&str, &str); 2] = [("/sign-in", "Sign in"), ("/register", "Create account")];

/// The pages of the program for bookings and the account, and their titles.
const BOOKINGS_PAGES: [(&str, &str); 6] = [
    ("/bookings", "My bookings"),
    ("/bookings/{id}", "Your booking"),
    ("/account", "My account"),
    ("/forgot-password", "Forgot your password?"),
    ("/reset-password", "New password"),
    ("/verify-email", "Confirm your address"),
];

/// The pages of the organizers' program, and their titles.
const ORGANIZERS_PAGES: [(&str, &str); 8] = [
    ("/organize", "Your organizers"),
    ("/organize/{slug}", "My events"),
    ("/organize/{slug}/events/new", "New event"),
    ("/organize/{slug}/members", "Members"),
    ("/organize/{slug}/settings", "Settings"),
    ("/organize/events/{id}", "Event"),
    ("/organize/events/{id}/attendees", "Attendees"),
    ("/organize/events/{id}/door", "Door"),
];

/// All addresses below this belong to the organizers' program.
const ORGANIZERS_PREFIX: &str = "/organize/";

/// The lines between these, in the client's file, are about the page.
const HEAD_START: &str = "<!-- about this page: replaced by the server -->";
const HEAD_END: &str = "<!-- /about this page -->";

/// What is between these shows until the client has drawn the page.
const PREVIEW_START: &str = "<!-- until the client draws the page: replaced by the server -->";
const PREVIEW_END: &str = "<!-- /until the client draws the page -->";

/// Longest wait for an event or an organizer. After that, the page is sent without it.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// The line by which the client knows that the server has IDEs.
const LINK_TO_IDES: &str = "\n    <link rel=\"help\" href=\"/playground\" />";

/// The file of one of the client's programs, and whether its pages link to the IDEs.
#[derive(Clone)]
pub(super) struct Client<B> {
    pub(super) backend: B,
    pub(super) file: PathBuf,
    /// Takes the file's place in a client that has only one program.
    pub(super) index: PathBuf,
    pub(super) has_ides: bool,
}

/// The routes to all pages. Other addresses get the client's page, too, which says that there is
/// nothing.
pub(super) fn routes<B: Backend>(
    buyer: Client<B>,
    bookings: Client<B>,
    organizer: Client<B>,
) -> Router<App> {
    let nothing = organizer.clone();
    let of_bookings = unlisted_pages::<B>(&BOOKINGS_PAGES).layer(Extension(bookings));
    let pages = buyers_pages::<B>().layer(Extension(buyer.clone())).merge(of_bookings);
    pages.merge(organizers_pages::<B>().layer(Extension(organizer))).fallback(get(
        async move |uri: Uri| {
            let is_organizers = uri.path().starts_with(ORGANIZERS_PREFIX);
            not_found(Extension(if is_organizers { nothing } else { buyer })).await
        },
    ))
}

/// Nobody needs to find these pages, and each shows what only its organizer's members may see.
fn organizers_pages<B: Backend>() -> Router<App> {
    let mut router = Router::new();
    for (path, title) in ORGANIZERS_PAGES {
        let page = get(async move |Extension(client): Extension<Client<B>>| {
            client.page(StatusCode::OK, &Head::hidden(title)).await
        });
        router = router.route(path, page.clone()).route(&format!("{path}/"), page);
    }
    router
}

fn buyers_pages<B: Backend>() -> Router<App> {
    Router::new()
        .route("/", get(list::<B>))
        .route("/events", get(list::<B>))
        .route("/events/", get(list::<B>))
        .route("/events/{id}", get(event::<B>))
        .route("/events/{id}/", get(event::<B>))
        .route("/organizers/{slug}", get(organizer::<B>))
        .route("/organizers/{slug}/", get(organizer::<B>))
        .merge(unlisted_pages::<B>(&OTHER_PAGES))
}

fn unlisted_pages<B: Backend>(pages: &[(&str, &'static str)]) -> Router<App> {
    let mut router = Router::new();
    for &(path, title) in pages {
        let page = get(async move |Extension(client): Extension<Client<B>>| {
            client.page(StatusCode::OK, &Head::unlisted(title)).await
        });
        router = router.route(path, page.clone()).route(&format!("{path}/"), page);
    }
    router
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
        picture: None,
        structured_data: None,
        is_hidden: false,
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
    match timeout(READ_TIMEOUT, find_event(&app, id)).await {
        Ok(Ok(Some(found))) => {
            let origin = public_origin(&headers, app.scheme(&headers));
            let head = event_head(&found, origin, &app);
            let FoundEvent { event, organizer, cover } = &found;
            let now = app.services.clock.now();
            let preview = event_preview(event, organizer.as_deref(), cover.as_deref(), now);
            client.page_with(StatusCode::OK, &head, Some(&preview)).await
        }
        Ok(Ok(None)) => not_found(Extension(client)).await,
        Ok(Err(error)) => {
            log_unread(&format_args!("event {id}"), &error);
            unavailable(&client, "Event").await
        }
        Err(_) => unavailable(&client, "Event").await,
    }
}

/// An event with what its page says about it.
struct FoundEvent {
    event: Arc<event::Model>,
    organizer: Option<Arc<organizer::Model>>,
    cover: Option<Arc<Cover>>,
}

async fn find_event(app: &App, id: EventId) -> Result<Option<FoundEvent>, ReadError> {
    let event = app.services.events.find(id).await?;
    // A page request says nothing about who sends it, so drafts are not found.
    let Some(event) = event.filter(|event| event.is_public) else { return Ok(None) };
    let organizer = async { Ok(app.services.organizers.find(event.organizer_id).await?) };
    let cover = async { Ok::<_, ReadError>(app.services.covers.find(event.id).await?) };
    let (organizer, cover) = tokio::try_join!(organizer, cover)?;
    Ok(Some(FoundEvent { event, organizer, cover }))
}

async fn organizer<B: Backend>(
    State(app): State<App>,
    Extension(client): Extension<Client<B>>,
    slug: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Path(slug)) = slug else { return not_found(Extension(client)).await };
    match timeout(READ_TIMEOUT, app.services.organizers.find_by_slug(&slug)).await {
        Ok(Ok(Some(organizer))) => {
            let origin = public_origin(&headers, app.scheme(&headers));
            client.page(StatusCode::OK, &organizer_head(&organizer, origin)).await
        }
        Ok(Ok(None)) => not_found(Extension(client)).await,
        Ok(Err(error)) => {
            log_unread(&format_args!("organizer {slug}"), &error.into());
            unavailable(&client, "Organizer").await
        }
        Err(_) => unavailable(&client, "Organizer").await,
    }
}

/// The reason why a page's subject was not read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Events(#[from] EventsError),
    #[error(transparent)]
    Organizers(#[from] OrganizersError),
    #[error(transparent)]
    Covers(#[from] CoversError),
}

fn log_unread(subject: &dyn fmt::Display, error: &ReadError) {
    match error {
        // Nobody would hear of it otherwise, since the page is 503 whatever the cause.
        ReadError::Events(EventsError::Database(cause))
        | ReadError::Organizers(OrganizersError::Database(cause))
        | ReadError::Covers(CoversError::Database(cause))
            if Fault::of(cause) == Fault::Other =>
        {
            tracing::error!(%error, %subject, "the subject of a page can't be read");
        }
        // Probes log that the database is away.
        _ => tracing::debug!(%error, %subject, "the subject of a page could not be read"),
    }
}

/// A page whose subject can't be read now. The client asks again, and says what is wrong.
async fn unavailable<B: Backend>(client: &Client<B>, title: &str) -> Response {
    let mut page = client.page(StatusCode::SERVICE_UNAVAILABLE, &Head::unlisted(title)).await;
    let headers = page.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    page
}

async fn not_found<B: Backend>(Extension(client): Extension<Client<B>>) -> Response {
    client.page(StatusCode::NOT_FOUND, &Head::unlisted("Not found")).await
}

fn event_head(found: &FoundEvent, origin: Option<String>, app: &App) -> Head {
    let FoundEvent { event, organizer, cover } = found;
    let path = format!("/events/{}", event.id);
    let url = origin.as_ref().map(|origin| format!("{origin}{path}"));
    let mut structured_data = event_data(event, url.as_deref(), app.services.clock.now());
    if let Some(organizer) = organizer {
        structured_data["organizer"] = organization(organizer, origin.as_deref());
    }
    let picture =
        cover.as_ref().map(|cover| Picture { path: cover.path(i32::MAX), alt: cover.alt.clone() });
    if let (Some(origin), Some(picture)) = (&origin, &picture) {
        structured_data["image"] = format!("{origin}{}", picture.path).into();
    }
    let description =
        if event.description.trim().is_empty() { &event.venue } else { &event.description };
    Head {
        title: event.title.clone(),
        description: description.clone(),
        address: origin.map(|origin| (origin, path)),
        picture,
        structured_data: Some(structured_data),
        is_hidden: false,
    }
}

fn organizer_head(organizer: &organizer::Model, origin: Option<String>) -> Head {
    let mut structured_data = organization(organizer, origin.as_deref());
    structured_data["@context"] = "https://schema.org".into();
    Head {
        title: organizer.name.clone(),
        description: format!(
            "The events of {}, with tickets and how many are left.",
            organizer.name
        ),
        address: origin.map(|origin| (origin, organizer_path(organizer))),
        picture: None,
        structured_data: Some(structured_data),
        is_hidden: false,
    }
}

impl<B: Backend> Client<B> {
    async fn page(&self, status: StatusCode, head: &Head) -> Response {
        self.page_with(status, head, None).await
    }

    /// A page that shows its subject before the client has drawn it, if there is a preview.
    async fn page_with(&self, status: StatusCode, head: &Head, preview: Option<&str>) -> Response {
        match self.read().await {
            Ok(file) => {
                let vary = [(header::VARY, HeaderValue::from_static(DEPENDS_ON))];
                let link = if self.has_ides { LINK_TO_IDES } else { "" };
                let page = with_head(&file, &(head.to_html() + link));
                let page = match preview {
                    Some(preview) => with_lines(&page, [PREVIEW_START, PREVIEW_END], preview),
                    None => page,
                };
                (status, vary, Html(page)).into_response()
            }
            Err(error) => unreadable(&error),
        }
    }

    /// Reads the client's file each time, because a build may replace it.
    pub(super) async fn read(&self) -> io::Result<String> {
        let mut text = String::new();
        let file = match self.backend.open(self.file.clone()).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.backend.open(self.index.clone()).await
            }
            opened => opened,
        };
        file?.read_to_string(&mut text).await?;
        Ok(text)
    }
}

/// The answer if the client's file can't be read.
pub(super) fn unreadable(error: &io::Error) -> Response {
    tracing::error!(%error, "the web client's page can't be read");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// The client's file with a page's own lines in its head.
pub(super) fn with_head(file: &str, lines: &str) -> String {
    with_lines(file, [HEAD_START, HEAD_END], lines)
}

/// The client's file with other lines in place of those between two comments.
pub(super) fn with_lines(file: &str, [start, end]: [&str; 2], lines: &str) -> String {
    let replaced = || {
        let (before, rest) = file.split_once(start)?;
        let (_, after) = rest.split_once(end)?;
        Some([before, lines, after].concat())
    };
    // Another client than Rowlock's own may lack the two comments.
    replaced().unwrap_or_else(|| file.to_owned())
}
