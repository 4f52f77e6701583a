//! How bookings gather into transactions, and what happens to those that can't be run.

use std::time::Duration;

use futures_util::future::join_all;
use rowlock_entities::{EventId, event};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    app::{App, BOOK, code_and_fields},
    database::Engine,
    on_both_engines,
    waiting::wait_until,
};

on_both_engines! {
    requests_that_come_while_a_transaction_runs_share_the_next ["--booking-delay-ms", "1000"]
    a_request_that_fails_fails_alone ["--booking-delay-ms", "500", "--booking-lanes", "1"]
    tickets_that_came_back_are_sold_at_once
    whoever_booked_the_last_ticket_is_not_told_that_it_is_sold_out
}

/// The sum of a metric over all lanes.
async fn metric(app: &App, name: &str) -> f64 {
    let text = app.metrics().await;
    let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{queue=\"lane-")));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

async fn until(app: &App, name: &str, value: f64) {
    let what = format!("{name} is {value}");
    wait_until(Duration::from_secs(20), &what, async || metric(app, name).await == value).await;
}

const BATCHES: &str = "rowlock_queue_batch_calls_count";
const WAITING: &str = "rowlock_queue_waiting";

/// Each count's version is the number of transactions that changed it.
async fn transactions(app: &App, event: &str) -> i64 {
    let id = EventId(event.parse().unwrap());
    event::Entity::find_by_id(id).one(app.db()).await.unwrap().unwrap().count_version
}

/// Books `later` while the booking of `first` runs, so that they gather; gives the answers to `later`.
async fn gather(app: &App, first: (&str, &str), later: &[(&str, &str)]) -> Vec<Value> {
    let others = async {
        until(app, BATCHES, 1.0).await;
        let asking = later.iter().map(|(user, event)| {
            app.send(Some(user), BOOK, json!({ "input": { "eventId": event } }))
        });
        join_all(asking).await
    };
    let (_, answers) = futures_util::join!(app.book(first.0, first.1, 1), others);
    answers
}

fn kind(answer: &Value) -> &str {
    answer["data"]["bookEvent"]["__typename"].as_str().unwrap_or_default()
}

async fn requests_that_come_while_a_transaction_runs_share_the_next(app: App) {
    let event = app.event("Concert", 100).await;
    let users = app.users(51).await;
    let later: Vec<(&str, &str)> = users[1..].iter().map(|user| (&**user, &*event)).collect();
    let answers = gather(&app, (&users[0], &event), &later).await;
    assert!(answers.iter().all(|answer| kind(answer) == "BookEventSuccess"), "{answers:?}");
    assert_eq!(transactions(&app, &event).await, 2, "one alone, and fifty together");
    assert_eq!(app.remaining(&event).await, 49);
    app.assert_nothing_oversold().await;
}

async fn a_request_that_fails_fails_alone(app: App) {
    let event = app.event("Concert", 100).await;
    let users = app.users(11).await;
    let refuse = match app.engine() {
        Engine::Sqlite => {
            "CREATE TRIGGER refuse BEFORE INSERT ON bookings WHEN new.quantity = 7 \
             BEGIN SELECT RAISE(ABORT, 'seven'); END"
        }
        Engine::Postgres => {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'seven'; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON bookings FOR EACH ROW \
             WHEN (new.quantity = 7) EXECUTE FUNCTION refuse()"
        }
    };
    app.sql(refuse).await;
    let others = async {
        until(&app, BATCHES, 1.0).await;
        let asking = users[1..].iter().enumerate().map(|(place, user)| {
            let quantity = if place == 4 { 7 } else { 1 };
            let input = json!({ "eventId": event, "quantity": quantity });
            app.send(Some(user), BOOK, json!({ "input": input }))
        });
        join_all(asking).await
    };
    let (_, answers) = futures_util::join!(app.book(&users[0], &event, 1), others);
    // One alone, and then the ten together: one by one they would have been eleven.
    assert!(metric(&app, BATCHES).await < 11.0, "they shared a batch");
    for (place, answer) in answers.iter().enumerate() {
        match place {
            4 => assert_eq!(code_and_fields(&answer["errors"][0]).0, "INTERNAL"),
            _ => assert_eq!(kind(answer), "BookEventSuccess", "{answer}"),
        }
    }
    assert_eq!(app.remaining(&event).await, 90);
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_held_elsewhere_keeps_nobody_from_others() {
    let flags = ["--booking-delay-ms", "300", "--booking-lanes", "1"];
    let app = App::start_with(Engine::Postgres, &flags).await;
    let (held, free) = (app.event("Held", 5).await, app.event("Free", 5).await);
    let users = app.users(3).await;
    let holder = app.lock_event(&held).await;
    let later = [(&*users[1], &*held), (&*users[2], &*free)];
    let answers = gather(&app, (&users[0], &free), &later).await;
    assert_eq!(code_and_fields(&answers[0]["errors"][0]).0, "UNAVAILABLE");
    assert_eq!(kind(&answers[1]), "BookEventSuccess", "{answers:?}");
    holder.rollback().await.unwrap();
    assert_eq!(app.book(&users[1], &held, 1).await["__typename"], "BookEventSuccess");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sold_out_is_refused_without_its_lock() {
    let app = App::start(Engine::Postgres).await;
    let event = app.event("Concert", 1).await;
    let users = app.users(4).await;
    app.book(&users[0], &event, 1).await;
    assert_eq!(app.book(&users[1], &event, 1).await["__typename"], "SoldOut");
    let holder = app.lock_event(&event).await;
    let asked = Instant::now();
    let answer = app.book(&users[2], &event, 1).await;
    assert_eq!(answer["__typename"], "SoldOut");
    assert_eq!(answer["remainingTickets"], 0);
    assert_eq!(app.book(&users[0], &event, 1).await["__typename"], "AlreadyBooked");
    assert!(asked.elapsed() < Duration::from_secs(2), "nobody waited for the lock");
    holder.rollback().await.unwrap();
}

async fn tickets_that_came_back_are_sold_at_once(app: App) {
    let event = app.event("Concert", 1).await;
    let users = app.users(2).await;
    for round in 0..20 {
        let (buyer, other) = (&users[round % 2], &users[(round + 1) % 2]);
        let booked = app.book(buyer, &event, 1).await;
        assert_eq!(booked["__typename"], "BookEventSuccess", "round {round}");
        assert_eq!(app.book(other, &event, 1).await["__typename"], "SoldOut");
        app.cancel(buyer, booked["booking"]["id"].as_str().unwrap()).await;
    }
    app.assert_nothing_oversold().await;
}

async fn whoever_booked_the_last_ticket_is_not_told_that_it_is_sold_out(app: App) {
    let event = app.event("Concert", 1).await;
    let users = app.users(2).await;
    let input = json!({ "input": { "eventId": event, "idempotencyKey": "k" } });
    let first = app.data(Some(&users[0]), BOOK, input.clone()).await;
    for _ in 0..2 {
        assert_eq!(app.book(&users[1], &event, 1).await["__typename"], "SoldOut");
        assert_eq!(app.data(Some(&users[0]), BOOK, input.clone()).await, first);
        assert_eq!(app.book(&users[0], &event, 1).await["__typename"], "AlreadyBooked");
    }
}

/// What one server remembers as sold out says nothing about what another one did since.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_came_back_on_another_server_are_sold_at_once() {
    let one = App::start(Engine::Postgres).await;
    let two = one.start_another().await;
    let event = one.event("Concert", 1).await;
    let users = one.users(2).await;
    for round in 0..20 {
        let (buyer, other) = (&users[round % 2], &users[(round + 1) % 2]);
        let booked = one.book(buyer, &event, 1).await;
        assert_eq!(booked["__typename"], "BookEventSuccess", "round {round}");
        assert_eq!(one.book(other, &event, 1).await["__typename"], "SoldOut");
        two.cancel(buyer, booked["booking"]["id"].as_str().unwrap()).await;
    }
    one.assert_nothing_oversold().await;
}

fn assert_unavailable(answer: &Value) {
    let error = &answer["errors"][0];
    assert_eq!(code_and_fields(error).0, "UNAVAILABLE", "{answer}");
    assert!(error["extensions"]["retryAfter"].as_i64().unwrap() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_lane_refuses_at_once() {
    let flags = ["--booking-delay-ms", "1500", "--booking-queue", "2", "--booking-lanes", "1"];
    let app = App::start_with(Engine::Postgres, &flags).await;
    let event = app.event("Concert", 10).await;
    let users = app.users(4).await;
    let book =
        |user: usize| app.send(Some(&users[user]), BOOK, json!({ "input": { "eventId": event } }));
    let crowd = async {
        until(&app, BATCHES, 1.0).await;
        let waiting = async { futures_util::join!(book(1), book(2)) };
        let refused = async {
            until(&app, WAITING, 2.0).await;
            let asked = Instant::now();
            assert_unavailable(&book(3).await);
            assert!(asked.elapsed() < Duration::from_secs(1));
        };
        futures_util::join!(waiting, refused).0
    };
    let (first, (second, third)) = futures_util::join!(book(0), crowd);
    for answer in [first, second, third] {
        assert_eq!(kind(&answer), "BookEventSuccess", "{answer}");
    }
    assert_eq!(app.remaining(&event).await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_too_long_is_told_so_and_gets_nothing() {
    let flags = ["--booking-delay-ms", "2000", "--booking-wait-ms", "200", "--booking-lanes", "1"];
    let app = App::start_with(Engine::Postgres, &flags).await;
    let event = app.event("Concert", 10).await;
    let users = app.users(2).await;
    let begun = Instant::now();
    let late = async {
        until(&app, BATCHES, 1.0).await;
        let answer =
            app.send(Some(&users[1]), BOOK, json!({ "input": { "eventId": event } })).await;
        assert_unavailable(&answer);
        assert!(begun.elapsed() < Duration::from_millis(1500), "the first one still ran");
    };
    let (first, ()) = futures_util::join!(app.book(&users[0], &event, 1), late);
    assert_eq!(first["__typename"], "BookEventSuccess");
    assert_eq!(app.remaining(&event).await, 9);
}
