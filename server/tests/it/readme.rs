//! The README's tour is true: each of its operations runs, in its order, and answers as it says.

use serde_json::{Map, Value, json};

use crate::{app::App, on_both_engines, socket::Socket};

const README: &str = include_str!("../../../README.md");

on_both_engines! {
    every_example_of_the_tour_answers_as_it_says
}

/// Fenced blocks with their languages, from the tour's heading to the next one.
fn tour() -> Vec<(&'static str, &'static str)> {
    let (_, tour) = README.split_once("\n## A tour of the API\n").expect("README has the tour");
    let (tour, _) = tour.split_once("\n## ").expect("something follows the tour");
    tour.split("\n```")
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').expect("a block has a first line"))
        .collect()
}

async fn every_example_of_the_tour_answers_as_it_says(app: App) {
    let mut blocks = tour().into_iter().peekable();
    let (mut token, mut booking) = (None::<String>, Value::Null);
    let mut examples = 0;
    while let Some((language, operation)) = blocks.next() {
        if language != "graphql" {
            continue;
        }
        examples += 1;
        let variables = if operation.contains("$bookingId") {
            json!({ "bookingId": booking })
        } else {
            json!({})
        };
        let answer = if operation.starts_with("subscription") {
            let mut socket = Socket::open(&app.url, "graphql-transport-ws", json!({})).await;
            socket.start(operation, variables).await;
            socket.next().await
        } else {
            app.send(token.as_deref(), operation, variables).await
        };
        if let Some(given) = find(&answer, "accessToken") {
            token = given.as_str().map(str::to_owned);
        }
        if let Some(given) = find(&answer, "booking").and_then(|booking| booking.get("id")) {
            booking = given.clone();
        }
        let (language, expected) = blocks.next().expect("an answer follows each operation");
        assert_eq!(language, "json", "after {operation}");
        let expected: Value = serde_json::from_str(expected).expect(expected);
        assert!(
            matches(&expected, &answer),
            "{operation}\nanswered\n{answer:#}\ninstead of\n{expected:#}"
        );
    }
    assert!(examples >= 8, "only {examples}");
}

/// The first value under this name, anywhere.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => {
            fields.get(name).or_else(|| fields.values().find_map(|value| find(value, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// Equal, but for texts that the README leaves open with `…`, and where errors stand in the query.
fn matches(expected: &Value, is: &Value) -> bool {
    let shown =
        |fields: &Map<String, Value>| fields.keys().filter(|key| *key != "locations").count();
    match (expected, is) {
        (Value::String(expected), Value::String(is)) => match expected.split_once('…') {
            Some((start, end)) => is.starts_with(start) && is.ends_with(end),
            None => expected == is,
        },
        (Value::Object(expected), Value::Object(is)) => {
            shown(expected) == shown(is)
                && expected
                    .iter()
                    .all(|(key, value)| is.get(key).is_some_and(|is| matches(value, is)))
        }
        (Value::Array(expected), Value::Array(is)) => {
            expected.len() == is.len() && expected.iter().zip(is).all(|(a, b)| matches(a, b))
        }
        _ => expected == is,
    }
}
