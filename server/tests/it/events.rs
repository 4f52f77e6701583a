//! Finding, searching and listing events.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{
    app::{App, code_and_fields},
    demo::LIMITED_CONCERT,
    on_both_engines,
};

const LIST: &str = "query($first: Int, $after: String, $last: Int, $before: String, $offset: Int,
    $search: String, $orderBy: EventOrder) {
    events(first: $first, after: $after, last: $last, before: $before, offset: $offset,
        search: $search, orderBy: $orderBy) {
        nodes { title }
        edges { cursor node { title } }
        pageInfo { hasPreviousPage hasNextPage startCursor endCursor }
        totalCount
    } }";

on_both_engines! {
    without_arguments_the_ten_soonest_events_are_listed
    pages_in_either_direction_show_every_event_once_in_every_order
    numbered_pages_show_every_event_once
    a_page_beyond_the_end_is_empty
    a_search_finds_any_part_of_a_title_in_any_case
    a_search_takes_every_character_literally
    each_invalid_argument_is_named
    a_variable_inside_an_argument_is_named_by_its_place
    all_that_is_wrong_with_variables_is_told_at_once
    a_variable_is_named_by_its_place_in_the_operation_that_runs
    a_cursor_of_another_order_is_refused
    a_forged_cursor_is_refused
    an_event_is_found_by_its_id_and_an_unknown_id_gets_null
    a_price_has_its_currencys_decimals
    prices_sort_as_numbers_whatever_their_currencies_decimals
    the_database_knows_each_currencys_decimals
    my_booking_is_the_viewers_own
}

fn titles(nodes: &Value) -> Vec<String> {
    let nodes = nodes.as_array().unwrap();
    nodes.iter().map(|node| node["title"].as_str().unwrap().to_owned()).collect()
}

async fn list(app: &App, variables: Value) -> Value {
    app.data(None, LIST, variables).await["events"].take()
}

/// Replaces the demo events with 23 events. Some of them have equal dates or prices.
async fn replace_demo_events(app: &App) {
    app.execute_sql("DELETE FROM events").await;
    for number in 0..23_i64 {
        app.event_with(|event| {
            event.title =
                format!("{} {number}", ["Äpfel", "banana", "Cherry"][number as usize % 3]);
            event.title_key = event.title.to_lowercase();
            // Equal as numbers, in currencies with two, no and three decimals.
            let (currency, unit) = [("EUR", 100), ("JPY", 1), ("KWD", 1_000)][number as usize % 3];
            event.currency = currency.to_owned();
            event.price_minor = number % 4 * unit;
            // Some times have fractions of a second.
            event.starts_at =
                "2027-01-01T10:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap()
                    + chrono::Duration::milliseconds(number % 5 * 250);
        })
        .await;
    }
}

async fn without_arguments_the_ten_soonest_events_are_listed(app: App) {
    let events = list(&app, json!({})).await;
    let titles = titles(&events["nodes"]);
    assert_eq!(titles.len(), 10);
    assert_eq!(titles[0], "Stand-up in the Cellar");
    assert_eq!(events["totalCount"], 12);
    assert_eq!(events["pageInfo"]["hasNextPage"], true);
    assert_eq!(events["pageInfo"]["hasPreviousPage"], false);
}

async fn pages_in_either_direction_show_every_event_once_in_every_order(app: App) {
    replace_demo_events(&app).await;
    for field in ["DATE", "PRICE", "TITLE"] {
        let mut all_directions = Vec::new();
        for direction in ["ASC", "DESC"] {
            let order = json!({ "field": field, "direction": direction });
            let all = list(&app, json!({ "first": 50, "orderBy": order })).await;
            let all = titles(&all["nodes"]);
            assert_eq!(all.len(), 23);
            all_directions.push(all.clone());

            let (mut forwards, mut after) = (Vec::new(), Value::Null);
            loop {
                let page =
                    list(&app, json!({ "first": 4, "after": after, "orderBy": order })).await;
                assert_eq!(page["pageInfo"]["hasPreviousPage"], !forwards.is_empty());
                forwards.extend(titles(&page["nodes"]));
                after = page["pageInfo"]["endCursor"].clone();
                if page["pageInfo"]["hasNextPage"] == false {
                    break;
                }
            }
            assert_eq!(forwards, all, "{field} {direction} forwards");

            let (mut backwards, mut before) = (Vec::new(), Value::Null);
            loop {
                let page =
                    list(&app, json!({ "last": 4, "before": before, "orderBy": order })).await;
                assert_eq!(page["pageInfo"]["hasNextPage"], !backwards.is_empty());
                let mut titles = titles(&page["nodes"]);
                titles.append(&mut backwards);
                backwards = titles;
                before = page["pageInfo"]["startCursor"].clone();
                if page["pageInfo"]["hasPreviousPage"] == false {
                    break;
                }
            }
            assert_eq!(backwards, all, "{field} {direction} backwards");

            // Reads the events between two cursors.
            let edges = list(&app, json!({ "first": 10, "orderBy": order })).await["edges"].take();
            let (after, before) = (&edges[2]["cursor"], &edges[8]["cursor"]);
            let between = json!({ "after": after, "before": before, "orderBy": order });
            assert_eq!(titles(&list(&app, between).await["nodes"]), all[3..8]);
        }
        all_directions[1].reverse();
        assert_eq!(
            all_directions[0], all_directions[1],
            "{field}: descending is ascending reversed"
        );
    }
}

async fn numbered_pages_show_every_event_once(app: App) {
    replace_demo_events(&app).await;
    let all = titles(&list(&app, json!({ "first": 50 })).await["nodes"]);
    let mut numbered = Vec::new();
    for page in 0..3 {
        let page = list(&app, json!({ "first": 9, "offset": page * 9 })).await;
        assert_eq!(page["pageInfo"]["hasPreviousPage"], !numbered.is_empty());
        numbered.extend(titles(&page["nodes"]));
    }
    assert_eq!(numbered, all);
}

async fn a_page_beyond_the_end_is_empty(app: App) {
    let page = list(&app, json!({ "offset": 1_000_000_000 })).await;
    assert_eq!(page["nodes"], json!([]));
    assert_eq!(page["pageInfo"]["endCursor"], Value::Null);
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
    assert_eq!(page["pageInfo"]["hasPreviousPage"], true);
    assert_eq!(page["totalCount"], 12);
}

async fn a_search_finds_any_part_of_a_title_in_any_case(app: App) {
    app.event("ÉTÉ à Zürich", 5).await;
    app.event("Οδοστρωμα", 5).await;
    for (search, found) in [
        ("limited", "Limited Concert"),
        ("D CONC", "Limited Concert"),
        (" jazz ", "Jazz Night"),
        ("été À zür", "ÉTÉ à Zürich"),
        ("ΟΔΟΣ", "Οδοστρωμα"),
    ] {
        let events = list(&app, json!({ "search": search })).await;
        assert_eq!(titles(&events["nodes"]), [found], "{search}");
        assert_eq!(events["totalCount"], 1);
    }
    assert_eq!(list(&app, json!({ "search": "no such thing" })).await["nodes"], json!([]));
    assert_eq!(list(&app, json!({ "search": "" })).await["totalCount"], 14);
}

async fn a_search_takes_every_character_literally(app: App) {
    app.event(r"100% _real_ \ 'quoted' 東京 🎟", 5).await;
    for search in ["100%", "_real_", "\\", "'", "東京", "🎟"] {
        let events = list(&app, json!({ "search": search })).await;
        assert_eq!(events["totalCount"], 1, "{search}");
    }
    for search in ["100_", "%real", "_", "1%_"] {
        let found = list(&app, json!({ "search": search })).await["totalCount"].as_i64().unwrap();
        assert_eq!(found, i64::from(search == "_"), "{search}");
    }
}

async fn each_invalid_argument_is_named(app: App) {
    let long = "x".repeat(201);
    let huge = "x".repeat(40_000);
    for (variables, fields) in [
        (json!({ "first": 0 }), vec!["first"]),
        (json!({ "first": 51 }), vec!["first"]),
        (json!({ "first": -1 }), vec!["first"]),
        (json!({ "first": 9_999_999_999_i64 }), vec!["first"]),
        (json!({ "last": i64::MIN }), vec!["last"]),
        (json!({ "first": 1, "last": 1 }), vec!["last"]),
        (json!({ "offset": -1 }), vec!["offset"]),
        (json!({ "offset": 5, "last": 5 }), vec!["offset"]),
        (json!({ "after": "nonsense" }), vec!["after"]),
        (json!({ "before": "" }), vec!["before"]),
        (json!({ "after": huge }), vec!["after"]),
        (json!({ "search": long }), vec!["search"]),
        (json!({ "search": huge }), vec!["search"]),
        (json!({ "search": "a\0b" }), vec!["search"]),
        (json!({ "orderBy": { "field": "COLOUR" } }), vec!["orderBy.field"]),
        (json!({ "orderBy": { "field": "DATE", "direction": "UP" } }), vec!["orderBy.direction"]),
        (json!({ "first": 1.5 }), vec!["first"]),
        (json!({ "search": 7 }), vec!["search"]),
    ] {
        let error = &app.send(None, LIST, variables.clone()).await["errors"][0];
        assert_eq!(code_and_fields(error), ("BAD_USER_INPUT", fields), "{variables:.100}");
    }
}

async fn a_variable_inside_an_argument_is_named_by_its_place(app: App) {
    const INSIDE: &str = "query($from: DateTime, $by: EventOrderField = DATE, $max: Int!) {
        events(first: $max, filter: { startsAfter: $from }, orderBy: { field: $by }) {
            totalCount } }";
    const INSIDE_INPUT: &str = "mutation($event: ID!, $number: Int!) {
        bookEvent(input: { eventId: $event, quantity: $number }) { __typename } }";
    const FRAGMENT: &str = "query($number: Int, $yes: Boolean = true) {
        ...F @include(if: $yes) __typename }
        fragment F on Query { events(last: $number) { totalCount } }";
    const IMPORT: &str = "mutation($events: [ImportedEventInput!]!) { importEvents(
        input: { organizerId: 1, events: $events }) { __typename } }";
    const IMPORT_LITERAL: &str = "mutation { importEvents(
        input: { organizerId: 1, events: [{ title: 7 }] }) { __typename } }";
    const IMPORT_TWO: &str = "mutation($two: ImportedEventInput!) { importEvents(
        input: { organizerId: 1, events: [{ externalId: \"a\", title: \"A\", venue: \"V\",
            timeZone: \"UTC\", startsAt: \"2099-01-01T00:00:00Z\", totalTickets: 1,
            price: { amount: \"1\", currency: \"EUR\" } }, $two] }) { __typename } }";
    for (query, variables, field) in [
        (INSIDE, json!({ "max": 1, "from": "yesterday" }), "filter.startsAfter"),
        (INSIDE, json!({ "max": 1, "by": "COLOUR" }), "orderBy.field"),
        (INSIDE, json!({ "max": 1, "by": null }), "orderBy.field"),
        (INSIDE, json!({}), "first"),
        (INSIDE_INPUT, json!({ "event": LIMITED_CONCERT, "number": "two" }), "quantity"),
        (INSIDE_INPUT, json!({ "event": { "id": 1 }, "number": 2 }), "eventId"),
        (FRAGMENT, json!({ "number": "two" }), "last"),
        (IMPORT, json!({ "events": [{ "title": 7 }] }), "events[0].title"),
        (IMPORT, json!({ "events": [null] }), "events"),
        (IMPORT_LITERAL, json!({}), "events[0].title"),
        (IMPORT_TWO, json!({ "two": { "title": 7 } }), "events[1].title"),
        (IMPORT_TWO, json!({ "two": {} }), "events[1].externalId"),
        (IMPORT_TWO, json!({ "two": "Jazz" }), "events"),
    ] {
        let error = &app.send(None, query, variables.clone()).await["errors"][0];
        assert_eq!(code_and_fields(error), ("BAD_USER_INPUT", vec![field]), "{variables}");
    }
}

async fn a_variable_is_named_by_its_place_in_the_operation_that_runs(app: App) {
    let query = "query A($n: Int!) { events(first: $n) { totalCount } }
        query B($n: Int!) { events(last: $n) { totalCount } }
        query C($n: Int!) { events(offset: $n) { totalCount } }";
    for (name, field) in [("A", "first"), ("B", "last"), ("C", "offset")] {
        let body = json!({ "query": query, "operationName": name, "variables": { "n": "two" } });
        let request = app.http.post(format!("{}/graphql", app.url)).json(&body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(code_and_fields(&answer["errors"][0]), ("BAD_USER_INPUT", vec![field]));
    }
}

async fn all_that_is_wrong_with_variables_is_told_at_once(app: App) {
    const LISTS: &str = "query($by: EventOrder, $filter: EventFilter, $first: Int) {
        events(orderBy: $by, filter: $filter, first: $first) { totalCount } }";
    let variables = json!({
        "by": { "direction": "UP" }, "filter": { "startsAfter": "now", "colour": 1 },
        "first": 2_147_483_648_i64,
    });
    let answer = app.send(None, LISTS, variables).await;
    let errors = answer["errors"].as_array().unwrap();
    let fields: Vec<_> = errors.iter().flat_map(|error| code_and_fields(error).1).collect();
    let wrong =
        ["orderBy.direction", "orderBy.field", "filter.colour", "filter.startsAfter", "first"];
    assert_eq!(fields, wrong, "{answer}");
    let message = errors[4]["message"].as_str().unwrap();
    assert!(message.ends_with("Write a whole number from -2147483648 to 2147483647."), "{message}");
    // There are not more errors than somebody reads.
    let fields: HashMap<String, i32> = (0..100).map(|n| (format!("f{n}"), n)).collect();
    let answer = app.send(None, LISTS, json!({ "filter": fields })).await;
    assert_eq!(answer["errors"].as_array().unwrap().len(), 20);
}

async fn a_cursor_of_another_order_is_refused(app: App) {
    let cursor = list(&app, json!({ "first": 1 })).await["pageInfo"]["endCursor"].take();
    let by_price = json!({ "after": cursor, "orderBy": { "field": "PRICE" } });
    let error = app.error(None, LIST, by_price).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["after"]));
}

async fn a_forged_cursor_is_refused(app: App) {
    use base64::Engine;

    for (field, value) in [
        ("TITLE", json!({ "t": "a\0b" })),
        ("DATE", json!({ "d": -1_000_000_000_000_000_000_i64 })),
        ("DATE", json!({ "d": i64::MAX })),
        ("DATE", json!({ "d": "x" })),
        ("PRICE", json!({ "a": 1.5 })),
        ("PRICE", json!({ "p": 1 })),
        ("PRICE", json!({ "t": "1" })),
        ("PRICE", json!(null)),
    ] {
        let cursor = json!({ "value": value, "id": LIMITED_CONCERT }).to_string();
        let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(cursor);
        let variables = json!({ "after": cursor, "orderBy": { "field": field } });
        let error = app.error(None, LIST, variables).await;
        assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["after"]), "{value}");
    }
}

async fn an_event_is_found_by_its_id_and_an_unknown_id_gets_null(app: App) {
    let query = "query($id: ID!) { event(id: $id) { title startsAt } }";
    let event = app.data(None, query, json!({ "id": LIMITED_CONCERT })).await;
    assert_eq!(event["event"]["title"], "Limited Concert");
    assert!(event["event"]["startsAt"].as_str().unwrap().ends_with("T19:00:00Z"));
    let unknown = app.data(None, query, json!({ "id": LIMITED_CONCERT.replace('1', "2") })).await;
    assert_eq!(unknown["event"], Value::Null);
    let huge = "0".repeat(50_000);
    for malformed in ["", "1", "01990000-0000-7000-8000-00000000000g", &huge] {
        let error = app.error(None, query, json!({ "id": malformed })).await;
        assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["id"]));
    }
}

async fn a_price_has_its_currencys_decimals(app: App) {
    let query = "query($search: String) {
        events(search: $search) { nodes { price { amount currency } } } }";
    for (search, amount, currency) in
        [("Limited", "49.90", "EUR"), ("Kabuki", "9000", "JPY"), ("Library", "0.00", "EUR")]
    {
        let data = app.data(None, query, json!({ "search": search })).await;
        let price = json!({ "amount": amount, "currency": currency });
        assert_eq!(data["events"]["nodes"][0]["price"], price);
    }
}

async fn prices_sort_as_numbers_whatever_their_currencies_decimals(app: App) {
    app.execute_sql("DELETE FROM events").await;
    // In their order, with minor units in another.
    let prices = [
        (0, "EUR"),
        (7, "KWD"),
        (1, "EUR"),
        (999, "KWD"),
        (1, "JPY"),
        (10_001, "CLF"),
        (1_001, "KWD"),
        (8_900, "EUR"),
        (12_000, "USD"),
        (9_000, "JPY"),
        (900_001, "EUR"),
        (100_000_000_000_000, "JPY"),
    ];
    for (price, currency) in prices.iter().rev() {
        app.event_with(|event| {
            event.price_minor = *price;
            event.currency = (*currency).to_owned();
            event.title = format!("{currency} {price}");
            event.title_key = event.title.to_lowercase();
        })
        .await;
    }
    let mut expected: Vec<String> =
        prices.iter().map(|(price, currency)| format!("{currency} {price}")).collect();
    for direction in ["ASC", "DESC"] {
        let order = json!({ "field": "PRICE", "direction": direction });
        let (mut found, mut after) = (Vec::new(), Value::Null);
        for _ in 0..expected.len() {
            let page = json!({ "first": 1, "after": after, "orderBy": order });
            let page = list(&app, page).await;
            found.extend(titles(&page["nodes"]));
            after = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(found, expected, "{direction}");
        let search = list(&app, json!({ "search": "eur", "orderBy": order })).await;
        let only_euro = expected.iter().filter(|title| title.starts_with("EUR"));
        assert!(titles(&search["nodes"]).iter().eq(only_euro), "{direction}");
        expected.reverse();
    }
    // The database keeps the order when another program changes a price.
    app.execute_sql("UPDATE events SET price_minor = 1, currency = 'JPY' WHERE currency = 'CLF'")
        .await;
    app.execute_sql("UPDATE events SET currency = 'JPY' WHERE title = 'USD 12000'").await;
    let by_price = json!({ "last": 2, "orderBy": { "field": "PRICE" } });
    let last = list(&app, by_price).await;
    assert_eq!(titles(&last["nodes"]), ["USD 12000", "JPY 100000000000000"]);
}

async fn the_database_knows_each_currencys_decimals(app: App) {
    use sea_orm::{ConnectionTrait, Statement};

    let codes = (0..26_u32.pow(3)).map(|n| [n / 676, n / 26 % 26, n % 26]);
    let codes = codes.map(|code| code.map(|letter| char::from_u32(65 + letter).unwrap()));
    let codes = codes.map(|code| code.iter().collect::<String>());
    let known: Vec<String> =
        codes.filter(|code| iso_currency::Currency::from_code(code).is_some()).collect();
    assert!(known.len() > 150, "{}", known.len());
    for code in &known {
        app.event_with(|event| {
            event.title = format!("in {code}");
            event.currency = code.clone();
            event.price_minor = 1;
        })
        .await;
    }
    let sql = "SELECT currency, price_key FROM events WHERE title LIKE 'in %'";
    let statement = Statement::from_string(app.db().get_database_backend(), sql);
    let rows = app.db().query_all_raw(statement).await.unwrap();
    assert_eq!(rows.len(), known.len());
    for row in rows {
        let code: String = row.try_get("", "currency").unwrap();
        let decimals = iso_currency::Currency::from_code(&code).unwrap().exponent().unwrap_or(2);
        let key: i64 = row.try_get("", "price_key").unwrap();
        assert_eq!(key, 10_i64.pow(4 - u32::from(decimals)), "{code}");
    }
}

async fn my_booking_is_the_viewers_own(app: App) {
    let (one, two) = (app.event("One", 5).await, app.event("Two", 5).await);
    let users = app.users(2).await;
    app.book(&users[0], &one, 2).await;
    let booking = app.book(&users[1], &two, 1).await["booking"]["id"].take();
    app.book(&users[0], &two, 3).await;
    app.cancel(&users[1], booking.as_str().unwrap()).await;

    let query = "{ events(first: 50) { nodes { title myBooking { quantity event { title } } } } }";
    let my_bookings = async |token: Option<&str>| {
        let data = app.data(token, query, json!({})).await;
        let nodes = data["events"]["nodes"].as_array().unwrap().clone();
        let booked = nodes.into_iter().filter(|node| !node["myBooking"].is_null());
        let mut booked: Vec<(String, i64)> = booked
            .map(|node| {
                assert_eq!(node["title"], node["myBooking"]["event"]["title"]);
                let quantity = node["myBooking"]["quantity"].as_i64().unwrap();
                (node["title"].as_str().unwrap().to_owned(), quantity)
            })
            .collect();
        booked.sort();
        booked
    };
    assert_eq!(my_bookings(Some(&users[0])).await, [("One".to_owned(), 2), ("Two".to_owned(), 3)]);
    assert_eq!(my_bookings(Some(&users[1])).await, []);
    assert_eq!(my_bookings(None).await, []);
}
