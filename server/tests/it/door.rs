//! The door: tickets are checked in, once each, by members alone, and members see how many people
//! are in.

use std::time::Duration;

use futures_util::future::join_all;
use rowlock_entities::organizer_member::Role;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use serde_json::{Value, json};
use tokio::join;

use crate::{
    app::{App, code_and_fields, error_code},
    database::Engine,
    managed_events::{Host, cancel_event, user_of},
    on_both_engines,
    socket::{MODERN_PROTOCOL, Socket},
    tickets::{booked, codes, tickets},
    waiting::wait_until,
};

on_both_engines! {
    a_ticket_lets_one_person_in
    a_reference_lets_in_one_after_another
    what_is_no_ticket_is_told_so
    a_ticket_of_another_event_is_told_apart
    a_cancelled_ticket_lets_nobody_in
    a_repeated_scan_gets_the_same_answer
    scans_of_two_members_are_apart_although_they_have_the_same_name
    a_check_in_is_taken_back
    a_used_ticket_is_not_returned
    the_organizer_cancels_bookings_with_used_tickets
    every_member_checks_in_and_nobody_else
    a_check_in_by_a_deleted_account_stays
    people_go_in_after_the_event_has_ended
    each_invalid_input_is_named
    check_ins_are_limited ["--check-ins-per-minute-per-user", "3"]
    members_see_how_many_are_in
    a_removed_member_sees_no_more_arrivals
    the_database_refuses_check_ins_without_a_ticket
    many_doors_let_each_ticket_in_once
}

const ANSWER: &str = "__typename
    ... on Problem { message }
    ... on CheckInSuccess { name ticket { number code checkedInAt } booking { id reference } }
    ... on AlreadyCheckedIn { at by name ticket { number checkedInAt } booking { id } }";

const ARRIVALS: &str = "subscription($id: ID!) { arrivals(eventId: $id) { arrived expected } }";

fn operation(field: &str) -> String {
    format!("mutation($input: CheckInInput!) {{ {field}(input: $input) {{ {ANSWER} }} }}")
}

fn input(event: &str, code: &str, scan: Option<&str>) -> Value {
    json!({ "input": { "eventId": event, "code": code, "scanId": scan } })
}

/// Checks in and returns `checkIn`'s answer.
pub(crate) async fn check_in(app: &App, member: &str, event: &str, code: &str) -> Value {
    scan(app, member, event, code, None).await
}

async fn scan(app: &App, member: &str, event: &str, code: &str, scan: Option<&str>) -> Value {
    let variables = input(event, code, scan);
    app.data(Some(member), &operation("checkIn"), variables).await["checkIn"].take()
}

async fn undo(app: &App, member: &str, event: &str, code: &str, scan: Option<&str>) -> Value {
    let variables = input(event, code, scan);
    app.data(Some(member), &operation("undoCheckIn"), variables).await["undoCheckIn"].take()
}

pub(crate) fn kind(answer: &Value) -> &str {
    answer["__typename"].as_str().unwrap()
}

fn number(answer: &Value) -> i64 {
    answer["ticket"]["number"].as_i64().unwrap()
}

async fn name_of(app: &App, token: &str) -> String {
    let me = app.data(Some(token), "{ me { name } }", json!({})).await;
    me["me"]["name"].as_str().unwrap().to_owned()
}

/// How many are in and how many are expected, as a member sees it.
async fn arrivals(app: &App, member: &str, event: &str) -> (i64, i64) {
    let query = "query($id: ID!) { event(id: $id) { arrivals { arrived expected } } }";
    let data = app.data(Some(member), query, json!({ "id": event })).await;
    both(&data["event"]["arrivals"])
}

fn both(arrivals: &Value) -> (i64, i64) {
    (arrivals["arrived"].as_i64().unwrap(), arrivals["expected"].as_i64().unwrap())
}

/// Reads what a subscription sends until it is this state. States in between may be skipped.
async fn wait_for(socket: &mut Socket, expected: (i64, i64)) {
    loop {
        let result = socket.next_result().await;
        if both(&result["data"]["arrivals"]) == expected {
            return;
        }
    }
}

async fn watch(app: &App, member: &str, event: &str) -> Socket {
    let greeting = json!({ "Authorization": format!("Bearer {member}") });
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, greeting).await;
    socket.start(ARRIVALS, json!({ "id": event })).await;
    socket
}

/// An organizer with an event, and a buyer with a booking of some tickets.
struct Scene {
    host: Host,
    event: String,
    buyer: String,
    booking: String,
    reference: String,
    codes: Vec<String>,
}

async fn scene(app: &App, quantity: i64) -> Scene {
    let host = Host::found(app).await;
    let event = host.event(app, json!({ "totalTickets": 50 })).await;
    let buyer = app.user().await;
    let (booking, reference) = booked(app, &buyer, &event, quantity).await;
    let codes = codes(app, &buyer, &booking).await;
    Scene { host, event, buyer, booking, reference, codes }
}

async fn a_ticket_lets_one_person_in(app: App) {
    let Scene { host, event, buyer, booking, reference, codes } = scene(&app, 2).await;
    let door = app.user().await;
    host.add(&app, &door, Role::Door).await;
    let first = check_in(&app, &door, &event, &codes[0]).await;
    assert_eq!(kind(&first), "CheckInSuccess", "{first}");
    assert_eq!(first["name"], name_of(&app, &buyer).await);
    assert_eq!((number(&first), &first["booking"]["id"]), (1, &json!(booking)));
    assert_eq!(first["ticket"]["code"], format!("{reference}/1"), "members get no real code");
    let at = &first["ticket"]["checkedInAt"];
    assert!(at.is_string(), "{first}");

    for typed in [codes[0].clone(), format!("  {}\n", codes[0].to_lowercase())] {
        let again = check_in(&app, &host.owner, &event, &typed).await;
        assert_eq!(kind(&again), "AlreadyCheckedIn");
        assert_eq!((number(&again), &again["at"]), (1, at));
        assert_eq!(again["by"], name_of(&app, &door).await);
        assert_eq!(again["name"], name_of(&app, &buyer).await);
        assert_eq!(again["message"], "This ticket was checked in before.");
    }
    let second = check_in(&app, &host.owner, &event, &codes[1]).await;
    assert_eq!((kind(&second), number(&second)), ("CheckInSuccess", 2));
    let seen = tickets(&app, &buyer, &booking).await;
    assert_eq!(seen[0]["checkedInAt"], *at);
    assert_eq!(seen[1]["checkedInAt"], second["ticket"]["checkedInAt"]);
    assert_eq!(arrivals(&app, &door, &event).await, (2, 2));
}

async fn a_reference_lets_in_one_after_another(app: App) {
    let Scene { host, event, reference, codes, .. } = scene(&app, 3).await;
    let owner = &host.owner;
    let second = check_in(&app, owner, &event, &format!("{}/2", reference.to_lowercase())).await;
    assert_eq!((kind(&second), number(&second)), ("CheckInSuccess", 2), "{second}");
    for (typed, expected) in [(reference.replace('-', ""), 1), (format!(" {reference} "), 3)] {
        let answer = check_in(&app, owner, &event, &typed).await;
        assert_eq!((kind(&answer), number(&answer)), ("CheckInSuccess", expected), "{answer}");
    }
    let full = check_in(&app, owner, &event, &reference).await;
    assert_eq!((kind(&full), number(&full)), ("AlreadyCheckedIn", 3), "the last one that went in");
    let code = check_in(&app, owner, &event, &codes[1]).await;
    assert_eq!(kind(&code), "AlreadyCheckedIn", "a reference and a code name the same ticket");
    let beyond = check_in(&app, owner, &event, &format!("{reference}/4")).await;
    assert_eq!(kind(&beyond), "NotATicket");
}

async fn what_is_no_ticket_is_told_so(app: App) {
    let Scene { host, event, buyer, booking, reference, codes } = scene(&app, 1).await;
    let code = &codes[0];
    let changed = |at: usize| {
        let other = if code.as_bytes()[at] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &code[..at], &code[at + 1..])
    };
    let other_event = host.event(&app, json!({})).await;
    let (_, of_other) = booked(&app, &app.user().await, &other_event, 1).await;
    for text in [
        "",
        "https://example.org/tickets/1",
        &booking,
        &reference[..5],
        &of_other,
        // It never had so many tickets.
        &format!("{reference}/2"),
        &format!("{reference}/9"),
        &code[1..],
        &format!("{code}A"),
        &changed(0),
        &changed(5),
        &changed(20),
        &changed(60),
        &changed(130),
        &"A".repeat(60_000),
        "\0",
    ] {
        for field in ["checkIn", "undoCheckIn"] {
            let variables = input(&event, text, None);
            let answer = app.data(Some(&host.owner), &operation(field), variables).await;
            assert_eq!(kind(&answer[field]), "NotATicket", "{text:.50?}");
        }
    }
    // A booking that is gone has no tickets.
    app.cancel(&buyer, &booking).await;
    app.execute_sql("DELETE FROM bookings WHERE status = 'CANCELLED'").await;
    let answer = check_in(&app, &host.owner, &event, code).await;
    assert_eq!(kind(&answer), "NotATicket");
    assert_eq!(arrivals(&app, &host.owner, &event).await, (0, 0));
}

async fn a_ticket_of_another_event_is_told_apart(app: App) {
    let Scene { host, event, codes, .. } = scene(&app, 1).await;
    let (same_organizer, other) = (host.event(&app, json!({})).await, Host::found(&app).await);
    let elsewhere = other.event(&app, json!({})).await;
    let draft = host.draft(&app, json!({})).await;
    for (member, door) in [
        (&host.owner, &*same_organizer),
        (&other.owner, &*elsewhere),
        (&host.owner, draft["id"].as_str().unwrap()),
    ] {
        let answer = check_in(&app, member, door, &codes[0]).await;
        assert_eq!(kind(&answer), "WrongEvent");
        assert_eq!(answer["message"], "This ticket is for another event.");
        assert_eq!(kind(&undo(&app, member, door, &codes[0], None).await), "WrongEvent");
    }
    assert_eq!(kind(&check_in(&app, &host.owner, &event, &codes[0]).await), "CheckInSuccess");
}

async fn a_cancelled_ticket_lets_nobody_in(app: App) {
    let Scene { host, event, buyer, booking, reference, codes } = scene(&app, 3).await;
    app.change(&buyer, &booking, 2).await;
    for code in [&codes[2], &format!("{reference}/3")] {
        assert_eq!(kind(&check_in(&app, &host.owner, &event, code).await), "TicketCancelled");
    }
    let never = format!("{reference}/4");
    assert_eq!(kind(&check_in(&app, &host.owner, &event, &never).await), "NotATicket");
    assert_eq!(kind(&check_in(&app, &host.owner, &event, &codes[1]).await), "CheckInSuccess");
    undo(&app, &host.owner, &event, &codes[1], None).await;
    app.cancel(&buyer, &booking).await;
    for code in [&codes[0], &codes[2], &reference] {
        let answer = check_in(&app, &host.owner, &event, code).await;
        assert_eq!(kind(&answer), "TicketCancelled");
        assert_eq!(answer["message"], "This ticket was cancelled and is not valid any more.");
        let undone = undo(&app, &host.owner, &event, code, None).await;
        assert_eq!(kind(&undone), "TicketCancelled");
    }
    // Who books again has other tickets.
    let (again, _) = booked(&app, &buyer, &event, 1).await;
    let new = codes_of(&app, &buyer, &again).await;
    assert_eq!(kind(&check_in(&app, &host.owner, &event, &new[0]).await), "CheckInSuccess");

    let late = app.user().await;
    let (late_booking, _) = booked(&app, &late, &event, 1).await;
    let late_codes = codes_of(&app, &late, &late_booking).await;
    cancel_event(&app, &host.owner, &event, "Rain.").await;
    for code in [&new[0], &late_codes[0]] {
        assert_eq!(kind(&check_in(&app, &host.owner, &event, code).await), "TicketCancelled");
    }
}

/// The codes of a booking's tickets; for where a variable has the function's name.
async fn codes_of(app: &App, buyer: &str, booking: &str) -> Vec<String> {
    codes(app, buyer, booking).await
}

async fn a_repeated_scan_gets_the_same_answer(app: App) {
    let Scene { host, event, reference, codes, .. } = scene(&app, 3).await;
    let owner = &host.owner;
    let first = scan(&app, owner, &event, &codes[0], Some("one")).await;
    assert_eq!(kind(&first), "CheckInSuccess");
    for (code, name) in [(&codes[0], "one"), (&reference, "one")] {
        assert_eq!(scan(&app, owner, &event, code, Some(name)).await, first);
    }
    for name in [None, Some("two"), Some("One")] {
        let other = scan(&app, owner, &event, &codes[0], name).await;
        assert_eq!(kind(&other), "AlreadyCheckedIn", "{name:?}");
    }
    let typed = scan(&app, owner, &event, &reference, Some("three")).await;
    assert_eq!((kind(&typed), number(&typed)), ("CheckInSuccess", 2));
    assert_eq!(scan(&app, owner, &event, &reference, Some("three")).await, typed);
    let next = scan(&app, owner, &event, &reference, Some("four")).await;
    assert_eq!(number(&next), 3);
    let full = scan(&app, owner, &event, &reference, Some("five")).await;
    assert_eq!(kind(&full), "AlreadyCheckedIn");
    assert_eq!(scan(&app, owner, &event, &reference, Some("four")).await, next);
    // A scan stands for what it has checked in only as long as that stands.
    undo(&app, owner, &event, &codes[0], Some("one")).await;
    let later = scan(&app, owner, &event, &codes[0], Some("six")).await;
    assert_eq!(kind(&later), "CheckInSuccess");
    assert_eq!(kind(&scan(&app, owner, &event, &codes[0], Some("one")).await), "AlreadyCheckedIn");
}

async fn scans_of_two_members_are_apart_although_they_have_the_same_name(app: App) {
    let Scene { host, event, reference, codes, .. } = scene(&app, 2).await;
    let (owner, door, name) = (&host.owner, app.user().await, Some("door-1-scan-1"));
    host.add(&app, &door, Role::Door).await;
    assert_eq!(kind(&scan(&app, owner, &event, &codes[0], name).await), "CheckInSuccess");
    let again = scan(&app, &door, &event, &codes[0], name).await;
    assert_eq!(kind(&again), "AlreadyCheckedIn", "{again}");
    let undone = undo(&app, &door, &event, &codes[0], name).await;
    assert_eq!(kind(&undone), "AlreadyCheckedIn", "{undone}");
    assert_eq!(arrivals(&app, owner, &event).await, (1, 2));
    let next = scan(&app, &door, &event, &reference, name).await;
    assert_eq!((kind(&next), number(&next)), ("CheckInSuccess", 2));
    undo(&app, owner, &event, &reference, name).await;
    let left = check_in(&app, owner, &event, &format!("{reference}/2")).await;
    assert_eq!(kind(&left), "AlreadyCheckedIn", "the owner took back the first ticket");
}

async fn a_check_in_is_taken_back(app: App) {
    let Scene { host, event, reference, codes, .. } = scene(&app, 2).await;
    let owner = &host.owner;
    let not_in = undo(&app, owner, &event, &codes[0], None).await;
    assert_eq!((kind(&not_in), &not_in["ticket"]["checkedInAt"]), ("CheckInSuccess", &Value::Null));
    scan(&app, owner, &event, &codes[0], Some("one")).await;
    scan(&app, owner, &event, &codes[1], Some("two")).await;
    for _ in 0..2 {
        let undone = undo(&app, owner, &event, &codes[0], None).await;
        assert_eq!(undone, not_in);
        assert_eq!(arrivals(&app, owner, &event).await, (1, 2));
    }
    assert_eq!(kind(&check_in(&app, owner, &event, &codes[0]).await), "CheckInSuccess");
    // With a reference, the number or the scan says which ticket is meant.
    let variables = input(&event, &reference, None);
    let error = app.error(Some(owner), &operation("undoCheckIn"), variables).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["code"]));
    assert_eq!(number(&undo(&app, owner, &event, &format!("{reference}/1"), None).await), 1);
    for _ in 0..2 {
        undo(&app, owner, &event, &reference, Some("two")).await;
        assert_eq!(arrivals(&app, owner, &event).await, (0, 2));
    }
    // A named scan takes back only what it has checked in, also when it is repeated late.
    scan(&app, owner, &event, &codes[0], Some("three")).await;
    undo(&app, owner, &event, &codes[0], Some("three")).await;
    scan(&app, owner, &event, &codes[0], Some("of another door")).await;
    let late = undo(&app, owner, &event, &codes[0], Some("three")).await;
    assert_eq!((kind(&late), number(&late)), ("AlreadyCheckedIn", 1));
    assert_eq!(arrivals(&app, owner, &event).await, (1, 2));
    scan(&app, owner, &event, &codes[1], Some("there, too")).await;
    let late = undo(&app, owner, &event, &reference, Some("three")).await;
    assert_eq!(kind(&late), "AlreadyCheckedIn", "all are in by other scans");
    undo(&app, owner, &event, &codes[1], Some("there, too")).await;
    undo(&app, owner, &event, &codes[0], Some("of another door")).await;
    let single = app.user().await;
    let (_, reference) = booked(&app, &single, &event, 1).await;
    check_in(&app, owner, &event, &reference).await;
    let unnamed = undo(&app, owner, &event, &reference, Some("another")).await;
    assert_eq!(kind(&unnamed), "AlreadyCheckedIn");
    assert_eq!(kind(&undo(&app, owner, &event, &reference, None).await), "CheckInSuccess");
    assert_eq!(arrivals(&app, owner, &event).await, (0, 3));
}

const RETURN: &str = "... on BookingClosed { reason } ";

async fn a_used_ticket_is_not_returned(app: App) {
    let Scene { host, event, buyer, booking, codes, .. } = scene(&app, 4).await;
    check_in(&app, &host.owner, &event, &codes[1]).await;
    let cancel = format!(
        "mutation($input: CancelBookingInput!) {{ cancelBooking(input: $input) {{ __typename
            ... on Problem {{ message }} {RETURN} }} }}"
    );
    let variables = json!({ "input": { "bookingId": booking } });
    let refused = app.data(Some(&buyer), &cancel, variables.clone()).await["cancelBooking"].take();
    assert_eq!(
        refused,
        json!({
            "__typename": "BookingClosed", "reason": "CHECKED_IN",
            "message": "A ticket that you would return was checked in at the door already.",
        })
    );
    let fewer = app.change(&buyer, &booking, 1).await;
    assert_eq!((kind(&fewer), &fewer["reason"]), ("BookingClosed", &json!("CHECKED_IN")));
    for quantity in [2, 5, 3] {
        let changed = app.change(&buyer, &booking, quantity).await;
        assert_eq!(kind(&changed), "ChangeBookingSuccess", "{quantity}: {changed}");
    }
    undo(&app, &host.owner, &event, &codes[1], None).await;
    assert_eq!(kind(&app.change(&buyer, &booking, 1).await), "ChangeBookingSuccess");
    let cancelled = app.data(Some(&buyer), &cancel, variables).await["cancelBooking"].take();
    assert_eq!(kind(&cancelled), "CancelBookingSuccess");
    app.assert_nothing_oversold().await;
}

async fn the_organizer_cancels_bookings_with_used_tickets(app: App) {
    let Scene { host, event, booking, codes, .. } = scene(&app, 2).await;
    let (other, _) = booked(&app, &app.user().await, &event, 3).await;
    check_in(&app, &host.owner, &event, &codes[0]).await;
    assert_eq!(arrivals(&app, &host.owner, &event).await, (1, 5));
    let cancel = "mutation($input: CancelAttendeeBookingInput!) {
        cancelAttendeeBooking(input: $input) {
            ... on CancelBookingSuccess { booking { id tickets { number } } } } }";
    let variables = json!({ "input": { "bookingId": booking, "reason": "Fraud." } });
    let cancelled = app.data(Some(&host.owner), cancel, variables).await;
    let expected = json!({ "id": booking, "tickets": [] });
    assert_eq!(cancelled["cancelAttendeeBooking"]["booking"], expected);
    // The check-in stays as a record, and nobody counts it.
    assert_eq!(check_ins(&app).await, 1);
    assert_eq!(arrivals(&app, &host.owner, &event).await, (0, 3));
    cancel_event(&app, &host.owner, &event, "Rain.").await;
    assert_ne!(other, booking);
    app.assert_nothing_oversold().await;
}

/// The number of all check-ins in the database.
async fn check_ins(app: &App) -> i64 {
    let count =
        Statement::from_string(app.db().get_database_backend(), "SELECT count(*) FROM check_ins");
    app.db().query_one_raw(count).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn every_member_checks_in_and_nobody_else(app: App) {
    let Scene { host, event, buyer, codes, .. } = scene(&app, 1).await;
    let (manager, door, removed) = (app.user().await, app.user().await, app.user().await);
    for (member, role) in [(&manager, Role::Manager), (&door, Role::Door), (&removed, Role::Owner)]
    {
        host.add(&app, member, role).await;
    }
    for member in [&host.owner, &manager, &door, &removed] {
        assert_eq!(kind(&check_in(&app, member, &event, &codes[0]).await), "CheckInSuccess");
        assert_eq!(kind(&undo(&app, member, &event, &codes[0], None).await), "CheckInSuccess");
    }
    let leave = "mutation($input: RemoveOrganizerMemberInput!) {
        removeOrganizerMember(input: $input) { id } }";
    let left = json!({
        "organizerId": host.organizer.to_string(), "userId": user_of(&app, &removed).to_string(),
    });
    app.data(Some(&removed), leave, json!({ "input": left })).await;
    let other = Host::found(&app).await.owner;
    for field in ["checkIn", "undoCheckIn"] {
        let variables = || input(&event, &codes[0], None);
        for (token, code) in [
            (Some(&*removed), "FORBIDDEN"),
            (Some(&*other), "FORBIDDEN"),
            (Some(&*buyer), "FORBIDDEN"),
            (None, "UNAUTHENTICATED"),
        ] {
            let error = app.error(token, &operation(field), variables()).await;
            assert_eq!(error_code(&error), code);
        }
        let draft = host.draft(&app, json!({})).await;
        let of_draft = input(draft["id"].as_str().unwrap(), &codes[0], None);
        let error = app.error(Some(&other), &operation(field), of_draft).await;
        assert_eq!(error_code(&error), "NOT_FOUND");
    }
    assert_eq!(arrivals(&app, &host.owner, &event).await, (0, 1));
}

async fn a_check_in_by_a_deleted_account_stays(app: App) {
    let Scene { host, event, codes, .. } = scene(&app, 1).await;
    let door = app.user().await;
    host.add(&app, &door, Role::Door).await;
    check_in(&app, &door, &event, &codes[0]).await;
    let id = user_of(&app, &door).0;
    let id = match app.engine() {
        Engine::Sqlite => format!("x'{}'", id.simple()),
        Engine::Postgres => format!("'{id}'"),
    };
    app.execute_sql(&format!("DELETE FROM users WHERE id = {id}")).await;
    let again = check_in(&app, &host.owner, &event, &codes[0]).await;
    assert_eq!((kind(&again), &again["by"]), ("AlreadyCheckedIn", &json!("a former member")));
}

async fn people_go_in_after_the_event_has_ended(app: App) {
    let Scene { host, event, codes, .. } = scene(&app, 1).await;
    app.clock.advance(chrono::Duration::days(30));
    let owner = app.services.access_tokens.issue(user_of_expired(&app, &host.owner)).unwrap().token;
    assert_eq!(kind(&check_in(&app, &owner, &event, &codes[0]).await), "CheckInSuccess");
}

/// The user whose access token this is, although it has expired.
fn user_of_expired(app: &App, token: &str) -> rowlock_entities::UserId {
    app.clock.advance(-chrono::Duration::days(30));
    let user = user_of(app, token);
    app.clock.advance(chrono::Duration::days(30));
    user
}

async fn each_invalid_input_is_named(app: App) {
    let Scene { host, event, codes, .. } = scene(&app, 1).await;
    for (event, scan, field) in [
        ("x", Some("one".to_owned()), "eventId"),
        (&*event, Some(String::new()), "scanId"),
        (&*event, Some("x".repeat(101)), "scanId"),
        (&*event, Some("a\0b".to_owned()), "scanId"),
    ] {
        let variables = input(event, &codes[0], scan.as_deref());
        let error = app.error(Some(&host.owner), &operation("checkIn"), variables).await;
        assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec![field]));
    }
    let longest = "ü".repeat(100);
    let answer = scan(&app, &host.owner, &event, &codes[0], Some(&longest)).await;
    assert_eq!(kind(&answer), "CheckInSuccess");
}

async fn check_ins_are_limited(app: App) {
    let Scene { host, event, codes, .. } = scene(&app, 1).await;
    for field in ["checkIn", "undoCheckIn", "checkIn"] {
        app.data(Some(&host.owner), &operation(field), input(&event, &codes[0], None)).await;
    }
    let variables = input(&event, &codes[0], None);
    let error = app.error(Some(&host.owner), &operation("checkIn"), variables).await;
    assert_eq!(error_code(&error), "RATE_LIMITED");
}

async fn members_see_how_many_are_in(app: App) {
    let Scene { host, event, buyer, booking, codes, .. } = scene(&app, 3).await;
    let door = app.user().await;
    host.add(&app, &door, Role::Door).await;
    let mut watching = [watch(&app, &host.owner, &event).await, watch(&app, &door, &event).await];
    for socket in &mut watching {
        wait_for(socket, (0, 3)).await;
    }
    check_in(&app, &door, &event, &codes[0]).await;
    for socket in &mut watching {
        wait_for(socket, (1, 3)).await;
    }
    app.book(&app.user().await, &event, 4).await;
    check_in(&app, &door, &event, &codes[1]).await;
    for socket in &mut watching {
        wait_for(socket, (2, 7)).await;
    }
    undo(&app, &door, &event, &codes[1], None).await;
    app.change(&buyer, &booking, 1).await;
    for socket in &mut watching {
        wait_for(socket, (1, 5)).await;
    }
    // Another program takes it back.
    app.execute_sql("DELETE FROM check_ins").await;
    for socket in &mut watching {
        wait_for(socket, (0, 5)).await;
    }
    let query = "query($id: ID!) { event(id: $id) { arrivals { arrived } } }";
    for token in [None, Some(&*buyer)] {
        let seen = app.data(token, query, json!({ "id": event })).await;
        assert_eq!(seen["event"]["arrivals"], Value::Null);
    }
}

async fn a_removed_member_sees_no_more_arrivals(app: App) {
    let Scene { host, event, codes, .. } = scene(&app, 2).await;
    let door = app.user().await;
    host.add(&app, &door, Role::Door).await;
    let (mut removed, mut staying) =
        (watch(&app, &door, &event).await, watch(&app, &host.owner, &event).await);
    wait_for(&mut removed, (0, 2)).await;
    let input = json!({
        "organizerId": host.organizer.to_string(), "userId": user_of(&app, &door).to_string(),
    });
    let remove = "mutation($input: RemoveOrganizerMemberInput!) {
        removeOrganizerMember(input: $input) { id } }";
    app.data(Some(&host.owner), remove, json!({ "input": input })).await;
    check_in(&app, &host.owner, &event, &codes[0]).await;
    let last = removed.next_message().await;
    assert_eq!(error_code(&last["payload"]["errors"][0]), "FORBIDDEN", "{last}");
    assert_eq!(removed.next_message().await["type"], "complete");
    wait_for(&mut staying, (1, 2)).await;
}

async fn the_database_refuses_check_ins_without_a_ticket(app: App) {
    let Scene { host, event, buyer, booking, codes, .. } = scene(&app, 2).await;
    let other = host.event(&app, json!({})).await;
    let id = |id: &str| match app.engine() {
        Engine::Sqlite => format!("x'{}'", id.replace('-', "")),
        Engine::Postgres => format!("'{id}'"),
    };
    let insert = |event: &str, number: &str, at: &str, scan: &str| {
        format!(
            "INSERT INTO check_ins (booking_id, number, event_id, checked_in_at, scan_id) \
             VALUES ({}, {number}, {}, {at}, {scan})",
            id(&booking),
            id(event)
        )
    };
    let now = "'2026-12-01T10:00:00+00:00'";
    let refused = async |sql: &str| app.db().execute_unprepared(sql).await.is_err();
    for sql in [
        insert(&event, "3", now, "NULL"),
        insert(&event, "0", now, "NULL"),
        insert(&event, "11", now, "NULL"),
        insert(&other, "1", now, "NULL"),
        insert(&event, "1", "'soon'", "NULL"),
        insert(&event, "1", now, "''"),
        insert(&event, "1", now, &format!("'{}'", "x".repeat(101))),
        insert(&event, "1", now, "NULL").replace(&id(&booking), &id(&event)),
    ] {
        assert!(refused(&sql).await, "{sql}");
    }
    app.execute_sql(&insert(&event, "1", now, "NULL")).await;
    assert!(refused(&insert(&event, "1", now, "NULL")).await, "nobody goes in twice");
    for set in ["number = 3", &format!("event_id = {}", id(&other))] {
        let sql = format!("UPDATE check_ins SET {set}");
        assert!(refused(&sql).await, "{sql}");
    }
    app.execute_sql("UPDATE check_ins SET number = 2").await;
    let seen = check_in(&app, &host.owner, &event, &codes[1]).await;
    assert_eq!((kind(&seen), &seen["by"]), ("AlreadyCheckedIn", &json!("a former member")));
    app.execute_sql("DELETE FROM check_ins").await;
    app.cancel(&buyer, &booking).await;
    let sql = insert(&event, "1", now, "NULL");
    assert!(refused(&sql).await, "a cancelled booking has no tickets");
}

async fn many_doors_let_each_ticket_in_once(app: App) {
    let Scene { host, event, reference, codes, .. } = scene(&app, 10).await;
    let scans = codes.iter().chain([&reference]).flat_map(|code| [code, code, code]);
    let answers = join_all(scans.map(|code| check_in(&app, &host.owner, &event, code))).await;
    let successes = answers.iter().filter(|answer| kind(answer) == "CheckInSuccess");
    let mut numbers: Vec<i64> = successes.map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=10).collect::<Vec<i64>>());
    assert_eq!(arrivals(&app, &host.owner, &event).await, (10, 10));
}

/// A second server without limits beside the first.
async fn two_servers() -> (App, App) {
    const NO_LIMITS: [&str; 4] =
        ["--check-ins-per-minute-per-user", "100000", "--bookings-per-minute-per-user", "100000"];
    let first = App::start_with(Engine::Postgres, &NO_LIMITS).await;
    let folder = tempfile::TempDir::new().unwrap();
    let second = App::start_on(first.database_url.clone(), folder, &NO_LIMITS).await;
    (first, second)
}

const ROUNDS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn two_doors_on_two_servers_let_a_ticket_in_once() {
    let (first, second) = two_servers().await;
    let Scene { host, event, codes, .. } = scene(&first, 10).await;
    for round in 0..ROUNDS {
        let code = &codes[round % codes.len()];
        let (one, two) = join!(
            check_in(&first, &host.owner, &event, code),
            check_in(&second, &host.owner, &event, code)
        );
        let mut kinds = [kind(&one), kind(&two)];
        kinds.sort_unstable();
        assert_eq!(kinds, ["AlreadyCheckedIn", "CheckInSuccess"], "round {round}");
        undo(&first, &host.owner, &event, code, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_used_or_returned_and_never_both() {
    let (door, office) = two_servers().await;
    let Scene { host, event, .. } = scene(&door, 1).await;
    let buyer = door.user().await;
    let (mut used, mut returned) = (0, 0);
    for round in 0..ROUNDS {
        let cancels = round % 2 == 0;
        let (booking, _) = booked(&door, &buyer, &event, 2).await;
        let code = &codes(&door, &buyer, &booking).await[1];
        let give_back = async {
            match cancels {
                true => office.cancel(&buyer, &booking).await,
                false => office.change(&buyer, &booking, 1).await,
            }
        };
        let (checked, given) = join!(check_in(&door, &host.owner, &event, code), give_back);
        let is_returned = match kind(&given) {
            "BookingClosed" => false,
            "CancelBookingSuccess" | "ChangeBookingSuccess" => true,
            other => panic!("{other}"),
        };
        match kind(&checked) {
            "CheckInSuccess" => assert!(!is_returned, "round {round}: both"),
            "TicketCancelled" => assert!(is_returned, "round {round}: neither"),
            other => panic!("{other}"),
        }
        if is_returned {
            returned += 1;
        } else {
            used += 1;
            undo(&door, &host.owner, &event, code, None).await;
        }
        if !(is_returned && cancels) {
            let cancelled = office.cancel(&buyer, &booking).await;
            assert_eq!(kind(&cancelled), "CancelBookingSuccess");
        }
    }
    println!("{used} tickets were used, {returned} returned");
    door.assert_nothing_oversold().await;
}

/// Waits until a statement waits for another transaction's lock.
pub(crate) async fn wait_until_blocked(app: &App) {
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock'";
    wait_until(Duration::from_secs(10), "a statement waits for a lock", async || {
        let statement = Statement::from_string(DbBackend::Postgres, blocked);
        let row = app.db().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index::<i64>(0).unwrap() > 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_waits_for_a_check_in_that_is_not_committed_yet() {
    for cancels in [true, false] {
        let app = App::start(Engine::Postgres).await;
        let Scene { event, buyer, booking, .. } = scene(&app, 2).await;
        let tx = app.db().begin().await.unwrap();
        let insert = format!(
            "INSERT INTO check_ins (booking_id, number, event_id, checked_in_at) \
             VALUES ('{booking}', 2, '{event}', now())"
        );
        tx.execute_unprepared(&insert).await.unwrap();
        let give_back = async {
            match cancels {
                true => app.cancel(&buyer, &booking).await,
                false => app.change(&buyer, &booking, 1).await,
            }
        };
        let commit = async {
            wait_until_blocked(&app).await;
            tx.commit().await.unwrap();
        };
        let (answer, ()) = join!(give_back, commit);
        assert_eq!(kind(&answer), "BookingClosed", "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_in_waits_for_a_cancellation_that_is_not_committed_yet() {
    let app = App::start(Engine::Postgres).await;
    let Scene { host, event, booking, codes, .. } = scene(&app, 1).await;
    let tx = app.db().begin().await.unwrap();
    let cancel = format!(
        "UPDATE bookings SET status = 'CANCELLED', cancelled_at = now() WHERE id = '{booking}'"
    );
    tx.execute_unprepared(&cancel).await.unwrap();
    let commit = async {
        wait_until_blocked(&app).await;
        tx.commit().await.unwrap();
    };
    let (answer, ()) = join!(check_in(&app, &host.owner, &event, &codes[0]), commit);
    assert_eq!(kind(&answer), "TicketCancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_checks_nothing_in_that_is_being_cancelled() {
    let app = App::start(Engine::Postgres).await;
    let Scene { event, booking, .. } = scene(&app, 1).await;
    let cancelling = app.db().begin().await.unwrap();
    let cancel = format!(
        "UPDATE bookings SET status = 'CANCELLED', cancelled_at = now() WHERE id = '{booking}'"
    );
    cancelling.execute_unprepared(&cancel).await.unwrap();
    let insert = format!(
        "INSERT INTO check_ins (booking_id, number, event_id, checked_in_at) \
         VALUES ('{booking}', 1, '{event}', now())"
    );
    let commit = async {
        wait_until_blocked(&app).await;
        cancelling.commit().await.unwrap();
    };
    let (inserted, ()) = join!(app.db().execute_unprepared(&insert), commit);
    assert!(inserted.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn arrivals_at_one_server_are_seen_at_the_other() {
    let (first, second) = two_servers().await;
    let Scene { host, event, codes, .. } = scene(&first, 10).await;
    let mut watching =
        [watch(&first, &host.owner, &event).await, watch(&second, &host.owner, &event).await];
    for socket in &mut watching {
        wait_for(socket, (0, 10)).await;
    }
    for (app, code, arrived) in [(&first, &codes[0], 1), (&second, &codes[1], 2)] {
        check_in(app, &host.owner, &event, code).await;
        for socket in &mut watching {
            wait_for(socket, (arrived, 10)).await;
        }
    }
}
