//! The cities of coming events.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::{
    app::{App, code_and_fields},
    on_both_engines,
};

const CITIES: &str = "query($first: Int!) { cities(first: $first) { name events } }";

on_both_engines! {
    cities_are_those_of_coming_published_events_with_most_events_first
    a_city_is_spelled_as_by_its_next_event
    cities_are_read_again_after_some_seconds
    a_wrong_number_of_cities_is_named
}

/// Replaces the demo events by one in each of these cities. Each starts an hour after the one before
/// it.
async fn events_in(app: &App, cities: &[&str]) {
    app.execute_sql("DELETE FROM events").await;
    let mut starts_at = Utc::now() + Duration::days(30);
    for city in cities {
        event(app, city, starts_at).await;
        starts_at += Duration::hours(1);
    }
}

async fn event(app: &App, city: &str, starts_at: DateTime<Utc>) {
    app.event_with(|event| {
        event.city = city.to_owned();
        event.starts_at = starts_at;
    })
    .await;
}

async fn first_cities(app: &App, first: i32) -> Vec<(String, i64)> {
    let cities = app.data(None, CITIES, json!({ "first": first })).await["cities"].take();
    let cities = cities.as_array().unwrap();
    let city = |city: &Value| (city["name"].as_str().unwrap().to_owned(), city["events"].as_i64());
    cities.iter().map(city).map(|(name, events)| (name, events.unwrap())).collect()
}

fn city(name: &str, events: i64) -> (String, i64) {
    (name.to_owned(), events)
}

async fn cities_are_those_of_coming_published_events_with_most_events_first(app: App) {
    let cities = ["Cork", "Bern", "Cork", "Aarau", "", "Draft", "Cancelled"];
    events_in(&app, &cities).await;
    app.execute_sql("UPDATE events SET status = 'DRAFT', is_public = false WHERE city = 'Draft'")
        .await;
    app.execute_sql("UPDATE events SET status = 'CANCELLED' WHERE city = 'Cancelled'").await;
    event(&app, "Past", Utc::now() - Duration::hours(1)).await;
    let expected = [city("Cork", 2), city("Aarau", 1), city("Bern", 1)];
    assert_eq!(first_cities(&app, 20).await, expected);
    assert_eq!(first_cities(&app, 1).await, expected[..1]);
}

async fn a_city_is_spelled_as_by_its_next_event(app: App) {
    events_in(&app, &["CORK", "Cork", "cork", "ZÜRICH", "Zu\u{308}rich"]).await;
    assert_eq!(first_cities(&app, 20).await, [city("CORK", 3), city("ZÜRICH", 2)]);
}

async fn cities_are_read_again_after_some_seconds(app: App) {
    events_in(&app, &["Cork"]).await;
    assert_eq!(first_cities(&app, 20).await, [city("Cork", 1)]);
    event(&app, "Bern", Utc::now() + Duration::days(30)).await;
    app.clock.advance(Duration::minutes(1));
    assert_eq!(first_cities(&app, 20).await, [city("Bern", 1), city("Cork", 1)]);
    // A clock that was set back does not keep an answer for longer.
    app.execute_sql("DELETE FROM events WHERE city = 'Bern'").await;
    app.clock.advance(Duration::hours(-1));
    assert_eq!(first_cities(&app, 20).await, [city("Cork", 1)]);
}

async fn a_wrong_number_of_cities_is_named(app: App) {
    for first in [-1, 0, 51, i32::MAX] {
        let error = &app.send(None, CITIES, json!({ "first": first })).await["errors"][0];
        assert_eq!(code_and_fields(error), ("BAD_USER_INPUT", vec!["first"]), "{first}");
    }
    assert!(first_cities(&app, 50).await.len() > 1);
}
