//! The pictures of events: organizers send them, and everybody loads them.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::{Body, Bytes},
    extract::{Path, RawQuery, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::form_urlencoded;

use super::{
    access_log::Line,
    answer::{and_close, refuse},
    arrived::Arrived,
    body::{self, BodyError},
    client_address::Peer,
    event_request::{EventRequest, status_of},
    state::App,
};
use crate::{
    covers::{Cover, CoversError, File, FileName, NewCover, PictureError, checked_alt},
    graphql::{ApiError, event_cancelled_message},
    inventory::EditOutcome,
    limits::Hold,
    organizers::Action,
};

/// A picture has this many times as long to arrive as other bodies, because it is larger.
const TIME_FACTOR: u32 = 3;

/// A request that is refused, with the status of the answer.
struct Refusal(StatusCode, ApiError);

impl<E: Into<ApiError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        let error = error.into();
        Self(status_of(&error), error)
    }
}

impl Refusal {
    /// The picture is wrong in some way.
    fn picture(status: StatusCode, message: impl Into<String>) -> Self {
        Self(status, ApiError::field("picture", message))
    }

    fn of_body(error: BodyError, max_bytes: usize) -> Self {
        match error {
            BodyError::HoldsTooMuch(error) => error.into(),
            BodyError::TooLarge => Self::picture(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("The picture has more than {max_bytes} bytes. Make it smaller."),
            ),
            BodyError::Incomplete => {
                Self::picture(StatusCode::BAD_REQUEST, "The picture ended too early.")
            }
        }
    }

    fn of_cover(error: CoversError) -> Self {
        let status = match &error {
            CoversError::Picture(PictureError::UnknownFormat) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            CoversError::Picture(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => return error.into(),
        };
        Self(status, error.into())
    }
}

/// Gives an event the picture in the body, and the text in the parameter `alt`.
pub(super) async fn put(
    State(app): State<App>,
    peer: Peer,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    Extension(arrived): Extension<Arrived>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let line = Line::start();
    let alt = alt_of(query.as_deref().unwrap_or_default());
    let mut response = match receive(&app, peer, &id, &alt, &headers, request.into_body()).await {
        Ok(response) => response,
        Err(Refusal(status, error)) => {
            // A part of the picture may still be on its way. The client gets the answer all the same.
            arrived.discard_rest();
            and_close(refuse(status, error))
        }
    };
    line.finish(&mut response);
    response
}

/// Takes the picture of an event away.
pub(super) async fn delete(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let line = Line::start();
    let deleting = async {
        let requested = permitted(&app, &headers, &id).await?;
        store(&app, &requested, None).await
    };
    let mut response = match deleting.await {
        Ok(response) => response,
        Err(Refusal(status, error)) => refuse(status, error),
    };
    line.finish(&mut response);
    response
}

/// The text that stands for the picture. `fetch` can send every character in a parameter, and none
/// but those of Latin-1 in a header.
fn alt_of(query: &str) -> String {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let alt = parameters.find(|(name, _)| name == "alt");
    alt.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Finds the event, and counts the attempt to change it.
async fn permitted(app: &App, headers: &HeaderMap, id: &str) -> Result<EventRequest, Refusal> {
    let requested = EventRequest::of(app, headers, id).await?;
    app.rate_limits.check_organizer_change(requested.membership.user)?;
    requested.require(app, Action::ManageEvents).await?;
    Ok(requested)
}

/// Reads the picture only for somebody who may change the event.
async fn receive(
    app: &App,
    peer: Peer,
    id: &str,
    alt: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let requested = permitted(app, headers, id).await?;
    let alt = checked_alt(alt).map_err(|problem| ApiError::BadUserInput(vec![problem]))?;
    let held = app.client(app.client_address(peer, headers)).held_by_picture();
    let reading = body::read(body, app.max_cover_bytes, &held);
    let (picture, hold) = match timeout(app.body_timeout * TIME_FACTOR, reading).await {
        Ok(read) => read.map_err(|error| Refusal::of_body(error, app.max_cover_bytes))?,
        Err(_) => {
            let message = "The picture did not arrive in time.";
            return Err(Refusal::picture(StatusCode::REQUEST_TIMEOUT, message));
        }
    };
    if picture.is_empty() {
        let message = "Send the picture as the body of the request.";
        return Err(Refusal::picture(StatusCode::BAD_REQUEST, message));
    }
    let picture = Held { bytes: picture, _hold: hold };
    let cover = app.services.covers.make(requested.event.id, alt, picture).await;
    // Somebody may have lost their role while the picture arrived and was made.
    requested.require(app, Action::ManageEvents).await?;
    store(app, &requested, Some(cover.map_err(Refusal::of_cover)?)).await
}

async fn store(
    app: &App,
    requested: &EventRequest,
    cover: Option<NewCover>,
) -> Result<Response, Refusal> {
    let described = cover.as_ref().map(|cover| describe(&cover.to_cover()));
    match app.services.managed_events.set_cover(requested.event.id, cover).await? {
        EditOutcome::Edited(event) => {
            let event = json!({ "id": event.id.0, "revision": event.revision, "cover": described });
            let body = Json(json!({ "data": { "event": event } }));
            Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
        }
        EditOutcome::Cancelled(event) => Err(Refusal(
            StatusCode::CONFLICT,
            ApiError::field("event", event_cancelled_message(&event)),
        )),
        other @ (EditOutcome::EditedByAnother(_)
        | EditOutcome::CapacityTooLow(_)
        | EditOutcome::Invalid(_)) => {
            Err(ApiError::Internal(format!("a cover was refused as {other:?}")).into())
        }
    }
}

/// The same fields as in GraphQL.
fn describe(cover: &Cover) -> Value {
    json!({ "url": cover.path(i32::MAX), "widths": cover.widths, "alt": cover.alt })
}

/// A body whose bytes are counted for as long as it is in memory.
struct Held {
    bytes: Bytes,
    _hold: Hold,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Sends one size of a cover, to everybody who knows its name. That of a draft is as hard to guess as
/// an id, and only members are told it.
pub(super) async fn get_file(
    State(app): State<App>,
    peer: Peer,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let line = Line::start();
    let mut response = match file(&app, peer, &name, &headers).await {
        Ok(response) => response,
        Err(error) => refuse(status_of(&error), error),
    };
    line.finish(&mut response);
    response
}

async fn file(
    app: &App,
    peer: Peer,
    name: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let name: FileName = name.parse().map_err(|_| ApiError::NotFound("picture"))?;
    let file = app.services.covers.find_file(name).await?;
    let file = file.ok_or(ApiError::NotFound("picture"))?;
    let etag = format!("\"{name}\"");
    let is_known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','))
        .any(|tag| matches!(tag.trim().trim_start_matches("W/"), tag if tag == etag || tag == "*"));
    let etag = HeaderValue::try_from(etag).map_err(|e| ApiError::Internal(e.to_string()))?;
    let kept = [
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::ETAG, etag),
    ];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    let about = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
    ];
    file.count_once(&app.client(app.client_address(peer, headers)).held_by_picture())?;
    let body = Body::from(Bytes::from_owner(SentFile(file)));
    Ok((kept, about, body).into_response())
}

/// A file that is kept until all who load it have read it.
struct SentFile(Arc<File>);

impl AsRef<[u8]> for SentFile {
    fn as_ref(&self) -> &[u8] {
        &self.0.jpeg
    }
}
