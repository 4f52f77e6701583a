//! What the log has, and what it must never have.

use sea_orm::ConnectionTrait;
use serde_json::json;
use tempfile::TempDir;
use url::Url;

use crate::{
    app::{SECRET, refresh_cookie},
    database::{Engine, new_database},
    demo::LOG_IN_AS_ADA,
    program::Program,
    socket::{MODERN, Socket},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_no_secret_and_at_info_nobodys_data() {
    const EMAIL: &str = "ann-private@example.org";
    const PASSWORDS: [&str; 2] = ["ann-secret-1", "wrong-secret-1"];
    for level in ["info", "debug"] {
        let folder = TempDir::new().unwrap();
        let url = new_database(Engine::Postgres, &folder).await;
        // Nobody asks this server for one, and it is in the URL all the same.
        let mut url = Url::parse(&url).unwrap();
        url.set_password(Some("database-secret")).unwrap();
        let server = Program::serve_database(url.as_str(), &[("LOG_LEVEL", level)]).await;
        let mut said = vec!["database-secret".to_owned(), SECRET.to_owned()];
        said.extend(PASSWORDS.map(str::to_owned));
        let send = async |query: &str, token: &str, cookie: &str| {
            let request = server.request(Some(token), query, json!({}));
            request.header("cookie", cookie).send().await.unwrap()
        };
        let with = |act: &str, password: &str, more: &str| {
            format!(
                "mutation {{ {act}(input: {{ email: \"{EMAIL}\", password: \"{password}\"{more} }}) \
                 {{ accessToken }} }}"
            )
        };
        send(&with("login", PASSWORDS[1], ""), "wrong-token", "").await;
        let register = with("register", PASSWORDS[0], ", name: \"Ann\"");
        let registered = send(&register, "", "").await;
        let mut cookie = refresh_cookie(&registered).0;
        let answer: serde_json::Value = registered.json().await.unwrap();
        let token = answer["data"]["register"]["accessToken"].as_str().unwrap().to_owned();
        for act in ["refresh { accessToken }", "logoutEverywhere"] {
            said.push(cookie.split_once('=').unwrap().1.to_owned());
            let answer = send(&format!("mutation {{ {act} }}"), &token, &cookie).await;
            cookie = refresh_cookie(&answer).0;
        }
        said.push(token);
        if level == "info" {
            said.push(EMAIL.to_owned());
        }
        server.terminate();
        let (_, log) = server.wait();
        assert!(log.contains("stopped"), "{log}");
        for secret in said.iter().filter(|secret| !secret.is_empty()) {
            assert!(!log.contains(secret), "{secret} at {level}:\n{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cause_is_in_the_log_under_the_id_that_its_caller_was_told_whatever_the_way() {
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
    let mut socket = Socket::open(&server.url, MODERN, payload).await;
    let on_a_socket = socket.run(QUERY, json!({})).await.to_string();
    server.terminate();
    let (_, log) = server.wait();
    for told in [by_post, in_a_stream, on_a_socket] {
        let (_, id) = told.split_once("\"requestId\":\"").expect(&told);
        let (id, _) = id.split_once('"').unwrap();
        let cause = |line: &&str| line.contains(id) && line.contains("does not exist");
        assert!(log.lines().any(|line| cause(&line)), "{told}\n{log}");
    }
}
