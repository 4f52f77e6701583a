//! Mails of a server that is killed again and again, and over TLS.

use std::{
    collections::{HashMap, HashSet},
    process::Command,
    time::Duration,
};

use rowlock_entities::booking;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{
    app::{App, BOOK, CANCEL},
    database::Engine,
    program::Program,
    smtp::SmtpServer,
    waiting::wait_until,
};

/// A lease lasts 30 seconds, and another server finds its job a second later.
const TIMEOUT: Duration = Duration::from_secs(90);
const ROUNDS: usize = 12;
const BOOKINGS_PER_ROUND: usize = 20;

async fn program(app: &App, smtp_url: &str, settings: &[(&str, &str)]) -> Program {
    let mail = [
        ("SMTP_URL", smtp_url),
        ("MAIL_FROM", "tickets@rowlock.example"),
        ("PUBLIC_URL", "https://tickets.example"),
    ];
    Program::serve_database(&app.database_url, &[&mail, settings].concat()).await
}

/// Books on a server that may be killed meanwhile.
async fn try_to_book(server: &Program, token: &str, event: &str) {
    let variables = json!({ "input": { "eventId": event, "quantity": 1 } });
    let _ = server.request(Some(token), BOOK, variables).send().await;
}

async fn each_change_of_a_server_that_is_killed_has_its_mail(engine: Engine) {
    let app = App::start(engine).await;
    let event = app.event("Jazz", 1_000).await;
    let users = app.users(u32::try_from(ROUNDS * BOOKINGS_PER_ROUND).unwrap()).await;
    app.stop_server();
    let smtp = SmtpServer::start().await;
    let url = format!("smtp://127.0.0.1:{}", smtp.port);
    for (round, users) in users.chunks(BOOKINGS_PER_ROUND).enumerate() {
        let server = program(&app, &url, &[("MAILS_PER_SECOND", "200")]).await;
        let before = smtp.mails().len();
        let book = futures_util::future::join_all(
            users.iter().map(|user| try_to_book(&server, user, &event)),
        );
        if round % 3 == 0 {
            // It is killed while it books.
            tokio::select! { _ = book => {} () = sleep(Duration::from_millis(7 * round as u64)) => {} }
        } else {
            book.await;
            // It is killed at each point of sending: while it takes a job apart, after its first
            // mails, and in the middle.
            let mails = round * 2 - 1;
            wait_until(TIMEOUT, "mails are on their way", async || {
                smtp.mails().len() >= before + mails
            })
            .await;
        }
        drop(server);
    }
    let _server = program(&app, &url, &[("MAILS_PER_SECOND", "1000")]).await;
    let bookings = booking::Entity::find().all(app.db()).await.unwrap();
    assert!(bookings.len() > ROUNDS * BOOKINGS_PER_ROUND / 2, "{}", bookings.len());
    let uids: HashSet<String> =
        bookings.iter().map(|booking| format!("{}@rowlock.example", booking.id)).collect();
    let ids_by_uid = || {
        let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
        for mail in smtp.taken() {
            let uid = mail.calendar["uid"].as_str().unwrap().to_owned();
            ids.entry(uid).or_default().insert(mail.id().to_owned());
        }
        ids
    };
    wait_until(TIMEOUT, "each booking has its mail", async || ids_by_uid().len() >= uids.len())
        .await;
    let ids = ids_by_uid();
    assert_eq!(ids.keys().cloned().collect::<HashSet<_>>(), uids);
    assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");
    wait_until(TIMEOUT, "no job is left", async || {
        let count = sea_orm::Statement::from_string(
            app.db().get_database_backend(),
            "SELECT count(*) AS n FROM jobs WHERE kind <> 'account_mail'",
        );
        let row = app.db().query_one_raw(count).await.unwrap().unwrap();
        row.try_get::<i64>("", "n").unwrap() == 0
    })
    .await;
    println!("{} bookings, {} mails", uids.len(), smtp.taken().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_a_server_that_is_killed_has_its_mail_on_postgres() {
    each_change_of_a_server_that_is_killed_has_its_mail(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_a_server_that_is_killed_has_its_mail_on_sqlite() {
    each_change_of_a_server_that_is_killed_has_its_mail(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_go_over_tls_with_a_password_and_to_nobody_else() {
    let folder = TempDir::new().unwrap();
    let [certificate, key] = ["certificate.pem", "key.pem"]
        .map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let smtp = SmtpServer::start_with(&["0", &certificate, &key, "tickets", "s3cr/t"]).await;
    let app = App::start(Engine::Sqlite).await;
    let (event, user) = (app.event("Jazz", 10).await, app.user().await);
    app.stop_server();
    let url =
        |password: &str| format!("smtp://tickets:{password}@localhost:{}?tls=required", smtp.port);
    let answer = |server: &Program, query: &str, variables| {
        server.request(Some(&user), query, variables).send()
    };
    let booked = {
        // Nobody trusts this certificate.
        let server = program(&app, &url("s3cr%2Ft"), &[]).await;
        let input = json!({ "input": { "eventId": event, "quantity": 1 } });
        let booked: serde_json::Value =
            answer(&server, BOOK, input).await.unwrap().json().await.unwrap();
        has_failed(&app, "invalid peer certificate").await;
        server.terminate();
        let (_, log) = server.wait();
        assert!(!log.contains("s3cr") && !log.contains("example.test"), "{log}");
        booked
    };
    let trusted = [("SSL_CERT_FILE", certificate.as_str())];
    {
        let server = program(&app, &url("wrong"), &trusted).await;
        has_failed(&app, "did not take the mail, with code 535").await;
        drop(server);
    }
    assert!(smtp.mails().is_empty());
    let server = program(&app, &url("s3cr%2Ft"), &trusted).await;
    let booking = &booked["data"]["bookEvent"]["booking"]["id"];
    answer(&server, CANCEL, json!({ "input": { "bookingId": booking } })).await.unwrap();
    smtp.wait_for_subject("Cancelled: 1 ticket for Jazz").await;
    smtp.wait_for_subject("Booked: 1 ticket for Jazz").await;
}

/// Waits until an attempt at a job has failed with this in its reason.
async fn has_failed(app: &App, reason: &str) {
    wait_until(TIMEOUT, reason, async || {
        let errors = sea_orm::Statement::from_string(
            app.db().get_database_backend(),
            "SELECT last_error FROM jobs WHERE last_error IS NOT NULL",
        );
        let rows = app.db().query_all_raw(errors).await.unwrap();
        rows.iter().any(|row| row.try_get::<String>("", "last_error").unwrap().contains(reason))
    })
    .await;
}
