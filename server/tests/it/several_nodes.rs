//! `DATABASE_URL` names several nodes of a cluster, of which one takes writes.

use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    app::{App, BOOK},
    cluster::Cluster,
    database::prepare,
    program::{rowlock_command, wait_until_ready},
    proxy::{NetworkFault, Proxy},
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
    waiting::wait_until,
};

const TIMEOUT: Duration = Duration::from_secs(20);
/// For a server to find the node that takes writes by now.
const FINDING_TIME: Duration = Duration::from_secs(2);

/// Two nodes behind proxies, and the URL that names both.
struct Nodes {
    primary: Cluster,
    standby: Cluster,
    to_primary: Proxy,
    url: String,
}

impl Nodes {
    /// The primary is named last.
    async fn start() -> Self {
        let primary = Cluster::start().await;
        prepare(&primary.url("postgres")).await;
        let standby = primary.start_copy(true).await;
        primary.set_synchronous().await;
        let to_primary = Proxy::to(&primary.address()).await;
        let url = format!(
            "postgres://rowlock@127.0.0.1:{},127.0.0.1:{}/postgres",
            standby.port, to_primary.port
        );
        Self { primary, standby, to_primary, url }
    }

    async fn serve(&self) -> App {
        let app = App::start_on(self.url.clone(), TempDir::new().unwrap(), &[]).await;
        wait_until_ready(&app.url).await;
        app
    }
}

/// Books until somebody is told "booked". Returns how long that took.
async fn time_until_booked(app: &App, user: &str, event: &str) -> Duration {
    let began = Instant::now();
    let input = json!({ "input": { "eventId": event, "idempotencyKey": "after" } });
    wait_until(TIMEOUT, "somebody books again", async || {
        let answer = app.send(Some(user), BOOK, input.clone()).await;
        answer["data"]["bookEvent"]["__typename"] == "BookEventSuccess"
    })
    .await;
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_finds_the_node_that_takes_writes_and_finds_it_again() {
    let mut nodes = Nodes::start().await;
    let app = nodes.serve().await;
    let event = app.event("Concert", 9).await;
    let users = app.users(3).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    assert_eq!(socket.next_remaining_tickets().await, 9);
    assert_eq!(app.book(&users[0], &event, 1).await["__typename"], "BookEventSuccess");

    nodes.primary.kill();
    nodes.standby.execute("ALTER SYSTEM RESET synchronous_standby_names").await;
    nodes.standby.execute("SELECT pg_reload_conf()").await;
    nodes.standby.promote().await;
    let time = time_until_booked(&app, &users[1], &event).await;
    assert!(time < FINDING_TIME, "{time:?}");
    assert_eq!(app.remaining_tickets(&event).await, 7);
    assert_eq!(socket.next_remaining_tickets().await, 8);
    assert_eq!(socket.next_remaining_tickets().await, 7);
    app.assert_nothing_oversold().await;
}

/// Nothing tells the server that the node is gone: it keeps the connections, and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_leaves_a_node_that_fell_silent_with_all_that_waits_for_it() {
    let nodes = Nodes::start().await;
    let app = nodes.serve().await;
    let event = app.event("Concert", 9).await;
    let users = app.users(7).await;
    let bookings = users[..4].iter().map(|user| app.book(user, &event, 1));
    futures_util::future::join_all(bookings).await;

    nodes.to_primary.set_fault(NetworkFault::SilenceEach);
    let input = json!({ "input": { "eventId": event, "idempotencyKey": "waits" } });
    let waits = async {
        let began = Instant::now();
        app.send(Some(&users[4]), BOOK, input.clone()).await;
        began.elapsed()
    };
    let taken_over = async {
        let is_silent = async || {
            let answer = app.get("/readyz").send().await.unwrap();
            answer.text().await.unwrap().contains("can't be reached")
        };
        wait_until(TIMEOUT, "the server knows it", is_silent).await;
        nodes.standby.execute("ALTER SYSTEM RESET synchronous_standby_names").await;
        nodes.standby.execute("SELECT pg_reload_conf()").await;
        nodes.standby.promote().await;
        time_until_booked(&app, &users[5], &event).await
    };
    let (waited, time) = futures_util::join!(waits, taken_over);
    assert!(time < FINDING_TIME, "{time:?}");
    assert!(waited < Duration::from_secs(9), "nobody waited until the end of a batch: {waited:?}");
    let answer = app.send(Some(&users[4]), BOOK, input).await;
    assert_eq!(answer["data"]["bookEvent"]["__typename"], "BookEventSuccess", "{answer}");
    assert_eq!(app.remaining_tickets(&event).await, 3);
    // The old one is back, and still believes to be the primary.
    nodes.to_primary.set_fault(NetworkFault::None);
    assert_eq!(app.book(&users[6], &event, 1).await["__typename"], "BookEventSuccess");
    app.assert_nothing_oversold().await;
    assert_eq!(nodes.standby.numbers("SELECT count(*)::int FROM bookings").await, [7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_use_the_node_that_takes_writes() {
    let nodes = Nodes::start().await;
    let folder = TempDir::new().unwrap();
    let command = async |args: &[&str]| {
        let output = rowlock_command(folder.path())
            .args(args)
            .env("DATABASE_URL", &nodes.url)
            .env("JWT_SECRET", "only-for-tests-and-known-to-everybody")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let created = command(&["users", "create", "--count", "1", "--tokens", "tokens"]).await;
    let users = "SELECT count(*)::int FROM users WHERE email LIKE 'load-%'";
    assert_eq!(nodes.primary.numbers(users).await, [1], "{created}");
    nodes.primary.set_read_only(true).await;
    let refused = command(&["users", "create", "--count", "1", "--tokens", "tokens"]).await;
    let ports = format!("127.0.0.1:{},127.0.0.1:{}", nodes.standby.port, nodes.to_primary.port);
    assert!(refused.contains(&ports), "{refused}");
    assert!(refused.contains("takes no writes"), "{refused}");
}

/// Two standbys of one primary.
async fn two_standbys() -> (Cluster, Cluster, Cluster) {
    let primary = Cluster::start().await;
    prepare(&primary.url("postgres")).await;
    let (one, two) = (primary.start_copy(true).await, primary.start_copy(true).await);
    (primary, one, two)
}

async fn app_with_replicas(primary: &Cluster, replicas: &str) -> App {
    let url = primary.url("postgres");
    let flags = ["--database-replica-url", replicas];
    let app = App::start_on(url, TempDir::new().unwrap(), &flags).await;
    wait_until(TIMEOUT, "lists come from standbys", async || {
        app.metrics().await.contains("rowlock_standby_up 1")
    })
    .await;
    app
}

const FIND: &str = "{ events(search: \"newest\") { totalCount } }";

/// Eight lists at the same time, so that several connections are used.
async fn found_by_each(app: &App) -> Vec<i64> {
    let lists = (0..8).map(|_| async {
        let data = app.data(None, FIND, json!({})).await;
        data["events"]["totalCount"].as_i64().unwrap()
    });
    futures_util::future::join_all(lists).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_list_is_old_because_a_balancer_chose_another_standby_than_the_probe_saw() {
    let (primary, one, two) = two_standbys().await;
    let balancer = Proxy::to(&one.address()).await;
    let replicas = format!("postgres://rowlock@127.0.0.1:{}/postgres", balancer.port);
    let app = app_with_replicas(&primary, &replicas).await;
    balancer.set_target(&two.address());
    found_by_each(&app).await;
    let of_rowlock = "SELECT count(*)::int FROM pg_stat_activity \
                      WHERE application_name = 'rowlock' AND query LIKE '%FROM%events%'";
    assert_ne!(two.numbers(of_rowlock).await, [0], "lists come from the second standby");

    two.execute("SELECT pg_wal_replay_pause()").await;
    app.event("The newest", 5).await;
    // Then the second standby is too far behind.
    wait_until(TIMEOUT, "all lists are new", async || {
        found_by_each(&app).await.iter().all(|found| *found == 1)
    })
    .await;
    app.event("The very newest", 5).await;
    balancer.set_target(&one.address());
    wait_until(TIMEOUT, "lists come from the first standby", async || {
        found_by_each(&app).await;
        one.numbers(of_rowlock).await != [0]
    })
    .await;
    two.execute("SELECT pg_wal_replay_resume()").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_standbys_take_turns_and_one_may_be_lost() {
    let (primary, mut one, two) = two_standbys().await;
    let replicas =
        format!("postgres://rowlock@127.0.0.1:{},127.0.0.1:{}/postgres", one.port, two.port);
    let app = app_with_replicas(&primary, &replicas).await;
    found_by_each(&app).await;
    let of_lists = "SELECT count(*)::int FROM pg_stat_activity \
                    WHERE application_name = 'rowlock' AND query LIKE '%FROM%events%'";
    for standby in [&one, &two] {
        assert_ne!(standby.numbers(of_lists).await, [0]);
    }
    one.kill();
    app.event("The newest", 5).await;
    wait_until(TIMEOUT, "lists are new", async || {
        found_by_each(&app).await.iter().all(|found| *found == 1)
    })
    .await;
    wait_until(TIMEOUT, "the loss is seen", async || {
        app.metrics().await.contains("rowlock_standby_up 0")
    })
    .await;
    assert_eq!(found_by_each(&app).await, [1; 8]);
}
