//! The download of everything about the person who asks, as JSON.
//!
//! It is streamed, a page of bookings at a time, so that its size does not matter.

use std::io;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;

use super::{
    access_log::Line,
    answer::refuse,
    client_address::Peer,
    event_request::{signed_in_user, status_of},
    state::App,
};
use crate::graphql::ApiError;

/// What the server holds for a download, in bytes.
const BYTES_PER_DOWNLOAD: usize = 256 * 1_024;

pub(super) async fn get(State(app): State<App>, peer: Peer, headers: HeaderMap) -> Response {
    let line = Line::start();
    let mut response = match download(app, peer, &headers).await {
        Ok(response) => response,
        Err(error) => refuse(status_of(&error), error),
    };
    line.finish(&mut response);
    response
}

async fn download(app: App, peer: Peer, headers: &HeaderMap) -> Result<Response, ApiError> {
    let id = signed_in_user(&app, headers)?;
    let address = app.client_address(peer, headers);
    // It reads all of the person's bookings, so it is not for free.
    app.rate_limits.check_sign_in(Some(address))?;
    let services = &app.services;
    let user = services.accounts.find_user(id).await?.ok_or_else(ApiError::no_such_account)?;
    let hold = app.client(address).held_by_request().hold(BYTES_PER_DOWNLOAD)?;
    let parts = services.personal_data().export(user).await?;
    let parts = parts.map(move |part| {
        let _ = &hold;
        // An error ends the connection, so that nobody takes the part for the whole.
        part.map_err(|error| {
            tracing::debug!(%error, "a download of personal data ends early");
            io::Error::other(error)
        })
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"rowlock-data.json\""),
        ),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}
