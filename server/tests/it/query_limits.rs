//! Operations that are too large are refused.

use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::{
    app::{App, aliased, error_code},
    database::Engine,
    on_both_engines,
    socket::{MODERN_PROTOCOL, Socket},
};

on_both_engines! {
    a_query_that_is_too_deep_or_too_complex_is_refused
    fragments_that_grow_exponentially_are_refused_at_once
}

async fn a_query_that_is_too_deep_or_too_complex_is_refused(app: App) {
    let user = app.user().await;
    let deep =
        (0..8).fold("title".to_owned(), |inner, _| format!("myBooking {{ event {{ {inner} }} }}"));
    let deep = format!("{{ events {{ nodes {{ {deep} }} }} }}");
    let wide = "{ \
        me { bookings(first: 50) { \
        nodes { id event { id myBooking { id event { id title venue } } } } \
        edges { cursor node { event { description } } } } } \
        a: events(first: 50) { nodes { id title venue description startsAt \
        price { amount currency } myBooking { id } } } \
        b: events(last: 50) { nodes { id title venue description startsAt \
        price { amount currency } myBooking { id event \
        { id title venue description startsAt } } } } \
        c: events(first: 50) { nodes { id title venue description startsAt \
        price { amount currency } myBooking { id event { id title } } } } }";
    for query in [&*deep, wide] {
        let error = app.error(Some(&user), query, json!({})).await;
        assert_eq!(error_code(&error), "QUERY_TOO_COMPLEX", "{error}");
    }
    let cycle = "{ ...F } fragment F on Query { ...F }";
    let error = app.error(Some(&user), cycle, json!({})).await;
    assert_eq!(error["message"], "The fragment \"F\" contains itself.");
    // A page size far out of range causes no panic.
    for first in [i32::MIN, -1, i32::MAX] {
        let query = "query($first: Int) { events(first: $first) { nodes { id } } }";
        let error = app.error(None, query, json!({ "first": first })).await;
        assert_eq!(error_code(&error), "BAD_USER_INPUT");
    }
}

async fn fragments_that_grow_exponentially_are_refused_at_once(app: App) {
    let fragments: String = (0..30)
        .map(|n| format!("fragment F{n} on Query {{ ...F{m} ...F{m} }} ", m = n + 1))
        .collect();
    let bomb = format!("{{ ...F0 }} {fragments} fragment F30 on Query {{ __typename }}");
    let limit = std::time::Duration::from_secs(10);
    let error = tokio::time::timeout(limit, app.error(None, &bomb, json!({}))).await;
    assert_eq!(error_code(&error.expect("the query is refused in time")), "QUERY_TOO_COMPLEX");

    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    let answer = socket.run(&bomb, json!({})).await;
    assert_eq!(error_code(&answer["errors"][0]), "QUERY_TOO_COMPLEX");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_large_in_any_way_is_refused_before_execution() {
    let app = App::start_with(Engine::Sqlite, &["--max-body-bytes", "300000"]).await;
    let chain: String =
        (0..2_500).map(|n| format!("fragment F{n} on Query{{...F{}}}", n + 1)).collect();
    for query in [
        aliased(5_001, "__typename"),
        aliased(120, "events(first: 1) { __typename }"),
        aliased(25, "events(first: 1, search: \"x\") { __typename }"),
        aliased(2, "events(first: 1, offset: 900000) { __typename }"),
        format!("{{ __typename {} }}", "@skip(if: false)".repeat(6_000)),
        format!("{{ ...F0 }} {chain}"),
    ] {
        let sent_at = Instant::now();
        let answer = app.send(None, &query, json!({})).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!(code, "QUERY_TOO_COMPLEX", "{query:.60}");
        assert!(sent_at.elapsed() < Duration::from_secs(3), "{query:.60}");
    }
    app.data(None, "{ events(first: 1, offset: 2000000000) { __typename } }", json!({})).await;
}
