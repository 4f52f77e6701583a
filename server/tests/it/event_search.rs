//! Searching events: words in any form, in the title, the venue and the city.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use crate::{
    app::{App, code_and_fields},
    database::Engine,
    on_both_engines,
    program::rowlock_command,
    waiting::wait_until,
};

const SEARCH: &str = "query($search: String, $orderBy: EventOrder) {
    events(search: $search, orderBy: $orderBy, first: 50) { nodes { title } totalCount } }";

on_both_engines! {
    a_search_finds_any_case_and_composition
    the_words_of_a_search_come_in_any_order_with_any_whitespace
    each_word_of_a_search_is_in_the_title_the_venue_or_the_city
    words_of_one_or_two_letters_are_found_anywhere
    a_search_has_a_largest_number_of_words
    texts_that_become_long_can_be_searched
    rows_that_another_program_writes_are_found_at_once
    a_title_that_another_program_writes_is_sorted_by
    searches_at_the_same_time_find_what_another_program_writes
    lists_at_the_same_time_sort_by_what_another_program_writes
    a_search_waits_only_shortly_for_a_program_that_writes
    many_rows_that_another_program_writes_are_found_soon
}

async fn search(app: &App, search: &str) -> Vec<String> {
    let found = app.data(None, SEARCH, json!({ "search": search })).await["events"].take();
    let titles: Vec<String> = found["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["title"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found["totalCount"], titles.len(), "{search}");
    titles
}

async fn event_at(app: &App, title: &str, venue: &str) {
    app.event_with(|event| {
        event.title = title.to_owned();
        event.title_key = title.to_lowercase();
        event.venue = venue.to_owned();
    })
    .await;
}

async fn a_search_finds_any_case_and_composition(app: App) {
    app.execute_sql("DELETE FROM events").await;
    for title in [
        "Straße der Lieder",
        "Café Noir",
        "Cafe\u{301} Blanc",
        "ΟΔΟΣ ΟΝΕΙΡΩΝ",
        "İstanbul Gecesi",
        "ILGAZ Türküleri",
        "Ａｎｉｍｅ Day",
        "Ŵ\u{323} Choir",
        "ﬁnal Act",
        "Ångström",
        "ガンダム",
        "한국 음악",
        "ᏣᎳᎩ",
        "Soft\u{ad}ware",
        "ÅNGEST",
    ] {
        app.event(title, 5).await;
    }
    for (query, found) in [
        ("STRASSE", &["Straße der Lieder"][..]),
        ("straße", &["Straße der Lieder"]),
        ("STRAẞE", &["Straße der Lieder"]),
        ("cafe\u{301}", &["Café Noir", "Cafe\u{301} Blanc"]),
        ("CAFÉ", &["Café Noir", "Cafe\u{301} Blanc"]),
        ("οδος", &["ΟΔΟΣ ΟΝΕΙΡΩΝ"]),
        ("ΟΔΟΣ", &["ΟΔΟΣ ΟΝΕΙΡΩΝ"]),
        ("οδοσ", &["ΟΔΟΣ ΟΝΕΙΡΩΝ"]),
        ("istanbul", &["İstanbul Gecesi"]),
        ("İSTANBUL", &["İstanbul Gecesi"]),
        ("ISTANBUL", &["İstanbul Gecesi"]),
        ("ılgaz", &["ILGAZ Türküleri"]),
        ("anime", &["Ａｎｉｍｅ Day"]),
        ("ＡＮＩＭＥ", &["Ａｎｉｍｅ Day"]),
        ("w\u{323}\u{302}", &["Ŵ\u{323} Choir"]),
        ("FINAL", &["ﬁnal Act"]),
        ("a\u{30a}ngstro\u{308}m", &["Ångström"]),
        ("\u{212b}ng", &["Ångström", "ÅNGEST"]),
        ("ｶﾞﾝﾀﾞﾑ", &["ガンダム"]),
        ("カ\u{3099}ンタ\u{3099}", &["ガンダム"]),
        ("\u{1112}\u{1161}\u{11ab}국", &["한국 음악"]),
        ("ꮳꮃꭹ", &["ᏣᎳᎩ"]),
        ("software", &["Soft\u{ad}ware"]),
    ] {
        let mut titles = search(&app, query).await;
        titles.sort();
        let mut found = found.to_vec();
        found.sort_unstable();
        assert_eq!(titles, found, "{query}");
    }
}

async fn the_words_of_a_search_come_in_any_order_with_any_whitespace(app: App) {
    app.execute_sql("DELETE FROM events").await;
    app.event("Midnight Jazz in the Old Harbour", 5).await;
    app.event("Midnight Opera", 5).await;
    for query in [
        "jazz midnight",
        "harbour\u{3000}jazz",
        "\u{a0}old\u{a0}jazz\u{a0}",
        "jazz\tmidnight\nharbour",
        "\u{2003}MIDNIGHT\u{2009}\u{202f}jazz",
        "jazz jazz",
        "azz idnig",
    ] {
        assert_eq!(search(&app, query).await, ["Midnight Jazz in the Old Harbour"], "{query:?}");
    }
    for blank in ["", " ", "\u{3000}", "\u{a0}\n", "\u{ad}"] {
        assert_eq!(search(&app, blank).await.len(), 2, "{blank:?}");
    }
    assert_eq!(search(&app, "jazz opera").await, [""; 0], "every word must be found");
}

async fn each_word_of_a_search_is_in_the_title_the_venue_or_the_city(app: App) {
    app.execute_sql("DELETE FROM events").await;
    event_at(&app, "Jazz Night", "A-Trane, Berlin").await;
    event_at(&app, "Jazz Brunch", "Blue Note, Tōkyō").await;
    event_at(&app, "Berlin Marathon", "Straße des 17. Juni").await;
    assert_eq!(search(&app, "jazz berlin").await, ["Jazz Night"]);
    assert_eq!(search(&app, "BERLIN").await.len(), 2);
    assert_eq!(search(&app, "strasse marathon").await, ["Berlin Marathon"]);
    assert_eq!(search(&app, "to\u{304}kyo\u{304}").await, ["Jazz Brunch"]);
    // No word reaches from the end of the title into the venue.
    assert_eq!(search(&app, "nighta-trane").await, [""; 0]);
    app.event_with(|event| {
        event.title = "Opera".to_owned();
        event.city = "Malmö".to_owned();
    })
    .await;
    assert_eq!(search(&app, "MALMÖ opera hall").await, ["Opera"]);
    assert_eq!(search(&app, "hallmalmö").await, [""; 0]);
}

async fn words_of_one_or_two_letters_are_found_anywhere(app: App) {
    app.execute_sql("DELETE FROM events").await;
    event_at(&app, "東京ジャズ", "Blue Note").await;
    event_at(&app, "Quiz Night", "Pub 7").await;
    event_at(&app, "🎟 100%", "_").await;
    for (query, found) in [
        ("東京", "東京ジャズ"),
        ("京", "東京ジャズ"),
        ("ズ", "東京ジャズ"),
        ("uz", ""),
        ("ui", "Quiz Night"),
        ("Q", "Quiz Night"),
        ("7", "Quiz Night"),
        ("b 7", "Quiz Night"),
        ("🎟", "🎟 100%"),
        ("%", "🎟 100%"),
        ("0%", "🎟 100%"),
        ("_", "🎟 100%"),
        ("\\", ""),
        ("\"", ""),
        ("1 東", ""),
    ] {
        let expected: Vec<&str> = [found].into_iter().filter(|title| !title.is_empty()).collect();
        assert_eq!(search(&app, query).await, expected, "{query}");
    }
}

async fn a_search_has_a_largest_number_of_words(app: App) {
    let words = |count: usize| {
        let words: Vec<String> = (0..count).map(|number| format!("w{number}")).collect();
        words.join(" ")
    };
    app.event(&words(20), 5).await;
    assert_eq!(search(&app, &words(20)).await.len(), 1);
    let error = app.error(None, SEARCH, json!({ "search": words(21) })).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["search"]));
    // A word that is repeated counts once.
    assert_eq!(search(&app, &"w1 ".repeat(50)).await.len(), 1);
}

async fn texts_that_become_long_can_be_searched(app: App) {
    // Squared words become several characters each, and these don't repeat themselves.
    let squares: String = ('\u{3300}'..='\u{3357}').cycle().take(200).collect();
    let planes: String = ('\u{20000}'..).take(200).collect();
    for title in [&squares, &planes] {
        app.event_with(|event| {
            event.title = title.clone();
            event.title_key = title.to_lowercase();
            (event.venue, event.city) = (title.clone(), title.clone());
        })
        .await;
        let start: String = title.chars().take(5).collect();
        assert_eq!(search(&app, &start).await, [title.as_str()]);
    }
    // Another program may write a longer venue.
    event_at(&app, "Jazz", &format!("Hall {}", planes.repeat(9))).await;
    assert_eq!(search(&app, "jazz hall").await, ["Jazz"]);
}

async fn rows_that_another_program_writes_are_found_at_once(app: App) {
    let id = app.event("Concert", 5).await;
    let columns = "title, title_key, description, venue, starts_at, total_tickets, \
                   remaining_tickets, count_version, price_minor, currency, created_at";
    let new_id = match app.engine() {
        Engine::Postgres => "gen_random_uuid()",
        Engine::Sqlite => "randomblob(16)",
    };
    let values = columns.replacen("title, title_key", "'Große OPER', 'x'", 1);
    app.execute_sql(&format!(
        "INSERT INTO events (id, {columns}) SELECT {new_id}, {values} FROM events \
         WHERE title = 'Concert'"
    ))
    .await;
    assert_eq!(search(&app, "grosse oper").await, ["Große OPER"]);

    app.execute_sql("UPDATE events SET title = 'Cafe\u{301} Chantant' WHERE title = 'Große OPER'")
        .await;
    assert_eq!(search(&app, "oper hall").await, [""; 0]);
    assert_eq!(search(&app, "CAFÉ").await, ["Cafe\u{301} Chantant"]);

    app.execute_sql("UPDATE events SET venue = 'Malmö Live' WHERE title = 'Cafe\u{301} Chantant'")
        .await;
    assert_eq!(search(&app, "chantant MALMÖ").await, ["Cafe\u{301} Chantant"]);

    app.execute_sql("UPDATE events SET city = 'Straßburg' WHERE venue = 'Malmö Live'").await;
    assert_eq!(search(&app, "strassburg live").await, ["Cafe\u{301} Chantant"]);
    app.execute_sql("UPDATE events SET city = 'Bern' WHERE venue = 'Malmö Live'").await;
    assert_eq!(search(&app, "strassburg").await, [""; 0]);

    app.execute_sql("DELETE FROM events WHERE venue = 'Malmö Live'").await;
    assert_eq!(search(&app, "chantant").await, [""; 0]);
    assert_eq!(app.remaining_tickets(&id).await, 5);
}

async fn a_title_that_another_program_writes_is_sorted_by(app: App) {
    app.execute_sql("DELETE FROM events").await;
    app.event("Beta", 5).await;
    app.event("Gamma", 5).await;
    app.execute_sql("UPDATE events SET title = 'ALPHA' WHERE title = 'Gamma'").await;
    let order = json!({ "orderBy": { "field": "TITLE" } });
    let nodes = app.data(None, SEARCH, order).await["events"]["nodes"].take();
    assert_eq!(nodes, json!([{ "title": "ALPHA" }, { "title": "Beta" }]));
}

/// Number of different searches that are sent at the same time, so that none shares another's read.
const SEARCHES: usize = 12;

async fn searches_at_the_same_time_find_what_another_program_writes(app: App) {
    app.execute_sql("DELETE FROM events").await;
    let words: Vec<String> = (0..SEARCHES).map(|number| format!("w{number}")).collect();
    event_at(&app, "Zebra", &words.join(" ")).await;
    for round in 0..20 {
        let title = format!("Yak{round}");
        app.execute_sql(&format!("UPDATE events SET title = '{title}'")).await;
        let queries: Vec<String> = words.iter().map(|word| format!("{title} {word}")).collect();
        for found in join_all(queries.iter().map(|query| search(&app, query))).await {
            assert_eq!(found, [title.as_str()]);
        }
    }
}

async fn lists_at_the_same_time_sort_by_what_another_program_writes(app: App) {
    app.execute_sql("DELETE FROM events").await;
    app.event("Middle", 5).await;
    app.event("First", 5).await;
    let query = "query($first: Int!) { events(first: $first, orderBy: { field: TITLE }) {
        nodes { title } } }";
    for (from, to) in [("First", "Next"), ("Next", "First")].repeat(10) {
        app.execute_sql(&format!("UPDATE events SET title = '{to}' WHERE title = '{from}'")).await;
        let mut sorted = ["Middle", to];
        sorted.sort_unstable();
        let lists = (2..2 + SEARCHES).map(|first| app.data(None, query, json!({ "first": first })));
        for data in join_all(lists).await {
            let nodes = &data["events"]["nodes"];
            assert_eq!(*nodes, json!([{ "title": sorted[0] }, { "title": sorted[1] }]));
        }
    }
}

/// Begins a transaction of another program that lets nobody else write events.
async fn lock_events(app: &App) -> DatabaseTransaction {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = app.db().begin_with_options(options).await.unwrap();
    if app.engine() == Engine::Postgres {
        transaction.execute_unprepared("LOCK TABLE events IN EXCLUSIVE MODE").await.unwrap();
    }
    transaction
}

async fn a_search_waits_only_shortly_for_a_program_that_writes(app: App) {
    app.execute_sql("DELETE FROM events").await;
    app.event("Concert", 5).await;
    app.execute_sql("UPDATE events SET title = 'Yak' WHERE title = 'Concert'").await;
    let other_program = lock_events(&app).await;
    for query in ["hall", "yak"] {
        let found = timeout(Duration::from_secs(3), search(&app, query)).await;
        assert_eq!(found.expect("a search answers soon"), [""; 0]);
    }
    other_program.rollback().await.unwrap();
    // While it is given its keys, an answer's list and its total may differ.
    let total = "{ events(search: \"yak\") { totalCount } }";
    wait_until(Duration::from_secs(10), "the event is found", async || {
        app.data(None, total, json!({})).await["events"]["totalCount"] == 1
    })
    .await;
    assert_eq!(search(&app, "yak").await, ["Yak"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_that_is_no_text_makes_no_search_wait_for_the_writer() {
    let app = App::start(Engine::Sqlite).await;
    app.event("Concert", 5).await;
    app.execute_sql("UPDATE events SET title = CAST(X'ff41' AS TEXT) WHERE title = 'Jazz Night'")
        .await;
    assert_eq!(search(&app, "concert hall").await, ["Concert"]);
    let other_program = lock_events(&app).await;
    let start = Instant::now();
    assert_eq!(search(&app, "hall concert").await, ["Concert"]);
    let time = start.elapsed();
    assert!(time < Duration::from_millis(900), "{time:?}");
    other_program.rollback().await.unwrap();
    // The other events get their keys all the same.
    app.execute_sql("UPDATE events SET title = 'Yak' WHERE title = 'Concert'").await;
    assert_eq!(search(&app, "yak").await, ["Yak"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_ends_although_many_events_have_no_id_that_can_be_read() {
    let app = App::start(Engine::Sqlite).await;
    app.event("Concert", 5).await;
    let columns = "title, title_key, description, venue, starts_at, total_tickets, \
                   remaining_tickets, count_version, price_minor, currency, created_at";
    app.execute_sql(&format!(
        "DROP TRIGGER events_types_insert; \
         INSERT INTO events (id, {columns}) \
         WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n \
         WHERE value < 600) \
         SELECT 'event ' || value, {columns} FROM events, n WHERE title = 'Concert'"
    ))
    .await;
    let folder = TempDir::new().unwrap();
    let mut migrate = Command::from(rowlock_command(folder.path()));
    migrate.arg("migrate").env("DATABASE_URL", &app.database_url).kill_on_drop(true);
    let ended = timeout(Duration::from_secs(30), migrate.status()).await;
    assert!(ended.expect("the program ends").unwrap().success());
}

async fn many_rows_that_another_program_writes_are_found_soon(app: App) {
    app.event("Needle", 5).await;
    let columns = "description, venue, starts_at, total_tickets, \
                   remaining_tickets, count_version, price_minor, currency, created_at";
    let (new_id, numbers) = match app.engine() {
        Engine::Postgres => ("gen_random_uuid()", "generate_series(1, 3000) AS numbers (value)"),
        Engine::Sqlite => (
            "randomblob(16)",
            "(WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n \
             WHERE value < 3000) SELECT value FROM n) AS numbers",
        ),
    };
    app.execute_sql(&format!(
        "INSERT INTO events (id, title, title_key, {columns}) \
         SELECT {new_id}, 'Hay ' || numbers.value, 'hay', {columns} FROM events, {numbers} \
         WHERE title = 'Needle'"
    ))
    .await;
    let total = "{ events(search: \"HAY\") { totalCount } }";
    wait_until(Duration::from_secs(20), "all rows are found", async || {
        app.data(None, total, json!({})).await["events"]["totalCount"] == 3_000
    })
    .await;
}
