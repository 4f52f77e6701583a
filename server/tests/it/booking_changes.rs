//! Changes of the number of a booking's tickets.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    app::{App, BOOK, CHANGE, code_and_fields, error_code},
    managed_events::{Host, cancel_event},
    on_both_engines,
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
};

on_both_engines! {
    a_booking_gets_more_tickets_and_returns_some
    lists_and_sums_follow_a_change
    the_same_number_of_tickets_changes_nothing
    more_tickets_than_are_left_are_refused
    more_tickets_are_had_only_at_the_price_of_the_booking
    more_tickets_are_had_only_while_the_event_is_on_sale
    the_tickets_of_an_event_that_has_started_or_was_cancelled_stay
    a_cancelled_booking_is_not_changed
    one_booking_has_at_most_the_events_number_of_tickets
    each_invalid_input_is_named_and_changes_nothing
    another_users_booking_is_not_found
    a_repeated_request_to_book_finds_the_booking_after_a_change
    subscribers_see_each_change
    many_who_want_more_tickets_at_once_get_no_more_than_are_left
    changing_many_times_at_once_ends_with_one_of_the_numbers
    changing_against_cancelling_loses_no_ticket
    changing_against_booking_sells_the_last_tickets_once
    another_programs_change_is_kept_and_changed_further
}

/// Books, and returns the booking's id.
async fn booked(app: &App, token: &str, event: &str, quantity: i64) -> String {
    let answer = app.book(token, event, quantity).await;
    assert_eq!(answer["__typename"], "BookEventSuccess", "{answer}");
    answer["booking"]["id"].as_str().unwrap().to_owned()
}

fn kind(answer: &Value) -> &str {
    answer["__typename"].as_str().unwrap()
}

/// Sets columns of the event that tests here have, as another program would.
async fn set_on_event(app: &App, set: &str) {
    app.execute_sql(&format!("UPDATE events SET {set} WHERE title = 'Concert'")).await;
}

async fn a_booking_gets_more_tickets_and_returns_some(app: App) {
    let event = app.event("Concert", 10).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 2).await;
    for (quantity, remaining, total) in [(5, 5, "50.00"), (1, 9, "10.00"), (10, 0, "100.00")] {
        let changed = app.change(&user, &id, quantity).await;
        assert_eq!(kind(&changed), "ChangeBookingSuccess");
        let booking = &changed["booking"];
        assert_eq!((&booking["id"], &booking["quantity"]), (&json!(id), &json!(quantity)));
        assert_eq!(booking["status"], "CONFIRMED");
        assert_eq!(booking["totalPrice"]["amount"], total);
        assert_eq!(app.remaining_tickets(&event).await, remaining);
        app.assert_nothing_oversold().await;
    }
    let cancelled = app.cancel(&user, &id).await;
    assert_eq!(cancelled["booking"]["quantity"], 10);
    assert_eq!(app.remaining_tickets(&event).await, 10, "a cancellation returns all of them");
    app.assert_nothing_oversold().await;
}

async fn lists_and_sums_follow_a_change(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 1).await;
    app.change(&user, &id, 4).await;
    let own = app.data(Some(&user), "{ me { bookings { nodes { quantity } } } }", json!({})).await;
    assert_eq!(own["me"]["bookings"]["nodes"], json!([{ "quantity": 4 }]));
    let query = "query($id: ID!) { event(id: $id) { myBooking { quantity } } }";
    let shown = app.data(Some(&user), query, json!({ "id": event })).await;
    assert_eq!(shown["event"]["myBooking"]["quantity"], 4);
    let query = "query($id: ID!) { event(id: $id) {
        sales { confirmedBookings soldTickets takings { amount } }
        attendees { nodes { booking { quantity } } } } }";
    let managed = app.data(Some(&host.owner), query, json!({ "id": event })).await;
    assert_eq!(
        managed["event"],
        json!({
            "sales": {
                "confirmedBookings": 1, "soldTickets": 4, "takings": { "amount": "140.00" }
            },
            "attendees": { "nodes": [{ "booking": { "quantity": 4 } }] }
        })
    );
}

async fn the_same_number_of_tickets_changes_nothing(app: App) {
    let event = app.event("Concert", 3).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 3).await;
    for set in [
        "price_minor = 2000",
        "max_per_booking = 1",
        "sales_end_at = '2020-01-01 00:00:00+00:00'",
        "starts_at = '2020-01-02 00:00:00+00:00'",
        "status = 'CANCELLED'",
    ] {
        set_on_event(&app, set).await;
        let unchanged = app.change(&user, &id, 3).await;
        assert_eq!(
            (kind(&unchanged), &unchanged["booking"]["quantity"]),
            ("ChangeBookingSuccess", &json!(3)),
            "{set}"
        );
    }
    assert_eq!(app.remaining_tickets(&event).await, 0);
}

async fn more_tickets_than_are_left_are_refused(app: App) {
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 1).await;
    booked(&app, &app.user().await, &event, 2).await;
    let refused = app.change(&user, &id, 4).await;
    assert_eq!((kind(&refused), &refused["remainingTickets"]), ("SoldOut", &json!(2)));
    assert_eq!(refused["message"], "Sorry, only 2 more tickets are left for Concert.");
    assert_eq!(kind(&app.change(&user, &id, 2).await), "ChangeBookingSuccess");
    let refused = app.change(&user, &id, 4).await;
    assert_eq!(refused["message"], "Sorry, only 1 more ticket is left for Concert.");
    assert_eq!(kind(&app.change(&user, &id, 3).await), "ChangeBookingSuccess");
    let refused = app.change(&user, &id, 4).await;
    assert_eq!(refused["message"], "Sorry, no more tickets are left for Concert.");
    assert_eq!(refused["event"]["id"], event);
    assert_eq!(app.remaining_tickets(&event).await, 0);
    app.assert_nothing_oversold().await;
}

async fn more_tickets_are_had_only_at_the_price_of_the_booking(app: App) {
    let event = app.event("Concert", 9).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 2).await;
    set_on_event(&app, "price_minor = 1250").await;
    let refused = app.change(&user, &id, 3).await;
    assert_eq!(kind(&refused), "PriceChanged");
    assert_eq!(refused["price"], json!({ "amount": "12.50", "currency": "EUR" }));
    assert_eq!(
        refused["message"],
        "A ticket costs 12.50 EUR now, and all tickets of a booking have the same price. Nothing \
         was changed."
    );
    assert_eq!(app.remaining_tickets(&event).await, 7);
    let fewer = app.change(&user, &id, 1).await;
    assert_eq!(fewer["booking"]["totalPrice"]["amount"], "10.00");
    set_on_event(&app, "price_minor = 1000").await;
    assert_eq!(kind(&app.change(&user, &id, 3).await), "ChangeBookingSuccess");
    assert_eq!(app.remaining_tickets(&event).await, 6);
}

async fn more_tickets_are_had_only_while_the_event_is_on_sale(app: App) {
    let event = app.event("Concert", 9).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 8).await;
    set_on_event(&app, "sales_end_at = '2020-01-01 00:00:00+00:00'").await;
    let refused = app.change(&user, &id, 9).await;
    assert_eq!((kind(&refused), &refused["reason"]), ("BookingClosed", &json!("SALE_ENDED")));
    assert_eq!(
        refused["message"],
        "The sale of Concert has ended, so its bookings can't have more tickets."
    );
    assert_eq!(kind(&app.change(&user, &id, 7).await), "ChangeBookingSuccess");
    let opens = "sales_end_at = NULL, sales_start_at = '2098-01-01 00:00:00+00:00'";
    set_on_event(&app, &format!("{opens}, starts_at = '2099-01-01 00:00:00+00:00'")).await;
    let refused = app.change(&user, &id, 8).await;
    assert_eq!((kind(&refused), &refused["reason"]), ("BookingClosed", &json!("NOT_YET_ON_SALE")));
    assert_eq!(refused["opensAt"], "2098-01-01T00:00:00Z");
    assert_eq!(kind(&app.change(&user, &id, 6).await), "ChangeBookingSuccess");
    assert_eq!(app.remaining_tickets(&event).await, 3);
    app.assert_nothing_oversold().await;
}

async fn the_tickets_of_an_event_that_has_started_or_was_cancelled_stay(app: App) {
    let event = app.event("Concert", 9).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 2).await;
    for (set, reason, message) in [
        (
            "starts_at = '2020-01-01 00:00:00+00:00'",
            "STARTED",
            "Concert has started, so its bookings can no longer be changed.",
        ),
        ("status = 'CANCELLED'", "CANCELLED", "Concert was cancelled."),
    ] {
        set_on_event(&app, set).await;
        for quantity in [1, 3] {
            let refused = app.change(&user, &id, quantity).await;
            assert_eq!((kind(&refused), &refused["reason"]), ("BookingClosed", &json!(reason)));
            assert_eq!(refused["message"], message);
        }
    }
    assert_eq!(app.remaining_tickets(&event).await, 7);
}

async fn a_cancelled_booking_is_not_changed(app: App) {
    let event = app.event("Concert", 9).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 2).await;
    app.cancel(&user, &id).await;
    for quantity in [1, 2, 3] {
        let refused = app.change(&user, &id, quantity).await;
        assert_eq!(kind(&refused), "BookingCancelled");
        assert_eq!(
            refused["message"],
            "This booking was cancelled, so its tickets can't be changed."
        );
        let booking = &refused["booking"];
        assert_eq!((&booking["id"], &booking["quantity"]), (&json!(id), &json!(2)));
        assert_eq!(booking["status"], "CANCELLED");
    }
    assert_eq!(app.remaining_tickets(&event).await, 9);
    app.assert_nothing_oversold().await;

    // So is one that was cancelled with its event.
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let id = booked(&app, &user, &event, 1).await;
    cancel_event(&app, &host.owner, &event, "Rain.").await;
    let refused = app.change(&user, &id, 2).await;
    assert!(matches!(kind(&refused), "BookingClosed" | "BookingCancelled"), "{refused}");
}

async fn one_booking_has_at_most_the_events_number_of_tickets(app: App) {
    let event = app.event("Concert", 20).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 5).await;
    set_on_event(&app, "max_per_booking = 3").await;
    let input = json!({ "input": { "bookingId": id, "quantity": 6 } });
    let refused = app.error(Some(&user), CHANGE, input).await;
    assert_eq!(code_and_fields(&refused), ("BAD_USER_INPUT", vec!["quantity"]));
    assert_eq!(refused["message"], "One booking of this event has at most 3 tickets.");
    // Who has more than that can return some.
    for quantity in [4, 2, 3] {
        assert_eq!(kind(&app.change(&user, &id, quantity).await), "ChangeBookingSuccess");
    }
    assert_eq!(app.remaining_tickets(&event).await, 17);
}

async fn each_invalid_input_is_named_and_changes_nothing(app: App) {
    let event = app.event("Concert", 20).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 2).await;
    let change = async |token: Option<&str>, input: Value| {
        app.error(token, CHANGE, json!({ "input": input })).await
    };
    for (quantity, message) in [
        (0, "quantity must be between 1 and 10. Use cancelBooking to return all tickets."),
        (-1, "quantity must be between 1 and 10. Use cancelBooking to return all tickets."),
        (11, "quantity must be between 1 and 10."),
    ] {
        let error = change(Some(&user), json!({ "bookingId": id, "quantity": quantity })).await;
        assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["quantity"]));
        assert_eq!(error["message"], message);
    }
    let error = change(Some(&user), json!({ "bookingId": "x", "quantity": 1 })).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["bookingId"]));
    let error = change(None, json!({ "bookingId": id, "quantity": 1 })).await;
    assert_eq!(error_code(&error), "UNAUTHENTICATED");
    assert_eq!(app.remaining_tickets(&event).await, 18);
}

async fn another_users_booking_is_not_found(app: App) {
    let event = app.event("Concert", 5).await;
    let id = booked(&app, &app.user().await, &event, 2).await;
    let other = app.user().await;
    for quantity in [1, 2, 3] {
        let change = |id: &str| json!({ "input": { "bookingId": id, "quantity": quantity } });
        let of_another_user = app.error(Some(&other), CHANGE, change(&id)).await;
        let of_nobody = app.error(Some(&other), CHANGE, change(&event)).await;
        assert_eq!(error_code(&of_another_user), "NOT_FOUND");
        assert_eq!(
            of_another_user, of_nobody,
            "the errors must not reveal that the booking exists"
        );
    }
    assert_eq!(app.remaining_tickets(&event).await, 3);
}

async fn a_repeated_request_to_book_finds_the_booking_after_a_change(app: App) {
    let event = app.event("Concert", 9).await;
    let user = app.user().await;
    let book = |quantity: i32| json!({ "input": { "eventId": event, "quantity": quantity, "idempotencyKey": "k" } });
    let first = app.data(Some(&user), BOOK, book(2)).await["bookEvent"].take();
    let id = first["booking"]["id"].as_str().unwrap();
    for quantity in [4, 1, 2, 3] {
        app.change(&user, id, quantity).await;
        let repeated = app.data(Some(&user), BOOK, book(2)).await["bookEvent"].take();
        assert_eq!(kind(&repeated), "BookEventSuccess");
        let booking = &repeated["booking"];
        assert_eq!((&booking["id"], &booking["quantity"]), (&json!(id), &json!(quantity)));
        let other = app.error(Some(&user), BOOK, book(5)).await;
        assert_eq!(code_and_fields(&other), ("BAD_USER_INPUT", vec!["idempotencyKey"]));
    }
    assert_eq!(app.remaining_tickets(&event).await, 6);
}

async fn subscribers_see_each_change(app: App) {
    let event = app.event("Concert", 9).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 2).await;
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    assert_eq!(socket.next_remaining_tickets().await, 7);
    for (quantity, remaining) in [(5, 4), (1, 8)] {
        app.change(&user, &id, quantity).await;
        assert_eq!(socket.next_remaining_tickets().await, remaining);
    }
    // What changes nothing sends nothing: the next count is that of the next change.
    app.change(&user, &id, 1).await;
    app.change(&user, &id, 3).await;
    assert_eq!(socket.next_remaining_tickets().await, 6);
}

async fn many_who_want_more_tickets_at_once_get_no_more_than_are_left(app: App) {
    let event = app.event("Concert", 100).await;
    let users = app.users(40).await;
    let ids = join_all(users.iter().map(|user| booked(&app, user, &event, 1))).await;
    assert_eq!(app.remaining_tickets(&event).await, 60);
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    let changes = users.iter().zip(&ids).map(|(user, id)| app.change(user, id, 3));
    let answers = join_all(changes).await;
    let count = |outcome| answers.iter().filter(|answer| kind(answer) == outcome).count();
    assert_eq!((count("ChangeBookingSuccess"), count("SoldOut")), (30, 10));
    assert_eq!(app.remaining_tickets(&event).await, 0);
    while socket.next_remaining_tickets().await != 0 {}
    app.assert_nothing_oversold().await;
}

async fn changing_many_times_at_once_ends_with_one_of_the_numbers(app: App) {
    let event = app.event("Concert", 10).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 1).await;
    for _ in 0..5 {
        let answers = join_all((1..=10).map(|quantity| app.change(&user, &id, quantity))).await;
        for (answer, quantity) in answers.iter().zip(1..) {
            assert_eq!(answer["booking"]["quantity"], json!(quantity));
        }
        app.assert_nothing_oversold().await;
    }
    app.cancel(&user, &id).await;
    assert_eq!(app.remaining_tickets(&event).await, 10);
}

async fn changing_against_cancelling_loses_no_ticket(app: App) {
    let event = app.event("Concert", 200).await;
    let users = app.users(30).await;
    let change_and_cancel = async |user: &String| {
        let id = booked(&app, user, &event, 2).await;
        let changes = join_all([3, 1, 4].map(|quantity| app.change(user, &id, quantity)));
        let (changes, cancelled) = futures_util::join!(changes, app.cancel(user, &id));
        assert_eq!(cancelled["booking"]["status"], "CANCELLED");
        for change in changes {
            assert!(matches!(kind(&change), "ChangeBookingSuccess" | "BookingCancelled"));
        }
    };
    join_all(users.iter().map(change_and_cancel)).await;
    assert_eq!(app.remaining_tickets(&event).await, 200);
    app.assert_nothing_oversold().await;
}

async fn changing_against_booking_sells_the_last_tickets_once(app: App) {
    let event = app.event("Concert", 30).await;
    let users = app.users(40).await;
    let (holders, others) = users.split_at(20);
    let ids = join_all(holders.iter().map(|user| booked(&app, user, &event, 1))).await;
    let changes = join_all(holders.iter().zip(&ids).map(|(user, id)| app.change(user, id, 2)));
    let bookings = join_all(others.iter().map(|user| app.book(user, &event, 1)));
    let (changes, bookings) = futures_util::join!(changes, bookings);
    let is_taken =
        |answer: &&Value| matches!(kind(answer), "ChangeBookingSuccess" | "BookEventSuccess");
    assert_eq!(changes.iter().chain(&bookings).filter(is_taken).count(), 10);
    assert_eq!(app.remaining_tickets(&event).await, 0);
    app.assert_nothing_oversold().await;
}

async fn another_programs_change_is_kept_and_changed_further(app: App) {
    let event = app.event("Concert", 9).await;
    let user = app.user().await;
    let id = booked(&app, &user, &event, 2).await;
    app.execute_sql("UPDATE bookings SET quantity = 5").await;
    assert_eq!(app.remaining_tickets(&event).await, 4);
    assert_eq!(kind(&app.change(&user, &id, 10).await), "SoldOut");
    assert_eq!(kind(&app.change(&user, &id, 9).await), "ChangeBookingSuccess");
    assert_eq!(app.remaining_tickets(&event).await, 0);
    app.execute_sql("UPDATE bookings SET quantity = quantity - 2").await;
    assert_eq!(app.remaining_tickets(&event).await, 2);
    assert_eq!(kind(&app.change(&user, &id, 1).await), "ChangeBookingSuccess");
    assert_eq!(app.remaining_tickets(&event).await, 8);
    app.assert_nothing_oversold().await;
}
