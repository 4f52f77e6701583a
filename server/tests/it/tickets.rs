//! Tickets: their codes, who sees them, and the secrets behind them.

use rowlock_entities::organizer_member::Role;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    app::{App, JWT_SECRET, error_code},
    database::Engine,
    door::{check_in, kind},
    managed_events::Host,
    on_both_engines,
    program::Program,
};

on_both_engines! {
    a_buyer_has_a_code_for_each_ticket
    members_of_the_organizer_see_no_codes
    tickets_follow_the_booking
}

/// Books, and returns the booking's id and reference.
pub(crate) async fn booked(app: &App, buyer: &str, event: &str, quantity: i64) -> (String, String) {
    let book = "mutation($input: BookEventInput!) { bookEvent(input: $input) {
        ... on BookEventSuccess { booking { id reference } } } }";
    let input = json!({ "eventId": event, "quantity": quantity });
    let data = app.data(Some(buyer), book, json!({ "input": input })).await;
    let booking = &data["bookEvent"]["booking"];
    let text = |field: &str| booking[field].as_str().unwrap().to_owned();
    (text("id"), text("reference"))
}

/// The tickets of a booking, as its buyer sees them.
pub(crate) async fn tickets(app: &App, buyer: &str, booking: &str) -> Vec<Value> {
    let query = "query($id: ID!) { node(id: $id) {
        ... on Booking { tickets { number code checkedInAt } } } }";
    let data = app.data(Some(buyer), query, json!({ "id": booking })).await;
    data["node"]["tickets"].as_array().unwrap().clone()
}

/// The codes of a booking's tickets, as its buyer sees them.
pub(crate) async fn codes(app: &App, buyer: &str, booking: &str) -> Vec<String> {
    let tickets = tickets(app, buyer, booking).await;
    tickets.iter().map(|ticket| ticket["code"].as_str().unwrap().to_owned()).collect()
}

async fn a_buyer_has_a_code_for_each_ticket(app: App) {
    let (event, buyer) = (app.event("Concert", 20).await, app.user().await);
    let (booking, _) = booked(&app, &buyer, &event, 10).await;
    let seen = tickets(&app, &buyer, &booking).await;
    assert_eq!(seen.len(), 10);
    for (ticket, number) in seen.iter().zip(1..) {
        assert_eq!((&ticket["number"], &ticket["checkedInAt"]), (&json!(number), &Value::Null));
        let code = ticket["code"].as_str().unwrap();
        // What a QR code can hold in its smaller form.
        assert!(code.chars().all(|c| c.is_ascii_uppercase() || ('2'..='7').contains(&c)), "{code}");
    }
    let mut codes: Vec<&Value> = seen.iter().map(|ticket| &ticket["code"]).collect();
    codes.dedup();
    assert_eq!(codes.len(), 10);
    assert_eq!(tickets(&app, &buyer, &booking).await, seen, "a code stays the same");
    // All tickets of a page of bookings can be asked for at once.
    let page = "{ me { bookings(first: 50) { nodes { tickets { number code checkedInAt } } } } }";
    let page = app.data(Some(&buyer), page, json!({})).await;
    assert_eq!(page["me"]["bookings"]["nodes"][0]["tickets"], json!(seen));
}

async fn members_of_the_organizer_see_no_codes(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let (buyer, door) = (app.user().await, app.user().await);
    host.add(&app, &door, Role::Door).await;
    let (booking, reference) = booked(&app, &buyer, &event, 2).await;
    let query = "query($id: ID!) { event(id: $id) { attendees { nodes {
        booking { tickets { number code checkedInAt } } } } } }";
    for member in [&host.owner, &door] {
        let data = app.data(Some(member), query, json!({ "id": event })).await;
        let seen = &data["event"]["attendees"]["nodes"][0]["booking"]["tickets"];
        let ticket = |number: i32| json!({ "number": number, "code": format!("{reference}/{number}"), "checkedInAt": null });
        assert_eq!(*seen, json!([ticket(1), ticket(2)]));
    }
    // Who has booked at the own organizer has real tickets.
    let (own, _) = booked(&app, &door, &event, 1).await;
    let code = codes(&app, &door, &own).await.remove(0);
    assert_eq!(kind(&check_in(&app, &host.owner, &event, &code).await), "CheckInSuccess");
    assert_ne!(own, booking);
}

async fn tickets_follow_the_booking(app: App) {
    let (event, buyer) = (app.event("Concert", 20).await, app.user().await);
    let (booking, _) = booked(&app, &buyer, &event, 2).await;
    let before = codes(&app, &buyer, &booking).await;
    app.change(&buyer, &booking, 3).await;
    let more = codes(&app, &buyer, &booking).await;
    assert_eq!((more.len(), &more[..2]), (3, &before[..]));
    app.change(&buyer, &booking, 1).await;
    assert_eq!(codes(&app, &buyer, &booking).await, before[..1]);
    app.cancel(&buyer, &booking).await;
    assert!(codes(&app, &buyer, &booking).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_stay_good_while_the_secret_is_replaced() {
    const OLD: &str = "the old secret of tickets in these tests";
    const NEW: &str = "the new secret of tickets in these tests";
    let first = App::start_with(Engine::Postgres, &["--ticket-secret", OLD]).await;
    let server = async |flags: &[&str]| {
        App::start_on(first.database_url.clone(), TempDir::new().unwrap(), flags).await
    };
    let host = Host::found(&first).await;
    let event = host.event(&first, json!({})).await;
    let buyer = first.user().await;
    let (booking, _) = booked(&first, &buyer, &event, 1).await;
    let old = codes(&first, &buyer, &booking).await.remove(0);
    let prepared = server(&["--ticket-secret", OLD, "--ticket-accepted-secret", NEW]).await;
    let swapped = server(&["--ticket-secret", NEW, "--ticket-accepted-secret", OLD]).await;
    let replaced = server(&["--ticket-secret", NEW]).await;
    let new = codes(&swapped, &buyer, &booking).await.remove(0);
    assert_ne!(new, old);
    for (app, code, is_good) in [
        (&first, &old, true),
        (&first, &new, false),
        (&prepared, &old, true),
        (&prepared, &new, true),
        (&swapped, &old, true),
        (&swapped, &new, true),
        (&replaced, &old, false),
        (&replaced, &new, true),
    ] {
        let answer = check_in(app, &host.owner, &event, code).await;
        assert_eq!(kind(&answer) != "NotATicket", is_good, "{answer}");
    }
    // Without a secret of its own, the secret of access tokens signs tickets. It can be accepted.
    let by_default = server(&[]).await;
    let default = codes(&by_default, &buyer, &booking).await.remove(0);
    assert_eq!(kind(&check_in(&replaced, &host.owner, &event, &default).await), "NotATicket");
    let accepting = server(&["--ticket-secret", NEW, "--ticket-accepted-secret", JWT_SECRET]).await;
    let answer = check_in(&accepting, &host.owner, &event, &default).await;
    assert_eq!(kind(&answer), "AlreadyCheckedIn");
}

/// Sends an operation to a program, and returns its data.
async fn ask(program: &Program, token: Option<&str>, query: &str, variables: Value) -> Value {
    let answer = program.request(token, query, variables).send().await.unwrap();
    let mut answer: Value = answer.json().await.unwrap();
    assert_eq!(answer.get("errors"), None, "{query}");
    answer["data"].take()
}

async fn sign_in(program: &Program, field: &str, input: &str, account: Value) -> String {
    let query =
        format!("mutation($input: {input}!) {{ {field}(input: $input) {{ accessToken }} }}");
    let data = ask(program, None, &query, json!({ "input": account })).await;
    data[field]["accessToken"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_a_server_without_secrets_stay_good_when_it_starts_again() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}", folder.path().join("rowlock.db").display());
    let program = Program::serve(&[("DATABASE_URL", &url)]).await;
    let account = json!({ "email": "ada@example.org", "password": "rainy-monday-7" });
    let mut new_account = account.clone();
    new_account["name"] = json!("Ada");
    let ada = sign_in(&program, "register", "RegisterInput", new_account).await;
    let ada = Some(&*ada);
    let found = "mutation { createOrganizer(input: { name: \"Jazz\" }) { id } }";
    let organizer = ask(&program, ada, found, json!({})).await["createOrganizer"]["id"].take();
    let create = "mutation($input: CreateEventInput!) { createEvent(input: $input) { id } }";
    let values = json!({
        "organizerId": organizer, "title": "Jazz", "venue": "Hall", "timeZone": "UTC",
        "startsAt": "2999-01-01T20:00:00Z", "totalTickets": 5,
        "price": { "amount": "10", "currency": "EUR" },
    });
    let event = ask(&program, ada, create, json!({ "input": values })).await;
    let event = event["createEvent"]["id"].clone();
    let publish = "mutation($id: ID!) { publishEvent(input: { eventId: $id, revision: 1 }) {
        __typename } }";
    ask(&program, ada, publish, json!({ "id": event })).await;
    let book = "mutation($id: ID!) { bookEvent(input: { eventId: $id, quantity: 2 }) {
        ... on BookEventSuccess { booking { tickets { code } } } } }";
    let booked = ask(&program, ada, book, json!({ "id": event })).await;
    let tickets = booked["bookEvent"]["booking"]["tickets"].clone();
    program.terminate();
    program.wait();

    let scan = "mutation($id: ID!, $code: String!) {
        checkIn(input: { eventId: $id, code: $code }) { __typename } }";
    // Later, the operator sets a secret.
    let with_secret = [("DATABASE_URL", &*url), ("LOG_LEVEL", "debug"), ("JWT_SECRET", JWT_SECRET)];
    for (settings, number) in [(&with_secret[..2], 0), (&with_secret[..], 1)] {
        let program = Program::serve(settings).await;
        let ada = sign_in(&program, "login", "LoginInput", account.clone()).await;
        let variables = json!({ "id": event, "code": tickets[number]["code"] });
        let answer = ask(&program, Some(&ada), scan, variables).await;
        assert_eq!(answer["checkIn"]["__typename"], "CheckInSuccess");
        program.terminate();
        let (_, log) = program.wait();
        assert!(!log.contains(tickets[number]["code"].as_str().unwrap()), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_valid_gets_no_code() {
    let app = App::start(Engine::Sqlite).await;
    let (event, buyer) = (app.event("Concert", 20).await, app.user().await);
    let (booking, _) = booked(&app, &buyer, &event, 1).await;
    let query = "query($id: ID!) { node(id: $id) { ... on Booking { tickets { code } } } }";
    let error = app.error(Some("no token"), query, json!({ "id": booking })).await;
    assert_eq!(error_code(&error), "UNAUTHENTICATED");
}
