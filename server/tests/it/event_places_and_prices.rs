//! The filters of lists by city and by price.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    app::{App, code_and_fields},
    on_both_engines,
    waiting::wait_until,
};

const LIST: &str = "query($filter: EventFilter, $search: String, $orderBy: EventOrder,
    $first: Int, $after: String, $last: Int, $before: String, $offset: Int) {
    events(filter: $filter, search: $search, orderBy: $orderBy,
        first: $first, after: $after, last: $last, before: $before, offset: $offset) {
        nodes { title } totalCount pageInfo { hasNextPage startCursor endCursor } } }";

on_both_engines! {
    a_city_is_found_by_its_whole_name_in_any_case
    a_price_has_a_limit_in_its_currency
    a_limit_of_nothing_finds_what_is_free_in_every_currency
    filters_by_city_and_price_hold_in_every_order_on_every_page_and_with_a_search
    a_few_matches_among_many_events_are_found
    an_event_that_moves_to_another_city_is_found_there
    a_text_from_before_cities_has_none
    a_wrong_city_or_price_is_named
}

/// Replaces the demo events by events with these titles, cities and prices. Each starts an hour after
/// the one before it.
async fn events(app: &App, events: &[(&str, &str, i64, &str)]) {
    app.execute_sql("DELETE FROM events").await;
    let mut starts_at = Utc::now() + TimeDelta::days(30);
    for (title, city, price_minor, currency) in events {
        app.event_with(|event| {
            event.title = (*title).to_owned();
            event.title_key = title.to_lowercase();
            event.city = (*city).to_owned();
            event.starts_at = starts_at;
            event.price_minor = *price_minor;
            event.currency = (*currency).to_owned();
        })
        .await;
        starts_at += TimeDelta::hours(1);
    }
}

async fn list(app: &App, variables: Value) -> Value {
    app.data(None, LIST, variables).await["events"].take()
}

fn titles_of(list: &Value) -> Vec<String> {
    let nodes = list["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["title"].as_str().unwrap().to_owned()).collect()
}

/// The titles of a list with this filter, after checking that the total is their number.
async fn titles(app: &App, filter: Value) -> Vec<String> {
    let list = list(app, json!({ "filter": filter, "first": 50 })).await;
    let titles = titles_of(&list);
    assert_eq!(list["totalCount"], titles.len());
    titles
}

async fn a_city_is_found_by_its_whole_name_in_any_case(app: App) {
    let free = |title, city| (title, city, 0, "EUR");
    events(
        &app,
        &[
            free("a", "Berlin"),
            free("b", "BERLIN"),
            free("c", "Berlingen"),
            free("d", "New York"),
            free("e", "York"),
            free("f", ""),
            free("g", "Weißenburg"),
            free("Berlin h", "Köln"),
        ],
    )
    .await;
    let in_city = async |city: &str| titles(&app, json!({ "city": city })).await;
    assert_eq!(in_city("Berlin").await, ["a", "b"]);
    assert_eq!(in_city("bErLiN").await, ["a", "b"]);
    assert_eq!(in_city(" berlin\u{3000}").await, ["a", "b"]);
    assert_eq!(in_city("Berl").await, [""; 0]);
    assert_eq!(in_city("new york").await, ["d"]);
    assert_eq!(in_city("York").await, ["e"]);
    assert_eq!(in_city("WEISSENBURG").await, ["g"]);
    assert_eq!(in_city("Ko\u{308}ln").await, ["Berlin h"]);
    assert_eq!(in_city("100%").await, [""; 0]);
    assert_eq!(titles(&app, json!({ "city": null })).await.len(), 8);
}

async fn a_price_has_a_limit_in_its_currency(app: App) {
    events(
        &app,
        &[
            ("a", "", 0, "EUR"),
            ("b", "", 1_000, "EUR"),
            ("c", "", 1_001, "EUR"),
            ("d", "", 1_000, "CHF"),
            ("e", "", 10, "JPY"),
            ("f", "", 11, "JPY"),
            ("g", "", 0, "CHF"),
            ("h", "", 1_500, "KWD"),
        ],
    )
    .await;
    let up_to = async |amount: &str, currency: &str| {
        let limit = json!({ "amount": amount, "currency": currency });
        titles(&app, json!({ "maxPrice": limit })).await
    };
    assert_eq!(up_to("10", "EUR").await, ["a", "b"]);
    assert_eq!(up_to("10.01", "EUR").await, ["a", "b", "c"]);
    assert_eq!(up_to("9.99", "EUR").await, ["a"]);
    assert_eq!(up_to("10.00", "CHF").await, ["d", "g"]);
    assert_eq!(up_to("10", "JPY").await, ["e"]);
    assert_eq!(up_to("1.5", "KWD").await, ["h"]);
    assert_eq!(up_to("1.499", "KWD").await, [""; 0]);
    assert_eq!(up_to("1000000000000", "USD").await, [""; 0]);
    assert_eq!(titles(&app, json!({ "maxPrice": null })).await.len(), 8);
}

async fn a_limit_of_nothing_finds_what_is_free_in_every_currency(app: App) {
    events(
        &app,
        &[("a", "", 0, "EUR"), ("b", "", 1, "EUR"), ("c", "", 0, "JPY"), ("d", "", 1, "JPY")],
    )
    .await;
    for (amount, currency) in [("0", "EUR"), ("0.00", "USD"), ("-0", "JPY")] {
        let limit = json!({ "amount": amount, "currency": currency });
        let free = titles(&app, json!({ "maxPrice": limit })).await;
        assert_eq!(free, ["a", "c"], "{amount} {currency}");
    }
}

async fn filters_by_city_and_price_hold_in_every_order_on_every_page_and_with_a_search(app: App) {
    events(
        &app,
        &[
            ("jazz 1", "Cork", 500, "EUR"),
            ("jazz 2", "Bern", 500, "EUR"),
            ("jazz 3", "cork", 600, "EUR"),
            ("opera 4", "Cork", 700, "EUR"),
            ("jazz 5", "Cork", 9_000, "EUR"),
            ("jazz 6", "Cork", 700, "CHF"),
        ],
    )
    .await;
    let limit = json!({ "amount": "7", "currency": "EUR" });
    let both = json!({ "city": "CORK", "maxPrice": limit });
    let expected = ["jazz 1", "jazz 3", "opera 4"];
    for field in ["DATE", "PRICE", "TITLE"] {
        for direction in ["ASC", "DESC"] {
            let case = format!("{field} {direction}");
            let mut in_order = expected;
            if direction == "DESC" {
                in_order.reverse();
            }
            let order = json!({ "field": field, "direction": direction });
            let of = async |page: Value| {
                let mut variables = json!({ "orderBy": order, "filter": both });
                variables.as_object_mut().unwrap().extend(page.as_object().unwrap().clone());
                list(&app, variables).await
            };
            let all = of(json!({})).await;
            assert_eq!(titles_of(&all), in_order, "{case}");
            assert_eq!(all["totalCount"], 3, "{case}");
            let first = of(json!({ "first": 2 })).await;
            assert_eq!(titles_of(&first), in_order[..2], "{case}");
            let after = &first["pageInfo"]["endCursor"];
            let second = of(json!({ "first": 2, "after": after })).await;
            assert_eq!(titles_of(&second), in_order[2..], "{case}");
            assert_eq!(second["pageInfo"]["hasNextPage"], false, "{case}");
            let before = &second["pageInfo"]["startCursor"];
            let back = of(json!({ "last": 1, "before": before })).await;
            assert_eq!(titles_of(&back), in_order[1..2], "{case}");
            let numbered = of(json!({ "first": 2, "offset": 1 })).await;
            assert_eq!(titles_of(&numbered), in_order[1..], "{case}");
            let found = of(json!({ "search": "jazz" })).await;
            assert_eq!(titles_of(&found).len(), 2, "{case}");
            assert_eq!(found["totalCount"], 2, "{case}");
            for (filter, number) in [
                (json!({ "city": "cork" }), 5),
                (json!({ "maxPrice": limit }), 4),
                (json!({ "city": "cork", "available": false }), 0),
                (json!({ "city": "cork", "maxPrice": limit, "includePast": true }), 3),
            ] {
                let list = list(&app, json!({ "orderBy": order, "filter": filter })).await;
                assert_eq!(titles_of(&list).len(), number, "{case} {filter}");
                assert_eq!(list["totalCount"], number, "{case} {filter}");
            }
        }
    }
}

async fn a_few_matches_among_many_events_are_found(app: App) {
    let mut many: Vec<(String, &str, i64)> =
        (0..1_300).map(|number| (format!("m {number:04}"), "Bern", 5_000)).collect();
    many.extend([("z cheap".to_owned(), "Cork", 100), ("a free".to_owned(), "Cork", 0)]);
    let many: Vec<(&str, &str, i64, &str)> =
        many.iter().map(|(title, city, price)| (title.as_str(), *city, *price, "EUR")).collect();
    events(&app, &many).await;
    let limit = |amount| json!({ "maxPrice": { "amount": amount, "currency": "EUR" } });
    // So many events get their keys only some time after they were written.
    wait_until(Duration::from_secs(20), "the cities are known", async || {
        list(&app, json!({ "filter": { "city": "Cork" } })).await["totalCount"] == 2
    })
    .await;
    for (field, expected) in [
        ("DATE", ["z cheap", "a free"]),
        ("TITLE", ["a free", "z cheap"]),
        ("PRICE", ["a free", "z cheap"]),
    ] {
        let of = async |filter: Value| {
            titles_of(&list(&app, json!({ "filter": filter, "orderBy": { "field": field } })).await)
        };
        assert_eq!(of(json!({ "city": "Cork" })).await, expected, "{field}");
        assert_eq!(of(limit("49.99")).await, expected, "{field}");
        assert_eq!(of(limit("0")).await, ["a free"], "{field}");
        assert_eq!(of(limit("50")).await.len(), 10, "{field}");
    }
}

async fn an_event_that_moves_to_another_city_is_found_there(app: App) {
    events(&app, &[("a", "Cork", 0, "EUR"), ("b", "Cork", 0, "EUR")]).await;
    assert_eq!(titles(&app, json!({ "city": "cork" })).await, ["a", "b"]);
    app.execute_sql("UPDATE events SET city = 'Dublin' WHERE title = 'a'").await;
    assert_eq!(titles(&app, json!({ "city": "cork" })).await, ["b"]);
    assert_eq!(titles(&app, json!({ "city": "dublin" })).await, ["a"]);
    // Whatever another program writes, a line of a text is not the city of another.
    app.execute_sql("UPDATE events SET venue = 'x\ncork', city = ' Galway ' WHERE title = 'a'")
        .await;
    assert_eq!(titles(&app, json!({ "city": "cork" })).await, ["b"]);
    assert_eq!(titles(&app, json!({ "city": "galway" })).await, ["a"]);
}

async fn a_text_from_before_cities_has_none(app: App) {
    events(&app, &[("a", "", 0, "EUR")]).await;
    app.execute_sql("UPDATE events SET search_key = 'a\nhall'").await;
    assert_eq!(titles(&app, json!({ "city": "hall" })).await, [""; 0]);
}

async fn a_wrong_city_or_price_is_named(app: App) {
    let price = |amount: &str, currency: &str| json!({ "amount": amount, "currency": currency });
    for (filter, field) in [
        (json!({ "city": "" }), "filter.city"),
        (json!({ "city": " \u{200b}" }), "filter.city"),
        (json!({ "city": "x".repeat(201) }), "filter.city"),
        (json!({ "city": "a\0" }), "filter.city"),
        (json!({ "city": 1 }), "filter.city"),
        (json!({ "maxPrice": price("-1", "EUR") }), "filter.maxPrice"),
        (json!({ "maxPrice": price("1.001", "EUR") }), "filter.maxPrice"),
        (json!({ "maxPrice": price("1", "euro") }), "filter.maxPrice.currency"),
        (json!({ "maxPrice": price("0", "ZZZ") }), "filter.maxPrice.currency"),
        (json!({ "maxPrice": price("100000000000000", "EUR") }), "filter.maxPrice"),
    ] {
        let error = &app.send(None, LIST, json!({ "filter": filter })).await["errors"][0];
        assert_eq!(code_and_fields(error), ("BAD_USER_INPUT", vec![field]), "{filter}");
        let message = error["message"].as_str().unwrap();
        assert!(!message.contains("There is no field"), "{filter} {message}");
    }
}
