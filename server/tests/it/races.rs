//! Real races on real databases. The results must not depend on who comes first.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    app::{App, BOOK},
    database::Engine,
    demo::LIMITED_CONCERT,
    on_both_engines,
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
};

on_both_engines! {
    the_last_ticket_goes_to_exactly_one_buyer
    the_last_two_tickets_go_to_exactly_two_of_ten
    racing_for_different_quantities_never_oversells
    one_user_who_books_many_times_at_once_books_once
    one_idempotency_key_sent_many_times_at_once_books_once
    one_idempotency_key_sent_for_two_events_at_once_books_one_of_them
    cancelling_many_times_at_once_returns_the_tickets_once
    booking_and_cancelling_at_once_leaves_the_count_correct
    counts_add_up_when_many_users_book_many_events_at_once
    a_client_that_disconnects_keeps_its_booking_and_subscribers_see_it ["--booking-delay-ms", "500"]
}

fn count_outcomes(answers: &[Value], outcome: &str) -> usize {
    answers.iter().filter(|answer| answer["__typename"] == outcome).count()
}

async fn race(app: &App, users: &[String], event: &str) -> Vec<Value> {
    join_all(users.iter().map(|user| app.book(user, event, 1))).await
}

async fn the_last_ticket_goes_to_exactly_one_buyer(app: App) {
    let users = app.users(25).await;
    for _ in 0..4 {
        let event = app.event("Concert", 1).await;
        let answers = race(&app, &users, &event).await;
        assert_eq!(count_outcomes(&answers, "BookEventSuccess"), 1);
        assert_eq!(count_outcomes(&answers, "SoldOut"), 24);
        assert_eq!(app.remaining_tickets(&event).await, 0);
    }
    app.assert_nothing_oversold().await;
}

async fn the_last_two_tickets_go_to_exactly_two_of_ten(app: App) {
    let users = app.users(10).await;
    let answers = race(&app, &users, LIMITED_CONCERT).await;
    assert_eq!(count_outcomes(&answers, "BookEventSuccess"), 2);
    assert_eq!(count_outcomes(&answers, "SoldOut"), 8);
    assert_eq!(app.remaining_tickets(LIMITED_CONCERT).await, 0);
    app.assert_nothing_oversold().await;
}

async fn racing_for_different_quantities_never_oversells(app: App) {
    let users = app.users(30).await;
    let event = app.event("Concert", 40).await;
    let requests = users.iter().zip((1..=10).cycle());
    let answers = join_all(requests.map(|(user, quantity)| app.book(user, &event, quantity))).await;
    let booked: i64 =
        answers.iter().filter_map(|answer| answer["booking"]["quantity"].as_i64()).sum();
    assert_eq!(app.remaining_tickets(&event).await, 40 - booked);
    // With fewer booked, the largest request would still have fit.
    assert!((31..=40).contains(&booked), "{booked} tickets are booked");
    app.assert_nothing_oversold().await;
}

async fn one_user_who_books_many_times_at_once_books_once(app: App) {
    let event = app.event("Concert", 10).await;
    let user = app.user().await;
    let answers = race(&app, &vec![user; 12], &event).await;
    assert_eq!(count_outcomes(&answers, "BookEventSuccess"), 1);
    assert_eq!(count_outcomes(&answers, "AlreadyBooked"), 11);
    assert_eq!(app.remaining_tickets(&event).await, 9);
}

async fn one_idempotency_key_sent_many_times_at_once_books_once(app: App) {
    let event = app.event("Concert", 10).await;
    let user = app.user().await;
    let input = json!({ "input": { "eventId": event, "quantity": 2, "idempotencyKey": "k" } });
    let answers = join_all((0..12).map(|_| app.data(Some(&user), BOOK, input.clone()))).await;
    let ids: HashSet<&str> = answers
        .iter()
        .map(|answer| answer["bookEvent"]["booking"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 1);
    assert!(answers.iter().all(|answer| answer["bookEvent"]["__typename"] == "BookEventSuccess"));
    assert_eq!(app.remaining_tickets(&event).await, 8);
}

async fn one_idempotency_key_sent_for_two_events_at_once_books_one_of_them(app: App) {
    let user = app.user().await;
    for _ in 0..5 {
        let events = [app.event("One", 5).await, app.event("Two", 5).await];
        let key = events[0].clone();
        let answers = join_all(events.iter().map(|event| {
            let input = json!({ "input": { "eventId": event, "idempotencyKey": key } });
            app.send(Some(&user), BOOK, input)
        }))
        .await;
        let booked =
            answers.iter().filter(|answer| answer["data"]["bookEvent"].is_object()).count();
        let refused = answers
            .iter()
            .filter(|answer| answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT")
            .count();
        assert_eq!((booked, refused), (1, 1), "{answers:?}");
        let remaining =
            app.remaining_tickets(&events[0]).await + app.remaining_tickets(&events[1]).await;
        assert_eq!(remaining, 9);
    }
}

async fn cancelling_many_times_at_once_returns_the_tickets_once(app: App) {
    let event = app.event("Concert", 10).await;
    let user = app.user().await;
    let booked = app.book(&user, &event, 4).await;
    let id = booked["booking"]["id"].as_str().unwrap();
    let answers = join_all((0..12).map(|_| app.cancel(&user, id))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(app.remaining_tickets(&event).await, 10);
    app.assert_nothing_oversold().await;
}

async fn booking_and_cancelling_at_once_leaves_the_count_correct(app: App) {
    let users = app.users(16).await;
    let event = app.event("Concert", 5).await;
    join_all(users.iter().map(|user| async {
        for _ in 0..6 {
            let booked = app.book(user, &event, 1).await;
            if let Some(id) = booked["booking"]["id"].as_str() {
                app.cancel(user, id).await;
            }
        }
    }))
    .await;
    assert_eq!(app.remaining_tickets(&event).await, 5);
    app.assert_nothing_oversold().await;
}

async fn counts_add_up_when_many_users_book_many_events_at_once(app: App) {
    let users = app.users(12).await;
    let mut events = Vec::new();
    for number in 0..6 {
        events.push(app.event(&format!("Event {number}"), 12).await);
    }
    let pairs = users.iter().enumerate().flat_map(|(offset, user)| {
        // Each user begins with a different event.
        let events = &events;
        (0..6).map(move |number| (user, &events[(offset + number) % 6]))
    });
    let answers = join_all(pairs.map(|(user, event)| app.book(user, event, 1))).await;
    assert_eq!(count_outcomes(&answers, "BookEventSuccess"), 72);
    for event in &events {
        assert_eq!(app.remaining_tickets(event).await, 0);
    }
    app.assert_nothing_oversold().await;
}

async fn a_client_that_disconnects_keeps_its_booking_and_subscribers_see_it(app: App) {
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    assert_eq!(socket.next_remaining_tickets().await, 5);

    let address = app.address();
    let body = json!({ "query": BOOK, "variables": { "input": { "eventId": event } } }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {user}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    // After three answers to other requests, the booking is in its delay. Then the client leaves.
    for _ in 0..3 {
        assert_eq!(app.remaining_tickets(&event).await, 5);
    }
    drop(client);
    assert_eq!(socket.next_remaining_tickets().await, 4);
    app.assert_nothing_oversold().await;
}

/// Here, the server holds locks long enough for the others to have to wait.
mod with_a_delay {
    use super::the_last_two_tickets_go_to_exactly_two_of_ten;
    use crate::on_both_engines;

    on_both_engines! {
        the_last_two_tickets_go_to_exactly_two_of_ten ["--booking-delay-ms", "100"]
    }
}

/// Two servers on one PostgreSQL share only its locks.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_database_never_oversell() {
    let first_server = App::start(Engine::Postgres).await;
    let second_server = first_server.start_second_server().await;
    let users = first_server.users(20).await;
    let event = first_server.event("Concert", 7).await;
    let (first_half, second_half) = users.split_at(10);
    let (first, second) = futures_util::join!(
        race(&first_server, first_half, &event),
        race(&second_server, second_half, &event)
    );
    let answers = [first, second].concat();
    assert_eq!(count_outcomes(&answers, "BookEventSuccess"), 7);
    assert_eq!(count_outcomes(&answers, "SoldOut"), 13);
    first_server.assert_nothing_oversold().await;
}
