//! The `remainingTickets` subscription, over both subprotocols.

use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

use crate::{
    app::{App, BOOK, CANCEL, code_and_fields},
    demo::UNKNOWN_ID,
    on_both_engines,
    socket::{LEGACY, MODERN, Socket},
};

const WATCH: &str = "subscription($ids: [ID!]) { remainingTickets(eventIds: $ids) {
    eventId remainingTickets totalTickets version event { id title } } }";

on_both_engines! {
    the_current_count_comes_first_and_then_every_change_on_either_subprotocol
    several_events_are_watched_by_one_subscription
    all_events_are_watched_without_ids
    a_refusal_changes_no_count
    every_subscriber_of_every_socket_is_told
    what_is_told_is_committed
    who_does_not_read_holds_nobody_up_and_finds_the_last_count
    several_operations_share_a_socket
    a_socket_with_a_token_books
    a_socket_with_a_bad_token_is_closed_with_the_protocols_code
    a_socket_does_not_outlive_its_token
    watching_an_event_by_name_is_no_change_for_others
    a_socket_has_so_many_subscriptions_and_no_more
    bad_ids_are_named
    pages_of_other_origins_get_no_socket
}

fn count(message: &Value) -> (&str, i64) {
    let update = &message["data"]["remainingTickets"];
    let event = update["eventId"].as_str().unwrap_or_else(|| panic!("no update: {message}"));
    (event, update["remainingTickets"].as_i64().unwrap())
}

async fn the_current_count_comes_first_and_then_every_change_on_either_subprotocol(app: App) {
    for protocol in [MODERN, LEGACY] {
        let event = app.event("Concert", 5).await;
        let user = app.user().await;
        let mut socket = Socket::open(&app.url, protocol, json!({})).await;
        let id = socket.start(WATCH, json!({ "ids": [event] })).await;
        let first = socket.next().await;
        assert_eq!(
            first["data"]["remainingTickets"],
            json!({ "eventId": event, "remainingTickets": 5, "totalTickets": 5, "version": 0,
                "event": { "id": event, "title": "Concert" } })
        );
        let booked = app.book(&user, &event, 2).await;
        let second = socket.next().await;
        assert_eq!(count(&second), (&*event, 3));
        assert_eq!(second["data"]["remainingTickets"]["version"], 1);
        app.cancel(&user, booked["booking"]["id"].as_str().unwrap()).await;
        let third = socket.next().await;
        assert_eq!(count(&third), (&*event, 5));
        assert_eq!(third["data"]["remainingTickets"]["version"], 2);

        // Ended, it tells no more: the next message is of the next subscription.
        socket.stop(id).await;
        app.book(&user, &event, 1).await;
        socket.start(WATCH, json!({ "ids": [event] })).await;
        assert_eq!(count(&socket.next().await), (&*event, 4));
    }
}

async fn who_does_not_read_holds_nobody_up_and_finds_the_last_count(app: App) {
    const BOOKINGS: u32 = 200;
    let event = app.event("Concert", BOOKINGS as i32 + 1).await;
    let ids = json!({ "ids": [event] });
    // Together more than the buffers on the way take.
    let mut slow = Socket::open(&app.url, MODERN, json!({})).await;
    let names: String = (0..50).map(|number| format!("name{number}: eventId ")).collect();
    let long = WATCH.replace("version", &format!("version {names}"));
    for _ in 0..100 {
        slow.start(&long, ids.clone()).await;
    }
    let mut keen = Socket::open(&app.url, MODERN, json!({})).await;
    keen.start(WATCH, ids).await;
    for user in app.users(BOOKINGS).await {
        assert_eq!(app.book(&user, &event, 1).await["__typename"], "BookEventSuccess");
    }
    while count(&keen.next().await).1 != 1 {}
    let mut at_the_end = 0;
    while at_the_end < 100 {
        at_the_end += usize::from(count(&slow.next().await).1 == 1);
    }
}

async fn several_events_are_watched_by_one_subscription(app: App) {
    let (one, two, other) =
        (app.event("One", 1).await, app.event("Two", 2).await, app.event("Other", 3).await);
    let user = app.user().await;
    let mut socket = Socket::open(&app.url, MODERN, json!({})).await;
    // Named twice, it is told once.
    socket.start(WATCH, json!({ "ids": [one, two, one] })).await;
    let (first, second) = (socket.next().await, socket.next().await);
    let mut current = [count(&first), count(&second)];
    current.sort();
    let mut wanted = [(&*one, 1), (&*two, 2)];
    wanted.sort();
    assert_eq!(current, wanted);
    app.book(&user, &other, 1).await;
    app.book(&user, &two, 1).await;
    assert_eq!(count(&socket.next().await), (&*two, 1));
    app.book(&user, &one, 1).await;
    assert_eq!(count(&socket.next().await), (&*one, 0));
}

async fn all_events_are_watched_without_ids(app: App) {
    let (one, two) = (app.event("One", 5).await, app.event("Two", 5).await);
    let users = app.users(2).await;
    let mut socket = Socket::open(&app.url, MODERN, json!({})).await;
    socket.start(WATCH, json!({})).await;
    // Without a first count there is no sign that it listens, so a query is answered behind it.
    assert_eq!(socket.run("{ __typename }", json!({})).await["data"]["__typename"], "Query");
    app.book(&users[0], &one, 1).await;
    assert_eq!(count(&socket.next().await), (&*one, 4));
    app.book(&users[0], &two, 2).await;
    assert_eq!(count(&socket.next().await), (&*two, 3));
    app.book(&users[1], &one, 1).await;
    assert_eq!(count(&socket.next().await), (&*one, 3));
}

async fn a_refusal_changes_no_count(app: App) {
    let (full, event) = (app.event("Full", 1).await, app.event("Concert", 5).await);
    let users = app.users(2).await;
    app.book(&users[0], &full, 1).await;
    let mut socket = Socket::open(&app.url, MODERN, json!({})).await;
    socket.start(WATCH, json!({ "ids": [full] })).await;
    assert_eq!(count(&socket.next().await), (&*full, 0));
    app.book(&users[1], &full, 1).await;
    app.book(&users[0], &full, 1).await;
    socket.start(WATCH, json!({ "ids": [event] })).await;
    assert_eq!(count(&socket.next().await), (&*event, 5), "nothing of the refusals came before");
}

async fn every_subscriber_of_every_socket_is_told(app: App) {
    let event = app.event("Concert", 20).await;
    let mut sockets = Vec::new();
    for n in 0..10 {
        let protocol = if n % 2 == 0 { MODERN } else { LEGACY };
        let mut socket = Socket::open(&app.url, protocol, json!({})).await;
        socket.start(WATCH, json!({ "ids": [event] })).await;
        assert_eq!(count(&socket.next().await).1, 20);
        sockets.push(socket);
    }
    let users = app.users(20).await;
    futures_util::future::join_all(users.iter().map(|user| app.book(user, &event, 1))).await;
    for socket in &mut sockets {
        let mut last_version = 0;
        loop {
            let message = socket.next().await;
            let version = message["data"]["remainingTickets"]["version"].as_i64().unwrap();
            assert!(version > last_version, "versions only grow");
            last_version = version;
            if count(&message).1 == 0 {
                break;
            }
        }
        assert!(last_version <= 20, "one version for each transaction");
    }
}

async fn what_is_told_is_committed(app: App) {
    let event = app.event("Concert", 30).await;
    let mut socket = Socket::open(&app.url, MODERN, json!({})).await;
    socket.start(WATCH, json!({ "ids": [event] })).await;
    socket.next().await;
    for user in app.users(10).await {
        let ((), told) = futures_util::join!(
            async {
                app.book(&user, &event, 1).await;
            },
            async {
                let told = count(&socket.next().await).1;
                (told, app.remaining(&event).await)
            }
        );
        assert_eq!(told.0, told.1, "a query after the update sees what was told");
    }
}

async fn several_operations_share_a_socket(app: App) {
    let (one, two) = (app.event("One", 1).await, app.event("Two", 2).await);
    for protocol in [MODERN, LEGACY] {
        let mut socket = Socket::open(&app.url, protocol, json!({})).await;
        socket.start(WATCH, json!({ "ids": [one] })).await;
        assert_eq!(count(&socket.next().await), (&*one, 1));
        socket.start(WATCH, json!({ "ids": [two] })).await;
        assert_eq!(count(&socket.next().await), (&*two, 2));
        let answer = socket.run("{ events(first: 1) { nodes { title } } }", json!({})).await;
        assert!(answer["data"]["events"]["nodes"][0]["title"].is_string());
    }
}

async fn a_socket_with_a_token_books(app: App) {
    let event = app.event("Concert", 9).await;
    for (protocol, name) in [(MODERN, "Authorization"), (LEGACY, "authorization")] {
        let user = app.user().await;
        let payload = json!({ name: format!("Bearer {user}") });
        let mut socket = Socket::open(&app.url, protocol, payload).await;
        let booked = socket.run(BOOK, json!({ "input": { "eventId": event } })).await;
        let booking = &booked["data"]["bookEvent"]["booking"]["id"];
        assert!(booking.is_string(), "{booked}");
        socket.run(CANCEL, json!({ "input": { "bookingId": booking } })).await;
    }
    for payload in [json!({}), json!([1])] {
        let mut socket = Socket::open(&app.url, MODERN, payload).await;
        let refused = socket.run(BOOK, json!({ "input": { "eventId": event } })).await;
        assert_eq!(code_and_fields(&refused["errors"][0]).0, "UNAUTHENTICATED");
    }
    assert_eq!(app.remaining(&event).await, 9);
}

async fn a_socket_with_a_bad_token_is_closed_with_the_protocols_code(app: App) {
    app.clock.advance(-chrono::Duration::minutes(16));
    let expired = format!("Bearer {}", app.user().await);
    app.clock.advance(chrono::Duration::minutes(16));
    for token in [json!("Bearer x"), json!(expired), json!(7)] {
        let init = json!({ "type": "connection_init", "payload": { "Authorization": token } });
        let mut modern = Socket::connect(&app.url, MODERN).await.unwrap();
        modern.send(init.clone()).await;
        assert_eq!(modern.closed().await, Some(4403), "{token}");
        let mut legacy = Socket::connect(&app.url, LEGACY).await.unwrap();
        legacy.send(init).await;
        let told = legacy.receive().await;
        assert_eq!(told["type"], "connection_error", "{token}");
        assert!(told["payload"]["message"].as_str().unwrap().contains("token"), "{told}");
        assert_eq!(legacy.closed().await, Some(4403), "{token}");
    }
}

async fn a_socket_does_not_outlive_its_token(app: App) {
    let event = app.event("Concert", 5).await;
    let payload = json!({ "Authorization": format!("Bearer {}", app.user().await) });
    let mut socket = Socket::open(&app.url, MODERN, payload).await;
    assert!(socket.run("{ me { name } }", json!({})).await["data"]["me"]["name"].is_string());
    app.clock.advance(chrono::Duration::minutes(16));
    let refused = socket.run(BOOK, json!({ "input": { "eventId": event } })).await;
    assert_eq!(code_and_fields(&refused["errors"][0]).0, "UNAUTHENTICATED");
    assert_eq!(app.remaining(&event).await, 5);
}

async fn watching_an_event_by_name_is_no_change_for_others(app: App) {
    let (one, two) = (app.event("One", 5).await, app.event("Two", 5).await);
    let mut all = Socket::open(&app.url, MODERN, json!({})).await;
    all.start(WATCH, json!({})).await;
    assert_eq!(all.run("{ __typename }", json!({})).await["data"]["__typename"], "Query");
    let mut some = Socket::open(&app.url, MODERN, json!({})).await;
    some.start(WATCH, json!({ "ids": [one] })).await;
    assert_eq!(count(&some.next().await), (&*one, 5));
    app.book(&app.user().await, &two, 1).await;
    assert_eq!(count(&all.next().await), (&*two, 4), "the first that it is told");
}

async fn a_socket_has_so_many_subscriptions_and_no_more(app: App) {
    let event = app.event("Concert", 5).await;
    let mut socket = Socket::open(&app.url, MODERN, json!({})).await;
    let mut last = 0;
    for _ in 0..100 {
        last = socket.start(WATCH, json!({ "ids": [event] })).await;
        assert_eq!(count(&socket.next().await), (&*event, 5));
    }
    let refused = socket.run(WATCH, json!({ "ids": [event] })).await;
    assert_eq!(code_and_fields(&refused["errors"][0]).0, "QUERY_TOO_COMPLEX");
    socket.stop(last).await;
    assert_eq!(socket.receive().await["type"], "complete");
    socket.start(WATCH, json!({ "ids": [event] })).await;
    assert_eq!(count(&socket.next().await), (&*event, 5), "one that ended makes room");
}

async fn bad_ids_are_named(app: App) {
    let event = app.event("Concert", 5).await;
    let many = vec![event.as_str(); 201];
    let mut socket = Socket::open(&app.url, MODERN, json!({})).await;
    for (ids, code) in [
        (json!([]), "BAD_USER_INPUT"),
        (json!(["x"]), "BAD_USER_INPUT"),
        (json!([event, "x"]), "BAD_USER_INPUT"),
        (json!(many), "BAD_USER_INPUT"),
        (json!([event, UNKNOWN_ID]), "NOT_FOUND"),
    ] {
        let answer = socket.run(WATCH, json!({ "ids": ids })).await;
        let (given, fields) = code_and_fields(&answer["errors"][0]);
        assert_eq!(given, code, "{answer}");
        assert!(code == "NOT_FOUND" || fields == ["eventIds"]);
    }
}

async fn pages_of_other_origins_get_no_socket(app: App) {
    let open = async |origin: &str| {
        let url = format!("{}/graphql", app.url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", MODERN.parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        connect_async(request).await.is_ok()
    };
    assert!(open(&app.url).await);
    assert!(!open("https://evil.example").await);
}
