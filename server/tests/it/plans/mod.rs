//! Explains every statement that the server sends, and checks that none of them reads a whole
//! table.

mod accounts;
mod organizers;
mod player;

use std::collections::BTreeSet;

use rowlock::app::seed::{self, Size};
use rowlock_entities::organizer::FIRST_ORGANIZER;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use self::player::Player;
use crate::{
    app::{App, BOOK, CANCEL, CHANGE, refresh_cookie},
    database::Engine,
    on_both_engines,
    program::Program,
    schema,
};

on_both_engines! {
    every_statement_that_the_server_sends_uses_an_index
}

/// SQLite explains a statement without its triggers, so what these do is explained by itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_triggers_do_when_the_server_writes_uses_an_index() {
    let app = App::start(Engine::Sqlite).await;
    let triggers = "SELECT sql FROM sqlite_master WHERE type = 'trigger'";
    let triggers = Statement::from_string(app.db().get_database_backend(), triggers);
    let mut statements = BTreeSet::new();
    for trigger in app.db().query_all_raw(triggers).await.unwrap() {
        let trigger: String = trigger.try_get_by_index(0).unwrap();
        let (head, body) = trigger.split_once(" BEGIN ").unwrap();
        if head.contains(" INSERT ON ") {
            statements.extend(head.split("EXISTS (").skip(1).map(until_closed).map(str::to_owned));
        }
        // The others do nothing while the server keeps counts.
        if !head.contains("NOT EXISTS (SELECT 1 FROM count_keeping)") {
            let is_write = |step: &&str| {
                ["INSERT", "UPDATE", "DELETE"].iter().any(|verb| step.starts_with(verb))
            };
            let writes = body.split(';').map(str::trim).filter(is_write);
            statements.extend(writes.map(str::to_owned));
        }
    }
    assert!(statements.len() > 10, "{statements:#?}");
    let mut unindexed = Vec::new();
    for sql in &statements {
        let sql = with_parameters(sql);
        let plan = explain(&app, &sql).await;
        if reads_a_whole_table(&sql, &plan) {
            unindexed.push(format!("{sql}\n{}", plan.join("\n")));
        }
    }
    assert!(unindexed.is_empty(), "{}", unindexed.join("\n\n"));
}

/// The text before the parenthesis that closes an earlier one.
fn until_closed(text: &str) -> &str {
    let mut depth = 1;
    let end = text.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    &text[..end.unwrap()]
}

/// A statement of a trigger with parameters for the values of its row.
fn with_parameters(sql: &str) -> String {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let sql = sql.replace("old.", "new.");
    let parts = sql.split("new.").enumerate().map(|(place, part)| match place {
        0 => part.to_owned(),
        _ => format!("?{}", part.trim_start_matches(is_of_name)),
    });
    parts.collect()
}

async fn every_statement_that_the_server_sends_uses_an_index(app: App) {
    // The other server alone runs jobs, and logs their statements.
    app.stop_server();
    // With fewer rows, a planner may prefer to read whole tables. Each event that has bookings has
    // hundreds, so that a planner knows what it costs to read those of one event.
    for size in [Size { events: 20, bookings: 6_000 }, Size { events: 20_000, bookings: 0 }] {
        seed::fill(&app.services, size, |_| ()).await.unwrap();
    }
    organizers::add(&app, 2_000).await;

    let settings = [
        ("LOG_FORMAT", "json"),
        ("LOG_LEVEL", "off,sqlx::query=debug"),
        ("MAX_EVENTS_PER_ORGANIZER", "100000"),
        ("REQUIRE_VERIFIED_EMAIL", "true"),
    ];
    let server = Program::serve_database(&app.database_url, &settings).await;
    let player = Player::new(&server, app.user().await);
    run_every_operation(&app, &player).await;
    accounts::run_every_operation(&app, &server, &player).await;
    for root in ["Query", "Mutation", "Subscription"] {
        for field in schema::field_names(root) {
            assert!(player.has_sent(&field), "{root}.{field} was not sent");
        }
    }
    server.terminate();
    let statements = logged_statements(&server.wait().1);
    for fragment in [
        "INSERT INTO bookings",
        "UPDATE bookings SET quantity",
        "UPDATE events SET",
        "FOR NO KEY UPDATE",
        "LIKE",
        "FROM jobs",
        "DELETE FROM jobs",
    ] {
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
    if app.engine() == Engine::Postgres {
        let has_both = |sql: &&String| sql.contains("LIKE $1 ") && sql.contains("strpos");
        let mixed: Vec<&String> = statements.iter().filter(has_both).collect();
        assert!(!mixed.is_empty(), "no pair of a rare and a common word: {statements:#?}");
        // Nearly all texts have the common word, so its index takes much longer than the rare one's.
        let uses_its_index = |sql: &&&String| sql.contains("events_short_pieces");
        assert_eq!(mixed.iter().find(uses_its_index), None);
        let of_buyers = "WHERE \"events\".\"starts_at\" > $3 AND \"status\" = 'PUBLISHED' \
                         AND \"search_key\" LIKE";
        let by_date = |sql: &&String| sql.contains(of_buyers) && sql.contains("BY \"starts_at\"");
        let first: Vec<&String> = statements.iter().filter(by_date).collect();
        assert!(!first.is_empty(), "no search begins with the list: {statements:#?}");
        for sql in first {
            let plan = explain(&app, sql).await.join("\n");
            let is_from_index = ["Index Only Scan", "events_by_date_with_texts"]
                .iter()
                .all(|part| plan.contains(part));
            assert!(is_from_index, "{sql}\n{plan}");
        }
    }
    for (fragment, index) in
        [(city_condition(&app), "events_by_city"), ("\"price_minor\" = 0", "events_free")]
    {
        let lists = statements.iter().filter(|sql| {
            let is_in_order = sql.contains("ORDER BY \"starts_at\"") && !is_by_pieces(&app, sql);
            // The index over organizers may be better.
            is_in_order && sql.contains(fragment) && !sql.contains("\"organizer_id\" = ")
        });
        let lists: Vec<&String> = lists.collect();
        assert!(!lists.is_empty(), "{fragment}");
        for sql in lists {
            let plan = explain(&app, sql).await.join("\n");
            // Only the events of the page that was found may be sorted.
            let list = plan.split_once("Limit").map_or(&*plan, |(_, list)| list);
            assert!(list.contains(index) && !list.contains("Sort"), "{sql}\n{plan}");
        }
    }
    let mut unindexed = Vec::new();
    for sql in &statements {
        let plan = explain(&app, sql).await;
        if reads_a_whole_table(sql, &plan) {
            unindexed.push(format!("{sql}\n{}", plan.join("\n")));
        }
    }
    assert!(unindexed.is_empty(), "{}", unindexed.join("\n\n"));
}

/// The indexes over pieces of texts, as the plans of PostgreSQL and SQLite name them.
const PIECE_INDEXES: [&str; 3] =
    ["events_by_search_trigram", "events_by_short_piece", "events_by_search_row"];

/// The condition of lists of the events in a city.
fn city_condition(app: &App) -> &'static str {
    match app.engine() {
        Engine::Sqlite => "\"city_key\" = ?",
        Engine::Postgres => "(split_part(search_key, chr(10), 3)) = $",
    }
}

/// Whether a statement searches by the index over pieces. The others look into the first events of a
/// list.
fn is_by_pieces(app: &App, sql: &str) -> bool {
    match app.engine() {
        Engine::Sqlite => sql.contains("event_pieces MATCH"),
        Engine::Postgres => {
            sql.contains("\"search_key\" LIKE $1 ") || sql.contains("events_short_pieces")
        }
    }
}

/// Runs every kind of operation at least once.
async fn run_every_operation(app: &App, player: &Player<'_>) {
    let send = async |query: &str, variables: Value| player.send(query, variables).await;

    let register = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
    let account = json!({ "email": "p@example.test", "password": "planned-1", "name": "Pat" });
    send(register, json!({ "input": account })).await;
    let login = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
    let account = json!({ "email": "p@example.test", "password": "planned-1" });
    let signed_in = player.request(login, json!({ "input": account })).send().await.unwrap();
    let mut cookie = refresh_cookie(&signed_in).0;
    for field in ["refresh { accessToken }", "logout", "logoutEverywhere"] {
        let request = player.request(&format!("mutation {{ {field} }}"), json!({}));
        let answer = request.header("cookie", &cookie).send().await.unwrap();
        cookie = refresh_cookie(&answer).0;
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{field}");
    }

    let organizer = "query($slug: String!) { organizer(slug: $slug) { id } }";
    let generated = send(organizer, json!({ "slug": organizers::GENERATED })).await;
    let with_all_events = &generated["organizer"]["id"];
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
            for search in [
                None,
                Some("concert"),
                Some("jazz cork"),
                Some("ab"),
                Some("no. 777"),
                Some("日本語"),
            ] {
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
                    json!({ "organizerId": with_all_events, "available": true }),
                    json!({ "city": "Cork" }),
                    json!({ "city": "Cork", "organizerId": with_all_events, "includePast": true }),
                    json!({ "maxPrice": { "amount": "0", "currency": "EUR" } }),
                    json!({ "maxPrice": { "amount": "0.01", "currency": "EUR" } }),
                    json!({ "maxPrice": { "amount": "99", "currency": "EUR" }, "city": "Cork" }),
                ] {
                    let variables =
                        json!({ "sort": sort, "search": search, "page": false, "filter": filter });
                    send(list, variables).await;
                }
                send(backwards, json!({ "sort": sort, "before": end })).await;
            }
        }
    }

    send("{ cities { name events } }", json!({})).await;
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
    let fewer = json!({ "input": { "bookingId": booking, "quantity": 1 } });
    let changed = send(CHANGE, fewer).await["changeBooking"].take();
    assert_eq!(changed["booking"]["quantity"], 1, "{changed}");
    send(CANCEL, json!({ "input": { "bookingId": booking } })).await;
    let node = "query($id: ID!) { node(id: $id) { id } }";
    for id in [&booking, &events[0], &json!(FIRST_ORGANIZER.0)] {
        send(node, json!({ "id": id })).await;
    }
    if app.engine() == Engine::Postgres {
        // Another transaction holds the event's lock for longer than a booking waits.
        let id = events[3].as_str().unwrap();
        let lock = app.lock_event(id).await;
        let input = json!({ "input": { "eventId": id } });
        let answer = player.request(BOOK, input).send();
        let answer: Value = answer.await.unwrap().json().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
        lock.rollback().await.unwrap();
    }
    organizers::run_every_operation(app, player).await;
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
    let parameters = sql.split('$').skip(1).filter_map(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<usize>().ok()
    });
    let parameters = parameters.max().unwrap_or(0);
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
/// page of events or a look for jobs stops after a few entries, and a count of all events has to see
/// all of them. No page of bookings may: those of one event or user can be far apart.
fn reads_a_whole_table(sql: &str, plan: &[String]) -> bool {
    let in_order = sql.contains("LIMIT") || sql.starts_with("SELECT COUNT(*)");
    let step = |index: usize| plan.get(index).map_or("", |step| step.trim());
    // A subquery has the table's name, and its rows are scanned.
    let steps = |name: &str| plan.iter().filter(|step| step.trim() == name).count();
    if steps("SCAN events") > steps("CO-ROUTINE events") + steps("MATERIALIZE events") {
        return true;
    }
    // For a new event, SQLite looks for its bookings only if the statement has broken a foreign key,
    // and none has.
    let is_insert = sql.starts_with("INSERT INTO \"events\"");
    (0..plan.len()).any(|index| {
        if is_insert && step(index) == "SCAN bookings" {
            return false;
        }
        let is_table = [
            "events",
            "bookings",
            "users",
            "sessions",
            "refresh_tokens",
            "account_tokens",
            "jobs",
            "organizer",
            "check_in",
            "ticket_secret",
            "event_",
            "cover",
            " b",
        ]
        .iter()
        .any(|table| step(index).contains(table));
        if step(index).contains("Seq Scan") {
            return true;
        }
        // PostgreSQL reads a whole index if it has no condition. On SQLite, SEARCH has a condition
        // and SCAN has none.
        let without_key = step(index).contains("Index")
            && step(index).contains(" on ")
            && !(index + 1..index + 3).any(|next| step(next).starts_with("Index Cond"))
            || step(index).starts_with("SCAN")
                && step(index) != "SCAN events"
                && is_table
                // Without a search, FTS5 reads all rows of its table by its index 0.
                && (!step(index).contains("VIRTUAL TABLE") || step(index).ends_with("INDEX 0:"));
        let by_index = step(index).contains("Index") || step(index).contains("USING");
        let may_stop = ["events", "jobs"].iter().any(|table| step(index).contains(table));
        without_key && !(in_order && by_index && may_stop)
    })
}
