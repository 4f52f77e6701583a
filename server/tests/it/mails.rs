//! Mails about bookings, over a real SMTP server.

use std::{
    collections::{HashMap, HashSet},
    fs,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use rowlock_entities::{UserId, job};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    app::{App, BOOK},
    database::Engine,
    door::check_in,
    managed_events::{Host, cancel_event, user_of},
    on_both_engines,
    smtp::{SmtpServer, port_of_nobody, second_server, with_smtp, with_smtp_at},
    waiting::wait_until,
};

on_both_engines! {
    a_booking_is_told_with_its_price_its_place_and_an_entry_for_the_calendar
    what_becomes_of_a_booking_is_told
    an_organizer_who_cancels_says_why
    people_are_told_when_their_event_is_moved
    a_booking_is_told_before_all_guests_of_a_large_event_are
    people_are_reminded_once_a_day_before
    who_is_in_is_not_told_to_cancel
    who_deletes_the_account_is_told_of_each_booking
    who_unsubscribes_gets_no_more_reminders
    the_private_calendar_has_all_bookings_until_it_is_removed
    a_mail_that_is_refused_for_now_is_sent_again_as_the_same_mail
    a_mail_that_is_refused_for_good_waits_for_an_operator
    a_connection_that_is_closed_after_the_mail_loses_nothing
    a_mail_server_that_stalls_delays_no_booking
    a_mail_that_was_acknowledged_is_not_sent_again
    who_has_not_confirmed_the_address_is_not_flooded
    nothing_is_lost_while_the_mail_server_is_away
    each_booking_of_a_crowd_has_one_mail
    no_text_of_people_becomes_a_header_or_an_element
    without_a_mail_server_mails_are_files
}

const TIMEOUT: Duration = Duration::from_secs(30);

async fn booked(app: &App, token: &str, event: &str, quantity: i64) -> String {
    let answer = app.book(token, event, quantity).await;
    assert_eq!(answer["__typename"], "BookEventSuccess", "{answer}");
    answer["booking"]["id"].as_str().unwrap().to_owned()
}

async fn reference(app: &App, token: &str, booking: &str) -> String {
    let query = "query($id: ID!) { node(id: $id) { ... on Booking { reference } } }";
    let data = app.data(Some(token), query, json!({ "id": booking })).await;
    data["node"]["reference"].as_str().unwrap().to_owned()
}

async fn a_booking_is_told_with_its_price_its_place_and_an_entry_for_the_calendar(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let (host, user) = (Host::found(&app).await, app.user().await);
    let starts_at: DateTime<Utc> = "2030-12-06T22:00:00Z".parse().unwrap();
    let ends_at: DateTime<Utc> = "2030-12-07T01:00:00Z".parse().unwrap();
    let times = json!({ "startsAt": starts_at, "endsAt": ends_at });
    let event = host.event(&app, times).await;
    let booking = booked(&app, &user, &event, 3).await;
    let mail = smtp.wait_for(1).await.remove(0);
    assert_eq!(mail.subject, "Booked: 3 tickets for Jazz");
    assert_eq!(mail.to, [format!("load-{}@example.test", user_of(&app, &user))]);
    assert_eq!(mail.name, "Load user 1");
    assert_eq!(mail.headers["from"], "Tickets <tickets@rowlock.example>");
    assert_eq!(mail.headers["auto-submitted"], "auto-generated");
    assert_eq!(mail.headers.get("list-unsubscribe"), None);
    assert!(mail.id().ends_with("@rowlock.example>"), "{}", mail.id());
    let reference = reference(&app, &user, &booking).await;
    let url = format!("https://tickets.example/bookings/{booking}");
    for expected in [
        "Hello Load user 1,",
        "Fri, Dec 6, 2030 · 5:00 PM – 8:00 PM (New York)",
        "Blue Door, New York",
        "3 × 35.00 USD = 105.00 USD",
        &reference,
        &url,
    ] {
        assert!(mail.text.contains(expected), "{expected}: {}", mail.text);
        assert!(mail.html.contains(expected), "{expected}: {}", mail.html);
    }
    let entry = json!({
        "method": "PUBLISH", "kind": "PUBLISH", "uid": format!("{booking}@rowlock.example"),
        "sequence": 2, "status": "CONFIRMED", "start": "2030-12-06T22:00:00+00:00",
        "end": "2030-12-07T01:00:00+00:00", "summary": "Jazz",
        "location": "Blue Door, New York", "organizer": "Host", "url": url,
    });
    assert_eq!(mail.calendar, entry);
}

async fn what_becomes_of_a_booking_is_told(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let (host, user) = (Host::found(&app).await, app.user().await);
    let event = host.event(&app, json!({})).await;
    let booking = booked(&app, &user, &event, 1).await;
    let first = smtp.wait_for_subject("Booked: 1 ticket for Jazz").await;
    app.change(&user, &booking, 2).await;
    let changed = smtp.wait_for_subject("Changed: you now have 2 tickets for Jazz").await;
    app.cancel(&user, &booking).await;
    let cancelled = smtp.wait_for_subject("Cancelled: 2 tickets for Jazz").await;
    // A repeated request changes nothing, so it is told nothing.
    app.cancel(&user, &booking).await;
    let again = booked(&app, &user, &event, 1).await;
    let mails = smtp.wait_for(4).await;
    assert_eq!(mails.len(), 4, "{mails:#?}");
    assert_eq!(first.calendar["uid"], changed.calendar["uid"]);
    assert_eq!(first.calendar["uid"], cancelled.calendar["uid"]);
    assert_eq!(
        (&cancelled.calendar["method"], &cancelled.calendar["status"]),
        (&json!("CANCEL"), &json!("CANCELLED"))
    );
    assert!(cancelled.calendar["sequence"].as_i64() > first.calendar["sequence"].as_i64());
    assert!(!cancelled.text.contains("/bookings/"), "{}", cancelled.text);
    assert_eq!(mails[3].calendar["uid"], format!("{again}@rowlock.example"));
    let ids: HashSet<&str> = mails.iter().map(|mail| mail.id()).collect();
    assert_eq!(ids.len(), 4);
}

const CANCEL_FOR_BUYER: &str = "mutation($input: CancelAttendeeBookingInput!) {
    cancelAttendeeBooking(input: $input) { __typename } }";

async fn an_organizer_who_cancels_says_why(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let (host, users) = (Host::found(&app).await, app.users(2).await);
    let event = host.event(&app, json!({})).await;
    let booking = booked(&app, &users[0], &event, 1).await;
    booked(&app, &users[1], &event, 2).await;
    smtp.wait_for(2).await;
    let input = json!({ "bookingId": booking, "reason": "We sold your seat twice." });
    app.data(Some(&host.owner), CANCEL_FOR_BUYER, json!({ "input": input })).await;
    let one = smtp.wait_for_subject("Cancelled by Host: 1 ticket for Jazz").await;
    assert!(one.text.contains("> We sold your seat twice."), "{}", one.text);
    cancel_event(&app, &host.owner, &event, "The pianist\nis ill.").await;
    let all = smtp.wait_for_subject("Cancelled: Jazz").await;
    assert!(all.text.contains("Your 2 tickets are cancelled with it."), "{}", all.text);
    assert!(all.text.contains("> The pianist\n> is ill."), "{}", all.text);
    assert!(all.html.contains("The pianist<br>is ill."), "{}", all.html);
    assert_eq!(all.calendar["method"], "CANCEL");
    assert_eq!(smtp.taken().len(), 4, "only who had tickets is told");
}

async fn people_are_told_when_their_event_is_moved(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let (host, users) = (Host::found(&app).await, app.users(3).await);
    let event = host.event(&app, json!({ "startsAt": "2030-12-06T22:00:00Z" })).await;
    for user in &users {
        booked(&app, user, &event, 1).await;
    }
    let first = smtp.wait_for(3).await.remove(0);
    let cancelled =
        app.data(Some(&users[2]), "{ me { bookings { nodes { id } } } }", json!({})).await;
    app.cancel(&users[2], cancelled["me"]["bookings"]["nodes"][0]["id"].as_str().unwrap()).await;
    smtp.wait_for(4).await;
    // Other values are nothing to tell.
    host.edit(&app, &event, json!({ "totalTickets": 20, "description": "With a piano." })).await;
    host.edit(&app, &event, json!({ "startsAt": "2030-12-07T23:00:00Z", "venue": "Red Door" }))
        .await;
    let mails = smtp.wait_for(6).await;
    assert_eq!(mails.len(), 6, "who has cancelled is not told");
    for mail in &mails[4..] {
        assert_eq!(mail.subject, "New time and place: Jazz");
        let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for expected in [
            "It takes place Sat, Dec 7, 2030 · 6:00 PM (New York), not Fri, Dec 6, 2030 · 5:00 PM (New York).",
            "It takes place at Red Door, New York, not at Blue Door, New York.",
        ] {
            assert!(text.contains(expected), "{text}");
        }
        assert_eq!(mail.calendar["start"], "2030-12-07T23:00:00+00:00");
    }
    let moved =
        mails[4..].iter().find(|mail| mail.calendar["uid"] == first.calendar["uid"]).unwrap();
    assert!(moved.calendar["sequence"].as_i64() > first.calendar["sequence"].as_i64());
    host.edit(&app, &event, json!({ "title": "Jazz Trio" })).await;
    let renamed = smtp.wait_for_subject("Changed: Jazz Trio").await;
    assert!(renamed.text.contains("It is called Jazz Trio, not Jazz."), "{}", renamed.text);
}

async fn a_booking_is_told_before_all_guests_of_a_large_event_are(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let (host, users) = (Host::found(&app).await, app.users(81).await);
    let values = json!({ "startsAt": "2030-12-06T22:00:00Z", "totalTickets": 100 });
    let large = host.event(&app, values).await;
    let small = app.event("Reading", 10).await;
    for user in &users[..80] {
        booked(&app, user, &large, 1).await;
    }
    smtp.wait_for(80).await;
    host.edit(&app, &large, json!({ "venue": "Red Door" })).await;
    smtp.wait_for(81).await;
    booked(&app, &users[80], &small, 1).await;
    let mails = smtp.wait_for(161).await;
    let place = mails.iter().position(|mail| mail.subject == "Booked: 1 ticket for Reading");
    assert!(place.unwrap() < 150, "it was mail {place:?}");
}

async fn people_are_reminded_once_a_day_before(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let other = second_server(&app, smtp.port).await;
    let (host, user) = (Host::found(&app).await, app.user().await);
    let owner = user_of(&app, &host.owner);
    let starts_at = Utc::now() + chrono::Duration::hours(30);
    let event = host.event(&app, json!({ "startsAt": starts_at })).await;
    let later = starts_at + chrono::Duration::days(1);
    let later = host.event(&app, json!({ "title": "Folk", "startsAt": later })).await;
    booked(&app, &user, &event, 1).await;
    booked(&app, &user, &later, 1).await;
    smtp.wait_for(2).await;
    for server in [&app, &other] {
        server.clock.advance(chrono::Duration::hours(7));
    }
    let mail = smtp.wait_for_subject("Reminder: Jazz, ").await;
    assert_eq!(mail.calendar["status"], "CONFIRMED");
    // The mail about another time within the day is the reminder, too.
    let moved = starts_at + chrono::Duration::minutes(5);
    // The owner's first access token has expired by now.
    let host = Host::of(host.organizer, app.services.access_tokens.issue(owner).unwrap().token);
    host.edit(&app, &event, json!({ "startsAt": moved })).await;
    smtp.wait_for_subject("New time: Jazz, ").await;
    // The other event's reminder comes a day later, and that of this one has not come by then.
    for server in [&app, &other] {
        server.clock.advance(chrono::Duration::hours(23));
    }
    smtp.wait_for_subject("Reminder: Folk, ").await;
    let mails = smtp.taken();
    let reminders = mails.iter().filter(|mail| mail.subject.starts_with("Reminder: Jazz")).count();
    assert_eq!((mails.len(), reminders), (5, 1), "{mails:#?}");
}

async fn who_is_in_is_not_told_to_cancel(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let (host, users) = (Host::found(&app).await, app.users(2).await);
    let event = host.event(&app, json!({ "startsAt": "2030-12-06T22:00:00Z" })).await;
    for user in &users {
        booked(&app, user, &event, 1).await;
    }
    let bookings = app.data(Some(&users[0]), MY_REFERENCES, json!({})).await;
    let reference = bookings["me"]["bookings"]["nodes"][0]["reference"].as_str().unwrap();
    check_in(&app, &host.owner, &event, reference).await;
    smtp.wait_for(2).await;
    host.edit(&app, &event, json!({ "venue": "Red Door" })).await;
    let mails = smtp.wait_for(4).await;
    let is_told_to_cancel = |user: &str| {
        let id = user_of(&app, user).to_string();
        let mail = mails[2..].iter().find(|mail| mail.to[0].contains(&id)).unwrap();
        mail.text.contains("you can cancel")
    };
    assert_eq!(users.iter().map(|user| is_told_to_cancel(user)).collect::<Vec<_>>(), [false, true]);
}

const MY_REFERENCES: &str = "{ me { bookings { nodes { reference } } } }";

async fn who_deletes_the_account_is_told_of_each_booking(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let host = Host::found(&app).await;
    let input = json!({ "email": "ann@example.org", "password": "passw0rd", "name": "Ann" });
    let register = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
    let ann = app.data(None, register, json!({ "input": input })).await;
    let ann = ann["register"]["accessToken"].as_str().unwrap();
    smtp.wait_for(1).await;
    let mut bookings = Vec::new();
    for title in ["Jazz", "Blues", "Folk"] {
        let event = host.event(&app, json!({ "title": title })).await;
        bookings.push((booked(&app, ann, &event, 2).await, event));
    }
    let first = smtp.wait_for_subject("Booked: 2 tickets for Folk").await;
    smtp.wait_for(4).await;
    // Who is in stays in. The first booking comes last.
    let used = app.data(Some(ann), MY_REFERENCES, json!({})).await;
    let used = used["me"]["bookings"]["nodes"][2]["reference"].as_str().unwrap();
    let checked_in = check_in(&app, &host.owner, &bookings[0].1, used).await;
    assert_eq!(checked_in["__typename"], "CheckInSuccess", "{checked_in}");
    let delete = "mutation { deleteAccount(input: { password: \"passw0rd\" }) }";
    assert_eq!(app.data(Some(ann), delete, json!({})).await["deleteAccount"], true);
    let mails = smtp.wait_for(7).await;
    let cancelled: Vec<_> =
        mails.iter().filter(|mail| mail.subject.starts_with("Cancelled: 2 tickets for ")).collect();
    assert_eq!(cancelled.len(), 2, "{mails:#?}");
    let folk = cancelled.iter().find(|mail| mail.subject.ends_with("Folk")).unwrap();
    assert_eq!(folk.to, ["ann@example.org"]);
    let text = folk.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("Your account was deleted, so your 2 tickets for Folk were"), "{text}");
    assert!(text.starts_with("Hello,"), "the address was not confirmed: {text}");
    assert_eq!(folk.calendar["uid"], first.calendar["uid"]);
    assert_eq!(folk.calendar["method"], "CANCEL");
    assert!(folk.calendar["sequence"].as_i64() > first.calendar["sequence"].as_i64());
    assert_eq!(app.remaining_tickets(&bookings[0].1).await, 8);
    // The second look comes once no access token is good any more, and finds nothing more to do.
    app.execute_sql("UPDATE jobs SET run_at = created_at").await;
    wait_until(TIMEOUT, "all jobs are done", async || {
        job::Entity::find().count(app.db()).await.unwrap() == 0
    })
    .await;
    assert_eq!(smtp.taken().len(), 7);
}

async fn who_unsubscribes_gets_no_more_reminders(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let (host, users) = (Host::found(&app).await, app.users(2).await);
    let ids: Vec<UserId> = users.iter().map(|user| user_of(&app, user)).collect();
    let owner = user_of(&app, &host.owner);
    let starts_at = Utc::now() + chrono::Duration::hours(30);
    let event = host.event(&app, json!({ "startsAt": starts_at })).await;
    for user in &users {
        booked(&app, user, &event, 1).await;
    }
    smtp.wait_for(2).await;
    app.clock.advance(chrono::Duration::hours(7));
    let mails = smtp.wait_for(4).await;
    let reminder = mails.iter().find(|mail| {
        mail.subject.starts_with("Reminder") && mail.to[0].contains(&ids[0].to_string())
    });
    let headers = &reminder.unwrap().headers;
    assert_eq!(headers["list-unsubscribe-post"], "List-Unsubscribe=One-Click");
    let link = headers["list-unsubscribe"].as_str().unwrap();
    let path = link.trim_matches(['<', '>']).strip_prefix("https://tickets.example").unwrap();
    assert!(reminder.unwrap().text.contains(path));
    let page = app.get(path).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    let policy = policy.to_owned();
    let page = page.text().await.unwrap();
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(style));
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
    assert!(page.contains("<form method=\"post\">"));
    for wrong in ["/unsubscribe/abc", &path[..path.len() - 2]] {
        assert_eq!(
            app.http.post(format!("{}{wrong}", app.url)).send().await.unwrap().status(),
            404
        );
    }
    // As mail programs do.
    let request = app.http.post(format!("{}{path}", app.url)).body("List-Unsubscribe=One-Click");
    assert_eq!(request.send().await.unwrap().status(), 200);
    // The first access tokens have expired by now.
    let renewed = |id: &UserId| app.services.access_tokens.issue(*id).unwrap().token;
    let users: Vec<String> = ids.iter().map(renewed).collect();
    let host = Host::of(host.organizer, renewed(&owner));
    let me = "{ me { reminders } }";
    assert_eq!(app.data(Some(&users[0]), me, json!({})).await["me"]["reminders"], false);
    assert_eq!(app.data(Some(&users[1]), me, json!({})).await["me"]["reminders"], true);
    let moved = starts_at + chrono::Duration::days(2);
    host.edit(&app, &event, json!({ "startsAt": moved })).await;
    smtp.wait_for(6).await;
    app.clock.advance(chrono::Duration::days(2));
    // Both are told that it was moved, and one is reminded.
    let mails = smtp.wait_for(7).await;
    let reminders: Vec<_> =
        mails[4..].iter().filter(|mail| mail.subject.starts_with("Reminder")).collect();
    assert_eq!(reminders.len(), 1);
    assert!(reminders[0].to[0].contains(&ids[1].to_string()));
    assert_eq!(smtp.taken().len(), 7);
}

async fn the_private_calendar_has_all_bookings_until_it_is_removed(app: App) {
    let (host, users) = (Host::found(&app).await, app.users(2).await);
    let event = host.event(&app, json!({ "title": "Jazz; with, all" })).await;
    let other = host.event(&app, json!({ "title": "Blues" })).await;
    let first = booked(&app, &users[0], &event, 2).await;
    let second = booked(&app, &users[0], &other, 1).await;
    booked(&app, &users[1], &other, 1).await;
    app.cancel(&users[0], &second).await;
    let create = "mutation { createCalendarFeed { calendarUrl } }";
    let url = app.data(Some(&users[0]), create, json!({})).await;
    let url = url["createCalendarFeed"]["calendarUrl"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned();
    let answer = app.get(&path).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/calendar; charset=utf-8");
    let read = "import icalendar, json, sys
events = icalendar.Calendar.from_ical(sys.stdin.buffer.read()).walk('VEVENT')
print(json.dumps([[str(e['UID']), str(e['SUMMARY']), str(e['STATUS'])] for e in events]))";
    let mut python = std::process::Command::new("/usr/bin/python3")
        .args(["-c", read])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let file = answer.text().await.unwrap();
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), file.as_bytes()).unwrap();
    let events: serde_json::Value =
        serde_json::from_slice(&python.wait_with_output().unwrap().stdout).unwrap();
    let expected = json!([
        [format!("{second}@localhost"), "Blues", "CANCELLED"],
        [format!("{first}@localhost"), "Jazz; with, all", "CONFIRMED"],
    ]);
    assert_eq!(events, expected);
    let again = app.data(Some(&users[0]), create, json!({})).await;
    assert_ne!(again["createCalendarFeed"]["calendarUrl"], url);
    let remove = "mutation { removeCalendarFeed { calendarUrl } }";
    let removed = app.data(Some(&users[0]), remove, json!({})).await;
    assert_eq!(removed["removeCalendarFeed"]["calendarUrl"], json!(null));
    for gone in [path.as_str(), "/calendar/.ics", "/calendar/%00.ics", "/calendar/abc"] {
        assert_eq!(app.get(gone).send().await.unwrap().status(), 404, "{gone}");
    }
}

async fn a_mail_that_is_refused_for_now_is_sent_again_as_the_same_mail(app: App) {
    let (app, mut smtp) = with_smtp(&app).await;
    smtp.answer(&["rcpt-450", "data-451"]).await;
    let (event, users) = (app.event("Jazz", 5).await, app.users(2).await);
    booked(&app, &users[0], &event, 1).await;
    let mail = smtp.wait_for(1).await.remove(0);
    let all = smtp.mails();
    assert_eq!(
        all.iter().map(|mail| mail.answer.as_str()).collect::<Vec<_>>(),
        ["rcpt-450", "data-451", "ok"]
    );
    assert_eq!(all[1].id(), mail.id());
}

async fn a_mail_that_is_refused_for_good_waits_for_an_operator(app: App) {
    let (app, mut smtp) = with_smtp(&app).await;
    smtp.answer(&["rcpt-550"]).await;
    let (event, users) = (app.event("Jazz", 5).await, app.users(2).await);
    booked(&app, &users[0], &event, 1).await;
    wait_until(TIMEOUT, "the job is dead", async || {
        app.metrics().await.contains("rowlock_jobs_dead 1")
    })
    .await;
    booked(&app, &users[1], &event, 1).await;
    let mails = smtp.wait_for(1).await;
    assert_eq!(mails.len(), 1, "the other one is sent");
    let query = "SELECT last_error FROM jobs";
    let row = sea_orm::ConnectionTrait::query_one_raw(
        app.db(),
        sea_orm::Statement::from_string(
            sea_orm::ConnectionTrait::get_database_backend(app.db()),
            query,
        ),
    );
    let error: String = row.await.unwrap().unwrap().try_get("", "last_error").unwrap();
    let expected =
        format!("the mail server 127.0.0.1:{} refused the mail for good, with code 550", smtp.port);
    assert_eq!(error, expected);
}

async fn a_connection_that_is_closed_after_the_mail_loses_nothing(app: App) {
    let (app, mut smtp) = with_smtp(&app).await;
    smtp.answer(&["close", "close"]).await;
    let (event, user) = (app.event("Jazz", 5).await, app.user().await);
    booked(&app, &user, &event, 1).await;
    smtp.wait_for(1).await;
    let ids: HashSet<String> = smtp.mails().iter().map(|mail| mail.id().to_owned()).collect();
    assert_eq!((smtp.mails().len(), ids.len()), (3, 1));
}

async fn a_mail_server_that_stalls_delays_no_booking(app: App) {
    let (app, mut smtp) = with_smtp(&app).await;
    smtp.answer(&["stall", "stall"]).await;
    let (event, users) = (app.event("Jazz", 50).await, app.users(6).await);
    for user in &users[..2] {
        booked(&app, user, &event, 1).await;
    }
    wait_until(TIMEOUT, "two mails are stuck", async || smtp.mails().len() == 2).await;
    let began = tokio::time::Instant::now();
    for user in &users[2..] {
        booked(&app, user, &event, 1).await;
    }
    let host = Host::found(&app).await;
    let other = host.event(&app, json!({})).await;
    booked(&app, &users[0], &other, 1).await;
    cancel_event(&app, &host.owner, &other, "Rain.").await;
    wait_until(TIMEOUT, "the other jobs go on", async || app.remaining_tickets(&other).await == 10)
        .await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // The mails that are stuck are given up after SMTP_SECONDS, and sent again.
    smtp.wait_for(8).await;
}

/// A mail waits for a moment in which nobody books, but not for long.
#[tokio::test(flavor = "multi_thread")]
async fn mails_are_sent_while_bookings_wait_all_the_time() {
    let app = App::start(Engine::Postgres).await;
    let (app, smtp) = with_smtp(&app).await;
    let (event, locked) = (app.event("Jazz", 5).await, app.event("Locked", 5).await);
    let users = app.users(2).await;
    let lock = app.lock_event(&locked).await;
    let input = json!({ "input": { "eventId": locked, "quantity": 1 } });
    let waiting = async {
        loop {
            app.send(Some(&users[1]), BOOK, input.clone()).await;
        }
    };
    let told = async {
        booked(&app, &users[0], &event, 1).await;
        smtp.wait_for(1).await
    };
    tokio::select! {
        () = waiting => {}
        mails = told => assert_eq!(mails[0].subject, "Booked: 1 ticket for Jazz"),
    }
    lock.rollback().await.unwrap();
}

async fn a_mail_that_was_acknowledged_is_not_sent_again(app: App) {
    let (app, mut smtp) = with_smtp(&app).await;
    smtp.answer(&["stall-at-quit"]).await;
    let (event, users) = (app.event("Jazz", 5).await, app.users(2).await);
    booked(&app, &users[0], &event, 1).await;
    smtp.wait_for(1).await;
    wait_until(TIMEOUT, "the job is done", async || {
        job::Entity::find().count(app.db()).await.unwrap() == 0
    })
    .await;
    booked(&app, &users[1], &event, 1).await;
    assert_eq!(smtp.wait_for(2).await.len(), 2);
}

async fn who_has_not_confirmed_the_address_is_not_flooded(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let (event, users) = (app.event("Jazz", 50).await, app.users(2).await);
    app.execute_sql("UPDATE users SET email_verified_at = NULL").await;
    let booking = booked(&app, &users[0], &event, 1).await;
    for number in 0..60 {
        app.change(&users[0], &booking, 1 + (number + 1) % 2).await;
    }
    // Others are told meanwhile.
    booked(&app, &users[1], &event, 1).await;
    let other = format!("load-{}@example.test", user_of(&app, &users[1]));
    let is_told = || smtp.taken().iter().any(|mail| mail.to == [other.clone()]);
    wait_until(TIMEOUT, "the other one is told", async || is_told()).await;
    wait_until(TIMEOUT, "the others wait", async || {
        app.metrics().await.contains("kind=\"booking_mail\",outcome=\"deferred\"")
    })
    .await;
    assert!(smtp.taken().len() <= 31, "{}", smtp.taken().len());
}

async fn nothing_is_lost_while_the_mail_server_is_away(app: App) {
    let port = port_of_nobody();
    let app = with_smtp_at(&app, port).await;
    let (event, users) = (app.event("Jazz", 5).await, app.users(3).await);
    for user in &users {
        booked(&app, user, &event, 1).await;
    }
    wait_until(TIMEOUT, "attempts failed", async || {
        app.metrics().await.contains("kind=\"booking_mail\",outcome=\"failed\"")
    })
    .await;
    let smtp = SmtpServer::start_on(port).await;
    assert_eq!(smtp.wait_for(3).await.len(), 3);
}

async fn each_booking_of_a_crowd_has_one_mail(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let other = second_server(&app, smtp.port).await;
    let (event, users) = (app.event("Jazz", 400).await, app.users(400).await);
    let bookings = users.iter().enumerate().map(|(number, user)| {
        let (server, event) = (if number % 2 == 0 { &app } else { &other }, &event);
        async move { booked(server, user, event, 1).await }
    });
    let bookings = futures_util::future::join_all(bookings).await;
    let mails = smtp.wait_for(400).await;
    let mut uids: HashMap<String, usize> = HashMap::new();
    for mail in &mails {
        *uids.entry(mail.calendar["uid"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!((mails.len(), uids.len()), (400, 400));
    assert!(bookings.iter().all(|id| uids.contains_key(&format!("{id}@rowlock.example"))));
}

async fn no_text_of_people_becomes_a_header_or_an_element(app: App) {
    let (app, smtp) = with_smtp(&app).await;
    let (host, user) = (Host::found(&app).await, app.user().await);
    let title = "Jazz <img src=x onerror=alert(1)> {name} ; , \\ é 🎷".to_owned() + &"x".repeat(60);
    let event = host.event(&app, json!({ "title": title, "venue": "A;B,C\\D" })).await;
    let update = "UPDATE users SET name = 'Eve <b>; Bcc: ada@example.org, \"x\"' \
                  WHERE name = 'Load user 1'";
    app.execute_sql(update).await;
    let update = "UPDATE organizers SET name = 'Ho\"st: X; Y' WHERE name = 'Host'";
    app.execute_sql(update).await;
    booked(&app, &user, &event, 1).await;
    let mail = smtp.wait_for(1).await.remove(0);
    assert_eq!(mail.name, "Eve <b>; Bcc: ada@example.org, \"x\"");
    assert_eq!((mail.to.len(), mail.headers.get("bcc")), (1, None));
    assert!(mail.subject.starts_with("Booked: 1 ticket for Jazz <img src=x onerror=alert(1)>"));
    assert!(!mail.html.contains("<img") && !mail.html.contains("<b>"), "{}", mail.html);
    assert_eq!(mail.calendar["summary"], title);
    assert_eq!(mail.calendar["location"], "A;B,C\\D, New York");
}

async fn without_a_mail_server_mails_are_files(app: App) {
    let folder = app.mail_folder();
    let (event, user) = (app.event("Jazz", 5).await, app.user().await);
    booked(&app, &user, &event, 1).await;
    let files = || -> Vec<_> {
        fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    };
    let is_mail = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "eml");
    wait_until(TIMEOUT, "a mail is written", async || files().iter().any(is_mail)).await;
    let mail = fs::read_to_string(files().remove(0)).unwrap();
    assert!(mail.contains("Subject: Booked: 1 ticket for Jazz"), "{mail}");
}
