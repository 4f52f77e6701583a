//! GraphQL over HTTP, and the server's other paths.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use tokio::time::Duration;

use crate::{
    app::{App, BOOK, code_and_fields, error_code},
    database::Engine,
    demo::LOG_IN_AS_ADA,
    jobs, on_both_engines,
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
    waiting::wait_until,
};

on_both_engines! {
    a_query_runs_by_post_or_get_and_a_mutation_only_by_post
    only_json_bodies_are_accepted
    a_body_that_is_no_graphql_request_is_refused_with_a_code
    an_invalid_query_is_refused_with_a_code
    a_known_query_with_wrong_variables_executes_nothing
    the_answer_has_the_requested_media_type
    a_long_answer_is_compressed_for_clients_that_accept_it
    a_client_that_also_accepts_streams_can_sign_in
    every_transport_keeps_the_order_of_the_selection
    only_allowed_origins_may_read_answers
    health_and_readiness_are_reported
    every_answer_has_a_request_id_and_internal_errors_show_nothing_else
    refusals_and_answers_of_every_transport_have_a_request_id
        ["--max-sockets-per-address", "2", "--sign-ins-per-minute-per-address", "1"]
    bookings_requests_and_subscriptions_are_counted
}

async fn a_query_runs_by_post_or_get_and_a_mutation_only_by_post(app: App) {
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    let get = async |query: &str, variables: Value| {
        let query = [("query", query), ("variables", &variables.to_string()), ("unknown", "x")];
        let request = app.get("/graphql").query(&query);
        request.bearer_auth(&user).send().await.unwrap()
    };
    let query = "query($id: ID!) { event(id: $id) { title } }";
    let answer: Value = get(query, json!({ "id": event })).await.json().await.unwrap();
    assert_eq!(answer["data"]["event"]["title"], "Concert");

    let refused = get(BOOK, json!({ "input": { "eventId": event } })).await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()[header::ALLOW], "POST");
    // A mutation next to a query in one document is refused as well.
    let both = format!("query Q {{ __typename }} {}", BOOK.replacen("mutation", "mutation M", 1));
    let refused = get(&both, json!({ "input": { "eventId": event } })).await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(app.remaining_tickets(&event).await, 5);
}

async fn only_json_bodies_are_accepted(app: App) {
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    let body = json!({ "query": BOOK, "variables": { "input": { "eventId": event } } }).to_string();
    let content_types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=latin1",
    ];
    for content_type in content_types {
        let request = app.http.post(format!("{}/graphql", app.url)).body(body.clone());
        let request = request.header(header::CONTENT_TYPE, content_type).bearer_auth(&user);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(error_code(&answer["errors"][0]), "BAD_USER_INPUT");
    }
    assert_eq!(app.remaining_tickets(&event).await, 5);
}

async fn a_body_that_is_no_graphql_request_is_refused_with_a_code(app: App) {
    let too_long = format!("{{\"query\": \"{{ __typename }} {}\"}}", "#".repeat(70_000));
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let batch = "[{\"query\": \"{ __typename }\"}]";
    for (body, status, field) in [
        ("", StatusCode::BAD_REQUEST, "query"),
        ("{", StatusCode::BAD_REQUEST, "query"),
        ("null", StatusCode::BAD_REQUEST, "query"),
        ("{}", StatusCode::BAD_REQUEST, "query"),
        ("{\"query\": 7}", StatusCode::BAD_REQUEST, "query"),
        (
            "{\"query\": \"{ __typename }\", \"variables\": []}",
            StatusCode::BAD_REQUEST,
            "variables",
        ),
        (batch, StatusCode::BAD_REQUEST, "query"),
        ("[\"{ __typename }\", null, null, null]", StatusCode::BAD_REQUEST, "query"),
        (&deep, StatusCode::BAD_REQUEST, "query"),
        (&too_long, StatusCode::PAYLOAD_TOO_LARGE, "query"),
    ] {
        let request = app.http.post(format!("{}/graphql", app.url)).body(body.to_owned());
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{body:.50}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(code_and_fields(&answer["errors"][0]), ("BAD_USER_INPUT", vec![field]));
    }
}

async fn an_invalid_query_is_refused_with_a_code(app: App) {
    for (query, field) in [
        ("", "query"),
        ("{", "query"),
        ("{ colour }", "query"),
        ("{ event { title } }", "id"),
        ("query($id: ID!) { event(id: $id) { title } }", "id"),
        ("query { event(id: 7.5) { title } }", "id"),
        ("query { events(size: 3) { nodes { title } } }", "size"),
        ("query A { __typename } query B { __typename }", "operationName"),
    ] {
        let error = app.send(None, query, json!({})).await["errors"][0].take();
        assert_eq!(
            code_and_fields(&error),
            ("BAD_USER_INPUT", vec![field]),
            "{query:.60}: {error}"
        );
    }
}

async fn a_known_query_with_wrong_variables_executes_nothing(app: App) {
    let query = "mutation Both($first: BookEventInput!, $second: BookEventInput!) {
        first: bookEvent(input: $first) { __typename }
        second: bookEvent(input: $second) { __typename }
    }";
    let events = [app.event("First", 9).await, app.event("Second", 9).await];
    let [first, second] = events.each_ref().map(|event| json!({ "eventId": event }));
    // Runs twice, because a text that was found valid is not validated again.
    for user in app.users(2).await {
        let right = json!({ "first": first, "second": second });
        let booked = app.data(Some(&user), query, right).await;
        assert_eq!(booked["second"]["__typename"], "BookEventSuccess");
    }
    let user = app.user().await;
    let event = &events[1];
    let expecting = |amount: Value| {
        let price = json!({ "amount": amount, "currency": "EUR" });
        json!({ "eventId": event, "expectedUnitPrice": price })
    };
    for (wrong, field) in [
        (json!({ "eventId": event, "quantity": "two" }), "quantity"),
        (json!({ "eventId": event, "quantity": 1.5 }), "quantity"),
        (json!({ "eventId": null }), "eventId"),
        (json!({ "eventId": event, "idempotencyKey": 7 }), "idempotencyKey"),
        (json!({ "eventId": event, "seat": "A1" }), "seat"),
        (expecting(json!("1,50")), "expectedUnitPrice.amount"),
        (expecting(json!(1.5)), "expectedUnitPrice.amount"),
        (json!({}), "eventId"),
        (Value::Null, "input"),
        (json!("two tickets"), "input"),
    ] {
        let variables = json!({ "first": first, "second": wrong });
        let answer = app.send(Some(&user), query, variables).await;
        let error = &answer["errors"][0];
        assert_eq!(code_and_fields(error), ("BAD_USER_INPUT", vec![field]), "{error}");
        assert_eq!(answer.get("data"), None, "{answer}");
    }
    // The same wrong value in the query's text gets the same error.
    let written =
        query.replace("input: $second", "input: 7").replace(", $second: BookEventInput!", "");
    let answer = app.send(Some(&user), &written, json!({ "first": first })).await;
    assert_eq!(
        code_and_fields(&answer["errors"][0]),
        ("BAD_USER_INPUT", vec!["input"]),
        "{answer}"
    );
    assert_eq!(answer.get("data"), None, "{answer}");

    // A variable with a default may be omitted, but null is still refused.
    let query = query.replace(
        "$second: BookEventInput!",
        &format!("$second: BookEventInput = {{ eventId: \"{event}\" }}"),
    );
    let booked = app.data(Some(&app.user().await), &query, json!({ "first": first })).await;
    assert_eq!(booked["second"]["__typename"], "BookEventSuccess");
    let answer =
        app.send(Some(&user), &query, json!({ "first": first, "second": Value::Null })).await;
    assert_eq!(error_code(&answer["errors"][0]), "BAD_USER_INPUT", "{answer}");
    assert_eq!(answer.get("data"), None, "{answer}");
    assert_eq!(app.remaining_tickets(&events[0]).await, 6, "a refused request books nothing");
}

async fn the_answer_has_the_requested_media_type(app: App) {
    let send = async |accept: &str, query: &str| {
        let request = app.request(None, query, json!({})).header(header::ACCEPT, accept);
        let answer = request.send().await.unwrap();
        let content_type = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        (answer.status().as_u16(), content_type, answer.json::<Value>().await.unwrap())
    };
    const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
    let (status, content_type, _) = send(GRAPHQL_RESPONSE, "{ __typename }").await;
    assert_eq!((status, &*content_type), (200, "application/graphql-response+json; charset=utf-8"));
    let (status, content_type, _) = send("application/json", "{ __typename }").await;
    assert_eq!((status, &*content_type), (200, "application/json; charset=utf-8"));
    let (status, _, answer) = send(GRAPHQL_RESPONSE, "{ colour }").await;
    assert_eq!((status, answer.get("data")), (400, None));
    assert_eq!(send("application/json", "{ colour }").await.0, 200);
    assert_eq!(
        send(GRAPHQL_RESPONSE, "{ event(id: \"x\") { title } }").await.0,
        200,
        "a field error is no request error"
    );
    assert_eq!(send("text/html", "{ __typename }").await.0, 406);
    for accept in ["application/json", "*/*"] {
        let subscription = "subscription { remainingTickets { version } }";
        let (status, _, answer) = send(accept, subscription).await;
        assert_eq!(status, 406, "one answer can't hold its results");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("text/event-stream"), "{message}");
    }
}

async fn a_long_answer_is_compressed_for_clients_that_accept_it(app: App) {
    for number in 0..20 {
        app.event(&format!("Concert {number}"), 5).await;
    }
    let list = "{ events(first: 20) { nodes { id title venue startsAt remainingTickets } } }";
    let send = async |query: &str, accepted: &str, token: Option<&str>| {
        let request = app.get("/graphql").query(&[("query", query)]);
        let request = request.header(header::ACCEPT_ENCODING, accepted);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let encoding = answer.headers().get(header::CONTENT_ENCODING).cloned();
        (encoding, answer.bytes().await.unwrap())
    };
    let user = app.user().await;
    for token in [None, Some(user.as_str())] {
        let (encoding, plain) = send(list, "br", token).await;
        assert_eq!(encoding, None);
        let (encoding, compressed) = send(list, "gzip, br", token).await;
        assert_eq!(encoding.unwrap(), "gzip");
        let mut text = String::new();
        GzDecoder::new(&compressed[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), plain);
        assert!(compressed.len() * 3 < plain.len(), "{} of {}", compressed.len(), plain.len());
        // A short one would not arrive any earlier.
        assert_eq!(send("{ __typename }", "gzip", token).await.0, None);
    }
}

async fn a_client_that_also_accepts_streams_can_sign_in(app: App) {
    for (accept, single) in [
        (
            "application/graphql-response+json, application/graphql+json, application/json, \
             text/event-stream, multipart/mixed",
            true,
        ),
        ("application/json, text/event-stream;q=0.9", true),
        ("text/event-stream;q=0.999, */*", true),
        ("text/event-stream, application/json;q=0.5", false),
        ("text/event-stream", false),
    ] {
        let send = async |query: &str| {
            let request = app.request(None, query, json!({})).header(header::ACCEPT, accept);
            request.send().await.unwrap()
        };
        let login = send(LOG_IN_AS_ADA).await;
        let content_type = login.headers()[header::CONTENT_TYPE].to_str().unwrap();
        assert_eq!(content_type.starts_with("application/"), single, "{accept}: {content_type}");
        assert_eq!(login.headers().contains_key(header::SET_COOKIE), single, "{accept}");
        let subscription = send("subscription { remainingTickets { version } }").await;
        let content_type = subscription.headers()[header::CONTENT_TYPE].to_str().unwrap();
        assert_eq!(content_type, "text/event-stream; charset=utf-8", "{accept}");
    }
}

async fn every_transport_keeps_the_order_of_the_selection(app: App) {
    let query =
        "{ z: __typename events(first: 1) { totalCount nodes { title city } } a: __typename }";
    let text_as = async |accept: &'static str| {
        let request = app.request(None, query, json!({})).header(header::ACCEPT, accept);
        request.send().await.unwrap().text().await.unwrap()
    };
    let answer = text_as("application/json").await;
    assert!(answer.starts_with(r#"{"data":{"z":"Query","events":{"totalCount":"#), "{answer}");
    let events = text_as("text/event-stream").await;
    assert!(events.contains(&format!("data: {answer}\n\n")), "{events}");
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(query, json!({})).await;
    let message = socket.text_of_next_result().await;
    assert!(message.contains(&answer), "{message}");
}

async fn only_allowed_origins_may_read_answers(app: App) {
    let allowed =
        App::start_with(Engine::Sqlite, &["--allowed-origins", "https://shop.example"]).await;
    let allowed_origin = async |app: &App, origin: &str| {
        let request = app.request(None, "{ __typename }", json!({})).header(header::ORIGIN, origin);
        let headers = request.send().await.unwrap().headers().clone();
        headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).cloned()
    };
    assert_eq!(allowed_origin(&app, "https://shop.example").await, None);
    assert_eq!(
        allowed_origin(&allowed, "https://shop.example").await.unwrap(),
        "https://shop.example"
    );
    assert_eq!(allowed_origin(&allowed, "https://evil.example").await, None);
}

async fn health_and_readiness_are_reported(app: App) {
    let get = async |path: &str| {
        let answer = app.get(path).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get("/readyz").await, (200, "ready\n".to_owned()));
    app.services.db.migrate(Some(1)).await.unwrap();
    assert_eq!(get("/healthz").await.0, 200);
    // The server checks the database every second.
    let mut answer = get("/readyz").await;
    wait_until(Duration::from_secs(10), "the server is unready", async || {
        answer = get("/readyz").await;
        answer.0 != 200
    })
    .await;
    assert_eq!(answer, (503, "1 migrations are missing: run `rowlock migrate`\n".to_owned()));
}

async fn every_answer_has_a_request_id_and_internal_errors_show_nothing_else(app: App) {
    let mut ids = std::collections::HashSet::new();
    for _ in 0..3 {
        let answer = app.request(None, "{ __typename }", json!({})).send().await.unwrap();
        ids.insert(answer.headers()["x-request-id"].clone());
    }
    assert_eq!(ids.len(), 3);

    // An internal error shows the request's id and nothing else.
    app.execute_sql("ALTER TABLE bookings RENAME COLUMN quantity TO amount").await;
    let user = app.user().await;
    let answer = app.request(Some(&user), "{ me { bookings { nodes { id } } } }", json!({}));
    let answer = answer.send().await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let error = answer.json::<Value>().await.unwrap()["errors"][0].take();
    assert_eq!(error_code(&error), "INTERNAL");
    assert_eq!(error["extensions"]["requestId"], id);
    assert!(!error.to_string().contains("quantity"), "{error}");
    assert!(error["message"].as_str().unwrap().starts_with("Something went wrong on our side."));
}

async fn refusals_and_answers_of_every_transport_have_a_request_id(app: App) {
    let url = format!("{}/graphql", app.url);
    let query = |text: &str| app.request(None, text, json!({}));
    let typed = |media_type: &str, text: String| {
        app.http.post(&url).header(header::CONTENT_TYPE, media_type).body(text)
    };
    let body = |text| typed("application/json", text);
    let upgrade = |protocol: &str| {
        let upgrade = app.get("/graphql").header(header::CONNECTION, "upgrade");
        let upgrade = upgrade.header(header::UPGRADE, "websocket");
        let upgrade = upgrade.header(header::SEC_WEBSOCKET_VERSION, "13");
        let upgrade = upgrade.header(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==");
        upgrade.header(header::SEC_WEBSOCKET_PROTOCOL, protocol)
    };
    let refresh = "mutation { refresh { accessToken } }";
    let stream = |text| query(text).header(header::ACCEPT, "text/event-stream");
    let mut open = Vec::new();
    let mut ids = std::collections::HashSet::new();
    for (request, status) in [
        (query("{ __typename }"), 200),
        (query("{ nothing }"), 400),
        (query("{"), 400),
        (query(refresh), 200),
        (query(refresh), 200),
        (query("{ __typename }").header(header::ACCEPT, "image/png"), 406),
        (typed("text/plain", "{}".to_owned()), 415),
        (body("{}".to_owned()).header(header::CONTENT_ENCODING, "gzip"), 415),
        (body("[]".to_owned()), 400),
        (body("{".to_owned()), 400),
        (body("x".repeat(70_000)), 413),
        (app.get("/graphql").query(&[("query", refresh)]), 405),
        (app.http.delete(&url), 405),
        (stream("{ nothing }"), 400),
        (upgrade("unknown"), 400),
        (upgrade("graphql-transport-ws").header(header::ORIGIN, "https://evil.example"), 403),
        (upgrade("graphql-transport-ws"), 101),
        (stream("subscription { remainingTickets { version } }"), 200),
        (stream("subscription { remainingTickets { version } }"), 429),
        (upgrade("graphql-transport-ws"), 429),
    ] {
        let request = match request.try_clone().unwrap().build().unwrap().headers() {
            headers if headers.contains_key(header::ACCEPT) => request,
            _ => request.header(header::ACCEPT, "application/graphql-response+json"),
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{answer:?}");
        let id = answer.headers().get("x-request-id").cloned();
        assert!(ids.insert(id.unwrap_or_else(|| panic!("{answer:?}"))), "{answer:?}");
        open.push(answer);
    }
}

async fn bookings_requests_and_subscriptions_are_counted(app: App) {
    let (ann, bob) = (app.user().await, app.user().await);
    let event = app.event("Concert", 1).await;
    let booked = app.book(&ann, &event, 1).await;
    app.book(&bob, &event, 1).await;
    let booking = booked["booking"]["id"].as_str().unwrap();
    app.change(&ann, booking, 2).await;
    app.change(&ann, booking, 1).await;
    app.cancel(&ann, booking).await;
    app.change(&ann, booking, 1).await;
    app.error(None, "{ nothingLikeThis }", json!({})).await;
    app.error(None, "{ me", json!({})).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    socket.next_result().await;
    assert_eq!(socket.run("{ me { name } }", json!({})).await["data"]["me"], json!(null));
    // A kind of jobs is counted from its first attempt on.
    jobs::send_a_letter(&app).await;
    let text = app.metrics().await;
    for line in [
        "rowlock_bookings_total{outcome=\"booked\"} 1",
        "rowlock_bookings_total{outcome=\"sold_out\"} 2",
        "rowlock_bookings_total{outcome=\"changed\"} 1",
        "rowlock_bookings_total{outcome=\"already_cancelled\"} 1",
        "rowlock_bookings_total{outcome=\"cancelled\"} 1",
        "rowlock_requests_total{operation=\"bookEvent\",outcome=\"ok\"} 2",
        "rowlock_requests_total{operation=\"invalid\",outcome=\"BAD_USER_INPUT\"} 2",
        "rowlock_request_seconds_count{operation=\"cancelBooking\"} 1",
        // These two ran on the socket.
        "rowlock_requests_total{operation=\"me\",outcome=\"ok\"} 1",
        "rowlock_requests_total{operation=\"remainingTickets\",outcome=\"ok\"} 1",
        "rowlock_jobs_total{kind=\"letter\",outcome=\"done\"} 1",
        "rowlock_jobs_dead 0",
        "rowlock_live_watches 1",
        "rowlock_live_watched_events 1",
        "rowlock_sockets 1",
        "rowlock_database_up 1",
        "rowlock_standby_up 0",
        "rowlock_passwords_waiting 0",
        "rowlock_background_task_restarts_total{task=\"live-feed\"} 0",
        "rowlock_background_task_restarts_total{task=\"live-reread\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
    // Alerts and dashboards use only metrics that exist.
    for file in
        [include_str!("../../../deploy/alerts.yml"), include_str!("../../../deploy/grafana.json")]
    {
        for name in file.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let family = ["_bucket", "_count", "_sum", "_total"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            if name.starts_with("rowlock_") {
                assert!(text.contains(&format!("# HELP {family} ")), "{name}");
            }
        }
    }
}
