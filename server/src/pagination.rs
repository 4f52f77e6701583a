//! Pages of lists, as the domains read them.
//!
//! A page is found by key: it has the rows whose sort key and id are beyond those of a cursor. So a
//! deep page costs no more than the first one. A page that is found by its number (`offset`) costs
//! as much as all pages before it.

/// A request for a page, with cursors of type `C`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PageRequest<C> {
    pub(crate) size: u64,
    /// Whether the page is counted from the end of the list.
    pub(crate) is_backwards: bool,
    pub(crate) after: Option<C>,
    pub(crate) before: Option<C>,
    pub(crate) offset: u64,
}

/// Some of a list's rows, in the list's order.
#[derive(Debug)]
pub(crate) struct Page<R> {
    pub(crate) rows: Vec<R>,
    pub(crate) has_previous: bool,
    pub(crate) has_next: bool,
}

impl<R> Page<R> {
    /// Makes a page of `rows`, which were read in the direction of `request`. One row beyond the
    /// page's size shows that more follow.
    pub(crate) fn of<C>(mut rows: Vec<R>, request: &PageRequest<C>) -> Self {
        let size = usize::try_from(request.size).unwrap_or(usize::MAX);
        let has_more = rows.len() > size;
        rows.truncate(size);
        if request.is_backwards {
            rows.reverse();
            Self { rows, has_previous: has_more, has_next: request.before.is_some() }
        } else {
            let has_previous = request.after.is_some() || request.offset > 0;
            Self { rows, has_previous, has_next: has_more }
        }
    }

    /// Changes the rows as a whole, and keeps what is known about the pages around them.
    pub(crate) fn map_rows<T>(self, to: impl FnOnce(Vec<R>) -> Vec<T>) -> Page<T> {
        let Self { rows, has_previous, has_next } = self;
        Page { rows: to(rows), has_previous, has_next }
    }

    pub(crate) fn map<T>(&self, to: impl FnMut(&R) -> T) -> Page<T> {
        Page {
            rows: self.rows.iter().map(to).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_whether_more_follow_in_either_direction() {
        let request = |is_backwards, after| PageRequest {
            size: 2,
            is_backwards,
            after,
            before: None,
            offset: 0,
        };
        let page = Page::of(vec![1, 2, 3], &request(false, Some(0)));
        assert_eq!((page.rows, page.has_previous, page.has_next), (vec![1, 2], true, true));
        let page = Page::of(vec![9, 8], &request(true, None));
        assert_eq!((page.rows, page.has_previous, page.has_next), (vec![8, 9], false, false));
    }
}
