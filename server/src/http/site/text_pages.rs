//! The site's own pages, such as help and terms. The server sends them whole, so they need no script.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tower_http::services::fs::Backend;

use super::{
    head::Head,
    pages::{Client, unreadable, with_head, with_lines},
    public_origin::{DEPENDS_ON, public_origin},
    texts::SiteText,
};
use crate::{graphql::sha256_hex, http::state::App};

/// The text is between these, in the file.
const TEXT: [&str; 2] = ["<!-- text: replaced by the server -->", "<!-- /text -->"];

/// The link to the IDEs is between these, in the file.
const PLACE_OF_LINK: [&str; 2] = ["<!-- IDEs: left out if there are none -->", "<!-- /IDEs -->"];
const LINK_TO_IDES: &str = "<a href=\"/playground\">API</a>";

pub(super) fn routes<B: Backend>(client: &Client<B>, texts: Vec<Arc<SiteText>>) -> Router<App> {
    texts.into_iter().fold(Router::new(), |router, text| {
        let (client, path) = (client.clone(), text.path.clone());
        let page = get(async move |State(app): State<App>, headers: HeaderMap| {
            page(&client, &text, &app, &headers).await
        });
        router.route(&path, page.clone()).route(&format!("{path}/"), page)
    })
}

async fn page<B: Backend>(
    client: &Client<B>,
    text: &SiteText,
    app: &App,
    headers: &HeaderMap,
) -> Response {
    let file = match client.read().await {
        Ok(file) => file,
        Err(error) => return unreadable(&error),
    };
    let origin = public_origin(headers, app.scheme(headers));
    let head = Head {
        picture: None,
        title: text.title.clone(),
        description: text.description.clone(),
        address: origin.map(|origin| (origin, text.path.clone())),
        structured_data: None,
        is_hidden: false,
    };
    let page = with_head(&file, &head.to_html());
    let page = with_lines(&page, PLACE_OF_LINK, if client.has_ides { LINK_TO_IDES } else { "" });
    let link = format!("<a href=\"{}\"", text.path);
    let page = page.replace(&link, &format!("{link} aria-current=\"page\""));
    let page = with_lines(&page, TEXT, &text.html);

    let tag = format!("\"{}\"", &sha256_hex(&page)[..32]);
    let vary = (header::VARY, HeaderValue::from_static(DEPENDS_ON));
    let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|known| has_tag(known, &tag));
    let tag = (header::ETAG, tag);
    match is_known {
        true => (StatusCode::NOT_MODIFIED, [tag], [vary]).into_response(),
        false => ([tag], [vary], Html(page)).into_response(),
    }
}

/// Whether a browser has the version of a page with this tag.
fn has_tag(known: &HeaderValue, tag: &str) -> bool {
    let mut tags = known.to_str().unwrap_or_default().split(',').map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
