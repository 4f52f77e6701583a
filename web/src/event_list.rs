//! Search, order and page number of a list of events, as the address encodes them.

use cynic::Id;
use rowlock_web_operations::events::{
    EventFilter, EventListVariables, EventOrder,
    EventOrderField::{self, Date, Price, Title},
    OrderDirection::{self, Asc, Desc},
};

/// Events on one page. It fills whole rows of 1, 2 and 3 columns.
const PAGE_SIZE: i32 = 12;
/// The server's limit for a search.
pub(crate) const MAX_SEARCH_CHARS: usize = 200;

/// Which events the list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListParams {
    /// The organizer's slug, if the list has only their events.
    pub(crate) organizer: Option<String>,
    pub(crate) search: String,
    pub(crate) order: SortOrder,
    /// Starts at 1.
    pub(crate) page: i32,
}

/// An order that the list offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SortOrder {
    /// The value in the address.
    pub(crate) name: &'static str,
    /// The text on the page.
    pub(crate) label: &'static str,
    field: EventOrderField,
    direction: OrderDirection,
}

impl SortOrder {
    /// The first is the default.
    pub(crate) const ALL: [Self; 6] = [
        Self::new("date", "Date: soonest first", Date, Asc),
        Self::new("date-desc", "Date: latest first", Date, Desc),
        Self::new("price", "Price: low to high", Price, Asc),
        Self::new("price-desc", "Price: high to low", Price, Desc),
        Self::new("title", "Title: A to Z", Title, Asc),
        Self::new("title-desc", "Title: Z to A", Title, Desc),
    ];

    const fn new(
        name: &'static str,
        label: &'static str,
        field: EventOrderField,
        direction: OrderDirection,
    ) -> Self {
        Self { name, label, field, direction }
    }

    /// The order with this name; the default if there is none.
    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|order| order.name == name).unwrap_or(Self::ALL[0])
    }
}

impl ListParams {
    /// Reads the address's query. Invalid values count as absent.
    pub(crate) fn from_query(get: impl Fn(&str) -> Option<String>) -> Self {
        let page = get("page").and_then(|page| page.parse().ok());
        Self {
            organizer: None,
            search: clean_search(&get("search").unwrap_or_default()),
            order: SortOrder::named(&get("order").unwrap_or_default()),
            page: page.filter(|page| *page >= 1).unwrap_or(1),
        }
    }

    /// The list of one organizer's events. It has no search and one order.
    pub(crate) fn of_organizer(self, slug: String) -> Self {
        let (search, order) = (String::new(), SortOrder::ALL[0]);
        Self { organizer: Some(slug), search, order, ..self }
    }

    /// The address of this list, without the values that are defaults.
    pub(crate) fn path(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.search.is_empty() {
            query.append_pair("search", &self.search);
        }
        if self.order != SortOrder::ALL[0] {
            query.append_pair("order", self.order.name);
        }
        if self.page > 1 {
            query.append_pair("page", &self.page.to_string());
        }
        let path = match &self.organizer {
            Some(slug) => format!("/organizers/{slug}"),
            None => "/events".to_owned(),
        };
        match query.finish().as_str() {
            "" => path,
            query => format!("{path}?{query}"),
        }
    }

    /// The first page of another search.
    pub(crate) fn with_search(&self, search: &str) -> Self {
        Self { search: clean_search(search), page: 1, ..self.clone() }
    }

    /// The first page in another order.
    pub(crate) fn with_order(&self, order: SortOrder) -> Self {
        Self { order, page: 1, ..self.clone() }
    }

    pub(crate) fn with_page(&self, page: i32) -> Self {
        Self { page, ..self.clone() }
    }

    /// `organizer_id` belongs to the organizer of these parameters.
    pub(crate) fn variables(&self, organizer_id: Option<Id>) -> EventListVariables {
        EventListVariables {
            first: PAGE_SIZE,
            offset: (self.page - 1).saturating_mul(PAGE_SIZE),
            search: Some(self.search.clone()).filter(|search| !search.is_empty()),
            filter: organizer_id.map(|id| EventFilter { organizer_id: Some(id) }),
            order_by: EventOrder { field: self.order.field, direction: self.order.direction },
        }
    }
}

fn clean_search(search: &str) -> String {
    search.trim().chars().filter(|c| !c.is_control()).take(MAX_SEARCH_CHARS).collect()
}

/// The number of pages for this many events, at least one.
pub(crate) fn page_count(events: i32) -> i32 {
    (events.saturating_sub(1) / PAGE_SIZE).saturating_add(1)
}

/// The page numbers that a pager shows: the first, the last and those beside the current page.
/// `None` stands for a gap.
pub(crate) fn page_numbers(current: i32, pages: i32) -> Vec<Option<i32>> {
    let current = current.clamp(1, pages);
    let mut from = (current - 1).max(1);
    let mut to = current.saturating_add(1).min(pages);
    // A gap hides at least two pages.
    if from <= 3 {
        from = 1;
    }
    if to >= pages - 2 {
        to = pages;
    }
    let before = [Some(1), None].into_iter().filter(|_| from > 1);
    let after = [None, Some(pages)].into_iter().filter(|_| to < pages);
    before.chain((from..=to).map(Some)).chain(after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> ListParams {
        ListParams::from_query(|name| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        })
    }

    #[test]
    fn an_address_keeps_search_order_and_page() {
        let path = "/events?search=Caf%C3%A9+%26+bar&order=price-desc&page=3";
        let shown = list(path.split_once('?').unwrap().1);
        assert_eq!(shown.search, "Café & bar");
        assert_eq!(shown.order.label, "Price: high to low");
        assert_eq!(shown.page, 3);
        assert_eq!(shown.path(), path);
        assert_eq!(list("").path(), "/events");
    }

    #[test]
    fn an_invalid_address_shows_the_default_list() {
        for query in ["page=0", "page=-1", "page=x", "page=99999999999", "order=up", "search=+"] {
            assert_eq!(list(query), list(""), "{query}");
        }
        assert_eq!(list("page=2147483647").variables(None).offset, i32::MAX);
    }

    #[test]
    fn a_new_search_or_order_begins_at_the_first_page() {
        let third = list("search=jazz&page=3");
        assert_eq!(third.with_search(" rock ").path(), "/events?search=rock");
        let titles = third.with_order(SortOrder::named("title"));
        assert_eq!(titles.path(), "/events?search=jazz&order=title");
        assert_eq!(third.with_page(1).path(), "/events?search=jazz");
    }

    #[test]
    fn the_address_of_an_organizers_list_has_only_the_page() {
        let shown = |query| list(query).of_organizer("jazz-club".to_owned()).path();
        assert_eq!(shown(""), "/organizers/jazz-club");
        assert_eq!(shown("search=jazz&order=title&page=2"), "/organizers/jazz-club?page=2");
    }

    #[test]
    fn page_counts_are_rounded_up() {
        assert_eq!([0, 1, 12, 13, 24, 25].map(page_count), [1, 1, 1, 2, 2, 3]);
        assert_eq!(page_count(i32::MAX), 178_956_971);
    }

    #[test]
    fn the_pager_shows_the_ends_and_the_neighbours() {
        let shown = |current, pages| {
            let numbers = page_numbers(current, pages).into_iter();
            numbers
                .map(|n| n.map_or("…".to_owned(), |n| n.to_string()))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(shown(1, 1), "1");
        assert_eq!(shown(2, 3), "1 2 3");
        assert_eq!(shown(1, 9), "1 2 … 9");
        assert_eq!(shown(4, 9), "1 2 3 4 5 … 9");
        assert_eq!(shown(5, 9), "1 … 4 5 6 … 9");
        assert_eq!(shown(6, 9), "1 … 5 6 7 8 9");
        assert_eq!(shown(9, 9), "1 … 8 9");
        assert_eq!(shown(i32::MAX, 9), "1 … 8 9");
        assert_eq!(shown(1, 83_334), "1 2 … 83334");
    }
}
