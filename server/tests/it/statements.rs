//! The number of statements that a request sends to the database.

use std::{
    fmt::Debug,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tracing::{Dispatch, Event, Metadata, Subscriber, field::Field, span};

use crate::{
    app::{App, CANCEL, CHANGE},
    database::Engine,
    managed_events::{Host, merged},
};

/// How the SELECTs of the server's background tasks begin: those for jobs and for reminders.
const IN_BACKGROUND: [&str; 2] = ["SELECT job", "SELECT \"events\".\"starts_at\""];

fn is_in_background(statement: &str) -> bool {
    let statement = statement.replace("\\\"", "\"");
    IN_BACKGROUND.iter().any(|start| statement.contains(start))
}

/// Counts the SELECTs that sqlx logs on this thread, where all tasks of the test run, without those of
/// background tasks.
#[derive(Clone, Default)]
struct SelectCounter(Arc<AtomicUsize>);

impl Subscriber for SelectCounter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut |field: &Field, value: &dyn Debug| {
            let text = format!("{value:?}");
            if field.name() == "summary" && text.contains("SELECT") && !is_in_background(&text) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// A subscriber that stays. While there is none, as between two tests, tracing may note that nobody
/// is interested in sqlx's log, and a counter that comes at that moment would count nothing.
static INTERESTED: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(SelectCounter::default()));

/// The number of SELECTs that are logged while `work` runs.
async fn selects_during(work: impl Future<Output = ()>) -> usize {
    LazyLock::force(&INTERESTED);
    let counter = SelectCounter::default();
    let _subscriber = tracing::subscriber::set_default(counter.clone());
    work.await;
    counter.0.load(Ordering::Relaxed)
}

async fn count_selects(app: &App, token: Option<&str>, query: &str) -> usize {
    selects_during(async {
        app.data(token, query, json!({})).await;
    })
    .await
}

#[tokio::test]
async fn the_total_is_counted_only_if_the_query_selects_it() {
    let app = App::start(Engine::Postgres).await;
    let page = "{ events { nodes { title } pageInfo { hasNextPage endCursor } } }";
    let total = "{ events { nodes { title } totalCount } }";
    count_selects(&app, None, page).await; // The first request connects.
    assert_eq!(count_selects(&app, None, page).await, 1);
    assert_eq!(count_selects(&app, None, total).await, 2);
}

#[tokio::test]
async fn the_viewers_bookings_of_a_whole_page_are_read_by_one_statement() {
    let app = App::start(Engine::Postgres).await;
    let token = app.user().await;
    let query = "{ events { nodes { title myBooking { id } } } }";
    count_selects(&app, Some(&token), query).await; // The first request connects.
    assert_eq!(count_selects(&app, Some(&token), query).await, 2);
    assert_eq!(
        count_selects(&app, None, query).await,
        1,
        "without a user there are no bookings to read"
    );
}

#[tokio::test]
async fn the_events_of_many_bookings_are_read_by_one_statement() {
    let app = App::start(Engine::Postgres).await;
    let token = app.user().await;
    for _ in 0..5 {
        let event = app.event("Concert", 5).await;
        app.book(&token, &event, 1).await;
    }
    let query = "{ me { bookings { nodes { event { title } } } } }";
    count_selects(&app, Some(&token), query).await; // The first request connects.
    assert_eq!(count_selects(&app, Some(&token), query).await, 3);
}

#[tokio::test]
async fn the_sales_of_many_events_are_read_by_one_statement() {
    let app = App::start(Engine::Postgres).await;
    let host = Host::found(&app).await;
    let query = format!(
        "{{ node(id: \"{}\") {{ ... on Organizer {{ events(first: 20) {{ nodes {{
            sales {{ soldTickets takings {{ amount }} }} }} }} }} }} }}",
        host.organizer
    );
    host.event(&app, json!({})).await;
    count_selects(&app, Some(&host.owner), &query).await; // The first request connects.
    let for_one = count_selects(&app, Some(&host.owner), &query).await;
    for _ in 0..8 {
        host.event(&app, json!({})).await;
    }
    assert_eq!(count_selects(&app, Some(&host.owner), &query).await, for_one);
}

#[tokio::test]
async fn cancelling_or_changing_somebody_elses_booking_runs_what_an_unknown_id_runs() {
    let app = App::start(Engine::Postgres).await;
    let tokens = app.users(2).await;
    let event = app.event("Concert", 5).await;
    let booking = app.book(&tokens[0], &event, 1).await["booking"]["id"].take();
    for (query, input) in [(CANCEL, json!({})), (CHANGE, json!({ "quantity": 2 }))] {
        let refused = async |id: &Value| {
            let input = merged(json!({ "bookingId": id }), input.clone());
            let error = app.error(Some(&tokens[1]), query, json!({ "input": input })).await;
            assert_eq!(error["extensions"]["code"], "NOT_FOUND");
        };
        refused(&json!(event)).await; // The first request connects.
        assert_eq!(selects_during(refused(&json!(event))).await, 1);
        // It does not wait for the event's lock either.
        let lock = app.lock_event(&event).await;
        assert_eq!(selects_during(refused(&booking)).await, 1);
        lock.rollback().await.unwrap();
    }
}
