//! Pages in the schema: the arguments that request one, opaque cursors, and the connection that
//! holds one. A [`Listing`] defines what is listed and how it is counted.

use std::borrow::Cow;

use async_graphql::{Context, Object, OutputType, SimpleObject, TypeName};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use super::errors::ApiError;
use crate::{
    field_problem::FieldProblem,
    pagination::{Page, PageRequest},
};

/// Page size if the caller gives none.
const DEFAULT_PAGE_SIZE: i32 = 10;
/// Complexity of a statement that reads a page or counts a list.
const STATEMENT_COMPLEXITY: usize = 20;
/// Number of entries that a list without pages counts as.
const LIST_SIZE: usize = 20;
/// Maximum page size.
const MAX_PAGE_SIZE: i32 = 50;
/// Maximum length of a cursor. All cursors that the server makes are shorter.
const MAX_CURSOR_BYTES: usize = 4_096;

/// The paging arguments before they are checked.
#[derive(Debug, Default)]
pub(super) struct PageArgs {
    pub(super) first: Option<i32>,
    pub(super) after: Option<String>,
    pub(super) last: Option<i32>,
    pub(super) before: Option<String>,
    pub(super) offset: Option<i32>,
}

impl PageArgs {
    /// Checks the arguments and decodes the cursors. `decode` returns `None` for a cursor that does
    /// not belong to this list.
    ///
    /// # Errors
    /// `BAD_USER_INPUT`, with every wrong argument.
    pub(super) fn check<C>(
        self,
        decode: impl Fn(&str) -> Option<C>,
    ) -> Result<PageRequest<C>, ApiError> {
        let mut problems = Vec::new();
        let mut problem = |field: &str, message: String| {
            problems.push(FieldProblem::new(field, message));
        };

        for (field, size) in [("first", self.first), ("last", self.last)] {
            if size.is_some_and(|size| !(1..=MAX_PAGE_SIZE).contains(&size)) {
                problem(field, format!("{field} must be between 1 and {MAX_PAGE_SIZE}."));
            }
        }
        if self.first.is_some() && self.last.is_some() {
            problem("last", "Use first or last, not both.".to_owned());
        }
        if self.offset.is_some_and(|offset| offset < 0) {
            problem("offset", "offset must be 0 or more.".to_owned());
        }
        if self.offset.is_some()
            && (self.last.is_some() || self.after.is_some() || self.before.is_some())
        {
            problem("offset", "Use offset only with first, not with last or cursors.".to_owned());
        }
        let mut cursor = |field: &str, raw: Option<&str>| {
            let raw = raw?;
            let cursor = if raw.len() > MAX_CURSOR_BYTES { None } else { decode(raw) };
            if cursor.is_none() {
                problem(field, format!("{field} is not a cursor of this list in this order."));
            }
            cursor
        };
        let after = cursor("after", self.after.as_deref());
        let before = cursor("before", self.before.as_deref());

        if !problems.is_empty() {
            return Err(ApiError::BadUserInput(problems));
        }
        let size = self.first.or(self.last).unwrap_or(DEFAULT_PAGE_SIZE);
        Ok(PageRequest {
            size: size.unsigned_abs().into(),
            is_backwards: self.last.is_some(),
            after,
            before,
            offset: self.offset.map_or(0, |offset| offset.unsigned_abs().into()),
        })
    }
}

/// The complexity of a page: its nodes, and the statement that reads them. The arguments have not
/// been checked when this is called.
pub(super) fn page_complexity(
    first: Option<i32>,
    last: Option<i32>,
    node_complexity: usize,
) -> usize {
    let size = first.or(last).unwrap_or(DEFAULT_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE);
    STATEMENT_COMPLEXITY
        .saturating_add((size.unsigned_abs() as usize).saturating_mul(node_complexity))
}

/// The complexity of a list without pages.
pub(super) fn list_complexity(node_complexity: usize) -> usize {
    STATEMENT_COMPLEXITY.saturating_add(LIST_SIZE.saturating_mul(node_complexity))
}

/// Encodes a cursor as a text that is opaque to callers.
pub(super) fn encode_cursor(cursor: &impl Serialize) -> Result<String, ApiError> {
    let json = serde_json::to_vec(cursor).map_err(|e| ApiError::Internal(e.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// Decodes a cursor; `None` if the text is not one.
pub(super) fn decode_cursor<C: DeserializeOwned>(raw: &str) -> Option<C> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(raw).ok()?).ok()
}

/// A list that is shown in pages.
pub(super) trait Listing: Send + Sync + 'static {
    type Node: OutputType + Send + Sync;
    const CONNECTION_NAME: &'static str;
    const EDGE_NAME: &'static str;

    /// The cursor of `node` in this list.
    fn cursor(&self, node: &Self::Node) -> Result<String, ApiError>;

    /// The length of the whole list.
    fn count(&self, ctx: &Context<'_>) -> impl Future<Output = Result<u64, ApiError>> + Send;
}

/// One page of `listing`.
#[derive(Debug)]
pub(super) struct Connection<L: Listing> {
    pub(super) listing: L,
    pub(super) page: Page<L::Node>,
}

impl<L: Listing> TypeName for Connection<L> {
    fn type_name() -> Cow<'static, str> {
        L::CONNECTION_NAME.into()
    }
}

/// One page of a list, following the Relay connection specification.
#[Object(name_type)]
impl<L: Listing> Connection<L> {
    /// The page's entries, each with its cursor.
    async fn edges(&self) -> Vec<Edge<'_, L>> {
        self.page.rows.iter().map(|node| Edge { listing: &self.listing, node }).collect()
    }

    /// The page's entries without their cursors.
    async fn nodes(&self) -> &[L::Node] {
        &self.page.rows
    }

    /// Whether there are pages before and after this one, and the cursors that lead to them.
    async fn page_info(&self) -> Result<PageInfo, ApiError> {
        let cursor = |node: Option<&L::Node>| node.map(|n| self.listing.cursor(n)).transpose();
        Ok(PageInfo {
            has_previous_page: self.page.has_previous,
            has_next_page: self.page.has_next,
            start_cursor: cursor(self.page.rows.first())?,
            end_cursor: cursor(self.page.rows.last())?,
        })
    }

    /// The number of entries on all pages. It is counted only if it is requested.
    #[graphql(complexity = "STATEMENT_COMPLEXITY")]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let count = self.listing.count(ctx).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// One entry of a page.
pub(super) struct Edge<'a, L: Listing> {
    listing: &'a L,
    node: &'a L::Node,
}

impl<L: Listing> TypeName for Edge<'_, L> {
    fn type_name() -> Cow<'static, str> {
        L::EDGE_NAME.into()
    }
}

/// One entry of a page, with its cursor.
#[Object(name_type)]
impl<L: Listing> Edge<'_, L> {
    /// The entry itself.
    async fn node(&self) -> &L::Node {
        self.node
    }

    /// The entry's place in the list. Pass it as `after` or `before`. It is opaque, and valid only
    /// for the list and the order that it came from.
    async fn cursor(&self) -> Result<String, ApiError> {
        self.listing.cursor(self.node)
    }
}

/// The place of a page in its list.
#[derive(SimpleObject)]
struct PageInfo {
    /// Whether entries come before this page.
    has_previous_page: bool,
    /// Whether entries come after this page.
    has_next_page: bool,
    /// Cursor of the page's first entry. Pass it as `before`. Null on an empty page.
    start_cursor: Option<String>,
    /// Cursor of the page's last entry. Pass it as `after`. Null on an empty page.
    end_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: PageArgs) -> Result<PageRequest<u8>, Vec<String>> {
        args.check(|raw| raw.parse().ok()).map_err(|error| match error {
            ApiError::BadUserInput(problems) => problems.into_iter().map(|p| p.field).collect(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn without_arguments_a_page_is_the_first_ten() {
        let page = check(PageArgs::default()).unwrap();
        assert_eq!((page.size, page.is_backwards, page.offset), (10, false, 0));
    }

    #[test]
    fn each_wrong_argument_is_named() {
        let args = |first: Option<i32>, last: Option<i32>, offset: Option<i32>| PageArgs {
            first,
            last,
            offset,
            ..PageArgs::default()
        };
        for size in [0, -1, 51, i32::MIN, i32::MAX] {
            assert_eq!(check(args(Some(size), None, None)).unwrap_err(), ["first"]);
            assert_eq!(check(args(None, Some(size), None)).unwrap_err(), ["last"]);
        }
        assert_eq!(check(args(Some(1), Some(1), None)).unwrap_err(), ["last"]);
        assert_eq!(check(args(None, None, Some(-1))).unwrap_err(), ["offset"]);
        assert_eq!(check(args(None, Some(5), Some(5))).unwrap_err(), ["offset"]);
        let cursors = |after: &str| PageArgs {
            after: Some(after.to_owned()),
            before: Some("x".to_owned()),
            ..PageArgs::default()
        };
        assert_eq!(check(cursors("256")).unwrap_err(), ["after", "before"]);
        assert_eq!(check(cursors("7")).unwrap_err(), ["before"]);
        assert_eq!(check(cursors(&"7".repeat(9_999))).unwrap_err(), ["after", "before"]);
    }

    #[test]
    fn a_cursor_survives_the_round_trip_and_garbage_is_none() {
        let cursor = ("T".to_owned(), 7_i64);
        let text = encode_cursor(&cursor).unwrap();
        assert_eq!(decode_cursor::<(String, i64)>(&text), Some(cursor));
        for garbage in ["", "!!", "e30", &text[1..]] {
            assert_eq!(decode_cursor::<(String, i64)>(garbage), None, "{garbage}");
        }
    }
}
