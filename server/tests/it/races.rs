//! Real races on real databases. The results must not depend on who comes first.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    app::{App, BOOK},
    database::Engine,
    demo::LIMITED_CONCERT,
    managed_events::{Host, cancel_event, publish, update},
    on_both_engines,
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
    waiting::wait_until,
};

on_both_engines! {
    the_last_ticket_goes_to_exactly_one_buyer
    the_last_two_tickets_go_to_exactly_two_of_ten
    racing_for_different_quantities_never_oversells
    one_user_who_books_many_times_at_once_books_once
    one_idempotency_key_sent_many_times_at_once_books_once
    one_idempotency_key_sent_for_two_events_at_once_books_both
    cancelling_many_times_at_once_returns_the_tickets_once
    booking_and_cancelling_at_once_leaves_the_count_correct
    counts_add_up_when_many_users_book_many_events_at_once
    lowering_the_capacity_against_the_last_tickets_sells_none_twice
    bookings_against_a_publication_and_a_cancellation_are_made_or_refused
    of_two_editors_at_the_same_moment_one_is_told
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

async fn one_idempotency_key_sent_for_two_events_at_once_books_both(app: App) {
    let user = app.user().await;
    for _ in 0..5 {
        let events = [app.event("One", 5).await, app.event("Two", 5).await];
        let key = events[0].clone();
        let answers = join_all(events.iter().map(|event| {
            let input = json!({ "input": { "eventId": event, "idempotencyKey": key } });
            app.send(Some(&user), BOOK, input)
        }))
        .await;
        for (event, answer) in events.iter().zip(&answers) {
            assert_eq!(answer["data"]["bookEvent"]["__typename"], "BookEventSuccess", "{answer}");
            assert_eq!(app.remaining_tickets(event).await, 4);
        }
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

/// The total, what is left, and the revision of an event.
async fn state_of(app: &App, host: &Host, event: &str) -> [i64; 3] {
    let query = "query($id: ID!) { event(id: $id) { totalTickets remainingTickets revision } }";
    let data = app.data(Some(&host.owner), query, json!({ "id": event })).await;
    ["totalTickets", "remainingTickets", "revision"]
        .map(|name| data["event"][name].as_i64().unwrap())
}

async fn lowering_the_capacity_against_the_last_tickets_sells_none_twice(app: App) {
    lower_capacities_against_bookings([&app, &app], 1).await;
}

/// Lowers capacities on one server while tickets are booked on another, again and again.
async fn lower_capacities_against_bookings(servers: [&App; 2], rounds: usize) {
    let [organizers, buyers] = servers;
    let host = Host::found(organizers).await;
    let users = organizers.users(12).await;
    for total in [0, 3, 6, 12].repeat(rounds) {
        let event = host.event(organizers, json!({ "totalTickets": 12 })).await;
        let lower = update(organizers, &host.owner, &event, 2, json!({ "totalTickets": total }));
        // Of bookings that come one after another, the edit meets one in the middle.
        let book = async {
            let mut answers = Vec::new();
            for users in users.chunks(2) {
                answers.extend(race(buyers, users, &event).await);
            }
            answers
        };
        let (answers, lowered) = futures_util::join!(book, lower);
        let booked = i64::try_from(count_outcomes(&answers, "BookEventSuccess")).unwrap();
        assert_eq!(booked + i64::try_from(count_outcomes(&answers, "SoldOut")).unwrap(), 12);
        let total = match lowered["__typename"].as_str().unwrap() {
            "UpdateEventSuccess" => total,
            "CapacityTooLow" => {
                let taken = lowered["taken"].as_i64().unwrap();
                assert!((total + 1..=booked).contains(&taken), "{taken} of {booked}");
                12
            }
            other => panic!("{other}"),
        };
        assert_eq!(state_of(buyers, &host, &event).await[..2], [total, total - booked]);
        let is_refused = booked < 12;
        assert!(!is_refused || booked == total, "a ticket was left, and somebody was refused");
    }
    organizers.assert_nothing_oversold().await;
}

async fn bookings_against_a_publication_and_a_cancellation_are_made_or_refused(app: App) {
    let host = Host::found(&app).await;
    let users = app.users(20).await;
    let draft = host.draft(&app, json!({ "totalTickets": 20 })).await;
    let event = draft["id"].as_str().unwrap();
    let attempt = async |user: &String| {
        let input = json!({ "input": { "eventId": event } });
        let answer = app.send(Some(user), BOOK, input).await;
        let code = answer["errors"][0]["extensions"]["code"].as_str().map(str::to_owned);
        code.unwrap_or_else(|| {
            answer["data"]["bookEvent"]["__typename"].as_str().unwrap().to_owned()
        })
    };
    let (early, late) = users.split_at(10);
    let publication = publish(&app, &host.owner, event, 1);
    let (attempts, published) =
        futures_util::join!(join_all(early.iter().map(attempt)), publication);
    assert_eq!(published["__typename"], "UpdateEventSuccess");
    for outcome in &attempts {
        assert!(["NOT_FOUND", "BookEventSuccess"].contains(&outcome.as_str()), "{outcome}");
    }
    let cancellation = cancel_event(&app, &host.owner, event, "Rain.");
    let (attempts, cancelled) =
        futures_util::join!(join_all(late.iter().map(attempt)), cancellation);
    assert_eq!(cancelled["__typename"], "UpdateEventSuccess");
    for outcome in &attempts {
        assert!(["BookingClosed", "BookEventSuccess"].contains(&outcome.as_str()), "{outcome}");
    }
    assert_eq!(attempt(&late[0]).await, "BookingClosed");
    app.assert_nothing_oversold().await;
    wait_until(Duration::from_secs(60), "all bookings are cancelled", async || {
        state_of(&app, &host, event).await[1] == 20
    })
    .await;
    app.assert_nothing_oversold().await;
}

async fn of_two_editors_at_the_same_moment_one_is_told(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    edit_from_two_servers(&[&app, &app], &host, &event).await;
}

/// Two editors edit an event from the same revision, again and again, each on one of two servers.
async fn edit_from_two_servers(servers: &[&App; 2], host: &Host, event: &str) {
    for round in 0..10 {
        let revision = state_of(servers[0], host, event).await[2];
        let edit = |editor: i64| {
            let values = json!({ "totalTickets": 20 + 2 * round + editor });
            let server = servers[usize::try_from(editor).unwrap()];
            async move { update(server, &host.owner, event, revision, values).await }
        };
        let (first, second) = futures_util::join!(edit(0), edit(1));
        let answers = [first, second];
        assert_eq!(count_outcomes(&answers, "UpdateEventSuccess"), 1, "{answers:?}");
        assert_eq!(count_outcomes(&answers, "EventChanged"), 1, "{answers:?}");
        // Who is told sees what the other one has written.
        assert_eq!(answers[0]["event"]["totalTickets"], answers[1]["event"]["totalTickets"]);
        assert_eq!(state_of(servers[0], host, event).await[2], revision + 1);
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn lowering_the_capacity_on_one_server_against_bookings_on_another_sells_none_twice() {
    let first = App::start(Engine::Postgres).await;
    let second = first.start_second_server().await;
    lower_capacities_against_bookings([&first, &second], 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_editors_on_two_servers_one_is_told() {
    let first = App::start(Engine::Postgres).await;
    let second = first.start_second_server().await;
    let host = Host::found(&first).await;
    let event = host.event(&first, json!({})).await;
    edit_from_two_servers(&[&first, &second], &host, &event).await;
}

/// A server remembers events that it has seen sold out, or not on sale.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_an_edit_on_another_server_adds_can_be_booked_at_once() {
    let first = App::start(Engine::Postgres).await;
    let second = first.start_second_server().await;
    let host = Host::found(&first).await;
    let users = first.users(8).await;
    let event = host.event(&first, json!({ "totalTickets": 1 })).await;
    assert_eq!(second.book(&users[0], &event, 1).await["__typename"], "BookEventSuccess");
    for user in &users[1..3] {
        assert_eq!(second.book(user, &event, 1).await["__typename"], "SoldOut");
    }
    host.edit(&first, &event, json!({ "totalTickets": 2 })).await;
    assert_eq!(second.book(&users[3], &event, 1).await["__typename"], "BookEventSuccess");

    let ended = json!({ "totalTickets": 9, "salesEndAt": "2020-01-01T00:00:00Z" });
    host.edit(&first, &event, ended).await;
    for user in &users[4..6] {
        assert_eq!(second.book(user, &event, 1).await["__typename"], "BookingClosed");
    }
    host.edit(&first, &event, json!({ "salesEndAt": null })).await;
    assert_eq!(second.book(&users[6], &event, 1).await["__typename"], "BookEventSuccess");
    cancel_event(&first, &host.owner, &event, "Rain.").await;
    assert_eq!(second.book(&users[7], &event, 1).await["__typename"], "BookingClosed");
    first.assert_nothing_oversold().await;
}
