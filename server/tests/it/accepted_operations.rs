//! Which operations a server accepts: an allow-list, introspection, and queries by their hash.

use serde_json::{Value, json};

use crate::{
    app::{App, BOOK, code_and_fields, error_code},
    database::Engine,
    on_both_engines,
    socket::{MODERN_PROTOCOL, Socket},
};

const LISTED: &str = "{__typename}";
/// SHA-256 of [`LISTED`].
const HASH: &str = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38";

on_both_engines! {
    a_query_runs_by_its_hash_once_its_text_was_sent
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_operations_run_if_a_list_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("operations.json");
    std::fs::write(&list, json!({ HASH: LISTED }).to_string()).unwrap();
    let list = list.display().to_string();
    let app = App::start_with(Engine::Sqlite, &["--allowed-operations", &list]).await;
    let known = json!({ "data": { "__typename": "Query" } });
    assert_eq!(app.send(None, LISTED, json!({})).await, known);
    for unlisted in ["{ __typename }", "{ __schema { types { name } } }", BOOK, "{", ""] {
        let error = app.error(Some(&app.user().await), unlisted, json!({})).await;
        let expected = if unlisted.is_empty() { "BAD_USER_INPUT" } else { "FORBIDDEN" };
        assert_eq!(error_code(&error), expected, "{unlisted}");
    }

    let send = async |body: Value| -> Value {
        let request = app.http.post(format!("{}/graphql", app.url)).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    };
    let by_hash = |hash: &str| json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    assert_eq!(send(json!({ "extensions": by_hash(HASH) })).await, known);
    // A client cannot add a text to the list by sending it with its hash.
    let other = "3eb0b2a7d9cd1a4f4b4ee1b2c5a1c6a3ae13f0d7a5be6d90f5bb1ff1d3c0c1ed";
    let other = json!({ "query": "{ __typename }", "extensions": by_hash(other) });
    assert_eq!(error_code(&send(other).await["errors"][0]), "BAD_USER_INPUT");

    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    assert_eq!(socket.run(LISTED, json!({})).await, known);
    socket.start("{ __typename }", json!({})).await;
    assert_eq!(error_code(&socket.next_result().await["errors"][0]), "FORBIDDEN");
    let sse = app.request(None, "{ __typename }", json!({})).header("accept", "text/event-stream");
    assert_eq!(sse.send().await.unwrap().status(), 400);
    for path in ["/playground", "/graphiql"] {
        let request = app.get(path).header("accept", "text/html");
        assert_eq!(request.send().await.unwrap().status(), 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_the_schema_if_introspection_is_off() {
    let app = App::start_with(Engine::Sqlite, &["--introspection", "false"]).await;
    for query in ["{ __schema { types { name } } }", "{ __type(name: \"Event\") { name } }"] {
        let answer = app.send(None, query, json!({})).await;
        assert!(!answer.to_string().contains("Event"), "{answer}");
    }
    app.data(None, "{ __typename events { nodes { __typename } } }", json!({})).await;
    for path in ["/playground", "/graphiql", "/ide/graphiql/main.js"] {
        let request = app.get(path).header("accept", "text/html");
        assert_eq!(request.send().await.unwrap().status(), 404, "{path}");
    }
    let page = app.get("/").header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.status(), 200);
}

async fn a_query_runs_by_its_hash_once_its_text_was_sent(app: App) {
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": HASH } });
    let user = app.user().await;
    let send = async |query: Value, token: Option<&str>| -> Value {
        let body = match query {
            Value::Null => json!({ "extensions": extensions }),
            query => json!({ "query": query, "extensions": extensions }),
        };
        let request = app.http.post(format!("{}/graphql", app.url)).json(&body);
        let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        request.send().await.unwrap().json().await.unwrap()
    };
    let unknown = send(json!(null), None).await;
    assert_eq!(error_code(&unknown["errors"][0]), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(unknown["errors"][0]["message"], "PersistedQueryNotFound");
    let wrong = send(json!("{ __typename }"), None).await;
    assert_eq!(code_and_fields(&wrong["errors"][0]), ("BAD_USER_INPUT", vec!["extensions"]));
    let known = json!({ "__typename": "Query" });
    assert_eq!(send(json!("{__typename}"), None).await["data"], known);
    for token in [None, Some(&*user)] {
        for hash_only in [json!(null), json!("")] {
            assert_eq!(send(hash_only, token).await["data"], known);
        }
    }
    let extensions = extensions.to_string();
    let get = app.get("/graphql").query(&[("extensions", &extensions)]);
    assert_eq!(get.send().await.unwrap().json::<Value>().await.unwrap()["data"], known);
}
