//! The contents of the log, and the secrets that it must never contain.

use sea_orm::ConnectionTrait;
use serde_json::json;
use tempfile::TempDir;
use url::Url;

use crate::{
    app::{JWT_SECRET, refresh_cookie},
    database::{Engine, new_database},
    demo::LOG_IN_AS_ADA,
    program::Program,
    socket::{MODERN_PROTOCOL, Socket},
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
