//! The page behind the link in reminders. Mail programs send the same request as its button.

use std::sync::LazyLock;

use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::{
    access_log::Line, answer::refuse, client_address::Peer, event_request::status_of, state::App,
};
use crate::graphql::ApiError;

/// The page is whole without any other file, so that it is there whatever else the server serves.
const STYLE: &str = include_str!("unsubscribe.css");

/// The page may show its style and send its form, and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

pub(super) async fn get(State(app): State<App>, Path(token): Path<String>) -> Response {
    let line = Line::start();
    let mut response = match app.services.accounts.is_unsubscribe_token(&token) {
        true => page(
            StatusCode::OK,
            "No more reminders?",
            "<form method=\"post\"><p>You will get no more mails a day before an event. Mails about \
             changes of your bookings still come.</p><button>No more reminders</button></form>",
        ),
        false => unknown(),
    };
    line.finish(&mut response);
    response
}

pub(super) async fn post(
    State(app): State<App>,
    Path(token): Path<String>,
    peer: Peer,
    headers: axum::http::HeaderMap,
) -> Response {
    let line = Line::start();
    let address = app.client_address(peer, &headers);
    let mut response = match unsubscribe(&app, &token, address).await {
        Ok(true) => page(
            StatusCode::OK,
            "You get no more reminders",
            "<p>You can have them again in <a href=\"/account\">your account</a>.</p>",
        ),
        Ok(false) => unknown(),
        Err(error) => refuse(status_of(&error), error),
    };
    line.finish(&mut response);
    response
}

async fn unsubscribe(
    app: &App,
    token: &str,
    address: crate::limits::ClientAddress,
) -> Result<bool, ApiError> {
    app.rate_limits.check_sign_in(Some(address))?;
    Ok(app.services.accounts.unsubscribe(token).await?)
}

fn unknown() -> Response {
    page(
        StatusCode::NOT_FOUND,
        "This link is not complete",
        "<p>Copy the whole link from the mail, or switch reminders off in \
         <a href=\"/account\">your account</a>.</p>",
    )
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title} · Rowlock</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{text}</main></body></html>\n"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (status, headers, Html(html)).into_response()
}
