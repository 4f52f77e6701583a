//! Pages of a list: what arguments ask for, opaque cursors, and the connection that is answered.
//!
//! Pages are found by key, `(sort key, id)` beyond the cursor's, so that a deep page costs what the
//! first one does; one that is found by its number (`offset`) costs as much as all before it. What is listed, and how it is counted, is the [`Listing`]'s business.

use std::borrow::Cow;

use async_graphql::{Context, Object, OutputType, SimpleObject, TypeName};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    field_problem::FieldProblem,
    graphql::{errors::ApiError, input::Int},
};

/// Nodes on a page when the caller doesn't say.
const DEFAULT_PAGE_SIZE: Int = Int(10);
/// Complexity of a statement that reads a page or counts a list.
const OF_STATEMENT: usize = 20;
/// Most nodes on a page.
const MAX_PAGE_SIZE: i32 = 50;
/// Longest cursor that is looked at; those given out are shorter.
const MAX_CURSOR_BYTES: usize = 2_048;

/// The paging arguments as they came.
#[derive(Debug, Default)]
pub(crate) struct PageArgs {
    pub(crate) first: Option<Int>,
    pub(crate) after: Option<String>,
    pub(crate) last: Option<Int>,
    pub(crate) before: Option<String>,
    pub(crate) offset: Option<Int>,
}

/// Which page is wanted, with cursors of type `C`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PageRequest<C> {
    pub(crate) size: u64,
    /// Count from the end of the list.
    pub(crate) backwards: bool,
    pub(crate) after: Option<C>,
    pub(crate) before: Option<C>,
    pub(crate) offset: u64,
}

impl PageArgs {
    /// Checks the arguments against each other and decodes the cursors; `decode` gives `None` for a
    /// cursor that doesn't belong to this list.
    ///
    /// # Errors
    /// `BAD_USER_INPUT`, with every argument that is wrong.
    pub(crate) fn check<C>(
        self,
        decode: impl Fn(&str) -> Option<C>,
    ) -> Result<PageRequest<C>, ApiError> {
        let mut problems = Vec::new();
        let mut problem = |field: &str, message: String| {
            problems.push(FieldProblem::new(field, message));
        };

        for (field, size) in [("first", self.first), ("last", self.last)] {
            if size.is_some_and(|Int(size)| !(1..=MAX_PAGE_SIZE).contains(&size)) {
                problem(field, format!("{field} is 1 to {MAX_PAGE_SIZE}."));
            }
        }
        if self.first.is_some() && self.last.is_some() {
            problem("last", "first and last can't both be given.".to_owned());
        }
        if self.offset.is_some_and(|Int(offset)| offset < 0) {
            problem("offset", "offset is 0 or more.".to_owned());
        }
        if self.offset.is_some()
            && (self.last.is_some() || self.after.is_some() || self.before.is_some())
        {
            problem("offset", "offset goes with first alone, not with last or cursors.".to_owned());
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
        let Int(size) = self.first.or(self.last).unwrap_or(DEFAULT_PAGE_SIZE);
        Ok(PageRequest {
            size: size.unsigned_abs().into(),
            backwards: self.last.is_some(),
            after,
            before,
            offset: self.offset.map_or(0, |Int(offset)| offset.unsigned_abs().into()),
        })
    }
}

/// The complexity of a page, of a query that has not been checked yet: its nodes, and the statement that
/// reads them.
pub(crate) fn page_complexity(first: Option<Int>, last: Option<Int>, of_node: usize) -> usize {
    let size = first.or(last).unwrap_or(DEFAULT_PAGE_SIZE).0.clamp(1, MAX_PAGE_SIZE);
    OF_STATEMENT.saturating_add((size.unsigned_abs() as usize).saturating_mul(of_node))
}

/// A cursor's text: opaque to callers.
pub(crate) fn encode_cursor(cursor: &impl Serialize) -> Result<String, ApiError> {
    let json = serde_json::to_vec(cursor).map_err(|e| ApiError::Internal(e.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// The cursor that a text stands for, if it is one.
pub(crate) fn decode_cursor<C: DeserializeOwned>(raw: &str) -> Option<C> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(raw).ok()?).ok()
}

/// Some of a list's rows, in the list's order.
#[derive(Debug)]
pub(crate) struct Page<R> {
    pub(crate) rows: Vec<R>,
    pub(crate) has_previous: bool,
    pub(crate) has_next: bool,
}

impl<R> Page<R> {
    /// Makes a page of `rows`, which were read in the direction of `request` and one beyond its
    /// size, so that it shows whether more follow.
    pub(crate) fn of<C>(mut rows: Vec<R>, request: &PageRequest<C>) -> Self {
        let size = usize::try_from(request.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        if request.backwards {
            rows.reverse();
            Self { rows, has_previous: more, has_next: request.before.is_some() }
        } else {
            let has_previous = request.after.is_some() || request.offset > 0;
            Self { rows, has_previous, has_next: more }
        }
    }

    pub(crate) fn map<T>(&self, to: impl FnMut(&R) -> T) -> Page<T> {
        Page {
            rows: self.rows.iter().map(to).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }
}

/// A list that is shown in pages.
pub(crate) trait Listing: Send + Sync + 'static {
    type Node: OutputType + Send + Sync;
    const CONNECTION_NAME: &'static str;
    const EDGE_NAME: &'static str;

    /// Where `node` stands in this list.
    fn cursor(&self, node: &Self::Node) -> Result<String, ApiError>;

    /// Length of the whole list.
    fn count(&self, ctx: &Context<'_>) -> impl Future<Output = Result<u64, ApiError>> + Send;
}

/// One page of `listing`.
#[derive(Debug)]
pub(crate) struct Connection<L: Listing> {
    pub(crate) listing: L,
    pub(crate) page: Page<L::Node>,
}

impl<L: Listing> TypeName for Connection<L> {
    fn type_name() -> Cow<'static, str> {
        L::CONNECTION_NAME.into()
    }
}

/// One page of a list, as the Relay connection specification has it.
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

    /// Whether there are pages before and after this one, and how to ask for them.
    async fn page_info(&self) -> Result<PageInfo, ApiError> {
        let cursor = |node: Option<&L::Node>| node.map(|n| self.listing.cursor(n)).transpose();
        Ok(PageInfo {
            has_previous_page: self.page.has_previous,
            has_next_page: self.page.has_next,
            start_cursor: cursor(self.page.rows.first())?,
            end_cursor: cursor(self.page.rows.last())?,
        })
    }

    /// Number of entries on all pages together. Counted only when asked for.
    #[graphql(complexity = "OF_STATEMENT")]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let count = self.listing.count(ctx).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// One entry of a page.
pub(crate) struct Edge<'a, L: Listing> {
    listing: &'a L,
    node: &'a L::Node,
}

impl<L: Listing> TypeName for Edge<'_, L> {
    fn type_name() -> Cow<'static, str> {
        L::EDGE_NAME.into()
    }
}

/// One entry of a page with its place in the list.
#[Object(name_type)]
impl<L: Listing> Edge<'_, L> {
    /// The entry itself.
    async fn node(&self) -> &L::Node {
        self.node
    }

    /// Where the entry stands: pass it as `after` or `before`. Opaque, and good only for the list
    /// and the order it came from.
    async fn cursor(&self) -> Result<String, ApiError> {
        self.listing.cursor(self.node)
    }
}

/// Where a page lies in its list.
#[derive(SimpleObject)]
struct PageInfo {
    /// Whether entries come before this page.
    has_previous_page: bool,
    /// Whether entries come after this page.
    has_next_page: bool,
    /// Cursor of the page's first entry: pass it as `before`. Null on an empty page.
    start_cursor: Option<String>,
    /// Cursor of the page's last entry: pass it as `after`. Null on an empty page.
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
        assert_eq!((page.size, page.backwards, page.offset), (10, false, 0));
    }

    #[test]
    fn each_wrong_argument_is_named() {
        let args = |first: Option<i32>, last: Option<i32>, offset: Option<i32>| PageArgs {
            first: first.map(Int),
            last: last.map(Int),
            offset: offset.map(Int),
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
    fn a_page_knows_whether_more_follow_in_either_direction() {
        let request =
            |backwards, after| PageRequest { size: 2, backwards, after, before: None, offset: 0 };
        let page = Page::of(vec![1, 2, 3], &request(false, Some(0)));
        assert_eq!((page.rows, page.has_previous, page.has_next), (vec![1, 2], true, true));
        let page = Page::of(vec![9, 8], &request(true, None));
        assert_eq!((page.rows, page.has_previous, page.has_next), (vec![8, 9], false, false));
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
