//! Races between two servers on one PostgreSQL, which share nothing else: organizers act on one, and
//! buyers or other members on the other, or one buyer on both.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::{future::join_all, join};
use rowlock_entities::{OrganizerId, job};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    app::{App, BOOK, error_code},
    database::Engine,
    managed_events::{CANCELLATION, Host, bookings_by_status, cancel_event, merged, publish},
    organizers::{Person, found, people, person, remove_member, set_member},
    waiting::wait_until,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Few people send many requests here.
const NO_LIMITS: [&str; 4] = [
    "--organizer-changes-per-minute-per-user",
    "100000",
    "--bookings-per-minute-per-user",
    "100000",
];

async fn two_servers() -> (App, App) {
    let first = App::start_with(Engine::Postgres, &NO_LIMITS).await;
    let url = first.database_url.clone();
    let second = App::start_on(url, TempDir::new().unwrap(), &NO_LIMITS).await;
    (first, second)
}

/// A request with its answer.
struct Attempt {
    sent_at: Instant,
    answered_at: Instant,
    /// The type of the result, or the code of the error.
    outcome: String,
    /// The id of what the request has made.
    made: Option<String>,
}

/// Sends a mutation whose field gives what it made, or a booking, or a refusal.
async fn attempt(app: &App, token: &str, query: &str, field: &str, input: &Value) -> Attempt {
    let sent_at = Instant::now();
    let answer = app.send(Some(token), query, json!({ "input": input })).await;
    let result = &answer["data"][field];
    let outcome = match answer.get("errors") {
        Some(errors) => error_code(&errors[0]),
        None => result["__typename"].as_str().unwrap(),
    };
    let made = result["id"].as_str().or(result["booking"]["id"].as_str());
    let (outcome, made) = (outcome.to_owned(), made.map(str::to_owned));
    Attempt { sent_at, answered_at: Instant::now(), outcome, made }
}

/// Books again and again, from before an event is published until once more after it is cancelled.
/// Whoever does not keep a booking cancels it at once.
async fn book_until_closed(
    app: &App,
    (user, keeps): (&str, bool),
    event: &str,
    (booked, is_cancelled): (&AtomicUsize, &AtomicBool),
) -> Vec<Attempt> {
    let input = json!({ "eventId": event });
    let mut attempts = Vec::new();
    loop {
        let is_last = is_cancelled.load(Ordering::Acquire);
        let attempt = attempt(app, user, BOOK, "bookEvent", &input).await;
        if attempt.outcome == "BookEventSuccess" {
            booked.fetch_add(1, Ordering::Relaxed);
            if !keeps {
                app.cancel(user, attempt.made.as_ref().unwrap()).await;
            }
        }
        attempts.push(attempt);
        if is_last {
            return attempts;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_booked_on_one_server_only_between_its_publication_and_cancellation_on_another()
{
    let (organizers, buyers) = two_servers().await;
    let host = Host::found(&organizers).await;
    let users = organizers.users(12).await;
    let mut kept = Vec::new();
    let mut events = Vec::new();
    for _ in 0..8 {
        let draft = host.draft(&organizers, json!({ "totalTickets": 20 })).await;
        let event = draft["id"].as_str().unwrap();
        let (booked, is_cancelled) = (AtomicUsize::new(0), AtomicBool::new(false));
        let buying = users.iter().enumerate().map(|(number, user)| {
            book_until_closed(&buyers, (user, number % 2 == 0), event, (&booked, &is_cancelled))
        });
        let organizing = async {
            publish(&organizers, &host.owner, event, 1).await;
            let published_at = Instant::now();
            wait_until(MINUTE, "tickets are booked", async || booked.load(Ordering::Relaxed) >= 20)
                .await;
            let cancelling_at = Instant::now();
            cancel_event(&organizers, &host.owner, event, "Rain.").await;
            let cancelled_at = Instant::now();
            is_cancelled.store(true, Ordering::Release);
            (published_at, cancelling_at, cancelled_at)
        };
        let (attempts, (published_at, cancelling_at, cancelled_at)) =
            join!(join_all(buying), organizing);
        for (number, attempts) in attempts.into_iter().enumerate() {
            for attempt in attempts {
                let Attempt { sent_at, answered_at, outcome, made } = attempt;
                match outcome.as_str() {
                    "NOT_FOUND" => {
                        assert!(sent_at < published_at, "not found after it was published");
                    }
                    "BookEventSuccess" | "AlreadyBooked" => {
                        assert!(sent_at < cancelled_at, "{outcome} after it was cancelled");
                    }
                    "BookingClosed" => assert!(answered_at > cancelling_at, "closed before that"),
                    other => panic!("{other}"),
                }
                if outcome == "BookEventSuccess" && number % 2 == 0 {
                    kept.push((number, made.unwrap()));
                }
            }
        }
        // Whatever the job has done so far.
        organizers.assert_nothing_oversold().await;
        events.push(event.to_owned());
    }
    wait_until(MINUTE, "the jobs are done", async || {
        job::Entity::find()
            .filter(job::Column::Kind.eq(CANCELLATION))
            .count(organizers.db())
            .await
            .unwrap()
            == 0
    })
    .await;
    for event in &events {
        assert_eq!(bookings_by_status(&buyers, event).await[1], 0, "bookings are left");
        assert_eq!(buyers.remaining_tickets(event).await, 20);
    }
    assert!(!kept.is_empty(), "the jobs had nothing to do");
    let query = "query($id: ID!) { node(id: $id) { ... on Booking { status cancelledBy } } }";
    for (number, booking) in kept {
        let found = buyers.data(Some(&users[number]), query, json!({ "id": booking })).await;
        let expected = json!({ "status": "CANCELLED", "cancelledBy": "ORGANIZER" });
        assert_eq!(found["node"], expected);
    }
    organizers.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_that_two_servers_change_and_cancel_take_no_ticket_twice_and_lose_none() {
    let (first, second) = two_servers().await;
    let event = first.event("Concert", 40).await;
    let users = first.users(20).await;
    let outcomes = async |user: &String| {
        let mut outcomes = Vec::new();
        for _ in 0..8 {
            let booked = first.book(user, &event, 1).await;
            let Some(id) = booked["booking"]["id"].as_str() else { continue };
            let (one, other) = join!(first.change(user, id, 4), second.change(user, id, 2));
            let (cancelled, late) = join!(second.cancel(user, id), first.change(user, id, 3));
            assert_eq!(cancelled["booking"]["status"], "CANCELLED");
            outcomes.extend([one, other, late].map(|mut answer| answer["__typename"].take()));
        }
        outcomes
    };
    let outcomes = join_all(users.iter().map(outcomes)).await.concat();
    for expected in ["ChangeBookingSuccess", "SoldOut", "BookingCancelled"] {
        assert!(outcomes.contains(&json!(expected)), "no {expected}");
    }
    assert_eq!(second.remaining_tickets(&event).await, 40);
    first.assert_nothing_oversold().await;
}

const CREATE_EVENT: &str =
    "mutation($input: CreateEventInput!) { createEvent(input: $input) { __typename id } }";

/// Creates drafts on one server until once more after `change` has taken the permission away on the
/// other.
async fn create_until_refused(
    app: &App,
    token: &str,
    input: &Value,
    change: impl Future<Output = Value>,
) {
    let (created, is_changed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let creating = (0..3).map(async |_| {
        let mut attempts = Vec::new();
        loop {
            let is_last = is_changed.load(Ordering::Acquire);
            let attempt = attempt(app, token, CREATE_EVENT, "createEvent", input).await;
            let is_created = attempt.outcome == "Event";
            created.fetch_add(usize::from(is_created), Ordering::Relaxed);
            attempts.push(attempt);
            if is_last {
                return attempts;
            }
        }
    });
    let changing = async {
        wait_until(MINUTE, "drafts are created", async || created.load(Ordering::Relaxed) >= 5)
            .await;
        let answer = change.await;
        let changed_at = Instant::now();
        is_changed.store(true, Ordering::Release);
        assert_eq!(answer.get("errors"), None, "{answer}");
        changed_at
    };
    let (attempts, changed_at) = join!(join_all(creating), changing);
    for attempt in attempts.into_iter().flatten() {
        match attempt.outcome.as_str() {
            "Event" => assert!(attempt.sent_at < changed_at, "created after the role was gone"),
            other => assert_eq!(other, "FORBIDDEN"),
        }
    }
}

/// What a person sees of a draft and of a public event on this server, and the status of the
/// download of the attendees of each.
async fn seen(app: &App, person: &Person, draft: &str, public: &str) -> (Value, [u16; 2]) {
    let query = "query($draft: ID!, $public: ID!) { draft: event(id: $draft) { id }
        public: event(id: $public) { attendees { totalCount } sales { soldTickets } } }";
    let variables = json!({ "draft": draft, "public": public });
    let data = app.data(Some(&person.token), query, variables).await;
    let download = async |event: &str| {
        let file = app.get(&format!("/events/{event}/attendees.csv"));
        file.bearer_auth(&person.token).send().await.unwrap().status().as_u16()
    };
    (data, [download(draft).await, download(public).await])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_taken_away_on_one_server_is_gone_on_the_other_at_the_next_request() {
    let (first, second) = two_servers().await;
    let owner = person(&first).await;
    let organizer = found(&first, &owner, "Jazz").await;
    let organizer_id = OrganizerId(Uuid::parse_str(&organizer).unwrap());
    let host = Host::of(organizer_id, owner.token.clone());
    let draft = host.draft(&first, json!({})).await;
    let draft = draft["id"].as_str().unwrap();
    let public = host.event(&first, json!({})).await;
    let input = merged(host.values(), json!({ "title": "Draft" }));
    let everything = json!({ "draft": { "id": draft },
        "public": { "attendees": { "totalCount": 0 }, "sales": { "soldTickets": 0 } } });
    let nothing = json!({ "draft": null, "public": { "attendees": null, "sales": null } });
    for manager in &people(&first, 5).await {
        set_member(&first, &owner, &organizer, &manager.email, "MANAGER").await;
        let lowering = set_member(&first, &owner, &organizer, &manager.email, "DOOR");
        create_until_refused(&second, &manager.token, &input, lowering).await;
        let seen_at_the_door = seen(&second, manager, draft, &public).await;
        assert_eq!(seen_at_the_door, (everything.clone(), [200, 200]));

        set_member(&first, &owner, &organizer, &manager.email, "MANAGER").await;
        let removing = remove_member(&first, &owner, &organizer, &manager.id);
        create_until_refused(&second, &manager.token, &input, removing).await;
        assert_eq!(seen(&second, manager, draft, &public).await, (nothing.clone(), [404, 403]));
    }
}
