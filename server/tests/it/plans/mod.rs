//! Explains every statement that the server sends, and checks that none of them reads a whole
//! table.

use std::{collections::BTreeSet, time::Duration};

use rowlock::app::seed::{self, Size};
use rowlock_entities::organizer::FIRST_ORGANIZER;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::{
    app::{App, BOOK, CANCEL, refresh_cookie},
    database::Engine,
    managed_events::{Host, merged},
    on_both_engines,
    organizers::{CREATE, REMOVE_MEMBER, SET_MEMBER, UPDATE, person},
    program::Program,
    waiting::wait_until,
};

on_both_engines! {
    every_statement_that_the_server_sends_uses_an_index
}

async fn every_statement_that_the_server_sends_uses_an_index(app: App) {
    // With fewer rows, a planner may prefer to read whole tables.
    let size = Size { events: 20_000, bookings: 4_000 };
    seed::fill(&app.services, size, |_| ()).await.unwrap();

    let settings = [("LOG_FORMAT", "json"), ("LOG_LEVEL", "off,sqlx::query=debug")];
    let server = Program::serve_database(&app.database_url, &settings).await;
    run_every_operation(&app, &server).await;
    server.terminate();
    let statements = logged_statements(&server.wait().1);
    for fragment in
        ["INSERT INTO bookings", "UPDATE events SET", "FOR NO KEY UPDATE", "LIKE", "FROM jobs"]
    {
        let is_logged = statements.iter().any(|sql| sql.contains(fragment));
        let is_sqlite = app.engine() == Engine::Sqlite;
        // SQLite has no row locks: a transaction locks the whole file.
        assert!(
            is_logged || is_sqlite && fragment.starts_with("FOR"),
            "{fragment}: {statements:#?}"
        );
    }
    let searches: Vec<&String> = statements.iter().filter(|sql| is_by_pieces(&app, sql)).collect();
    assert!(searches.len() >= 4, "pages and their counts are searched: {statements:#?}");
    for sql in searches {
        let plan = explain(&app, sql).await.join("\n");
        assert!(PIECE_INDEXES.iter().any(|index| plan.contains(index)), "{sql}\n{plan}");
    }
    let mut unindexed = Vec::new();
    let mut of_event = 0;
    for sql in &statements {
        let plan = explain(&app, sql).await;
        if reads_bookings_of_an_event(sql) {
            // By another index, the bookings of all events would be read to find those of one.
            of_event += 1;
            let plan = plan.join("\n");
            assert!(plan.contains("bookings_of_event"), "{sql}\n{plan}");
        }
        if reads_a_whole_table(sql, &plan) {
            unindexed.push(format!("{sql}\n{}", plan.join("\n")));
        }
    }
    assert!(unindexed.is_empty(), "{}", unindexed.join("\n\n"));
    assert!(of_event >= 5, "pages, searches, counts, sales and a cancellation: {statements:#?}");
}

/// Whether a statement reads the bookings of an event, or of some, whoever made them.
fn reads_bookings_of_an_event(sql: &str) -> bool {
    let condition = sql.split_once(" WHERE ").map_or("", |(_, condition)| condition);
    sql.starts_with("SELECT") && condition.contains("\"bookings\".\"event_id\"")
}

/// The indexes over pieces of texts, as the plans of PostgreSQL and SQLite name them.
const PIECE_INDEXES: [&str; 3] =
    ["events_by_search_trigram", "events_by_short_piece", "events_by_search_row"];

/// Whether a statement searches by the index over pieces. The others look into the first events of a
/// list.
fn is_by_pieces(app: &App, sql: &str) -> bool {
    match app.engine() {
        Engine::Sqlite => sql.contains("event_pieces MATCH"),
        Engine::Postgres => sql.contains("LIKE $1 ") || sql.contains("events_short_pieces"),
    }
}

/// Runs every kind of operation at least once.
async fn run_every_operation(app: &App, server: &Program) {
    let token = app.user().await;
    let send = async |query: &str, variables: Value| -> Value {
        let request = server.request(Some(&token), query, variables);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].clone()
    };

    let register = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
    let account = json!({ "email": "p@example.test", "password": "planned-1", "name": "Pat" });
    send(register, json!({ "input": account })).await;
    let login = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
    let account = json!({ "email": "p@example.test", "password": "planned-1" });
    let signed_in = server.request(None, login, json!({ "input": account }));
    let signed_in = signed_in.send().await.unwrap();
    let mut cookie = refresh_cookie(&signed_in).0;
    for field in ["refresh { accessToken }", "logout", "logoutEverywhere"] {
        let request = server.request(Some(&token), &format!("mutation {{ {field} }}"), json!({}));
        let answer = request.header("cookie", &cookie).send().await.unwrap();
        cookie = refresh_cookie(&answer).0;
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{field}");
    }

    let list = "query($sort: EventOrder, $search: String, $page: Boolean!, $after: String,
        $filter: EventFilter) {
        events(first: 3, orderBy: $sort, search: $search, after: $after, filter: $filter) {
            totalCount @skip(if: $page) nodes { id myBooking { id } } pageInfo { endCursor } } }";
    let backwards = "query($sort: EventOrder, $before: String) {
        events(last: 3, orderBy: $sort, before: $before) { nodes { title } } }";
    let mut events = Vec::new();
    for field in ["DATE", "PRICE", "TITLE"] {
        for direction in ["ASC", "DESC"] {
            let sort = json!({ "field": field, "direction": direction });
            for search in [None, Some("concert"), Some("jazz cork"), Some("ab"), Some("日本語")]
            {
                let mut variables = json!({ "sort": sort, "search": search, "page": false });
                let page = send(list, variables.clone()).await["events"].take();
                let nodes = page["nodes"].as_array().unwrap();
                events.extend(nodes.iter().map(|node| node["id"].clone()));
                let end = page["pageInfo"]["endCursor"].clone();
                variables["after"] = end.clone();
                variables["page"] = json!(true);
                send(list, variables).await;
                for filter in [
                    json!({ "includePast": true }),
                    json!({ "startsAfter": "9000-01-01T00:00:00Z" }),
                    json!({ "available": true, "startsBefore": "9000-01-01T00:00:00Z" }),
                    json!({ "available": false }),
                    json!({ "organizerId": FIRST_ORGANIZER.0 }),
                    json!({ "organizerId": FIRST_ORGANIZER.0, "includePast": true }),
                ] {
                    let variables =
                        json!({ "sort": sort, "search": search, "page": false, "filter": filter });
                    send(list, variables).await;
                }
                send(backwards, json!({ "sort": sort, "before": end })).await;
            }
        }
    }

    let single_event = "query($id: ID!) { me { id } event(id: $id) { title myBooking { id } } }";
    send(single_event, json!({ "id": events[0] })).await;
    let with_key = json!({ "eventId": events[1], "quantity": 2, "idempotencyKey": "once" });
    for input in [json!({ "eventId": events[0] }), with_key.clone(), with_key] {
        send(BOOK, json!({ "input": input })).await;
    }
    let sold_out = json!({ "input": { "eventId": app.event("Full", 0).await } });
    for _ in 0..2 {
        assert_eq!(send(BOOK, sold_out.clone()).await["bookEvent"]["__typename"], "SoldOut");
    }
    let my_bookings = "query($status: BookingStatus, $after: String) {
        me { bookings(first: 1, status: $status, after: $after) {
            totalCount nodes { id event { title } } pageInfo { endCursor } } } }";
    let mut booking = Value::Null;
    for status in [None, Some("CONFIRMED")] {
        let page = send(my_bookings, json!({ "status": status })).await["me"]["bookings"].take();
        booking = page["nodes"][0]["id"].clone();
        let after = page["pageInfo"]["endCursor"].clone();
        send(my_bookings, json!({ "status": status, "after": after })).await;
    }
    send(CANCEL, json!({ "input": { "bookingId": booking } })).await;
    run_every_operation_of_organizers(app, server, &token).await;
    run_every_operation_on_an_event(app, server, &token).await;
    if app.engine() == Engine::Postgres {
        // Another transaction holds the event's lock for longer than a booking waits.
        let id = events[3].as_str().unwrap();
        let lock = app.lock_event(id).await;
        let input = json!({ "input": { "eventId": id } });
        let answer = server.request(Some(&token), BOOK, input).send();
        let answer: Value = answer.await.unwrap().json().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
        lock.rollback().await.unwrap();
    }
}

async fn run_every_operation_of_organizers(app: &App, server: &Program, token: &str) {
    let send = async |query: &str, variables: Value| -> Value {
        let request = server.request(Some(token), query, variables);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].clone()
    };
    let member = person(app).await;
    let founded = send(CREATE, json!({ "input": { "name": "Jazz" } })).await;
    let organizer = founded["createOrganizer"]["id"].clone();
    let renamed = json!({ "organizerId": organizer, "name": "Blues", "slug": "blues" });
    send(UPDATE, json!({ "input": renamed })).await;
    for role in ["DOOR", "OWNER"] {
        let input = json!({ "organizerId": organizer, "email": member.email, "role": role });
        send(SET_MEMBER, json!({ "input": input })).await;
    }
    let input = json!({ "organizerId": organizer, "userId": member.id });
    send(REMOVE_MEMBER, json!({ "input": input })).await;
    let pages = "query($slug: String!, $status: EventStatus, $after: String) {
        me { organizers { name viewerRole } } organizer(slug: $slug) { members { role }
            events(first: 3, status: $status, after: $after) {
                totalCount nodes { organizer { name } } pageInfo { endCursor } } } }";
    for slug in ["our-events", "blues"] {
        for status in [None, Some("PUBLISHED")] {
            let page = send(pages, json!({ "slug": slug, "status": status })).await;
            let after = &page["organizer"]["events"]["pageInfo"]["endCursor"];
            send(pages, json!({ "slug": slug, "status": status, "after": after })).await;
        }
    }
}

/// Looks at an event's attendees, and cancels the event.
async fn run_every_operation_on_an_event(app: &App, server: &Program, token: &str) {
    let host = Host::found(app).await;
    let send = async |query: &str, variables: Value| -> Value {
        let request = server.request(Some(&host.owner), query, variables);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].clone()
    };
    let create = "mutation($input: CreateEventInput!) { createEvent(input: $input) { id } }";
    let created = send(create, json!({ "input": host.values() })).await;
    let event = created["createEvent"]["id"].as_str().unwrap();
    let publish = "mutation($input: PublishEventInput!) { publishEvent(input: $input) {
        __typename } }";
    send(publish, json!({ "input": { "eventId": event, "revision": 1 } })).await;
    app.book(token, event, 1).await;
    let attendees = "query($id: ID!, $search: String, $status: BookingStatus, $after: String,
        $before: String, $first: Int, $last: Int) { event(id: $id) { sales { soldTickets }
        attendees(first: $first, last: $last, after: $after, before: $before, search: $search,
            status: $status) { totalCount nodes { name } pageInfo { endCursor } } } }";
    for search in [None, Some("a"), Some("0a0")] {
        for status in [None, Some("CONFIRMED")] {
            let list = json!({ "id": event, "search": search, "status": status });
            let first = send(attendees, merged(list.clone(), json!({ "first": 1 }))).await;
            let end = &first["event"]["attendees"]["pageInfo"]["endCursor"];
            send(attendees, merged(list.clone(), json!({ "first": 1, "after": end }))).await;
            send(attendees, merged(list, json!({ "last": 1, "before": end }))).await;
        }
    }
    let csv = server.get(&format!("/events/{event}/attendees.csv")).bearer_auth(&host.owner);
    assert!(csv.send().await.unwrap().status().is_success());
    let cancel = "mutation($input: CancelEventInput!) { cancelEvent(input: $input) {
        __typename } }";
    send(cancel, json!({ "input": { "eventId": event, "reason": "Rain" } })).await;
    wait_until(Duration::from_secs(30), "the bookings are cancelled", async || {
        app.remaining_tickets(event).await == 10
    })
    .await;
}

/// The distinct statements in the server's log.
fn logged_statements(log: &str) -> BTreeSet<String> {
    let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
    log.lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("each line is JSON")["fields"].take()
        })
        .map(|fields| {
            let statement = fields["db.statement"].as_str().unwrap_or_default().trim();
            let summary = fields["summary"].as_str().unwrap_or_default().trim();
            if statement.is_empty() { summary.to_owned() } else { statement.to_owned() }
        })
        .filter(|sql| verbs.iter().any(|verb| sql.starts_with(verb)))
        .filter(|sql| !sql.contains("seaql_migrations") && !sql.contains("sqlite_master"))
        .collect()
}

/// The plan that is made without the values, with one step per line.
async fn explain(app: &App, sql: &str) -> Vec<String> {
    let parameters = (1..=40).rev().find(|number| sql.contains(&format!("${number}"))).unwrap_or(0);
    let nulls = vec!["NULL"; parameters].join(", ");
    let call = if parameters == 0 { String::new() } else { format!("({nulls})") };
    // A connection of the server's pool has the server's planner settings.
    let tx = app.services.db.begin().await.unwrap();
    let backend = app.db().get_database_backend();
    let rows = if app.engine() == Engine::Sqlite {
        let explain = Statement::from_string(backend, format!("EXPLAIN QUERY PLAN {sql}"));
        tx.query_all_raw(explain).await
    } else {
        tx.execute_unprepared("SET LOCAL plan_cache_mode = force_generic_plan").await.unwrap();
        tx.execute_unprepared(&format!("PREPARE statement AS {sql}")).await.unwrap();
        let explain = format!("EXPLAIN (COSTS OFF) EXECUTE statement{call}");
        let rows = tx.query_all_raw(Statement::from_string(backend, explain)).await;
        tx.execute_unprepared("DEALLOCATE statement").await.unwrap();
        rows
    };
    let column = if app.engine() == Engine::Sqlite { "detail" } else { "QUERY PLAN" };
    let plan = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let plan = plan.iter().map(|row| row.try_get("", column).unwrap()).collect();
    tx.rollback().await.unwrap();
    plan
}

/// Whether a plan reads a whole table. Two kinds of statements may read an index without a key: a
/// page stops after a few entries, and a count of all events has to see all of them.
fn reads_a_whole_table(sql: &str, plan: &[String]) -> bool {
    let in_order = sql.contains("LIMIT") || sql.starts_with("SELECT COUNT(*)");
    let step = |index: usize| plan.get(index).map_or("", |step| step.trim());
    // A subquery has the table's name, and its rows are scanned.
    let steps = |name: &str| plan.iter().filter(|step| step.trim() == name).count();
    if steps("SCAN events") > steps("CO-ROUTINE events") + steps("MATERIALIZE events") {
        return true;
    }
    (0..plan.len()).any(|index| {
        let is_table = [
            "events",
            "bookings",
            "users",
            "sessions",
            "refresh_tokens",
            "jobs",
            "organizer",
            " b",
        ]
        .iter()
        .any(|table| step(index).contains(table));
        if step(index).contains("Seq Scan") {
            return true;
        }
        // After inserting a row, SQLite looks for rows that refer to it, but only while a foreign key
        // is violated.
        if sql.starts_with("INSERT INTO \"events\"") && step(index) == "SCAN bookings" {
            return false;
        }
        // PostgreSQL reads a whole index if it has no condition. On SQLite, SEARCH has a condition
        // and SCAN has none.
        let without_key = step(index).contains("Index")
            && step(index).contains(" on ")
            && !(index + 1..index + 3).any(|next| step(next).starts_with("Index Cond"))
            || step(index).starts_with("SCAN")
                && step(index) != "SCAN events"
                && is_table
                && !step(index).contains("VIRTUAL TABLE");
        let by_index = step(index).contains("Index") || step(index).contains("USING");
        without_key && !(in_order && by_index)
    })
}
