//! GraphQL Playground, served whole from here: its files are the npm package's, put beside the web
//! client by `cargo xtask web`.

use axum::response::Html;

/// The page. It talks to `/graphql` of the origin that it came from.
pub(super) async fn page() -> Html<&'static str> {
    Html(include_str!("playground.html"))
}
