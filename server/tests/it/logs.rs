//! The contents of the log, and the secrets that it must never contain.

use std::time::Duration;

use reqwest::StatusCode;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::{
    app::{BOOK, JWT_SECRET, WEB_DIR, refresh_cookie},
    database::{Engine, new_database},
    demo::{JAZZ_NIGHT, LIMITED_CONCERT, LOG_IN_AS_ADA},
    program::Program,
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_no_secrets_and_at_info_no_email_addresses() {
    const EMAIL: &str = "ann-private@example.org";
    const PASSWORDS: [&str; 2] = ["ann-secret-1", "wrong-secret-1"];
    for level in ["info", "debug"] {
        let folder = TempDir::new().unwrap();
        let url = new_database(Engine::Postgres, &folder).await;
        // PostgreSQL does not ask for this password, but it is part of the URL.
        let mut url = Url::parse(&url).unwrap();
        url.set_password(Some("database-secret")).unwrap();
        let server = Program::serve_database(url.as_str(), &[("LOG_LEVEL", level)]).await;
        let mut secrets = vec!["database-secret".to_owned(), JWT_SECRET.to_owned()];
        secrets.extend(PASSWORDS.map(str::to_owned));
        let send = async |query: &str, token: &str, cookie: &str| {
            let request = server.request(Some(token), query, json!({}));
            request.header("cookie", cookie).send().await.unwrap()
        };
        let credentials_mutation = |field: &str, password: &str, more_input: &str| {
            format!(
                "mutation {{ {field}(input: {{ \
                 email: \"{EMAIL}\", password: \"{password}\"{more_input} }}) {{ accessToken }} }}"
            )
        };
        send(&credentials_mutation("login", PASSWORDS[1], ""), "wrong-token", "").await;
        let register = credentials_mutation("register", PASSWORDS[0], ", name: \"Ann\"");
        let registered = send(&register, "", "").await;
        let mut cookie = refresh_cookie(&registered).0;
        let answer: serde_json::Value = registered.json().await.unwrap();
        let token = answer["data"]["register"]["accessToken"].as_str().unwrap().to_owned();
        for field in ["refresh { accessToken }", "logoutEverywhere"] {
            secrets.push(cookie.split_once('=').unwrap().1.to_owned());
            let answer = send(&format!("mutation {{ {field} }}"), &token, &cookie).await;
            cookie = refresh_cookie(&answer).0;
        }
        secrets.push(token);
        if level == "info" {
            secrets.push(EMAIL.to_owned());
        }
        server.terminate();
        let (_, log) = server.wait();
        assert!(log.contains("stopped"), "{log}");
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            assert!(!log.contains(secret), "{secret} at {level}:\n{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_the_cause_of_an_internal_error_under_its_request_id_on_every_transport() {
    const QUERY: &str = "{ me { bookings { nodes { id } } } }";
    let folder = TempDir::new().unwrap();
    let url = new_database(Engine::Postgres, &folder).await;
    let server = Program::serve_database(&url, &[("LOG_LEVEL", "warn")]).await;
    let send = async |query: &str, token: &str, accept: &str| {
        let request = server.request(Some(token), query, json!({})).header("accept", accept);
        request.send().await.unwrap().text().await.unwrap()
    };
    let answer = send(LOG_IN_AS_ADA, "x", "application/json").await;
    let token = answer.split('"').find(|part| part.starts_with("eyJ")).unwrap();

    let database = sea_orm::Database::connect(&url).await.unwrap();
    database.execute_unprepared("ALTER TABLE bookings RENAME quantity TO amount").await.unwrap();
    let by_post = send(QUERY, token, "application/json").await;
    let in_a_stream = send(QUERY, token, "text/event-stream").await;
    let payload = json!({ "Authorization": format!("Bearer {token}") });
    let mut socket = Socket::open(&server.url, MODERN_PROTOCOL, payload).await;
    let on_a_socket = socket.run(QUERY, json!({})).await.to_string();
    server.terminate();
    let (_, log) = server.wait();
    for answer in [by_post, in_a_stream, on_a_socket] {
        let (_, id) = answer.split_once("\"requestId\":\"").expect(&answer);
        let (id, _) = id.split_once('"').unwrap();
        let is_cause = |line: &&str| line.contains(id) && line.contains("does not exist");
        assert!(log.lines().any(|line| is_cause(&line)), "{answer}\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_the_cause_when_a_page_lacks_its_event() {
    let folder = TempDir::new().unwrap();
    let url = new_database(Engine::Postgres, &folder).await;
    let web_dir = std::fs::canonicalize(WEB_DIR).unwrap();
    let settings = [("LOG_LEVEL", "warn"), ("WEB_DIR", web_dir.to_str().unwrap())];
    let server = Program::serve_database(&url, &settings).await;
    let database = sea_orm::Database::connect(&url).await.unwrap();
    database.execute_unprepared("ALTER TABLE events RENAME venue TO place").await.unwrap();
    let page = server.get(&format!("/events/{JAZZ_NIGHT}")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    server.terminate();
    let (_, log) = server.wait();
    let is_cause = |line: &&str| line.contains(JAZZ_NIGHT) && line.contains("does not exist");
    assert!(log.lines().any(|line| is_cause(&line)), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_without_the_clients_address_is_told_once_and_not_shown() {
    let server = Program::serve(&[("CLIENT_ADDRESS_HEADER", "X-Real-IP")]).await;
    let login_from = async |address: Option<&str>| {
        let request = server.request(None, LOG_IN_AS_ADA, json!({}));
        let request = address.into_iter().fold(request, |all, ip| all.header("x-real-ip", ip));
        request.send().await.unwrap();
    };
    for address in ["192.0.2.1", "[2001:db8::1]:4711"] {
        login_from(Some(address)).await;
    }
    for cause in [None, Some("from-a-stranger"), Some("unknown")] {
        login_from(cause).await;
        login_from(cause).await;
    }
    server.terminate();
    let (_, log) = server.wait();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    for expected in ["did not have this header", "is not an IP address", "`unknown`"] {
        let about = |line: &&&str| {
            line.contains("CLIENT_ADDRESS_HEADER is x-real-ip") && line.contains(expected)
        };
        assert_eq!(warnings.iter().filter(about).count(), 1, "{expected}:\n{log}");
    }
    assert!(!log.contains("from-a-stranger"), "{log}");
}

/// The lines of the access log, without their time and without what differs between runs.
fn access_lines(log: &str) -> Vec<String> {
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines = lines.filter(|line: &Value| line["target"] == "rowlock::access");
    lines
        .map(|line| {
            let fields = &line["fields"];
            assert_eq!(line["level"], "INFO");
            assert!(fields["ms"].as_f64().unwrap() >= 0.0, "{line}");
            assert_eq!(fields["id"].as_str().map(str::len), Some(36), "{line}");
            let status = fields["status"].as_u64();
            let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            let text = |name: &str| fields[name].as_str().unwrap().to_owned();
            format!("{} {} {status}", text("operation"), text("outcome"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_has_one_line_for_each_request_and_operation() {
    const SUBSCRIPTION: &str = "subscription { remainingTickets { version } }";
    let folder = TempDir::new().unwrap();
    let url = new_database(Engine::Sqlite, &folder).await;
    let settings =
        [("ACCESS_LOG", "true"), ("LOG_FORMAT", "json"), ("MAX_SOCKETS_PER_ADDRESS", "1")];
    let server = Program::serve_database(&url, &settings).await;
    let send = async |query: &str, accept: &str| {
        let request = server.request(None, query, json!({})).header("accept", accept);
        let mut answer = request.send().await.unwrap();
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let _ = answer.chunk().await;
        (id, answer)
    };
    let (id, _) = send("{ events { totalCount } }", "*/*").await;
    send("{ nothing }", "*/*").await;
    send("mutation { refresh { accessToken } }", "*/*").await;
    send("{ __typename }", "image/png").await;
    server.get("/graphql").query(&[("query", "{ me { name } }")]).send().await.unwrap();
    server.get("/healthz").send().await.unwrap();
    send("{ me { name } }", "text/event-stream").await;
    send("{ nothing }", "text/event-stream").await;
    let mut socket = Socket::open(&server.url, MODERN_PROTOCOL, json!({})).await;
    socket.run("{ me { name } }", json!({})).await;
    socket.run("{ events { nothing } }", json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [LIMITED_CONCERT] })).await;
    socket.next_result().await;
    send(SUBSCRIPTION, "text/event-stream").await;
    drop(socket);
    server.terminate();
    let (_, log) = server.wait();
    let first = log.lines().find(|line| line.contains("rowlock::access")).expect(&log);
    assert!(first.contains(&id), "{first}");
    assert_eq!(
        access_lines(&log),
        [
            "events ok 200",
            "invalid BAD_USER_INPUT 200",
            "refresh UNAUTHENTICATED 200",
            "unknown BAD_USER_INPUT 406",
            "me ok 200",
            "me ok 200",
            "invalid BAD_USER_INPUT 400",
            "socket ok 101",
            "me ok -",
            "invalid BAD_USER_INPUT -",
            "remainingTickets ok -",
            "unknown QUERY_TOO_COMPLEX 429",
        ],
        "{log}"
    );
    for address in ["127.0.0.1", "peer", "client"] {
        let shown = log.lines().filter(|line| line.contains("rowlock::access"));
        assert_eq!(shown.filter(|line| line.contains(address)).count(), 0, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_tells_of_clients_that_leave_before_their_answer_and_is_off_by_default() {
    for is_on in [true, false] {
        let folder = TempDir::new().unwrap();
        let url = new_database(Engine::Sqlite, &folder).await;
        let mut settings = vec![("LOG_FORMAT", "json"), ("BOOKING_DELAY_MS", "3000")];
        if is_on {
            settings.push(("ACCESS_LOG", "true"));
        }
        let server = Program::serve_database(&url, &settings).await;
        let login = server.request(None, LOG_IN_AS_ADA, json!({})).send().await.unwrap();
        let answer: Value = login.json().await.unwrap();
        let token = answer["data"]["login"]["accessToken"].as_str().unwrap();
        let input = json!({ "input": { "eventId": LIMITED_CONCERT, "quantity": 1 } });
        let request = server.request(Some(token), BOOK, input);
        let impatient = request.timeout(Duration::from_millis(500)).send().await;
        assert!(impatient.is_err_and(|error| error.is_timeout()));
        server.terminate();
        let (_, log) = server.wait();
        let lines = log.lines().filter(|line| line.contains("rowlock::access"));
        let closed = lines.clone().filter(|line| line.contains("\"outcome\":\"closed\""));
        assert_eq!((lines.count(), closed.count()), if is_on { (2, 1) } else { (0, 0) }, "{log}");
    }
}
