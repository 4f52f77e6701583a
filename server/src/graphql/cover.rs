//! The `Cover` type.

use std::sync::Arc;

use async_graphql::Object;

use crate::covers;

#[derive(Clone, Debug)]
pub(super) struct Cover(pub(super) Arc<covers::Cover>);

/// The picture of an event. All its sizes are JPEGs, 16 wide and 9 high.
#[Object]
impl Cover {
    /// The path of the picture on this server. Its content never changes, so it can be kept for
    /// good. Widths are rounded up to one that exists; beyond the largest, it is the largest.
    async fn url(
        &self,
        #[graphql(default = 800, desc = "The width in pixels in which the picture is shown.")]
        width: i32,
    ) -> String {
        self.0.path(width)
    }

    /// The widths that exist, in pixels, the smallest first.
    async fn widths(&self) -> &[i32] {
        &self.0.widths
    }

    /// What the picture shows, for people who don't see it.
    async fn alt(&self) -> &str {
        &self.0.alt
    }
}
