//! Deleting an account, what is left of it, and the export of everything about a person.

use std::time::Duration as StdDuration;

use chrono::{Duration, Utc};
use futures_util::future::join_all;
use reqwest::{Response, StatusCode, header};
use rowlock_entities::{
    EventId, account_token, event, job, organizer_member, refresh_token, session, user,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    app::{App, BOOK, CHANGE, error_code, refresh_cookie},
    commands::one_line_error,
    database::Engine,
    door::{check_in, wait_until_blocked},
    mail_files::{last_mail_to, mails_to},
    managed_events::{Host, mutation},
    on_both_engines,
    organizers::{CREATE, SET_MEMBER},
    program::rowlock_command,
    waiting::wait_until,
};

const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) {
    accessToken user { id } } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
const DELETE: &str = "mutation($input: DeleteAccountInput!) { deleteAccount(input: $input) }";
const ATTENDEES: &str = "query($id: ID!) { event(id: $id) {
    attendees(first: 10) { nodes { name email booking { status cancelledBy } } } } }";
const TIMEOUT: StdDuration = StdDuration::from_secs(20);

on_both_engines! {
    deleting_an_account_leaves_nothing_that_names_the_person
    coming_bookings_are_cancelled_and_those_of_events_that_have_begun_stay
    an_access_token_that_outlives_its_account_books_nothing
    an_access_token_that_outlives_its_account_takes_no_more_tickets
    nobody_keeps_what_they_book_while_their_account_is_deleted
    the_last_owner_of_an_organizer_cannot_leave_by_deletion
    an_organizer_with_nothing_to_come_is_left_by_its_only_member
    an_account_is_deleted_once_even_if_two_requests_ask_at_once
    nobody_is_made_a_member_while_their_account_is_deleted
    deleting_needs_the_password_and_a_sign_in
    nobody_registers_the_email_of_a_deleted_account
    a_person_downloads_everything_about_them
    a_calendar_has_a_private_address_that_can_be_replaced
    only_people_with_a_verified_email_book_if_so_set ["--require-verified-email"]
    the_operator_manages_accounts
}

struct Person {
    token: String,
    id: String,
    cookie: String,
}

async fn register(app: &App, email: &str) -> Person {
    let input = json!({ "email": email, "password": "passw0rd", "name": "Ann Example" });
    let response = app.request(None, REGISTER, json!({ "input": input })).send().await.unwrap();
    let (cookie, _) = refresh_cookie(&response);
    let answer: Value = response.json().await.unwrap();
    let text = |pointer: &str| answer.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    Person { token: text("/data/register/accessToken"), id: text("/data/register/user/id"), cookie }
}

async fn delete(app: &App, token: &str, password: &str) -> Value {
    app.send(Some(token), DELETE, json!({ "input": { "password": password } })).await
}

async fn log_in(app: &App, email: &str, password: &str) -> Value {
    let input = json!({ "email": email, "password": password });
    app.send(None, LOGIN, json!({ "input": input })).await
}

fn code(answer: &Value) -> &str {
    error_code(&answer["errors"][0])
}

async fn found(app: &App, token: &str, name: &str) -> String {
    let founded = app.data(Some(token), CREATE, json!({ "input": { "name": name } })).await;
    founded["createOrganizer"]["id"].as_str().unwrap().to_owned()
}

async fn add_member(app: &App, token: &str, organizer: &str, email: &str, role: &str) -> Value {
    let input = json!({ "organizerId": organizer, "email": email, "role": role });
    app.send(Some(token), SET_MEMBER, json!({ "input": input })).await
}

/// Waits until only jobs that are due later are left.
async fn until_jobs_are_done(app: &App, left: u64) {
    wait_until(TIMEOUT, "jobs are done", async || {
        job::Entity::find().count(app.db()).await.unwrap() == left
    })
    .await;
}

async fn deleting_an_account_leaves_nothing_that_names_the_person(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let owner = register(&app, "owner@example.org").await;
    let organizer = found(&app, &owner.token, "Blue Door").await;
    add_member(&app, &owner.token, &organizer, "ann@example.org", "MANAGER").await;
    let calendar = "mutation { createCalendarFeed { calendarUrl } }";
    app.data(Some(&ann.token), calendar, json!({})).await;
    let answer = delete(&app, &ann.token, "passw0rd").await;
    assert_eq!(answer["data"]["deleteAccount"], true, "{answer}");

    let id: uuid::Uuid = ann.id.parse().unwrap();
    let row = user::Entity::find_by_id(id).one(app.db()).await.unwrap().unwrap();
    assert_eq!(row.email, format!("deleted-{}@deleted.invalid", ann.id));
    assert_eq!(row.name, "Deleted account");
    assert!(row.deleted_at.is_some() && row.calendar_token.is_none());
    let of_ann = session::Column::UserId.eq(id);
    assert_eq!(session::Entity::find().filter(of_ann).count(app.db()).await.unwrap(), 0);
    let tokens = account_token::Entity::find().filter(account_token::Column::UserId.eq(id));
    assert_eq!(tokens.count(app.db()).await.unwrap(), 0);
    let members = organizer_member::Entity::find();
    let members = members.filter(organizer_member::Column::UserId.eq(id));
    assert_eq!(members.count(app.db()).await.unwrap(), 0);
    // Only the owner's session has a token.
    assert_eq!(refresh_token::Entity::find().count(app.db()).await.unwrap(), 1);

    let mail = last_mail_to(&app, "ann@example.org").await;
    assert_eq!(mail.subject, "Your account was deleted");
    let is_unnamed = mail.text.contains("Hello,") && !mail.text.contains("Ann");
    assert!(is_unnamed, "the address was not confirmed: {}", mail.text);
    for (token, query) in [(Some(&*ann.token), "{ me { name } }"), (Some(&*ann.token), calendar)] {
        assert_eq!(error_code(&app.error(token, query, json!({})).await), "UNAUTHENTICATED");
    }
    let refresh = app.request(None, "mutation { refresh { accessToken } }", json!({}));
    let refresh = refresh.header(header::COOKIE, &ann.cookie).send().await.unwrap();
    assert_eq!(code(&refresh.json().await.unwrap()), "UNAUTHENTICATED");
    for email in ["ann@example.org", &row.email] {
        assert_eq!(code(&log_in(&app, email, "passw0rd").await), "INVALID_CREDENTIALS");
    }
    let unknown = add_member(&app, &owner.token, &organizer, &row.email, "DOOR").await;
    assert_eq!(code(&unknown), "BAD_USER_INPUT");
    // The address is free.
    register(&app, "ann@example.org").await;
}

async fn booked(app: &App, token: &str, event: &str) -> String {
    let booked = app.book(token, event, 2).await;
    booked["booking"]["id"].as_str().unwrap_or_else(|| panic!("{booked}")).to_owned()
}

async fn coming_bookings_are_cancelled_and_those_of_events_that_have_begun_stay(app: App) {
    let owner = register(&app, "owner@example.org").await;
    let organizer = found(&app, &owner.token, "Blue Door").await;
    let organizer = organizer.parse::<uuid::Uuid>().unwrap().into();
    let ann = register(&app, "ann@example.org").await;
    let mut events = Vec::new();
    for hours in [1, 48, 72] {
        let event = app
            .event_with(|event| {
                event.organizer_id = organizer;
                event.starts_at = Utc::now() + Duration::hours(hours);
            })
            .await;
        booked(&app, &ann.token, &event).await;
        events.push(event);
    }
    app.clock.advance(Duration::hours(2));
    let token = log_in(&app, "ann@example.org", "passw0rd").await;
    let token = token["data"]["login"]["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(delete(&app, &token, "passw0rd").await["data"]["deleteAccount"], true);
    until_jobs_are_done(&app, 1).await;

    let owner = log_in(&app, "owner@example.org", "passw0rd").await;
    let owner = owner["data"]["login"]["accessToken"].as_str().unwrap().to_owned();
    for (event, status, by, remaining) in [
        (&events[0], "CONFIRMED", Value::Null, 8),
        (&events[1], "CANCELLED", json!("BUYER"), 10),
        (&events[2], "CANCELLED", json!("BUYER"), 10),
    ] {
        let found = app.data(Some(&owner), ATTENDEES, json!({ "id": event })).await;
        let expected = json!([{ "name": "Deleted account", "email": "",
            "booking": { "status": status, "cancelledBy": by } }]);
        assert_eq!(found["event"]["attendees"]["nodes"], expected);
        assert_eq!(app.remaining_tickets(event).await, remaining);
        let file = app.get(&format!("/events/{event}/attendees.csv")).bearer_auth(&owner);
        let file = file.send().await.unwrap().text().await.unwrap();
        assert!(file.contains(&format!(",{status},Deleted account,,2,")), "{file}");
    }
    app.assert_nothing_oversold().await;
}

async fn an_access_token_that_outlives_its_account_books_nothing(app: App) {
    let ann = register(&app, "ann@example.org").await;
    assert_eq!(delete(&app, &ann.token, "passw0rd").await["data"]["deleteAccount"], true);
    let event = app.event("Concert", 10).await;
    let users = app.users(6).await;
    let book = async |token: &str| {
        app.send(Some(token), BOOK, json!({ "input": { "eventId": event } })).await
    };
    let others = join_all(users.iter().map(|user| book(user)));
    let (refused, booked) = tokio::join!(book(&ann.token), others);
    assert_eq!(code(&refused), "UNAUTHENTICATED", "{refused}");
    for answer in booked {
        assert_eq!(answer["data"]["bookEvent"]["__typename"], "BookEventSuccess", "{answer}");
    }
    assert_eq!(app.remaining_tickets(&event).await, 4);
    app.assert_nothing_oversold().await;
}

/// A booking of which somebody is in stays after the deletion.
async fn an_access_token_that_outlives_its_account_takes_no_more_tickets(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let ann = register(&app, "ann@example.org").await;
    let booking = app.book(&ann.token, &event, 2).await["booking"]["id"].take();
    let query = "query($id: ID!) { node(id: $id) { ... on Booking { tickets { code } } } }";
    let found = app.data(Some(&ann.token), query, json!({ "id": booking })).await;
    let code_of_ticket = found["node"]["tickets"][0]["code"].as_str().unwrap();
    let entered = check_in(&app, &host.owner, &event, code_of_ticket).await;
    assert_eq!(entered["__typename"], "CheckInSuccess", "{entered}");
    assert_eq!(delete(&app, &ann.token, "passw0rd").await["data"]["deleteAccount"], true);
    until_jobs_are_done(&app, 1).await;
    for quantity in [1, 2, 3] {
        let input = json!({ "input": { "bookingId": booking, "quantity": quantity } });
        let answer = app.send(Some(&ann.token), CHANGE, input).await;
        assert_eq!(code(&answer), "UNAUTHENTICATED", "{quantity}: {answer}");
    }
    assert_eq!(app.remaining_tickets(&event).await, 8);
    // The job that is left has no address.
    let later = job::Entity::find().one(app.db()).await.unwrap().unwrap();
    assert!(!format!("{later:?}").contains("ann@"), "{later:?}");
}

async fn nobody_keeps_what_they_book_while_their_account_is_deleted(app: App) {
    let event = app.event("Concert", 100).await;
    for round in 0..8 {
        let ann = register(&app, &format!("ann{round}@example.org")).await;
        let input = json!({ "input": { "eventId": event } });
        let (deleted, answer) = tokio::join!(
            delete(&app, &ann.token, "passw0rd"),
            app.send(Some(&ann.token), BOOK, input)
        );
        assert_eq!(deleted["data"]["deleteAccount"], true, "{deleted}");
        let is_booked = answer["data"]["bookEvent"]["__typename"] == "BookEventSuccess";
        assert!(is_booked || code(&answer) == "UNAUTHENTICATED", "{answer}");
    }
    // Those that run once the tokens have expired still wait.
    until_jobs_are_done(&app, 8).await;
    assert_eq!(app.remaining_tickets(&event).await, 100);
    app.assert_nothing_oversold().await;
}

async fn the_last_owner_of_an_organizer_cannot_leave_by_deletion(app: App) {
    let ann = register(&app, "ann@example.org").await;
    register(&app, "bob@example.org").await;
    let organizer = found(&app, &ann.token, "Blue Door").await;
    add_member(&app, &ann.token, &organizer, "bob@example.org", "DOOR").await;
    let answer = delete(&app, &ann.token, "passw0rd").await;
    assert_eq!(code(&answer), "FORBIDDEN");
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("Make somebody else its owner"), "{message}");
    let me = app.data(Some(&ann.token), "{ me { email organizers { name } } }", json!({})).await;
    let kept = json!({ "email": "ann@example.org", "organizers": [{ "name": "Blue Door" }] });
    assert_eq!(me["me"], kept);
    add_member(&app, &ann.token, &organizer, "bob@example.org", "OWNER").await;
    assert_eq!(delete(&app, &ann.token, "passw0rd").await["data"]["deleteAccount"], true);
}

async fn an_organizer_with_nothing_to_come_is_left_by_its_only_member(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let organizer = found(&app, &ann.token, "Blue Door").await;
    let id = organizer.parse::<uuid::Uuid>().unwrap().into();
    let event = app.event_with(|event| event.organizer_id = id).await;
    assert_eq!(code(&delete(&app, &ann.token, "passw0rd").await), "FORBIDDEN");
    let cancel =
        "mutation($input: CancelEventInput!) { cancelEvent(input: $input) { __typename } }";
    let input = json!({ "eventId": event, "reason": "Closed." });
    app.data(Some(&ann.token), cancel, json!({ "input": input })).await;
    assert_eq!(delete(&app, &ann.token, "passw0rd").await["data"]["deleteAccount"], true);
    let page = "query($id: ID!) { event(id: $id) { organizer { name } } }";
    let page = app.data(None, page, json!({ "id": event })).await;
    assert_eq!(page["event"]["organizer"]["name"], "Blue Door");
}

async fn an_account_is_deleted_once_even_if_two_requests_ask_at_once(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let other = app.start_second_server().await;
    let servers = [&app, &other];
    let answers = join_all(servers.map(|app| delete(app, &ann.token, "passw0rd"))).await;
    let deleted = answers.iter().filter(|answer| answer["data"]["deleteAccount"] == true);
    assert_eq!(deleted.count(), 1, "{answers:?}");
    let refused = answers.iter().filter(|answer| code(answer) == "UNAUTHENTICATED");
    assert_eq!(refused.count(), 1, "{answers:?}");
    let told = mails_to(&servers, "ann@example.org").await;
    let told = told.iter().filter(|mail| mail.subject == "Your account was deleted");
    assert_eq!(told.count(), 1);
}

async fn nobody_is_made_a_member_while_their_account_is_deleted(app: App) {
    let owner = register(&app, "owner@example.org").await;
    let organizer = found(&app, &owner.token, "Blue Door").await;
    for round in 0..8 {
        let email = format!("ann{round}@example.org");
        let ann = register(&app, &email).await;
        let (deleted, added) = tokio::join!(
            delete(&app, &ann.token, "passw0rd"),
            add_member(&app, &owner.token, &organizer, &email, "DOOR")
        );
        assert_eq!(deleted["data"]["deleteAccount"], true, "{deleted}");
        assert!(added["data"].is_object() || code(&added) == "BAD_USER_INPUT", "{added}");
        let id: uuid::Uuid = ann.id.parse().unwrap();
        let of_ann = organizer_member::Column::UserId.eq(id);
        let left = organizer_member::Entity::find().filter(of_ann).count(app.db()).await.unwrap();
        assert_eq!(left, 0, "{added}");
    }
}

/// A publication waits for its event while the only owner leaves.
#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_published_that_nobody_could_take_off_sale() {
    let app = App::start(Engine::Postgres).await;
    let ann = register(&app, "ann@example.org").await;
    let organizer: uuid::Uuid = found(&app, &ann.token, "Blue Door").await.parse().unwrap();
    let host = Host::of(organizer.into(), ann.token.clone());
    let draft = host.draft(&app, json!({})).await["id"].as_str().unwrap().to_owned();
    let lock = app.lock_event(&draft).await;
    let query = mutation("publishEvent", "PublishEventInput");
    let input = json!({ "input": { "eventId": draft, "revision": 1 } });
    let leaving = async {
        wait_until_blocked(&app).await;
        let deleted = delete(&app, &ann.token, "passw0rd").await;
        lock.rollback().await.unwrap();
        deleted
    };
    let publication = app.send(Some(&ann.token), &query, input);
    let (deleted, published) = tokio::join!(leaving, publication);
    assert_eq!(deleted["data"]["deleteAccount"], true, "{deleted}");
    assert_eq!(code(&published), "FORBIDDEN", "{published}");
    let draft = EventId(draft.parse().unwrap());
    let draft = event::Entity::find_by_id(draft).one(app.db()).await.unwrap().unwrap();
    assert_eq!(draft.status, event::Status::Draft);
}

async fn deleting_needs_the_password_and_a_sign_in(app: App) {
    let ann = register(&app, "ann@example.org").await;
    assert_eq!(code(&delete(&app, &ann.token, "wrong-pass-1").await), "INVALID_CREDENTIALS");
    assert_eq!(code(&delete(&app, "wrong", "passw0rd").await), "UNAUTHENTICATED");
    assert!(log_in(&app, "ann@example.org", "passw0rd").await["data"].is_object());
}

async fn nobody_registers_the_email_of_a_deleted_account(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let email = format!("deleted-{}@Deleted.Invalid", ann.id);
    let input = json!({ "email": email, "password": "passw0rd", "name": "Eve" });
    let error = app.error(None, REGISTER, json!({ "input": input })).await;
    assert_eq!(error_code(&error), "BAD_USER_INPUT");
    assert_eq!(delete(&app, &ann.token, "passw0rd").await["data"]["deleteAccount"], true);
}

async fn download(app: &App, token: Option<&str>) -> Response {
    let request = app.get("/account/data.json");
    let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
    request.send().await.unwrap()
}

async fn a_person_downloads_everything_about_them(app: App) {
    let ann = register(&app, "ann@example.org").await;
    found(&app, &ann.token, "Blue Door").await;
    let mut events = Vec::new();
    // More than the server reads at once.
    for _ in 0..103 {
        events.push(app.event("Concert", 10).await);
    }
    for event in &events {
        booked(&app, &ann.token, event).await;
    }
    let check_ins = "INSERT INTO check_ins (booking_id, number, event_id, checked_in_at) \
                     SELECT id, 2, event_id, '2026-12-01T10:00:00+00:00' FROM bookings";
    app.execute_sql(check_ins).await;
    let file = download(&app, Some(&ann.token)).await;
    assert_eq!(file.status(), StatusCode::OK);
    assert_eq!(file.headers()[header::CACHE_CONTROL], "private, no-store");
    let text = file.text().await.unwrap();
    let data: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(data["profile"]["email"], "ann@example.org");
    assert_eq!(data["profile"]["name"], "Ann Example");
    assert_eq!(data["sessions"].as_array().unwrap().len(), 1);
    let organizers = json!([{ "name": "Blue Door", "slug": "blue-door", "role": "OWNER" }]);
    assert_eq!(data["organizers"], organizers);
    let bookings = data["bookings"].as_array().unwrap();
    assert_eq!(bookings.len(), 103);
    let newest = &bookings[0];
    assert_eq!(newest["event"]["title"], "Concert");
    assert_eq!(newest["event"]["id"], events[102].as_str());
    assert_eq!((&newest["quantity"], &newest["status"]), (&json!(2), &json!("CONFIRMED")));
    let check_in = json!({ "ticket": 2, "checkedInAt": "2026-12-01T10:00:00Z" });
    assert_eq!(newest["checkIns"], json!([check_in]));
    assert_eq!(newest["totalPrice"], json!({ "amount": "20.00", "currency": "EUR" }));
    for secret in ["argon2", "hash", "rowlock_refresh"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let nobody = app.user().await;
    let empty: Value = download(&app, Some(&nobody)).await.json().await.unwrap();
    assert_eq!(empty["bookings"], json!([]));
    for token in [None, Some("wrong")] {
        assert_eq!(download(&app, token).await.status(), StatusCode::UNAUTHORIZED);
    }
    let cookie = app.get("/account/data.json").header(header::COOKIE, &ann.cookie);
    assert_eq!(cookie.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

async fn a_calendar_has_a_private_address_that_can_be_replaced(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let url = async |mutation: &str| {
        let query = format!("mutation {{ {mutation} {{ calendarUrl }} }}");
        let data = app.data(Some(&ann.token), &query, json!({})).await;
        data[mutation]["calendarUrl"].clone()
    };
    let first = url("createCalendarFeed").await;
    let first = first.as_str().unwrap();
    let token = first.strip_prefix("http://127.0.0.1:8080/calendar/").unwrap();
    assert_eq!(token.strip_suffix(".ics").unwrap().len(), 43);
    let me = app.data(Some(&ann.token), "{ me { calendarUrl } }", json!({})).await;
    assert_eq!(me["me"]["calendarUrl"], first);
    assert_ne!(url("createCalendarFeed").await, first);
    assert_eq!(url("removeCalendarFeed").await, Value::Null);
    assert_eq!(url("removeCalendarFeed").await, Value::Null);
}

async fn only_people_with_a_verified_email_book_if_so_set(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let event = app.event("Concert", 10).await;
    let input = json!({ "input": { "eventId": event, "quantity": 1 } });
    let error = app.error(Some(&ann.token), BOOK, input.clone()).await;
    assert_eq!(error_code(&error), "EMAIL_NOT_VERIFIED");
    let token = last_mail_to(&app, "ann@example.org").await.token("verify-email");
    let verify = "mutation($token: String!) { verifyEmail(token: $token) { id } }";
    app.data(None, verify, json!({ "token": token })).await;
    let booked = app.data(Some(&ann.token), BOOK, input.clone()).await;
    assert_eq!(booked["bookEvent"]["__typename"], "BookEventSuccess");
    let gone = app.services.access_tokens.issue(rowlock_entities::UserId::new()).unwrap().token;
    let error = app.error(Some(&gone), BOOK, input).await;
    assert_eq!(error_code(&error), "UNAUTHENTICATED");
}

async fn the_operator_manages_accounts(app: App) {
    let folder = TempDir::new().unwrap();
    let users = |args: &[&str]| {
        let mut command = rowlock_command(folder.path());
        command.arg("users").args(args).env("DATABASE_URL", &app.database_url);
        command.output().unwrap()
    };
    let printed = |args: &[&str]| {
        let output = users(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let ann = register(&app, "ann@example.org").await;
    let event = app.event("Concert", 10).await;
    booked(&app, &ann.token, &event).await;
    let report = printed(&["find", "ANN@Example.org"]);
    for part in [&*ann.id, "ann@example.org (Ann Example)", "not verified", "sessions: 1"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert_eq!(printed(&["verify", "ann@example.org"]), "the email ann@example.org is verified\n");
    assert!(printed(&["find", "ann@example.org"]).contains("the email was verified at "));

    let report = printed(&["reset-password", "ann@example.org"]);
    assert!(report.contains("a running server sends it"), "{report}");
    wait_until(TIMEOUT, "the mail is sent", async || {
        let mails = mails_to(&[&app], "ann@example.org").await;
        mails.iter().any(|mail| mail.subject == "Choose a new password")
    })
    .await;
    let data: Value = serde_json::from_str(&printed(&["export", "ann@example.org"])).unwrap();
    assert_eq!(data["profile"]["id"], ann.id.as_str());
    assert_eq!(data["bookings"][0]["event"]["title"], "Concert");

    let line = one_line_error(&users(&["delete", "ann@example.org"]));
    assert!(line.contains("add --yes to confirm"), "{line}");
    let organizer = found(&app, &ann.token, "Blue Door").await;
    register(&app, "bob@example.org").await;
    add_member(&app, &ann.token, &organizer, "bob@example.org", "DOOR").await;
    let line = one_line_error(&users(&["delete", "ann@example.org", "--yes"]));
    assert!(line.contains("is the only owner of an organizer"), "{line}");
    add_member(&app, &ann.token, &organizer, "ada@example.org", "OWNER").await;
    let report = printed(&["delete", "ann@example.org", "--yes"]);
    assert!(report.starts_with("the account of ann@example.org is deleted"), "{report}");
    wait_until(TIMEOUT, "the booking is cancelled", async || {
        app.remaining_tickets(&event).await == 10
    })
    .await;
    for command in ["find", "verify", "reset-password", "delete", "export"] {
        let line = one_line_error(&users(&[command, "ann@example.org"]));
        assert!(line.contains("nobody has an account with the email"), "{line}");
    }
}
