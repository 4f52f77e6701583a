//! The columns of tables change while the servers run, as by the migration of a newer version.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    app::{App, BOOK, CANCEL, refresh_cookie},
    database::Engine,
    waiting::wait_until,
};

const TABLES: [&str; 7] =
    ["events", "bookings", "users", "sessions", "refresh_tokens", "account_tokens", "jobs"];

/// Longest time for the load to send everything once more.
const ROUND_TIMEOUT: Duration = Duration::from_secs(30);

/// The same people book, cancel, sign in, list and search on all servers, again and again.
struct Load<'a> {
    servers: Vec<&'a App>,
    event: String,
    is_over: AtomicU32,
    rounds: Vec<AtomicU32>,
}

impl Load<'_> {
    /// Sends an operation that must succeed.
    async fn data(&self, turn: usize, token: &str, query: &str, variables: Value) -> Value {
        let server = self.servers[turn % self.servers.len()];
        let mut answer = server.send(Some(token), query, variables).await;
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].take()
    }

    async fn run(&self, person: usize, token: &str) {
        let mut turn = person;
        let list = "query($search: String) { events(first: 20, search: $search) {
            totalCount nodes { title venue myBooking { quantity } } } }";
        while self.is_over.load(Ordering::Relaxed) == 0 {
            turn += 1;
            let input = json!({ "input": { "eventId": self.event, "quantity": 2 } });
            let booked = self.data(turn, token, BOOK, input).await["bookEvent"].take();
            assert_eq!(booked["__typename"], "BookEventSuccess", "{booked}");
            for search in [None, Some("concert"), Some("rare text")] {
                self.data(turn, token, list, json!({ "search": search })).await;
            }
            let mine =
                "{ me { name bookings(first: 3) { totalCount nodes { event { title } } } } }";
            self.data(turn, token, mine, json!({})).await;
            let input = json!({ "input": { "bookingId": booked["booking"]["id"] } });
            self.data(turn + 1, token, CANCEL, input).await;
            self.sign_in(turn, person).await;
            self.rounds[person].fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn sign_in(&self, turn: usize, person: usize) {
        let server = self.servers[turn % self.servers.len()];
        let register =
            "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
        let account = json!({ "email": format!("p{person}-{turn}@example.org"), "name": "Pat",
            "password": "changed-1" });
        let answer = server.request(None, register, json!({ "input": account })).send().await;
        let answer = answer.unwrap();
        let (cookie, _) = refresh_cookie(&answer);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer.get("errors"), None);
        let refresh = server.request(None, "mutation { refresh { accessToken } }", json!({}));
        let answer = refresh.header("cookie", &cookie).send().await.unwrap();
        let (cookie, _) = refresh_cookie(&answer);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer.get("errors"), None);
        let logout = server.request(None, "mutation { logout }", json!({}));
        let answer: Value =
            logout.header("cookie", &cookie).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer.get("errors"), None);
    }

    /// Waits until everybody has sent everything once more.
    async fn another_round(&self) {
        let rounds = || self.rounds.iter().map(|rounds| rounds.load(Ordering::Relaxed));
        let target: Vec<u32> = rounds().map(|rounds| rounds + 2).collect();
        wait_until(ROUND_TIMEOUT, "everybody goes on", async || {
            rounds().zip(&target).all(|(rounds, target)| rounds >= *target)
        })
        .await;
    }
}

/// Runs each statement under load, on all servers, and checks that every answer is right.
async fn nobody_notices(servers: &[&App], changes: &[String]) {
    const PEOPLE: u32 = 4;
    let app = servers[0];
    let tokens = app.users(PEOPLE).await;
    let load = Load {
        servers: servers.to_vec(),
        event: app.event("Concert", 100).await,
        is_over: AtomicU32::new(0),
        rounds: tokens.iter().map(|_| AtomicU32::new(0)).collect(),
    };
    let people = join_all(tokens.iter().enumerate().map(|(person, token)| load.run(person, token)));
    let change = async {
        load.another_round().await;
        for sql in changes {
            execute_when_free(app, sql).await;
            load.another_round().await;
        }
        load.is_over.store(1, Ordering::Relaxed);
    };
    tokio::join!(people, change);
    assert!(app.get("/readyz").send().await.unwrap().status().is_success());
    app.assert_nothing_oversold().await;
}

/// Changing a table needs a lock on it, which SQLite and a busy PostgreSQL may not grant at once.
async fn execute_when_free(app: &App, sql: &str) {
    let deadline = Instant::now() + ROUND_TIMEOUT;
    while let Err(error) = app.db().execute_unprepared(sql).await {
        let is_busy = ["locked", "lock timeout", "deadlock"];
        let message = error.to_string();
        assert!(is_busy.iter().any(|text| message.contains(text)), "{sql}: {message}");
        assert!(Instant::now() < deadline, "{sql}: {message}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn added_columns() -> Vec<String> {
    let add = |table| format!("ALTER TABLE {table} ADD COLUMN note text DEFAULT 'none'");
    TABLES.map(add).to_vec()
}

const UNLIMITED: [&str; 4] =
    ["--sign-ins-per-minute-per-address", "1000000", "--bookings-per-minute-per-user", "1000000"];

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_added_on_sqlite_and_nobody_notices() {
    let app = App::start_with(Engine::Sqlite, &UNLIMITED).await;
    nobody_notices(&[&app], &added_columns()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_added_or_change_their_type_on_postgres_and_nobody_notices() {
    let first = App::start_with(Engine::Postgres, &UNLIMITED).await;
    let folder = tempfile::TempDir::new().unwrap();
    let second = App::start_on(first.database_url.clone(), folder, &UNLIMITED).await;
    let changed_types = [
        "ALTER TABLE events ALTER COLUMN title TYPE varchar(300)",
        "ALTER TABLE events ALTER COLUMN title TYPE text",
        "ALTER TABLE events ALTER COLUMN venue TYPE varchar(3000)",
        "ALTER TABLE users ALTER COLUMN name TYPE varchar(300)",
        "ALTER TABLE bookings ALTER COLUMN idempotency_key TYPE varchar(300)",
        "ALTER TABLE users ALTER COLUMN password_hash TYPE varchar(300)",
    ];
    let mut changes = added_columns();
    changes.extend(changed_types.map(str::to_owned));
    nobody_notices(&[&first, &second], &changes).await;
}
