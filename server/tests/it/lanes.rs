//! Bookings share transactions, and one that fails does not affect the others.

use std::time::Duration;

use futures_util::future::join_all;
use rowlock_entities::{EventId, event};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Statement, TransactionTrait};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    app::{App, BOOK, error_code},
    database::Engine,
    on_both_engines,
    waiting::wait_until,
};

on_both_engines! {
    requests_that_arrive_during_a_transaction_share_the_next_one ["--booking-delay-ms", "1000"]
    a_failing_request_fails_alone ["--booking-delay-ms", "500", "--booking-lanes", "1"]
    returned_tickets_can_be_booked_at_once
    the_buyer_of_the_last_ticket_never_gets_sold_out
}

/// The sum of a metric of queues over all lanes.
async fn lane_metric(app: &App, name: &str) -> f64 {
    let text = app.metrics().await;
    let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{queue=\"lane-")));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

async fn wait_for_metric(app: &App, name: &str, value: f64) {
    let condition = format!("{name} is {value}");
    wait_until(Duration::from_secs(20), &condition, async || lane_metric(app, name).await == value)
        .await;
}

const BATCHES: &str = "rowlock_queue_batch_calls_count";
const WAITING: &str = "rowlock_queue_waiting";

/// The version of an event's count, which is the number of transactions that changed it.
async fn count_transactions(app: &App, event: &str) -> i64 {
    let id = EventId(event.parse().unwrap());
    event::Entity::find_by_id(id).one(app.db()).await.unwrap().unwrap().count_version
}

/// Sends the bookings of `later` while that of `first` runs, so that they share the next
/// transaction. Returns the answers to `later`.
async fn book_while_another_runs(
    app: &App,
    first: (&str, &str),
    later: &[(&str, &str)],
) -> Vec<Value> {
    let others = async {
        wait_for_metric(app, BATCHES, 1.0).await;
        let requests = later.iter().map(|(user, event)| {
            app.send(Some(user), BOOK, json!({ "input": { "eventId": event } }))
        });
        join_all(requests).await
    };
    let (_, answers) = futures_util::join!(app.book(first.0, first.1, 1), others);
    answers
}

fn outcome(answer: &Value) -> &str {
    answer["data"]["bookEvent"]["__typename"].as_str().unwrap_or_default()
}

async fn requests_that_arrive_during_a_transaction_share_the_next_one(app: App) {
    let event = app.event("Concert", 100).await;
    let users = app.users(51).await;
    let later: Vec<(&str, &str)> = users[1..].iter().map(|user| (&**user, &*event)).collect();
    let answers = book_while_another_runs(&app, (&users[0], &event), &later).await;
    assert!(answers.iter().all(|answer| outcome(answer) == "BookEventSuccess"), "{answers:?}");
    assert_eq!(
        count_transactions(&app, &event).await,
        2,
        "the first booking has one transaction, and the other fifty share one"
    );
    assert_eq!(app.remaining_tickets(&event).await, 49);
    app.assert_nothing_oversold().await;
}

async fn a_failing_request_fails_alone(app: App) {
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
    app.execute_sql(refuse).await;
    let others = async {
        wait_for_metric(&app, BATCHES, 1.0).await;
        let requests = users[1..].iter().enumerate().map(|(index, user)| {
            let quantity = if index == 4 { 7 } else { 1 };
            let input = json!({ "eventId": event, "quantity": quantity });
            app.send(Some(user), BOOK, json!({ "input": input }))
        });
        join_all(requests).await
    };
    let (_, answers) = futures_util::join!(app.book(&users[0], &event, 1), others);
    // One booking ran alone, and then ten together. One by one, there would be eleven batches.
    assert!(lane_metric(&app, BATCHES).await < 11.0, "they shared a batch");
    for (index, answer) in answers.iter().enumerate() {
        match index {
            4 => assert_eq!(error_code(&answer["errors"][0]), "INTERNAL"),
            _ => assert_eq!(outcome(answer), "BookEventSuccess", "{answer}"),
        }
    }
    assert_eq!(app.remaining_tickets(&event).await, 90);
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_locked_by_another_program_blocks_no_other_event() {
    let flags = ["--booking-delay-ms", "300", "--booking-lanes", "1"];
    let app = App::start_with(Engine::Postgres, &flags).await;
    let (locked, free) = (app.event("Locked", 5).await, app.event("Free", 5).await);
    let users = app.users(3).await;
    let lock = app.lock_event(&locked).await;
    let later = [(&*users[1], &*locked), (&*users[2], &*free)];
    let answers = book_while_another_runs(&app, (&users[0], &free), &later).await;
    assert_eq!(error_code(&answers[0]["errors"][0]), "UNAVAILABLE");
    assert_eq!(outcome(&answers[1]), "BookEventSuccess", "{answers:?}");
    lock.rollback().await.unwrap();
    assert_eq!(app.book(&users[1], &locked, 1).await["__typename"], "BookEventSuccess");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sold_out_event_is_refused_without_waiting_for_its_lock() {
    let app = App::start(Engine::Postgres).await;
    let event = app.event("Concert", 1).await;
    let users = app.users(4).await;
    app.book(&users[0], &event, 1).await;
    assert_eq!(app.book(&users[1], &event, 1).await["__typename"], "SoldOut");
    let lock = app.lock_event(&event).await;
    let sent_at = Instant::now();
    let answer = app.book(&users[2], &event, 1).await;
    assert_eq!(answer["__typename"], "SoldOut");
    assert_eq!(answer["remainingTickets"], 0);
    assert!(sent_at.elapsed() < Duration::from_secs(2), "nobody waited for the lock");
    lock.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_arrive_while_a_lock_is_awaited_join_the_transaction_that_waits() {
    let app = App::start_with(Engine::Postgres, &["--booking-lanes", "1"]).await;
    let (event, other) = (app.event("Concert", 100).await, app.event("Other", 100).await);
    let users = app.users(32).await;
    let before = count_transactions(&app, &event).await;
    let lock = app.lock_event(&event).await;
    let first = app.book(&users[0], &event, 1);
    let others = async {
        wait_until(Duration::from_secs(10), "a transaction waits for the event", async || {
            waiting_transactions(&app).await > 0
        })
        .await;
        let same = join_all(users[1..31].iter().map(|user| app.book(user, &event, 1)));
        let different = async {
            wait_for_metric(&app, WAITING, 30.0).await;
            app.book(&users[31], &other, 1).await
        };
        let release = async {
            wait_for_metric(&app, WAITING, 31.0).await;
            lock.rollback().await.unwrap();
        };
        let (mut answers, different, ()) = tokio::join!(same, different, release);
        answers.push(different);
        answers
    };
    let (first, mut answers) = tokio::join!(first, others);
    answers.push(first);
    for answer in &answers {
        assert_eq!(answer["__typename"], "BookEventSuccess", "{answer}");
    }
    assert_eq!(count_transactions(&app, &event).await, before + 1);
    assert_eq!(app.remaining_tickets(&event).await, 69);
    app.assert_nothing_oversold().await;
}

/// A read can see a booking that no standby has yet. The commit of a transaction with a row lock
/// waits for the standby, so its answer survives the loss of the primary.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_a_booking_without_the_events_lock() {
    let app = App::start(Engine::Postgres).await;
    let event = app.event("Concert", 1).await;
    let users = app.users(2).await;
    let input = json!({ "input": { "eventId": event, "idempotencyKey": "k" } });
    let first = app.data(Some(&users[0]), BOOK, input.clone()).await;
    assert_eq!(app.book(&users[1], &event, 1).await["__typename"], "SoldOut");
    let lock = app.lock_event(&event).await;
    let requests = async {
        let answers =
            tokio::join!(app.data(Some(&users[0]), BOOK, input), app.book(&users[0], &event, 1),);
        (answers, Instant::now())
    };
    let release = async {
        wait_until(Duration::from_secs(10), "a transaction waits for the event", async || {
            waiting_transactions(&app).await > 0
        })
        .await;
        let released_at = Instant::now();
        lock.rollback().await.unwrap();
        released_at
    };
    let (((repetition, second_booking), answered_at), released_at) =
        tokio::join!(requests, release);
    assert!(answered_at > released_at);
    assert_eq!(repetition, first);
    assert_eq!(second_booking["__typename"], "AlreadyBooked");
}

/// The number of the server's transactions that wait for a row lock.
async fn waiting_transactions(app: &App) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let statement = Statement::from_string(DbBackend::Postgres, count);
    let row = app.db().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// A booking refers to its user by a foreign key, so it waits while another transaction may delete
/// the user or change its key.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_user_delays_no_other_users_booking_for_longer_than_a_lock_may() {
    let flags = ["--booking-delay-ms", "300", "--booking-lanes", "1"];
    let app = App::start_with(Engine::Postgres, &flags).await;
    let events = [app.event("One", 100).await, app.event("Other", 100).await];
    let users = app.users(51).await;
    let locked_user =
        app.data(Some(&users[25]), "{ me { id } }", json!({})).await["me"]["id"].take();
    let lock = app.db().begin().await.unwrap();
    let locked_user = locked_user.as_str().unwrap();
    let sql = format!("SELECT 1 FROM users WHERE id = '{locked_user}' FOR UPDATE");
    lock.execute_unprepared(&sql).await.unwrap();

    let later: Vec<_> = (1..51).map(|number| (&*users[number], &*events[number % 2])).collect();
    let sent_at = Instant::now();
    let answers = book_while_another_runs(&app, (&users[0], &events[0]), &later).await;
    for (number, answer) in (1..).zip(&answers) {
        match number {
            25 => assert_eq!(error_code(&answer["errors"][0]), "UNAVAILABLE", "{answer}"),
            _ => assert_eq!(outcome(answer), "BookEventSuccess", "user {number}: {answer}"),
        }
    }
    assert!(sent_at.elapsed() < Duration::from_secs(9), "{:?}", sent_at.elapsed());
    lock.rollback().await.unwrap();
    assert_eq!(app.book(&users[25], &events[0], 1).await["__typename"], "BookEventSuccess");
    app.assert_nothing_oversold().await;
}

async fn returned_tickets_can_be_booked_at_once(app: App) {
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

async fn the_buyer_of_the_last_ticket_never_gets_sold_out(app: App) {
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

/// A server that knows an event as sold out still sees the cancellations of another server.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_returned_on_another_server_can_be_booked_at_once() {
    let first_server = App::start(Engine::Postgres).await;
    let second_server = first_server.start_second_server().await;
    let event = first_server.event("Concert", 1).await;
    let users = first_server.users(2).await;
    for round in 0..20 {
        let (buyer, other) = (&users[round % 2], &users[(round + 1) % 2]);
        let booked = first_server.book(buyer, &event, 1).await;
        assert_eq!(booked["__typename"], "BookEventSuccess", "round {round}");
        assert_eq!(first_server.book(other, &event, 1).await["__typename"], "SoldOut");
        second_server.cancel(buyer, booked["booking"]["id"].as_str().unwrap()).await;
    }
    first_server.assert_nothing_oversold().await;
}

fn assert_unavailable(answer: &Value) {
    let error = &answer["errors"][0];
    assert_eq!(error_code(error), "UNAVAILABLE", "{answer}");
    assert!(error["extensions"]["retryAfter"].as_i64().unwrap() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_lane_refuses_requests_at_once() {
    let flags = ["--booking-delay-ms", "1500", "--booking-queue", "2", "--booking-lanes", "1"];
    let app = App::start_with(Engine::Postgres, &flags).await;
    let event = app.event("Concert", 10).await;
    let users = app.users(4).await;
    let book =
        |user: usize| app.send(Some(&users[user]), BOOK, json!({ "input": { "eventId": event } }));
    let others = async {
        wait_for_metric(&app, BATCHES, 1.0).await;
        let waiting = async { futures_util::join!(book(1), book(2)) };
        let refused = async {
            wait_for_metric(&app, WAITING, 2.0).await;
            let sent_at = Instant::now();
            assert_unavailable(&book(3).await);
            assert!(sent_at.elapsed() < Duration::from_secs(1));
        };
        futures_util::join!(waiting, refused).0
    };
    let (first, (second, third)) = futures_util::join!(book(0), others);
    for answer in [first, second, third] {
        assert_eq!(outcome(&answer), "BookEventSuccess", "{answer}");
    }
    assert_eq!(app.remaining_tickets(&event).await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_too_long_is_unavailable_and_books_nothing() {
    let flags = ["--booking-delay-ms", "2000", "--booking-wait-ms", "200", "--booking-lanes", "1"];
    let app = App::start_with(Engine::Postgres, &flags).await;
    let event = app.event("Concert", 10).await;
    let users = app.users(2).await;
    let sent_at = Instant::now();
    let late = async {
        wait_for_metric(&app, BATCHES, 1.0).await;
        let answer =
            app.send(Some(&users[1]), BOOK, json!({ "input": { "eventId": event } })).await;
        assert_unavailable(&answer);
        assert!(
            sent_at.elapsed() < Duration::from_millis(1500),
            "the answer came while the first booking still ran"
        );
    };
    let (first, ()) = futures_util::join!(app.book(&users[0], &event, 1), late);
    assert_eq!(first["__typename"], "BookEventSuccess");
    assert_eq!(app.remaining_tickets(&event).await, 9);
}
