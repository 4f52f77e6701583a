//! A person's bookings for calendar programs, at an address that only the person knows.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::{
    access_log::Line, answer::refuse, client_address::Peer, event_request::status_of, state::App,
};
use crate::graphql::ApiError;

/// What the server holds for a calendar, in bytes.
const BYTES_PER_CALENDAR: usize = 512 * 1_024;

pub(super) async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
    peer: Peer,
    headers: HeaderMap,
) -> Response {
    let line = Line::start();
    let mut response = match calendar(&app, &name, peer, &headers).await {
        Ok(response) => response,
        Err(error) => refuse(status_of(&error), error),
    };
    line.finish(&mut response);
    response
}

async fn calendar(
    app: &App,
    name: &str,
    peer: Peer,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::NotFound("calendar");
    let token = name.strip_suffix(".ics").ok_or_else(unknown)?;
    let address = app.client_address(peer, headers);
    // It reads many bookings, and tokens can be guessed here.
    app.rate_limits.check_sign_in(Some(address))?;
    let _hold = app.client(address).held_by_request().hold(BYTES_PER_CALENDAR)?;
    let services = &app.services;
    let calendar = services.personal_data().calendar(token, &services.postman).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, calendar.ok_or_else(unknown)?).into_response())
}
