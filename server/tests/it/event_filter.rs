//! Lists of events that have not begun, and the filters of lists.

use chrono::{DateTime, Duration, SecondsFormat, SubsecRound, Utc};
use serde_json::{Value, json};

use crate::{
    app::{App, code_and_fields},
    on_both_engines,
};

const LIST: &str = "query($filter: EventFilter, $search: String, $orderBy: EventOrder,
    $first: Int, $after: String, $last: Int, $before: String, $offset: Int) {
    events(filter: $filter, search: $search, orderBy: $orderBy,
        first: $first, after: $after, last: $last, before: $before, offset: $offset) {
        nodes { title } totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

on_both_engines! {
    a_list_leaves_out_what_has_begun_unless_asked
    what_begins_while_somebody_reads_leaves_the_list
    a_range_has_its_start_and_not_its_end
    a_start_in_the_past_replaces_the_default
    only_what_can_be_booked_is_available
    an_event_is_available_only_while_its_sale_is_open
    an_impossible_range_is_empty
    filters_hold_in_every_order_and_with_a_search
    an_invalid_filter_is_named
    lists_of_almost_only_past_events_are_complete
}

/// The time to which the events of a test are relative.
fn noon() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6) + Duration::days(30)
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Replaces the demo events by events with these titles, which start as many minutes after `noon`,
/// and moves the clock there.
async fn events_around(app: &App, noon: DateTime<Utc>, events: &[(&str, i64, i32)]) {
    app.execute_sql("DELETE FROM events").await;
    for (title, minutes, remaining) in events {
        app.event_with(|event| {
            event.title = (*title).to_owned();
            event.title_key = title.to_lowercase();
            event.starts_at = noon + Duration::minutes(*minutes);
            event.total_tickets = *remaining;
            event.remaining_tickets = *remaining;
        })
        .await;
    }
    app.clock.advance(noon - app.clock.now());
}

async fn list(app: &App, variables: Value) -> Value {
    app.data(None, LIST, variables).await["events"].take()
}

/// The titles of a list with this filter, after checking that the total is their number.
async fn titles(app: &App, filter: Value) -> Vec<String> {
    titles_of(&list(app, json!({ "filter": filter, "first": 50 })).await)
}

fn titles_of(list: &Value) -> Vec<String> {
    let nodes = list["nodes"].as_array().unwrap();
    let titles: Vec<String> =
        nodes.iter().map(|node| node["title"].as_str().unwrap().to_owned()).collect();
    assert_eq!(list["totalCount"], titles.len());
    titles
}

async fn a_list_leaves_out_what_has_begun_unless_asked(app: App) {
    let noon = noon();
    events_around(&app, noon, &[("over", -60, 5), ("now", 0, 5), ("soon", 1, 5)]).await;
    assert_eq!(titles(&app, Value::Null).await, ["soon"]);
    assert_eq!(titles(&app, json!({})).await, ["soon"]);
    assert_eq!(titles(&app, json!({ "includePast": false })).await, ["soon"]);
    assert_eq!(titles(&app, json!({ "includePast": null })).await, ["soon"]);
    assert_eq!(titles(&app, json!({ "includePast": true })).await, ["over", "now", "soon"]);
}

async fn what_begins_while_somebody_reads_leaves_the_list(app: App) {
    let noon = noon();
    let events = [("a", 1, 5), ("b", 2, 5), ("c", 3, 5), ("d", 4, 5), ("e", 5, 5)];
    events_around(&app, noon, &events).await;
    let page = list(&app, json!({ "first": 2 })).await;
    assert_eq!(page["totalCount"], 5);
    let after = &page["pageInfo"]["endCursor"];
    app.clock.advance(Duration::seconds(150));
    let next = list(&app, json!({ "first": 2, "after": after })).await;
    assert_eq!(next["nodes"], json!([{ "title": "c" }, { "title": "d" }]));
    assert_eq!(next["totalCount"], 3);
    let before = &next["pageInfo"]["startCursor"];
    assert_eq!(list(&app, json!({ "last": 2, "before": before })).await["nodes"], json!([]));
    let numbered = list(&app, json!({ "first": 2, "offset": 2 })).await;
    assert_eq!(numbered["nodes"], json!([{ "title": "e" }]));
}

async fn a_range_has_its_start_and_not_its_end(app: App) {
    let noon = noon();
    events_around(&app, noon, &[("a", 10, 5), ("b", 20, 5), ("c", 30, 5)]).await;
    let at = |minutes| text(noon + Duration::minutes(minutes));
    let range = json!({ "startsAfter": at(10), "startsBefore": at(30) });
    assert_eq!(titles(&app, range).await, ["a", "b"]);
    assert_eq!(titles(&app, json!({ "startsBefore": at(30) })).await, ["a", "b"]);
    assert_eq!(titles(&app, json!({ "startsAfter": at(20) })).await, ["b", "c"]);
    // Finer than the times that are stored.
    let just_after = text(noon + Duration::minutes(20)).replace('Z', "001Z");
    assert_eq!(titles(&app, json!({ "startsAfter": just_after })).await, ["c"]);
    assert_eq!(titles(&app, json!({ "startsBefore": just_after })).await, ["a", "b"]);
    // The same moment in another zone.
    let elsewhere = (noon + Duration::minutes(20))
        .with_timezone(&chrono::FixedOffset::east_opt(5 * 3600 + 1800).unwrap())
        .to_rfc3339_opts(SecondsFormat::Micros, false);
    assert_eq!(titles(&app, json!({ "startsAfter": elsewhere })).await, ["b", "c"]);
}

async fn a_start_in_the_past_replaces_the_default(app: App) {
    let noon = noon();
    events_around(&app, noon, &[("older", -20, 5), ("over", -10, 5), ("soon", 10, 5)]).await;
    let at = |minutes| text(noon + Duration::minutes(minutes));
    assert_eq!(titles(&app, json!({ "startsAfter": at(-15) })).await, ["over", "soon"]);
    let not_past = json!({ "startsAfter": at(-15), "includePast": false });
    assert_eq!(titles(&app, not_past).await, ["soon"]);
    let past = json!({ "startsBefore": at(0), "includePast": true });
    assert_eq!(titles(&app, past).await, ["older", "over"]);
    assert_eq!(titles(&app, json!({ "startsBefore": at(0) })).await, [""; 0]);
}

async fn only_what_can_be_booked_is_available(app: App) {
    let noon = noon();
    let events = [("over", -10, 5), ("over, sold out", -5, 0), ("sold out", 5, 0), ("free", 9, 1)];
    events_around(&app, noon, &events).await;
    let listed = async |available: bool, includes_past: Option<bool>| {
        titles(&app, json!({ "available": available, "includePast": includes_past })).await
    };
    assert_eq!(listed(true, None).await, ["free"]);
    assert_eq!(listed(true, Some(true)).await, ["free"]);
    assert_eq!(listed(false, None).await, ["sold out"]);
    assert_eq!(listed(false, Some(true)).await, ["over", "over, sold out", "sold out"]);
    assert_eq!(titles(&app, json!({ "available": null })).await, ["sold out", "free"]);
    // The last ticket is booked, and the event leaves the list at once.
    let id = app.data(None, "{ events(search: \"free\") { nodes { id } } }", json!({})).await;
    let id = id["events"]["nodes"][0]["id"].as_str().unwrap().to_owned();
    let token = app.user().await;
    app.book(&token, &id, 1).await;
    assert_eq!(listed(true, None).await, [""; 0]);
    assert_eq!(listed(false, None).await, ["sold out", "free"]);
}

async fn an_event_is_available_only_while_its_sale_is_open(app: App) {
    let noon = noon();
    app.execute_sql("DELETE FROM events").await;
    let at = |minutes: Option<i64>| minutes.map(|minutes| noon + Duration::minutes(minutes));
    for (title, start, end, tickets) in [
        ("a always", None, None, 5),
        ("b from now", Some(0), None, 5),
        ("c later", Some(1), None, 5),
        ("d until now", None, Some(0), 5),
        ("e until later", Some(-1), Some(1), 5),
        ("f sold out", Some(-1), Some(1), 0),
    ] {
        app.event_with(|event| {
            event.title = title.to_owned();
            event.title_key = title.to_owned();
            event.starts_at = noon + Duration::hours(1);
            (event.sales_start_at, event.sales_end_at) = (at(start), at(end));
            (event.total_tickets, event.remaining_tickets) = (tickets, tickets);
        })
        .await;
    }
    app.clock.advance(noon - app.clock.now());
    let open = ["a always", "b from now", "e until later"];
    let closed = ["c later", "d until now", "f sold out"];
    for search in [None, Some("e")] {
        for field in ["DATE", "PRICE", "TITLE"] {
            for (available, expected) in [(true, open), (false, closed)] {
                let found = list(
                    &app,
                    json!({ "filter": { "available": available }, "search": search,
                        "orderBy": { "field": field } }),
                );
                let mut found = titles_of(&found.await);
                found.sort();
                let has_word = |title: &&str| search.is_none_or(|word| title.contains(word));
                let expected: Vec<&str> = expected.into_iter().filter(has_word).collect();
                assert_eq!(found, expected, "{field} {search:?}");
            }
        }
    }
}

async fn an_impossible_range_is_empty(app: App) {
    let noon = noon();
    events_around(&app, noon, &[("a", 10, 5), ("b", 20, 5)]).await;
    let at = |minutes| text(noon + Duration::minutes(minutes));
    for range in [
        json!({ "startsAfter": at(20), "startsBefore": at(10) }),
        json!({ "startsAfter": at(10), "startsBefore": at(10), "includePast": true }),
        json!({ "startsAfter": "9999-12-31T23:59:59.999999999Z" }),
        json!({ "startsBefore": "0001-01-01T00:00:00Z", "includePast": true }),
    ] {
        assert_eq!(titles(&app, range.clone()).await, [""; 0], "{range}");
    }
    let everything = json!({
        "startsAfter": "0001-01-01T00:00:00Z", "startsBefore": "9999-12-31T23:59:59.999999999Z",
    });
    assert_eq!(titles(&app, everything).await, ["a", "b"]);
}

async fn filters_hold_in_every_order_and_with_a_search(app: App) {
    let noon = noon();
    let events = [("jazz 1", -10, 5), ("jazz 2", 10, 0), ("jazz 3", 20, 5), ("opera", 30, 5)];
    events_around(&app, noon, &events).await;
    for field in ["DATE", "PRICE", "TITLE"] {
        for (direction, expected) in
            [("ASC", ["jazz 2", "jazz 3", "opera"]), ("DESC", ["opera", "jazz 3", "jazz 2"])]
        {
            let order = json!({ "field": field, "direction": direction });
            let all = list(&app, json!({ "orderBy": order })).await;
            assert_eq!(titles_of(&all), expected, "{field} {direction}");
            let found = list(&app, json!({ "orderBy": order, "search": "jazz" })).await;
            assert_eq!(titles_of(&found).len(), 2, "{field} {direction}");
            let available =
                json!({ "orderBy": order, "search": "JA", "filter": { "available": true } });
            assert_eq!(titles_of(&list(&app, available).await), ["jazz 3"]);
            let last = list(&app, json!({ "orderBy": order, "last": 2 })).await;
            let last: Vec<&Value> =
                last["nodes"].as_array().unwrap().iter().map(|node| &node["title"]).collect();
            assert_eq!(last, expected[1..]);
        }
    }
}

async fn an_invalid_filter_is_named(app: App) {
    for (filter, field) in [
        (json!({ "startsAfter": "yesterday" }), "filter.startsAfter"),
        (json!({ "startsBefore": "2026-02-30T00:00:00Z" }), "filter.startsBefore"),
        (json!({ "startsAfter": "-0001-01-01T00:00:00Z" }), "filter.startsAfter"),
        (json!({ "startsBefore": "+10000-01-01T00:00:00Z" }), "filter.startsBefore"),
        (json!({ "available": "yes" }), "filter.available"),
        (json!({ "includePast": 1 }), "filter.includePast"),
    ] {
        let error = &app.send(None, LIST, json!({ "filter": filter })).await["errors"][0];
        assert_eq!(code_and_fields(error), ("BAD_USER_INPUT", vec![field]), "{filter}");
    }
}

async fn lists_of_almost_only_past_events_are_complete(app: App) {
    let noon = noon();
    let titles: Vec<String> = (0..1_300).map(|number| format!("past {number:04}")).collect();
    let mut events: Vec<(&str, i64, i32)> =
        titles.iter().map(|title| (title.as_str(), -10, 5)).collect();
    events.extend([("z soon", 10, 5), ("a soon", 20, 5)]);
    events_around(&app, noon, &events).await;
    for (field, expected) in [
        ("DATE", ["z soon", "a soon"]),
        ("TITLE", ["a soon", "z soon"]),
        ("PRICE", ["z soon", "a soon"]),
    ] {
        let all = list(&app, json!({ "orderBy": { "field": field } })).await;
        assert_eq!(titles_of(&all), expected, "{field}");
    }
}
