//! The job that cancels the bookings of a cancelled event, while servers are killed.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    app::{BOOK, JWT_SECRET},
    database::{Engine, new_database},
    program::{Program, rowlock_command},
    waiting::wait_until,
};

/// More than the job cancels in three parts.
const BOOKINGS: usize = 1_800;
const MINUTE: Duration = Duration::from_secs(60);

/// A demo event with enough tickets.
const EVENT: &str = "01990000-0000-7000-8000-000000000003";

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_killed_leave_no_booking_of_a_cancelled_event_on_sqlite() {
    servers_that_are_killed_leave_no_booking(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_killed_leave_no_booking_of_a_cancelled_event_on_postgres() {
    servers_that_are_killed_leave_no_booking(Engine::Postgres).await;
}

async fn answer(server: &Program, token: Option<&str>, query: &str, variables: Value) -> Value {
    let answer = server.request(token, query, variables).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["data"].take()
}

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn servers_that_are_killed_leave_no_booking(engine: Engine) {
    let folder = TempDir::new().unwrap();
    let url = new_database(engine, &folder).await;
    let db = Database::connect(&url).await.unwrap();
    let command = |args: &[&str]| {
        let mut command = rowlock_command(folder.path());
        let command = command.args(args).env("DATABASE_URL", &url).env("JWT_SECRET", JWT_SECRET);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let (count, event) = (BOOKINGS.to_string(), format!("'{EVENT}'"));
    command(&["users", "create", "--count", &count, "--tokens", "tokens"]);
    let tokens = fs::read_to_string(folder.path().join("tokens")).unwrap();
    let tokens: Vec<&str> = tokens.lines().collect();
    let event = match engine {
        Engine::Sqlite => format!("unhex('{}')", EVENT.replace('-', "")),
        Engine::Postgres => event,
    };
    let organizer = "SELECT slug FROM organizers JOIN events ON organizer_id = organizers.id";
    let organizer = format!("{organizer} WHERE events.id = {event}");
    let statement = Statement::from_string(db.get_database_backend(), organizer);
    let slug = db.query_one_raw(statement).await.unwrap().unwrap();
    let slug: String = slug.try_get_by_index(0).unwrap();
    command(&["seed", "--demo-users"]);
    command(&["organizers", "add-owner", &slug, "ada@example.org"]);

    let serve = async || Program::serve_database(&url, &[]).await;
    let server = serve().await;
    for tokens in tokens.chunks(200) {
        let book = |token| {
            let input = json!({ "input": { "eventId": EVENT, "quantity": 2 } });
            answer(&server, Some(token), BOOK, input)
        };
        join_all(tokens.iter().map(|token| book(token))).await;
    }
    let sign_in = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
    let owner = json!({ "input": { "email": "ada@example.org", "password": "ada-demo-1" } });
    let owner = answer(&server, None, sign_in, owner).await;
    let owner = owner["login"]["accessToken"].as_str().unwrap();
    let cancel = "mutation($input: CancelEventInput!) {
        cancelEvent(input: $input) { __typename } }";
    let input = json!({ "input": { "eventId": EVENT, "reason": "Storm" } });
    let cancelled = answer(&server, Some(owner), cancel, input).await;
    assert_eq!(cancelled["cancelEvent"]["__typename"], "UpdateEventSuccess", "{cancelled}");

    let bookings = |status: &str| {
        format!("SELECT count(*) FROM bookings WHERE event_id = {event} AND status = '{status}'")
    };
    let mut killed = 0;
    let mut server = Some(server);
    let mut left = BOOKINGS as i64;
    while left > 0 {
        let before = left;
        let confirmed = bookings("CONFIRMED");
        wait_until(MINUTE, "the job goes on", async || {
            left = number(&db, &confirmed).await;
            left < before
        })
        .await;
        // Its lease would end by itself after half a minute.
        drop(server.take());
        killed += 1;
        let due = "UPDATE jobs SET run_at = created_at";
        db.execute_unprepared(due).await.unwrap();
        server = Some(serve().await);
    }
    assert!(killed >= 2, "the job was not interrupted");
    wait_until(MINUTE, "the job is done", async || {
        number(&db, "SELECT count(*) FROM jobs WHERE kind = 'cancel_bookings_of_event'").await == 0
    })
    .await;
    assert_eq!(number(&db, &bookings("CANCELLED")).await, BOOKINGS as i64);
    let free = "SELECT CAST(total_tickets - remaining_tickets AS bigint) FROM events";
    assert_eq!(number(&db, &format!("{free} WHERE id = {event}")).await, 0);
    command(&["audit"]);
}
