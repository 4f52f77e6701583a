//! The database's own constraints, which hold for other programs, too.

use std::time::Duration;

use rowlock_entities::{EventId, account_token, booking, event};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, QueryOrder};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    app::{App, BOOK, CHANGE},
    database::Engine,
    on_both_engines,
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
};

on_both_engines! {
    the_database_refuses_changes_that_break_the_guarantee
    a_total_changed_by_another_program_keeps_what_is_booked
    a_count_follows_bookings_that_another_program_changes
    a_count_that_fits_neither_total_nor_bookings_is_refused
    open_pages_learn_of_changes_by_another_program
    other_programs_and_buyers_together_never_oversell
    values_that_make_no_sense_are_refused
    values_of_accounts_that_make_no_sense_are_refused
    a_booking_without_a_price_gets_that_of_its_event
    who_knows_no_drafts_can_not_book_them
    an_edit_by_another_program_is_counted_and_open_pages_learn_of_it
    counts_and_other_forms_of_times_are_no_edits
}

/// An event's total, what is left, and the version of its count.
async fn count_of(app: &App, event: &str) -> (i32, i32, i64) {
    let id = EventId(event.parse().unwrap());
    let event = event::Entity::find_by_id(id).one(app.db()).await.unwrap().unwrap();
    (event.total_tickets, event.remaining_tickets, event.count_version)
}

/// Three of its eight tickets are booked.
async fn event_with_bookings(app: &App) -> String {
    let event = app.event("Concert", 8).await;
    for (user, quantity) in app.users(2).await.iter().zip([1, 2]) {
        app.book(user, &event, quantity).await;
    }
    event
}

/// An expression of SQL for the id of a new row.
fn new_id(app: &App) -> &'static str {
    match app.engine() {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    }
}

async fn is_refused(app: &App, sql: &str) -> bool {
    app.db().execute_unprepared(sql).await.is_err()
}

async fn a_total_changed_by_another_program_keeps_what_is_booked(app: App) {
    let event = event_with_bookings(&app).await;
    for (set, total, remaining) in [
        ("total_tickets = 6", 6, 3),
        ("total_tickets = 3", 3, 0),
        ("total_tickets = 3", 3, 0),
        ("total_tickets = 20", 20, 17),
        ("total_tickets = total_tickets + 1", 21, 18),
        ("total_tickets = 10, remaining_tickets = 7", 10, 7),
        ("remaining_tickets = 7, total_tickets = 9", 9, 6),
        ("remaining_tickets = 5, total_tickets = 8, count_version = count_version + 1", 8, 5),
        ("venue = 'Park', total_tickets = 9", 9, 6),
    ] {
        let before = count_of(&app, &event).await;
        app.execute_sql(&format!("UPDATE events SET {set} WHERE title = 'Concert'")).await;
        let after = count_of(&app, &event).await;
        assert_eq!((after.0, after.1), (total, remaining), "{set}");
        let is_changed = (before.0, before.1) != (total, remaining);
        assert_eq!(after.2 > before.2, is_changed, "{set}");
        app.assert_nothing_oversold().await;
    }
    for total in [2, 0, -1] {
        let sql = format!("UPDATE events SET total_tickets = {total} WHERE title = 'Concert'");
        assert!(is_refused(&app, &sql).await, "{sql}");
    }
    app.execute_sql("UPDATE events SET total_tickets = 6 WHERE title = 'Concert'").await;
    let users = app.users(4).await;
    assert_eq!(app.book(&users[2], &event, 5).await["__typename"], "SoldOut");
    assert_eq!(app.book(&users[3], &event, 3).await["__typename"], "BookEventSuccess");
    app.assert_nothing_oversold().await;
}

async fn a_count_follows_bookings_that_another_program_changes(app: App) {
    let event = event_with_bookings(&app).await;
    let other = app.event("Other", 8).await;
    app.users(3).await;
    let insert = |status: &str, quantity: i32| {
        let cancelled_at = if status == "CONFIRMED" { "NULL" } else { "created_at" };
        let new_id = new_id(&app);
        format!(
            "INSERT INTO bookings (id, event_id, user_id, quantity, status, created_at, \
             cancelled_at) SELECT {new_id}, (SELECT id FROM events WHERE title = 'Concert'), id, \
             {quantity}, '{status}', created_at, {cancelled_at} FROM users WHERE id NOT IN \
             (SELECT user_id FROM bookings) AND email LIKE 'load-%' LIMIT 1"
        )
    };
    let move_to_other = "UPDATE bookings SET event_id = (SELECT id FROM events \
        WHERE title = 'Other') WHERE quantity = 2";
    for (sql, left, left_of_other) in [
        (insert("CONFIRMED", 4).as_str(), 1, 8),
        ("UPDATE bookings SET quantity = quantity + 1 WHERE quantity = 4", 0, 8),
        ("UPDATE bookings SET quantity = 3 WHERE quantity = 5", 2, 8),
        (&insert("CANCELLED", 9), 2, 8),
        (
            "UPDATE bookings SET status = 'CANCELLED', cancelled_at = created_at WHERE quantity = 3",
            5,
            8,
        ),
        (move_to_other, 7, 6),
        ("DELETE FROM bookings WHERE status = 'CANCELLED'", 7, 6),
        ("UPDATE bookings SET quantity = quantity + 1", 6, 5),
        ("DELETE FROM bookings", 8, 8),
    ] {
        let before = count_of(&app, &event).await;
        app.execute_sql(sql).await;
        let after = count_of(&app, &event).await;
        assert_eq!((after.0, after.1), (8, left), "{sql}");
        assert_eq!(after.2 > before.2, before.1 != left, "{sql}");
        assert_eq!(count_of(&app, &other).await.1, left_of_other, "{sql}");
        app.assert_nothing_oversold().await;
    }
    app.execute_sql(&insert("CONFIRMED", 8)).await;
    for sql in [
        &insert("CONFIRMED", 1),
        "UPDATE bookings SET quantity = 9",
        "DELETE FROM events WHERE title = 'Concert'",
    ] {
        assert!(is_refused(&app, sql).await, "{sql}");
    }
    if app.engine() == Engine::Postgres {
        app.execute_sql("TRUNCATE bookings CASCADE").await;
        assert_eq!(count_of(&app, &event).await.1, 8);
    }
    app.assert_nothing_oversold().await;
}

async fn a_count_that_fits_neither_total_nor_bookings_is_refused(app: App) {
    let event = event_with_bookings(&app).await;
    let concert = "WHERE title = 'Concert'";
    for set in [
        "remaining_tickets = 4",
        "remaining_tickets = 6",
        "remaining_tickets = 0",
        "remaining_tickets = 8",
        "remaining_tickets = remaining_tickets - 1, count_version = count_version + 1",
        "total_tickets = 10, remaining_tickets = 10",
        "total_tickets = 10, remaining_tickets = 8",
    ] {
        assert!(is_refused(&app, &format!("UPDATE events SET {set} {concert}")).await, "{set}");
    }
    let copy = |remaining: &str| {
        format!(
            "INSERT INTO events (id, title, title_key, description, venue, starts_at, \
             total_tickets, remaining_tickets, count_version, price_minor, currency, created_at) \
             SELECT {}, 'Copy', title_key, description, venue, starts_at, total_tickets, \
             {remaining}, count_version, price_minor, currency, created_at FROM events {concert}",
            new_id(&app)
        )
    };
    assert!(is_refused(&app, &copy("remaining_tickets")).await);
    app.execute_sql(&copy("total_tickets")).await;
    assert_eq!(count_of(&app, &event).await, (8, 5, 2));
    // A wrong count can be corrected.
    app.execute_sql_keeping_counts(&format!("UPDATE events SET remaining_tickets = 7 {concert}"))
        .await;
    assert_eq!(app.audit().await.violations.len(), 1);
    app.execute_sql(&format!("UPDATE events SET remaining_tickets = 5 {concert}")).await;
    app.assert_nothing_oversold().await;
}

async fn open_pages_learn_of_changes_by_another_program(app: App) {
    let event = event_with_bookings(&app).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    assert_eq!(socket.next_remaining_tickets().await, 5);
    for (sql, remaining) in [
        ("UPDATE events SET total_tickets = 6 WHERE title = 'Concert'", 3),
        ("DELETE FROM bookings WHERE quantity = 1", 4),
    ] {
        app.execute_sql(sql).await;
        assert_eq!(socket.next_remaining_tickets().await, remaining, "{sql}");
    }
}

async fn other_programs_and_buyers_together_never_oversell(app: App) {
    let event = app.event("Concert", 60).await;
    let users = app.users(40).await;
    let ends_at = Instant::now() + Duration::from_secs(2);
    let buy = async |token: &String| {
        while Instant::now() < ends_at {
            let input = json!({ "input": { "eventId": event, "quantity": 2 } });
            let answer = app.send(Some(token), BOOK, input).await;
            let booking = &answer["data"]["bookEvent"]["booking"]["id"];
            if let Some(booking) = booking.as_str() {
                let input = json!({ "input": { "bookingId": booking, "quantity": 3 } });
                app.send(Some(token), CHANGE, input).await;
                app.cancel(token, booking).await;
            }
        }
    };
    let change = async {
        let mut turn = 0;
        while Instant::now() < ends_at {
            turn += 1;
            let sql = match turn % 4 {
                0 => "UPDATE events SET total_tickets = 40 WHERE title = 'Concert'",
                1 => "UPDATE events SET total_tickets = 60 WHERE title = 'Concert'",
                2 => "UPDATE bookings SET quantity = 1 WHERE status = 'CONFIRMED'",
                _ => "DELETE FROM bookings WHERE status = 'CANCELLED'",
            };
            // Some are refused or lose against a booking, as they must.
            let _ = app.db().execute_unprepared(sql).await;
            tokio::task::yield_now().await;
        }
    };
    futures_util::join!(futures_util::future::join_all(users.iter().map(buy)), change);
    let (total, remaining, _) = count_of(&app, &event).await;
    assert!((0..=total).contains(&remaining));
    app.assert_nothing_oversold().await;
}

async fn the_database_refuses_changes_that_break_the_guarantee(app: App) {
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    app.book(&user, &event, 2).await;
    for sql in [
        "UPDATE events SET remaining_tickets = -1",
        "UPDATE events SET remaining_tickets = total_tickets + 1",
        "UPDATE events SET total_tickets = 1 WHERE title = 'Concert'",
        "UPDATE events SET price_minor = -1",
        "UPDATE events SET currency = 'EURO'",
        "UPDATE bookings SET quantity = 0",
        "UPDATE bookings SET quantity = 11",
        "UPDATE bookings SET booked_quantity = 0",
        "UPDATE bookings SET booked_quantity = 11",
        "UPDATE bookings SET status = 'LOST'",
        "UPDATE bookings SET status = 'CANCELLED'",
        "DELETE FROM events WHERE title = 'Concert'",
        "DELETE FROM users",
    ] {
        assert!(app.db().execute_unprepared(sql).await.is_err(), "{sql}");
    }
    if app.engine() == Engine::Sqlite {
        // `REPLACE` deletes rows without telling the triggers.
        app.book(&app.user().await, &event, 1).await;
        for sql in [
            "REPLACE INTO events (id, title, title_key, description, venue, starts_at, \
             total_tickets, remaining_tickets, count_version, price_minor, currency, created_at) \
             SELECT id, title, title_key, description, venue, starts_at, total_tickets, \
             total_tickets, 0, price_minor, currency, created_at FROM events",
            "INSERT OR REPLACE INTO bookings (id, event_id, user_id, quantity, status, created_at) \
             SELECT id, event_id, user_id, 1, status, created_at FROM bookings",
            "UPDATE OR REPLACE bookings SET user_id = (SELECT max(user_id) FROM bookings)",
            "UPDATE OR REPLACE bookings SET id = (SELECT max(id) FROM bookings)",
        ] {
            assert!(app.db().execute_unprepared(sql).await.is_err(), "{sql}");
        }
    }
    let second_booking = "INSERT INTO bookings \
        (id, event_id, user_id, quantity, status, created_at) \
        SELECT event_id, event_id, user_id, 1, 'CONFIRMED', created_at FROM bookings LIMIT 1";
    assert!(app.db().execute_unprepared(second_booking).await.is_err(), "two confirmed");
    let cancelled = second_booking
        .replace("'CONFIRMED', created_at", "'CANCELLED', created_at, created_at")
        .replace("created_at)", "created_at, cancelled_at)");
    assert!(
        app.db().execute_unprepared(&cancelled).await.is_ok(),
        "cancelled bookings are accepted"
    );
}

async fn values_that_make_no_sense_are_refused(app: App) {
    event_with_bookings(&app).await;
    let long_city = format!("city = '{}'", "x".repeat(201));
    let unknown = match app.engine() {
        Engine::Sqlite => "x'01990000000070008000ffffffffffff'",
        Engine::Postgres => "'01990000-0000-7000-8000-ffffffffffff'",
    };
    let unknown_organizer = format!("organizer_id = {unknown}");
    let on_events = [
        "status = 'SOLD'",
        "status = ''",
        "status = NULL",
        // A draft that everybody may see, and a published event that nobody may.
        "status = 'DRAFT'",
        "is_public = {false}",
        "status = 'CANCELLED', is_public = NULL",
        "max_per_booking = 0",
        "max_per_booking = 11",
        "revision = 0",
        "revision = 2000000000",
        &long_city,
        "time_zone = ''",
        "external_id = ''",
        "ends_at = '10000-01-01 00:00:00+00:00'",
        "sales_start_at = '{no_time}'",
        "sales_end_at = '{no_time}'",
        "organizer_id = NULL",
        &unknown_organizer,
    ];
    let on_bookings = [
        "cancelled_by = 'BUYER'",
        "status = 'CANCELLED', cancelled_at = created_at, cancelled_by = 'NOBODY'",
        "status = 'CANCELLED', cancelled_at = created_at, cancelled_by = ''",
        "unit_price_minor = -1",
        "unit_price_minor = NULL",
        "currency = NULL",
        "currency = 'EURO'",
    ];
    let (no, no_time) = match app.engine() {
        Engine::Sqlite => ("0", "soon"),
        Engine::Postgres => ("false", "infinity"),
    };
    let of_organizers = [
        "UPDATE organizers SET slug = 'Our Events'",
        "UPDATE organizers SET slug = '-our'",
        "UPDATE organizers SET slug = 'our--events'",
        "UPDATE organizers SET slug = ''",
        "UPDATE organizers SET name = ''",
        "UPDATE organizers SET created_at = '{no_time}'",
        "DELETE FROM organizers",
        "INSERT INTO organizer_members SELECT o.id, u.id, 'BOSS', u.created_at \
         FROM organizers o, users u WHERE slug = 'our-events' AND email LIKE 'load-%' LIMIT 1",
        "INSERT INTO organizer_members SELECT o.id, u.id, 'OWNER', '{no_time}' \
         FROM organizers o, users u WHERE slug = 'our-events' AND email LIKE 'load-%' LIMIT 1",
    ];
    let on_events = on_events.map(|set| format!("UPDATE events SET {set} WHERE title = 'Concert'"));
    let on_bookings = on_bookings.map(|set| format!("UPDATE bookings SET {set}"));
    let all = on_events.iter().chain(&on_bookings).map(String::as_str).chain(of_organizers);
    for sql in all {
        let sql = sql.replace("{false}", no).replace("{no_time}", no_time);
        assert!(is_refused(&app, &sql).await, "{sql:.200}");
    }
    for sql in [
        "UPDATE events SET status = 'CANCELLED', cancellation_reason = 'Rain.', city = 'Porto', \
         time_zone = 'Europe/Lisbon', max_per_booking = 1, external_id = 'a-1', \
         ends_at = '2099-01-01 00:00:00+00:00' WHERE title = 'Concert'",
        "UPDATE bookings SET status = 'CANCELLED', cancelled_at = created_at, \
         cancelled_by = 'ORGANIZER', cancellation_reason = 'Rain.'",
        "INSERT INTO organizer_members SELECT o.id, u.id, 'OWNER', u.created_at \
         FROM organizers o, users u WHERE slug = 'our-events' AND email LIKE 'load-%' LIMIT 1",
    ] {
        app.execute_sql(sql).await;
    }
    // Another organizer may have the same name for an event of its own.
    app.execute_sql("UPDATE events SET external_id = 'a-1' WHERE title = 'Jazz Night'").await;
    let same_external_id = "UPDATE events SET organizer_id = (SELECT id FROM organizers \
        WHERE slug = 'our-events') WHERE title = 'Jazz Night'";
    assert!(is_refused(&app, same_external_id).await);
}

async fn values_of_accounts_that_make_no_sense_are_refused(app: App) {
    let register = "mutation { register(input: { email: \"ann@example.org\",
        password: \"passw0rd\", name: \"Ann\" }) { accessToken } }";
    app.data(None, register, json!({})).await;
    let (long_email, long_agent) = ("x".repeat(255), "x".repeat(201));
    let of_ann = "WHERE email = 'ann@example.org'";
    for set in [
        "pending_email = ''".to_owned(),
        format!("pending_email = '{long_email}'"),
        "calendar_token = 'short'".to_owned(),
        "reminders = NULL".to_owned(),
        "email_verified_at = '10000-01-01 00:00:00+00:00'".to_owned(),
        "deleted_at = created_at, email_verified_at = created_at".to_owned(),
        "deleted_at = created_at, pending_email = 'a@example.org'".to_owned(),
    ] {
        let sql = format!("UPDATE users SET {set} {of_ann}");
        assert!(is_refused(&app, &sql).await, "{sql:.200}");
    }
    for sql in [
        format!("UPDATE sessions SET user_agent = '{long_agent}'"),
        "UPDATE sessions SET last_seen_at = '10000-01-01 00:00:00+00:00'".to_owned(),
        "UPDATE account_tokens SET purpose = 'LOGIN'".to_owned(),
        "UPDATE account_tokens SET email = ''".to_owned(),
        "UPDATE account_tokens SET expires_at = NULL".to_owned(),
        "UPDATE account_tokens SET expires_at = '10000-01-01 00:00:00+00:00'".to_owned(),
        match app.engine() {
            Engine::Sqlite => "UPDATE account_tokens SET token_hash = x'00'".to_owned(),
            Engine::Postgres => "UPDATE account_tokens SET token_hash = '\\x00'".to_owned(),
        },
    ] {
        assert!(is_refused(&app, &sql).await, "{sql:.200}");
    }
    let token = "c".repeat(43);
    app.execute_sql(&format!("UPDATE users SET calendar_token = '{token}' {of_ann}")).await;
    let again = format!("UPDATE users SET calendar_token = '{token}'");
    assert!(is_refused(&app, &again).await);
    app.execute_sql("UPDATE sessions SET user_agent = 'Firefox', last_seen_at = created_at").await;
    // A person's tokens go with them.
    app.execute_sql(&format!("DELETE FROM users {of_ann}")).await;
    assert_eq!(account_token::Entity::find().count(app.db()).await.unwrap(), 0);
}

/// The prices of all bookings.
async fn prices(app: &App) -> Vec<(i64, String)> {
    let bookings = booking::Entity::find().order_by_asc(booking::Column::Quantity);
    let bookings = bookings.all(app.db()).await.unwrap();
    bookings.into_iter().map(|booking| (booking.unit_price_minor, booking.currency)).collect()
}

/// A server of the previous version inserts bookings without a price.
async fn a_booking_without_a_price_gets_that_of_its_event(app: App) {
    app.event("Concert", 8).await;
    app.users(3).await;
    let insert = |quantity: i32, columns: &str, values: &str| {
        format!(
            "INSERT INTO bookings (id, event_id, user_id, quantity, status, created_at{columns}) \
             SELECT {}, (SELECT id FROM events WHERE title = 'Concert'), id, {quantity}, \
             'CONFIRMED', created_at{values} FROM users WHERE email LIKE 'load-%' \
             AND id NOT IN (SELECT user_id FROM bookings) LIMIT 1",
            new_id(&app)
        )
    };
    app.execute_sql(&insert(1, "", "")).await;
    let price = |minor: i64, currency: &str| (minor, currency.to_owned());
    assert_eq!(prices(&app).await, [price(1_000, "EUR")]);
    app.execute_sql("UPDATE events SET price_minor = 700, currency = 'JPY'").await;
    app.execute_sql_keeping_counts(&insert(2, ", unit_price_minor", ", 5")).await;
    assert_eq!(prices(&app).await, [price(1_000, "EUR"), price(700, "JPY")]);
    app.execute_sql(&insert(3, ", unit_price_minor, currency", ", 5, 'USD'")).await;
    assert_eq!(prices(&app).await, [price(1_000, "EUR"), price(700, "JPY"), price(5, "USD")]);
}

/// A server of the previous version takes drafts and cancelled events for others.
async fn who_knows_no_drafts_can_not_book_them(app: App) {
    app.event("Concert", 8).await;
    app.users(1).await;
    let insert = format!(
        "INSERT INTO bookings (id, event_id, user_id, quantity, status, created_at) \
         SELECT {}, (SELECT id FROM events WHERE title = 'Concert'), id, 1, 'CONFIRMED', \
         created_at FROM users WHERE email LIKE 'load-%' LIMIT 1",
        new_id(&app)
    );
    for status in ["status = 'DRAFT', is_public = false", "status = 'CANCELLED', is_public = true"]
    {
        app.execute_sql(&format!("UPDATE events SET {status} WHERE title = 'Concert'")).await;
        assert!(is_refused(&app, &insert).await, "{status}");
    }
    app.execute_sql("UPDATE events SET status = 'PUBLISHED' WHERE title = 'Concert'").await;
    app.execute_sql(&insert).await;
}

async fn event_row(app: &App, event: &str) -> event::Model {
    let id = EventId(event.parse().unwrap());
    event::Entity::find_by_id(id).one(app.db()).await.unwrap().unwrap()
}

async fn an_edit_by_another_program_is_counted_and_open_pages_learn_of_it(app: App) {
    let event = event_with_bookings(&app).await;
    for set in [
        "description = 'More music.'",
        "city = 'Porto', time_zone = 'Europe/Lisbon'",
        "starts_at = '2098-01-01 10:00:00+00:00', ends_at = '2098-01-01 12:00:00+00:00'",
        "sales_start_at = '2097-01-01 10:00:00+00:00'",
        "sales_start_at = NULL",
        "price_minor = price_minor + 1",
        "max_per_booking = 4",
        "total_tickets = 8, description = 'Less music.'",
        "total_tickets = 20, venue = 'Park'",
        "status = 'CANCELLED', cancellation_reason = 'Rain.'",
    ] {
        let before = event_row(&app, &event).await;
        app.execute_sql(&format!("UPDATE events SET {set} WHERE title = 'Concert'")).await;
        let after = event_row(&app, &event).await;
        assert_eq!(after.revision, before.revision + 1, "{set}");
        assert!(after.count_version > before.count_version, "{set}");
    }
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    assert_eq!(socket.next_remaining_tickets().await, 17);
    app.execute_sql("UPDATE events SET city = 'Lisbon' WHERE title = 'Concert'").await;
    let count = socket.next_result().await["data"]["remainingTickets"].take();
    let version = event_row(&app, &event).await.count_version;
    assert_eq!((&count["version"], &count["remainingTickets"]), (&json!(version), &json!(17)));
}

async fn counts_and_other_forms_of_times_are_no_edits(app: App) {
    // SQLite stores this time in another form.
    let event = app.event_with(|event| event.starts_at += chrono::Duration::nanoseconds(7)).await;
    app.book(&app.user().await, &event, 2).await;
    app.execute_sql("UPDATE bookings SET quantity = 3 WHERE quantity = 2").await;
    app.execute_sql("UPDATE events SET title = title, price_minor = 1000 WHERE title = 'Concert'")
        .await;
    let row = event_row(&app, &event).await;
    assert_eq!((row.revision, row.remaining_tickets), (1, 7));
}
