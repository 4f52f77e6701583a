//! The database stops taking writes, and takes them again later or at another place.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::{
    app::{App, BOOK, graphql_request, http_client},
    cluster::Cluster,
    database::{Engine, postgres_admin, prepare},
    demo::{LOG_IN_AS_ADA, SUMMER_OPEN_AIR},
    program::{MountingShell, free_port, wait_until_ready},
    proxy::Proxy,
    waiting::wait_until,
};

const NOTICE_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether a session of `pg_stat_activity` is that of a server's probe, by its last statement.
const IS_PROBE: &str = "(application_name = 'rowlock' AND (query LIKE '%pg_is_in_recovery()%' \
                        OR query LIKE '%seaql_migrations%' OR query LIKE '%rowlock.session%'))";

const LIST: &str = "{ events { nodes { title } } }";

/// Waits until `/readyz` answers with this text.
async fn wait_until_readyz_says(app: &App, text: &str) {
    wait_until(NOTICE_TIMEOUT, text, async || {
        app.get("/readyz").send().await.unwrap().text().await.unwrap().contains(text)
    })
    .await;
}

/// The code of the error that answers a booking.
async fn refusal(app: &App, user: &str, event: &str) -> Value {
    let answer = app.send(Some(user), BOOK, json!({ "input": { "eventId": event } })).await;
    answer["errors"][0]["extensions"]["code"].clone()
}

async fn app_on(cluster: &Cluster, port: u16) -> App {
    prepare(&cluster.url("postgres")).await;
    let mut url = Url::parse(&cluster.url("postgres")).unwrap();
    url.set_port(Some(port)).unwrap();
    App::start_on(url.into(), TempDir::new().unwrap(), &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_database_is_made_read_only_is_unready_until_it_takes_writes() {
    let cluster = Cluster::start().await;
    let app = app_on(&cluster, cluster.port).await;
    let event = app.event("Concert", 5).await;
    let users = app.users(4).await;
    app.book(&users[0], &event, 1).await;

    cluster.set_read_only(true).await;
    wait_until_readyz_says(&app, "the database takes no writes").await;
    assert_eq!(refusal(&app, &users[1], &event).await, "UNAVAILABLE");
    let sign_in = app.send(None, LOG_IN_AS_ADA, json!({})).await;
    assert_eq!(sign_in["errors"][0]["extensions"]["code"], "UNAVAILABLE");
    app.data(None, LIST, json!({})).await;
    assert!(app.metrics().await.contains("rowlock_database_up 0"));

    cluster.set_read_only(false).await;
    wait_until_readyz_says(&app, "ready\n").await;
    assert_eq!(app.book(&users[1], &event, 1).await["__typename"], "BookEventSuccess");
    app.data(None, LOG_IN_AS_ADA, json!({})).await;
    assert_eq!(app.remaining_tickets(&event).await, 3);
    app.assert_nothing_oversold().await;
}

/// The setting of a database or of a user counts only in new sessions.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_new_sessions_take_no_writes_is_unready_until_they_do() {
    let app = App::start(Engine::Postgres).await;
    let event = app.event("Concert", 5).await;
    let users = app.users(2).await;
    app.book(&users[0], &event, 1).await;
    let database = app.database_url.rsplit_once('/').unwrap().1;
    postgres_admin(&format!("ALTER DATABASE {database} SET default_transaction_read_only = on"))
        .await;
    // All connections are replaced but the probe's.
    postgres_admin(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = '{database}' AND NOT {IS_PROBE}"
    ))
    .await;
    assert_eq!(refusal(&app, &users[1], &event).await, "UNAVAILABLE");
    wait_until_readyz_says(&app, "the database takes no writes").await;
    postgres_admin(&format!("ALTER DATABASE {database} RESET default_transaction_read_only")).await;
    wait_until_readyz_says(&app, "ready\n").await;
    assert_eq!(app.book(&users[1], &event, 1).await["__typename"], "BookEventSuccess");
    app.assert_nothing_oversold().await;
}

/// A switchover: the address leads to the new primary, while the connections to the old one stay
/// open. A probe may come at any time, so the address never leads to a node that takes no writes.
async fn switch_over(old: &Cluster, proxy: &Proxy) -> Cluster {
    let new = old.start_copy(true).await;
    new.promote().await;
    proxy.set_target(&new.address());
    old.set_read_only(true).await;
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_leaves_its_connections_to_a_demoted_node() {
    let old = Cluster::start().await;
    let proxy = Proxy::to(&old.address()).await;
    let app = app_on(&old, proxy.port).await;
    let event = app.event("Concert", 9).await;
    let users = app.users(9).await;
    // Several connections of each pool are open.
    let bookings = users[..4].iter().map(|user| app.book(user, &event, 1));
    futures_util::future::join_all(bookings).await;
    futures_util::future::join_all((0..4).map(|_| app.data(None, LIST, json!({})))).await;

    let _new = switch_over(&old, &proxy).await;
    // Nobody need wait for the next probe: the booking is tried again on a new connection.
    let booked = app.book(&users[4], &event, 1).await;
    assert_eq!(booked["__typename"], "BookEventSuccess", "{booked}");
    for user in &users[5..] {
        assert_eq!(app.book(user, &event, 1).await["__typename"], "BookEventSuccess");
    }
    wait_until_readyz_says(&app, "ready\n").await;
    wait_until(NOTICE_TIMEOUT, "no read goes to the old node", async || {
        app.remaining_tickets(&event).await == 0
    })
    .await;
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_stays_ready_when_its_address_leads_to_the_new_primary() {
    let old = Cluster::start().await;
    let proxy = Proxy::to(&old.address()).await;
    let app = app_on(&old, proxy.port).await;
    let new = switch_over(&old, &proxy).await;
    wait_until(NOTICE_TIMEOUT, "the probe has found the new primary", async || {
        assert_eq!(app.get("/readyz").send().await.unwrap().text().await.unwrap(), "ready\n");
        let sessions = format!("SELECT 1 FROM pg_stat_activity WHERE {IS_PROBE}");
        !new.numbers(&sessions).await.is_empty()
    })
    .await;
    assert_eq!(app.get("/readyz").send().await.unwrap().text().await.unwrap(), "ready\n");
}

/// The address leads to a standby, which is promoted later.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_standby_is_unready_until_it_is_promoted() {
    let primary = Cluster::start().await;
    prepare(&primary.url("postgres")).await;
    let standby = primary.start_copy(true).await;
    let app = App::start_on(standby.url("postgres"), TempDir::new().unwrap(), &[]).await;
    wait_until_readyz_says(&app, "the database is a standby").await;
    let error = app.error(None, LIST, json!({})).await;
    assert_eq!(error["extensions"]["code"], "UNAVAILABLE");
    standby.promote().await;
    wait_until_readyz_says(&app, "ready\n").await;
    let user = app.user().await;
    assert_eq!(app.book(&user, SUMMER_OPEN_AIR, 1).await["__typename"], "BookEventSuccess");
}

/// Serves from a folder that is mounted again for reading only, and obeys one command per line. It
/// ends with its input.
const SERVE_FROM_FOLDER: &str = r#"
    cd "$1" && "$2" migrate && "$2" seed && "$2" users create --count 3 --tokens tokens || exit 1
    "$2" serve 2> log &
    while read command; do
        case $command in
            tokens) cat tokens ;;
            lock) mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" ;;
            unlock) mount -o remount,bind,rw "$1" ;;
            log) cat log ;;
            seed) "$2" seed 2>&1 ;;
        esac
        echo done
    done
    kill -9 $!
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_file_can_not_be_written_is_unready_until_it_can() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("r.db");
    let port = free_port();
    let mut shell = MountingShell::start(
        SERVE_FROM_FOLDER,
        folder.path(),
        &format!("sqlite:{}", file.display()),
        port,
    );
    let tokens = shell.run("tokens").await;
    let tokens = &tokens[tokens.len() - 3..];
    let http = http_client();
    let url = format!("http://127.0.0.1:{port}");
    wait_until_ready(&url).await;
    let send = async |token: &str, query: &str, variables: Value| {
        let request = graphql_request(&http, &url, Some(token), query, variables);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let book = async |token: &str| {
        send(token, BOOK, json!({ "input": { "eventId": SUMMER_OPEN_AIR } })).await
    };
    assert_eq!(book(&tokens[0]).await["data"]["bookEvent"]["__typename"], "BookEventSuccess");

    shell.run("lock").await;
    wait_until(NOTICE_TIMEOUT, "the server is unready", async || {
        let answer = http.get(format!("{url}/readyz")).send().await.unwrap();
        answer.text().await.unwrap().contains("the database takes no writes")
    })
    .await;
    let answer = book(&tokens[1]).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
    assert_eq!(send(&tokens[1], LIST, json!({})).await.get("errors"), None);
    let refused = shell.run("seed").await.concat();
    assert!(refused.contains("takes no writes (its file can't be written)"), "{refused}");
    shell.run("unlock").await;
    wait_until_ready(&url).await;
    for token in &tokens[1..] {
        assert_eq!(book(token).await["data"]["bookEvent"]["__typename"], "BookEventSuccess");
    }
    let log = shell.run("log").await;
    let told = log.iter().filter(|line| line.contains("takes no writes")).count();
    assert_eq!(told, 1, "{log:#?}");
}
