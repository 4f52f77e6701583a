//! Search, order and page number of a list of events, as the address encodes them.

use cynic::Id;
use rowlock_web_operations::{
    DateTime, Decimal,
    events::{
        EventFilter, EventListVariables, EventOrder,
        EventOrderField::{self, Date, Price, Title},
        Money,
        OrderDirection::{self, Asc, Desc},
    },
};

use crate::money::Amount;

/// Events on one page. It fills whole rows of 1, 2 and 3 columns.
const PAGE_SIZE: i32 = 12;
/// The value in the address for events of this weekend.
const WEEKEND: &str = "weekend";
/// The server's limit for a search.
pub(crate) const MAX_SEARCH_CHARS: usize = 200;

/// Which events the list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListParams {
    /// The organizer's slug, if the list has only their events.
    pub(crate) organizer: Option<String>,
    pub(crate) search: String,
    pub(crate) filters: Filters,
    pub(crate) order: SortOrder,
    /// Starts at 1.
    pub(crate) page: i32,
}

/// What narrows the list down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    /// Only events of this weekend.
    pub(crate) is_weekend: bool,
    /// Only events that can be booked now.
    pub(crate) is_available: bool,
    /// Only events that cost at most this much.
    pub(crate) max_price: Option<Money>,
    /// Only events in this city.
    pub(crate) city: Option<String>,
}

impl Filters {
    /// A price as the address has it, for example "25-EUR".
    fn price_from_address(text: &str) -> Option<Money> {
        let (amount, currency) = text.split_once('-')?;
        let is_currency =
            currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        Amount::parse(amount).filter(|_| is_currency)?;
        Some(Money { amount: Decimal(amount.to_owned()), currency: currency.to_owned() })
    }
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
        Self::new("date", "Soonest first", Date, Asc),
        Self::new("date-desc", "Latest first", Date, Desc),
        Self::new("price", "Lowest price", Price, Asc),
        Self::new("price-desc", "Highest price", Price, Desc),
        Self::new("title", "Title A–Z", Title, Asc),
        Self::new("title-desc", "Title Z–A", Title, Desc),
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
            filters: Filters {
                is_weekend: get("when").as_deref() == Some(WEEKEND),
                is_available: get("available").is_some(),
                max_price: get("under").and_then(|text| Filters::price_from_address(&text)),
                city: get("city").map(|city| clean_search(&city)).filter(|city| !city.is_empty()),
            },
            order: SortOrder::named(&get("order").unwrap_or_default()),
            page: page.filter(|page| *page >= 1).unwrap_or(1),
        }
    }

    /// The list of one organizer's events. It has no search, no filters and one order.
    pub(crate) fn of_organizer(self, slug: String) -> Self {
        let (search, filters) = (String::new(), Filters::default());
        Self { organizer: Some(slug), search, filters, order: SortOrder::ALL[0], ..self }
    }

    /// The address of this list, without the values that are defaults.
    pub(crate) fn path(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.search.is_empty() {
            query.append_pair("search", &self.search);
        }
        let Filters { is_weekend, is_available, max_price, city } = &self.filters;
        if *is_weekend {
            query.append_pair("when", WEEKEND);
        }
        if *is_available {
            query.append_pair("available", "yes");
        }
        if let Some(Money { amount, currency }) = max_price {
            query.append_pair("under", &format!("{}-{currency}", amount.0));
        }
        if let Some(city) = city {
            query.append_pair("city", city);
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

    /// The first page with other filters.
    pub(crate) fn with_filters(&self, filters: Filters) -> Self {
        Self { filters, page: 1, ..self.clone() }
    }

    /// The first page in another order.
    pub(crate) fn with_order(&self, order: SortOrder) -> Self {
        Self { order, page: 1, ..self.clone() }
    }

    pub(crate) fn with_page(&self, page: i32) -> Self {
        Self { page, ..self.clone() }
    }

    /// `organizer_id` belongs to the organizer of these parameters. The events start in the given
    /// time, if there is one.
    pub(crate) fn variables(
        &self,
        organizer_id: Option<Id>,
        time: Option<(DateTime, Option<DateTime>)>,
    ) -> EventListVariables {
        let Filters { is_available, max_price, city, .. } = self.filters.clone();
        let (starts_after, starts_before) = time.unzip();
        EventListVariables {
            first: PAGE_SIZE,
            offset: (self.page - 1).saturating_mul(PAGE_SIZE),
            search: Some(self.search.clone()).filter(|search| !search.is_empty()),
            filter: Some(EventFilter {
                organizer_id,
                starts_after,
                starts_before: starts_before.flatten(),
                available: is_available.then_some(true),
                max_price: max_price.map(Into::into),
                city,
            }),
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
        assert_eq!(shown.order.label, "Highest price");
        assert_eq!(shown.page, 3);
        assert_eq!(shown.path(), path);
        assert_eq!(list("").path(), "/events");
    }

    #[test]
    fn an_invalid_address_shows_the_default_list() {
        for query in [
            "page=0",
            "page=-1",
            "page=x",
            "page=99999999999",
            "order=up",
            "search=+",
            "when=ever",
            "under=25",
            "under=x-EUR",
            "under=25-eur",
            "under=25-EURO",
            "city=",
        ] {
            assert_eq!(list(query), list(""), "{query}");
        }
        assert_eq!(list("page=2147483647").variables(None, None).offset, i32::MAX);
    }

    #[test]
    fn an_address_keeps_the_filters() {
        let path = "/events?when=weekend&available=yes&under=25-EUR&city=New+York";
        let shown = list(path.split_once('?').unwrap().1);
        assert_eq!(shown.filters.city.as_deref(), Some("New York"));
        assert_eq!(shown.path(), path);
        assert_eq!(shown.with_page(3).with_filters(Filters::default()).path(), "/events");
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
