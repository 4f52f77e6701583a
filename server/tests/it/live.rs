//! The subscription `remainingTickets` over both WebSocket subprotocols.

use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

use crate::{
    app::{App, BOOK, CANCEL, code_and_fields, error_code},
    demo::UNKNOWN_ID,
    on_both_engines,
    socket::{LEGACY_PROTOCOL, MODERN_PROTOCOL, Socket},
};

const WATCH_WITH_EVENTS: &str = "subscription($ids: [ID!]) { remainingTickets(eventIds: $ids) {
    eventId remainingTickets totalTickets version event { id title } } }";

on_both_engines! {
    the_current_count_comes_first_and_then_every_change_on_both_subprotocols
    what_a_count_holds_is_answered_like_what_must_be_read
    one_subscription_watches_several_events
    the_first_counts_come_in_the_order_of_the_ids
    a_subscription_without_ids_watches_all_events
    a_refused_booking_publishes_no_count
    every_subscriber_on_every_socket_gets_the_last_count
    published_counts_are_committed
    a_slow_subscriber_delays_nobody_and_gets_the_last_count
    several_operations_run_on_one_socket
    a_socket_with_a_token_books_and_cancels
    a_socket_with_an_invalid_token_is_closed_with_the_protocols_code
    a_socket_cannot_book_once_its_token_has_expired
    watching_one_event_sends_nothing_to_subscribers_of_all_events
    subscriptions_per_socket_are_limited
    invalid_and_unknown_event_ids_are_refused
    pages_of_other_origins_cannot_open_a_socket
}

fn event_and_remaining(message: &Value) -> (&str, i64) {
    let update = &message["data"]["remainingTickets"];
    let event = update["eventId"].as_str().unwrap_or_else(|| panic!("no count: {message}"));
    (event, update["remainingTickets"].as_i64().unwrap())
}

async fn the_current_count_comes_first_and_then_every_change_on_both_subprotocols(app: App) {
    for protocol in [MODERN_PROTOCOL, LEGACY_PROTOCOL] {
        let event = app.event("Concert", 5).await;
        let user = app.user().await;
        let mut socket = Socket::open(&app.url, protocol, json!({})).await;
        let id = socket.start(WATCH_WITH_EVENTS, json!({ "ids": [event] })).await;
        let first = socket.next_result().await;
        assert_eq!(
            first["data"]["remainingTickets"],
            json!({ "eventId": event, "remainingTickets": 5, "totalTickets": 5, "version": 0,
                "event": { "id": event, "title": "Concert" } })
        );
        let booked = app.book(&user, &event, 2).await;
        let second = socket.next_result().await;
        assert_eq!(event_and_remaining(&second), (&*event, 3));
        assert_eq!(second["data"]["remainingTickets"]["version"], 1);
        app.cancel(&user, booked["booking"]["id"].as_str().unwrap()).await;
        let third = socket.next_result().await;
        assert_eq!(event_and_remaining(&third), (&*event, 5));
        assert_eq!(third["data"]["remainingTickets"]["version"], 2);

        // A stopped subscription sends nothing: the next message belongs to the next subscription.
        socket.stop(id).await;
        app.book(&user, &event, 1).await;
        socket.start(WATCH_WITH_EVENTS, json!({ "ids": [event] })).await;
        assert_eq!(event_and_remaining(&socket.next_result().await), (&*event, 4));
    }
}

/// What selects no event takes another way through the server.
async fn what_a_count_holds_is_answered_like_what_must_be_read(app: App) {
    let event = app.event("Concert", 20).await;
    let selections = [
        "eventId remainingTickets totalTickets version",
        "version totalTickets remainingTickets eventId",
        "__typename left: remainingTickets version again: version version",
        "...F ... on TicketUpdate { version } ... @include(if: $yes) { eventId }",
        "...F @skip(if: $yes) id: eventId @include(if: $yes) version @skip(if: $yes)",
        "version @skip(if: $yes)",
    ];
    let mut both = [
        Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await,
        Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await,
    ];
    for selection in selections {
        let fragment = "fragment F on TicketUpdate { total: totalTickets ...G }
            fragment G on TicketUpdate { version }";
        let fragment = if selection.contains("...F") { fragment } else { "" };
        let conditions = if selection.contains("$yes") { ", $yes: Boolean!" } else { "" };
        let variables = json!({ "ids": [event], "yes": true });
        let mut ids = Vec::new();
        for (socket, more) in both.iter_mut().zip(["", "event { id }"]) {
            let query = format!(
                "subscription($ids: [ID!]{conditions}) {{
                    counts: remainingTickets(eventIds: $ids) {{ {selection} {more} }} }} {fragment}"
            );
            ids.push(socket.start(&query, variables.clone()).await);
        }
        let read = format!(r#""event":{{"id":"{event}"}}"#);
        for booked in [false, true] {
            if booked {
                let booked = app.book(&app.user().await, &event, 1).await;
                assert_eq!(booked["__typename"], "BookEventSuccess");
            }
            let [plain, with_event] = &mut both;
            let expected = with_event.text_of_next_result().await;
            let expected = expected.replace(&format!(",{read}"), "").replace(&read, "");
            assert_eq!(plain.text_of_next_result().await, expected, "{selection}");
        }
        for (socket, id) in both.iter_mut().zip(ids) {
            socket.stop(id).await;
        }
    }
}

async fn a_slow_subscriber_delays_nobody_and_gets_the_last_count(app: App) {
    const BOOKINGS: u32 = 200;
    let event = app.event("Concert", BOOKINGS as i32 + 1).await;
    let ids = json!({ "ids": [event] });
    // All of these results together do not fit into the buffers of the connection.
    let mut slow = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    let aliases: String = (0..50).map(|number| format!("name{number}: eventId ")).collect();
    let long_subscription = WATCH_WITH_EVENTS.replace("version", &format!("version {aliases}"));
    for _ in 0..100 {
        slow.start(&long_subscription, ids.clone()).await;
    }
    let mut fast = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    fast.start(WATCH_WITH_EVENTS, ids).await;
    for user in app.users(BOOKINGS).await {
        assert_eq!(app.book(&user, &event, 1).await["__typename"], "BookEventSuccess");
    }
    while event_and_remaining(&fast.next_result().await).1 != 1 {}
    let mut at_last_count = 0;
    while at_last_count < 100 {
        at_last_count += usize::from(event_and_remaining(&slow.next_result().await).1 == 1);
    }
}

async fn one_subscription_watches_several_events(app: App) {
    let (one, two, other) =
        (app.event("One", 1).await, app.event("Two", 2).await, app.event("Other", 3).await);
    let user = app.user().await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    // An event that is named twice is reported once.
    socket.start(WATCH_WITH_EVENTS, json!({ "ids": [one, two, one] })).await;
    assert_eq!(event_and_remaining(&socket.next_result().await), (&*one, 1));
    assert_eq!(event_and_remaining(&socket.next_result().await), (&*two, 2));
    app.book(&user, &other, 1).await;
    app.book(&user, &two, 1).await;
    assert_eq!(event_and_remaining(&socket.next_result().await), (&*two, 1));
    app.book(&user, &one, 1).await;
    assert_eq!(event_and_remaining(&socket.next_result().await), (&*one, 0));
}

async fn the_first_counts_come_in_the_order_of_the_ids(app: App) {
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(app.event(&format!("Event {number}"), 5).await);
    }
    ids.reverse();
    ids.swap(2, 5);
    for protocol in [MODERN_PROTOCOL, LEGACY_PROTOCOL] {
        let mut socket = Socket::open(&app.url, protocol, json!({})).await;
        socket.start(WATCH_WITH_EVENTS, json!({ "ids": ids })).await;
        for id in &ids {
            assert_eq!(event_and_remaining(&socket.next_result().await), (&**id, 5));
        }
    }
}

async fn a_subscription_without_ids_watches_all_events(app: App) {
    let (one, two) = (app.event("One", 5).await, app.event("Two", 5).await);
    let users = app.users(2).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_WITH_EVENTS, json!({})).await;
    // This subscription has no first result, but the answer to a query on the same socket comes
    // only after the subscription has begun.
    assert_eq!(socket.run("{ __typename }", json!({})).await["data"]["__typename"], "Query");
    app.book(&users[0], &one, 1).await;
    assert_eq!(event_and_remaining(&socket.next_result().await), (&*one, 4));
    app.book(&users[0], &two, 2).await;
    assert_eq!(event_and_remaining(&socket.next_result().await), (&*two, 3));
    app.book(&users[1], &one, 1).await;
    assert_eq!(event_and_remaining(&socket.next_result().await), (&*one, 3));
}

async fn a_refused_booking_publishes_no_count(app: App) {
    let (sold_out, event) = (app.event("Sold out", 1).await, app.event("Concert", 5).await);
    let users = app.users(2).await;
    app.book(&users[0], &sold_out, 1).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_WITH_EVENTS, json!({ "ids": [sold_out] })).await;
    assert_eq!(event_and_remaining(&socket.next_result().await), (&*sold_out, 0));
    app.book(&users[1], &sold_out, 1).await;
    app.book(&users[0], &sold_out, 1).await;
    socket.start(WATCH_WITH_EVENTS, json!({ "ids": [event] })).await;
    assert_eq!(
        event_and_remaining(&socket.next_result().await),
        (&*event, 5),
        "the refusals published nothing"
    );
}

async fn every_subscriber_on_every_socket_gets_the_last_count(app: App) {
    let event = app.event("Concert", 20).await;
    let mut sockets = Vec::new();
    for n in 0..10 {
        let protocol = if n % 2 == 0 { MODERN_PROTOCOL } else { LEGACY_PROTOCOL };
        let mut socket = Socket::open(&app.url, protocol, json!({})).await;
        socket.start(WATCH_WITH_EVENTS, json!({ "ids": [event] })).await;
        assert_eq!(event_and_remaining(&socket.next_result().await).1, 20);
        sockets.push(socket);
    }
    let users = app.users(20).await;
    futures_util::future::join_all(users.iter().map(|user| app.book(user, &event, 1))).await;
    for socket in &mut sockets {
        let mut last_version = 0;
        loop {
            let message = socket.next_result().await;
            let version = message["data"]["remainingTickets"]["version"].as_i64().unwrap();
            assert!(version > last_version, "versions only grow");
            last_version = version;
            if event_and_remaining(&message).1 == 0 {
                break;
            }
        }
        assert!(last_version <= 20, "each transaction adds one version");
    }
}

async fn published_counts_are_committed(app: App) {
    let event = app.event("Concert", 30).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_WITH_EVENTS, json!({ "ids": [event] })).await;
    socket.next_result().await;
    for user in app.users(10).await {
        let ((), (published, stored)) = futures_util::join!(
            async {
                app.book(&user, &event, 1).await;
            },
            async {
                let published = event_and_remaining(&socket.next_result().await).1;
                (published, app.remaining_tickets(&event).await)
            }
        );
        assert_eq!(published, stored, "a query after the update sees the published count");
    }
}

async fn several_operations_run_on_one_socket(app: App) {
    let (one, two) = (app.event("One", 1).await, app.event("Two", 2).await);
    for protocol in [MODERN_PROTOCOL, LEGACY_PROTOCOL] {
        let mut socket = Socket::open(&app.url, protocol, json!({})).await;
        socket.start(WATCH_WITH_EVENTS, json!({ "ids": [one] })).await;
        assert_eq!(event_and_remaining(&socket.next_result().await), (&*one, 1));
        socket.start(WATCH_WITH_EVENTS, json!({ "ids": [two] })).await;
        assert_eq!(event_and_remaining(&socket.next_result().await), (&*two, 2));
        let answer = socket.run("{ events(first: 1) { nodes { title } } }", json!({})).await;
        assert!(answer["data"]["events"]["nodes"][0]["title"].is_string());
    }
}

async fn a_socket_with_a_token_books_and_cancels(app: App) {
    let event = app.event("Concert", 9).await;
    for (protocol, name) in [(MODERN_PROTOCOL, "Authorization"), (LEGACY_PROTOCOL, "authorization")]
    {
        let user = app.user().await;
        let payload = json!({ name: format!("Bearer {user}") });
        let mut socket = Socket::open(&app.url, protocol, payload).await;
        let booked = socket.run(BOOK, json!({ "input": { "eventId": event } })).await;
        let booking = &booked["data"]["bookEvent"]["booking"]["id"];
        assert!(booking.is_string(), "{booked}");
        socket.run(CANCEL, json!({ "input": { "bookingId": booking } })).await;
    }
    for payload in [json!({}), json!([1])] {
        let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, payload).await;
        let refused = socket.run(BOOK, json!({ "input": { "eventId": event } })).await;
        assert_eq!(error_code(&refused["errors"][0]), "UNAUTHENTICATED");
    }
    assert_eq!(app.remaining_tickets(&event).await, 9);
}

async fn a_socket_with_an_invalid_token_is_closed_with_the_protocols_code(app: App) {
    app.clock.advance(-chrono::Duration::minutes(16));
    let expired = format!("Bearer {}", app.user().await);
    app.clock.advance(chrono::Duration::minutes(16));
    for token in [json!("Bearer x"), json!(expired), json!(7)] {
        let init = json!({ "type": "connection_init", "payload": { "Authorization": token } });
        let mut modern = Socket::connect_without_init(&app.url, MODERN_PROTOCOL).await.unwrap();
        modern.send(init.clone()).await;
        assert_eq!(modern.close_code().await, Some(4403), "{token}");
        let mut legacy = Socket::connect_without_init(&app.url, LEGACY_PROTOCOL).await.unwrap();
        legacy.send(init).await;
        let message = legacy.next_message().await;
        assert_eq!(message["type"], "connection_error", "{token}");
        assert!(message["payload"]["message"].as_str().unwrap().contains("token"), "{message}");
        assert_eq!(legacy.close_code().await, Some(4403), "{token}");
    }
}

async fn a_socket_cannot_book_once_its_token_has_expired(app: App) {
    let event = app.event("Concert", 5).await;
    let payload = json!({ "Authorization": format!("Bearer {}", app.user().await) });
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, payload).await;
    assert!(socket.run("{ me { name } }", json!({})).await["data"]["me"]["name"].is_string());
    app.clock.advance(chrono::Duration::minutes(16));
    let refused = socket.run(BOOK, json!({ "input": { "eventId": event } })).await;
    assert_eq!(error_code(&refused["errors"][0]), "UNAUTHENTICATED");
    assert_eq!(app.remaining_tickets(&event).await, 5);
}

async fn watching_one_event_sends_nothing_to_subscribers_of_all_events(app: App) {
    let (one, two) = (app.event("One", 5).await, app.event("Two", 5).await);
    let mut all_events = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    all_events.start(WATCH_WITH_EVENTS, json!({})).await;
    assert_eq!(all_events.run("{ __typename }", json!({})).await["data"]["__typename"], "Query");
    let mut one_event = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    one_event.start(WATCH_WITH_EVENTS, json!({ "ids": [one] })).await;
    assert_eq!(event_and_remaining(&one_event.next_result().await), (&*one, 5));
    app.book(&app.user().await, &two, 1).await;
    assert_eq!(
        event_and_remaining(&all_events.next_result().await),
        (&*two, 4),
        "this is the first count that it gets"
    );
}

async fn subscriptions_per_socket_are_limited(app: App) {
    let event = app.event("Concert", 5).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    let mut last = 0;
    for _ in 0..100 {
        last = socket.start(WATCH_WITH_EVENTS, json!({ "ids": [event] })).await;
        assert_eq!(event_and_remaining(&socket.next_result().await), (&*event, 5));
    }
    let refused = socket.run(WATCH_WITH_EVENTS, json!({ "ids": [event] })).await;
    assert_eq!(error_code(&refused["errors"][0]), "QUERY_TOO_COMPLEX");
    socket.stop(last).await;
    socket.start(WATCH_WITH_EVENTS, json!({ "ids": [event] })).await;
    assert_eq!(
        event_and_remaining(&socket.next_result().await),
        (&*event, 5),
        "a stopped subscription frees its place"
    );
}

async fn invalid_and_unknown_event_ids_are_refused(app: App) {
    let event = app.event("Concert", 5).await;
    let many = vec![event.as_str(); 201];
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    for (ids, code) in [
        (json!([]), "BAD_USER_INPUT"),
        (json!(["x"]), "BAD_USER_INPUT"),
        (json!([event, "x"]), "BAD_USER_INPUT"),
        (json!(many), "BAD_USER_INPUT"),
        (json!([event, UNKNOWN_ID]), "NOT_FOUND"),
    ] {
        let answer = socket.run(WATCH_WITH_EVENTS, json!({ "ids": ids })).await;
        let (actual, fields) = code_and_fields(&answer["errors"][0]);
        assert_eq!(actual, code, "{answer}");
        assert!(code == "NOT_FOUND" || fields == ["eventIds"]);
    }
}

async fn pages_of_other_origins_cannot_open_a_socket(app: App) {
    let open = async |origin: &str| {
        let url = format!("{}/graphql", app.url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", MODERN_PROTOCOL.parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        connect_async(request).await.is_ok()
    };
    assert!(open(&app.url).await);
    assert!(!open("https://evil.example").await);
}
