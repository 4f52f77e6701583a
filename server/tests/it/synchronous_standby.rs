//! A standby that commits wait for: what was acknowledged is there, whichever of the two is left.

use std::time::Duration;

use futures_util::join;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::{
    app::{App, BOOK},
    cluster::Cluster,
    database::prepare,
    proxy::Proxy,
    waiting::wait_until,
};

/// Longer than a booking may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The processes of PostgreSQL whose commits wait for the standby.
async fn waiting_commits(primary: &Cluster) -> Vec<i32> {
    primary.numbers("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").await
}

/// Ends these processes. Their transactions are then committed at the primary only, and their
/// clients get no answer.
async fn end_waiting_commits(primary: &Cluster) -> Vec<i32> {
    let ended = waiting_commits(primary).await;
    for process in &ended {
        primary.execute(&format!("SELECT pg_terminate_backend({process})")).await;
    }
    wait_until(TIMEOUT, "they have ended", async || {
        waiting_commits(primary).await.iter().all(|process| !ended.contains(process))
    })
    .await;
    ended
}

fn assert_is_unavailable(answer: &Value) {
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_booking_is_acknowledged_while_the_synchronous_standby_is_away() {
    let mut primary = Cluster::start().await;
    prepare(&primary.url("postgres")).await;
    let mut standby = primary.start_copy(true).await;
    primary.set_synchronous().await;
    let proxy = Proxy::to(&primary.address()).await;
    let mut url = Url::parse(&primary.url("postgres")).unwrap();
    url.set_port(Some(proxy.port)).unwrap();
    let serve = async || App::start_on(url.to_string(), TempDir::new().unwrap(), &[]).await;
    let (first, second) = (serve().await, serve().await);
    let event = first.event("Concert", 2).await;
    let users = first.users(2).await;
    let input = json!({ "eventId": event, "quantity": 2, "idempotencyKey": "last-two" });
    let book = async |app: &App| app.send(Some(&users[0]), BOOK, json!({ "input": input })).await;

    standby.kill();
    let repeat_elsewhere = async {
        let is_waiting = async || !waiting_commits(&primary).await.is_empty();
        wait_until(TIMEOUT, "the commit waits", is_waiting).await;
        let ended = end_waiting_commits(&primary).await;
        let stored = "SELECT quantity FROM bookings WHERE idempotency_key = 'last-two'";
        assert_eq!(primary.numbers(stored).await, [2], "the primary alone has committed it");
        // The server finds the booking, and waits in the same way. It holds the event's lock.
        wait_until(TIMEOUT, "the second attempt waits", async || {
            waiting_commits(&primary).await.iter().any(|process| !ended.contains(process))
        })
        .await;
        book(&second).await
    };
    let (booked, repeated) = join!(book(&first), repeat_elsewhere);
    assert_is_unavailable(&booked);
    assert_is_unavailable(&repeated);

    // Now the lock is free, and the first server looks at this event without a lock.
    end_waiting_commits(&primary).await;
    let refused = first.book(&users[1], &event, 1).await;
    assert_eq!(refused["__typename"], "SoldOut", "{refused}");
    let (repeated, repeated_elsewhere) = join!(book(&first), book(&second));
    assert_is_unavailable(&repeated);
    assert_is_unavailable(&repeated_elsewhere);

    standby.restart().await;
    primary.wait_for_synchronous_standby().await;
    let booked = book(&first).await["data"]["bookEvent"].take();
    assert_eq!(booked["__typename"], "BookEventSuccess", "{booked}");

    primary.kill();
    standby.promote().await;
    proxy.set_target(&standby.address());
    for app in [&first, &second] {
        let mut repeated = Value::Null;
        wait_until(TIMEOUT, "the promoted standby's bookings are found", async || {
            repeated = book(app).await["data"]["bookEvent"].take();
            !repeated.is_null()
        })
        .await;
        assert_eq!(repeated, booked);
        assert_eq!(app.remaining_tickets(&event).await, 0);
    }
    second.assert_nothing_oversold().await;
}
