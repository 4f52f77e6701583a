//! Rows that other programs write: what could not be read is refused, and if it is there after all,
//! it fails alone.

use std::collections::HashSet;

use rowlock_migration::{Migrator, MigratorTrait};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::{
    app::{App, error_code},
    database::Engine,
    demo::{JAZZ_NIGHT, LIMITED_CONCERT},
    on_both_engines,
};

on_both_engines! {
    rows_that_could_not_be_read_are_refused
    times_at_the_limits_are_listed_by_cursor
    a_row_that_cannot_be_read_fails_alone
    a_migration_names_a_row_that_breaks_a_rule
}

async fn rows_that_could_not_be_read_are_refused(app: App) {
    app.book(&app.user().await, JAZZ_NIGHT, 1).await;
    let long = "x".repeat(20_001);
    let (long_key, long_venue) =
        (format!("title_key = '{}'", &long[..401]), format!("venue = '{}'", &long[..2_001]));
    let long_description = format!("description = '{long}'");
    let mut refused = vec![
        ("events", "price_minor = -1"),
        ("events", "price_minor = 100000000000001"),
        ("events", "currency = 'eur'"),
        ("events", "currency = 'E1R'"),
        ("events", "currency = '€€€'"),
        ("events", "currency = ''"),
        ("events", "total_tickets = 2147483648"),
        ("events", "count_version = 9223372036854775807"),
        ("events", &long_key),
        ("events", &long_venue),
        ("events", &long_description),
        ("events", "starts_at = '0001-01-01 00:00:00 BC'"),
        ("events", "starts_at = '10000-01-01 00:00:00+00:00'"),
        ("events", "created_at = '12026-01-01 00:00:00+00:00'"),
        ("bookings", "created_at = '10000-01-01 00:00:00+00:00'"),
        ("users", "created_at = '10000-01-01 00:00:00+00:00'"),
    ];
    refused.extend(match app.engine() {
        Engine::Postgres => [
            ("events", "starts_at = 'infinity'"),
            ("events", "starts_at = '-infinity'"),
            ("events", "created_at = 'infinity'"),
            ("bookings", "created_at = '-infinity'"),
            ("bookings", "status = 'CANCELLED', cancelled_at = 'infinity'"),
            ("users", "created_at = 'infinity'"),
        ]
        .to_vec(),
        Engine::Sqlite => [
            ("events", "starts_at = 'soon'"),
            ("events", "starts_at = ''"),
            ("events", "starts_at = 7"),
            ("events", "starts_at = X'00'"),
            ("events", "starts_at = '2026-13-01T10:00:00Z'"),
            ("events", "starts_at = '2027-02-30T10:00:00Z'"),
            ("events", "starts_at = '2027-02-29 10:00'"),
            ("events", "starts_at = '2027-05-01T24:00:00Z'"),
            ("events", "starts_at = '12:00'"),
            ("events", "starts_at = 'now'"),
            ("events", "starts_at = '2461000.5'"),
            ("users", "created_at = '2027-04-31'"),
            ("events", "starts_at = '0000-01-01T10:00:00Z'"),
            ("events", "total_tickets = 'many'"),
            ("events", "total_tickets = 1000000.5"),
            ("events", "count_version = 'x'"),
            ("events", "price_minor = 'free'"),
            ("events", "price_minor = 9.5"),
            ("events", "title = X'41'"),
            ("events", "title = 'a' || char(0) || 'b'"),
            ("events", "title_key = 'a' || char(0)"),
            ("events", "description = X'ff'"),
            ("events", "venue = X'ff'"),
            ("events", "id = 'text'"),
            ("events", "id = X'00'"),
            ("bookings", "quantity = 1.5"),
            ("bookings", "quantity = 'one'"),
            ("bookings", "booked_quantity = 1.5"),
            ("bookings", "booked_quantity = 'one'"),
            ("bookings", "id = 'text'"),
            ("bookings", "idempotency_key = X'ff'"),
            ("bookings", "created_at = 'yesterday'"),
            ("users", "name = X'ff'"),
            ("users", "created_at = 'yesterday'"),
        ]
        .to_vec(),
    });
    for (table, set) in refused {
        let sql = format!("UPDATE {table} SET {set}");
        assert!(app.db().execute_unprepared(&sql).await.is_err(), "{sql:.100}");
    }
    let data = app.data(None, "{ events(first: 50) { nodes { title } } }", json!({})).await;
    assert_eq!(data["events"]["nodes"].as_array().unwrap().len(), 12);
}

/// Titles by date, one page for each event.
async fn titles_by_date(app: &App, direction: &str) -> Vec<String> {
    let query = "query($after: String, $direction: OrderDirection) {
        events(first: 1, after: $after, orderBy: { field: DATE, direction: $direction },
            filter: { includePast: true }) {
            nodes { title startsAt } pageInfo { endCursor hasNextPage } } }";
    let (mut titles, mut after) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({ "after": after, "direction": direction });
        let page = app.data(None, query, variables).await["events"].take();
        titles.push(page["nodes"][0]["title"].as_str().unwrap().to_owned());
        assert!(titles.len() <= 50, "the list repeats: {titles:?}");
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            return titles;
        }
    }
}

async fn times_at_the_limits_are_listed_by_cursor(app: App) {
    app.execute_sql("DELETE FROM events").await;
    let mut times = vec![
        "0001-01-01 00:00:00+00:00",
        "1969-12-31 23:59:59.999999+00:00",
        "2026-12-01 09:59:59.999+00:00",
        "2026-12-01T10:00:00Z",
        "2026-12-01 10:00:00+00:00",
        "2026-12-01 12:00:00.5+02:00",
        "2026-12-01T10:00:00.501Z",
        "2026-12-01T10:00:00.501002+00:00",
        "9999-12-31 23:59:58+00:00",
    ];
    if app.engine() == Engine::Sqlite {
        // Forms that only SQLite takes for UTC, or reads more finely than Rowlock writes.
        times.splice(
            5..5,
            [
                "2026-12-01 10:00",
                "2026-12-01T10:00:00.000Z",
                "2026-12-01T10:00:00.000000+00:00",
                "2026-12-01T10:00:00.250000+00:00",
                "2026-12-01T10:00:00.260999999+00:00",
            ],
        );
    }
    let mut expected = Vec::new();
    for (number, time) in times.iter().enumerate() {
        let title = format!("{number:02}");
        app.event(&title, 1).await;
        let sql = format!("UPDATE events SET starts_at = '{time}' WHERE title = '{title}'");
        app.execute_sql(&sql).await;
        expected.push(title);
    }
    assert_eq!(titles_by_date(&app, "ASC").await, expected);
    expected.reverse();
    assert_eq!(titles_by_date(&app, "DESC").await, expected);
}

/// Makes the demo event Jazz Night unreadable: by text that is not UTF-8, which SQLite's rules do
/// not see, and without a trigger on PostgreSQL.
async fn break_jazz_night(app: &App) {
    if app.engine() == Engine::Postgres {
        app.execute_sql("DROP TRIGGER events_edited_values ON events").await;
    }
    let set = match app.engine() {
        Engine::Sqlite => "description = CAST(X'ff' AS TEXT)",
        Engine::Postgres => "starts_at = 'infinity'",
    };
    app.execute_sql(&format!("UPDATE events SET {set} WHERE title = 'Jazz Night'")).await;
}

async fn a_row_that_cannot_be_read_fails_alone(app: App) {
    let user = app.user().await;
    app.book(&user, LIMITED_CONCERT, 1).await;
    break_jazz_night(&app).await;

    for order in ["DATE", "PRICE", "TITLE"] {
        let query = format!(
            "{{ events(first: 50, orderBy: {{ field: {order} }}) {{ nodes {{ title }} totalCount }} }}"
        );
        let events = app.data(None, &query, json!({})).await["events"].take();
        let titles: HashSet<&str> = events["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n["title"].as_str().unwrap())
            .collect();
        assert_eq!(titles.len(), 11, "{order}");
        assert!(!titles.contains("Jazz Night"));
    }
    // Lookups of one operation share a batch.
    let both = "query($bad: ID!, $good: ID!) {
        bad: event(id: $bad) { title } good: event(id: $good) { title myBooking { quantity } } }";
    let variables = json!({ "bad": JAZZ_NIGHT, "good": LIMITED_CONCERT });
    for _ in 0..5 {
        let answer = app.send(Some(&user), both, variables.clone()).await;
        assert_eq!(answer["data"]["bad"], Value::Null);
        assert_eq!(answer["data"]["good"]["title"], "Limited Concert");
        assert_eq!(answer["data"]["good"]["myBooking"]["quantity"], 1);
        assert_eq!(answer["errors"].as_array().unwrap().len(), 1, "{answer}");
        assert_eq!(error_code(&answer["errors"][0]), "INTERNAL");
    }
    let buyer = app.user().await;
    assert_eq!(app.book(&buyer, LIMITED_CONCERT, 1).await["__typename"], "BookEventSuccess");
}

async fn a_migration_names_a_row_that_breaks_a_rule(app: App) {
    // Down to the state before the rules.
    let names = Migrator::migrations().into_iter().map(|migration| migration.name().to_owned());
    let before = names.take_while(|name| !name.contains("readable_rows")).count();
    let steps = Migrator::migrations().len() - before;
    app.services.db.migrate(Some(u32::try_from(steps).unwrap())).await.unwrap();
    let (bad, problem) = match app.engine() {
        Engine::Sqlite => ("starts_at = 'soon'", "starts_at must be a time"),
        Engine::Postgres => ("starts_at = 'infinity'", "starts_at must be a time"),
    };
    for (set, problem) in [(bad, problem), ("currency = 'eur'", "three capital letters")] {
        app.execute_sql(&format!("UPDATE events SET {set} WHERE title = 'Jazz Night'")).await;
        let error = app.services.db.migrate(None).await.unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("migrate again"), "{error}");
        let id = error.to_lowercase().replace('-', "");
        assert!(id.contains(&JAZZ_NIGHT.replace('-', "")), "{error}");
        let good = "starts_at = '2027-01-01 10:00:00+00:00', currency = 'EUR'";
        app.execute_sql(&format!("UPDATE events SET {good} WHERE title = 'Jazz Night'")).await;
    }
    app.services.db.migrate(None).await.unwrap();
    assert_eq!(titles_by_date(&app, "ASC").await.len(), 12);
}
