//! Booking and cancelling without concurrency.

use chrono::Duration;
use rowlock::accounts::Viewer;
use serde_json::{Value, json};

use crate::{
    app::{App, BOOK, CANCEL, aliased, code_and_fields, error_code},
    demo::UNKNOWN_ID,
    on_both_engines,
};

on_both_engines! {
    a_booking_lowers_the_remaining_tickets
    either_all_requested_tickets_are_booked_or_none
    a_second_booking_of_an_event_is_refused_and_returns_the_first
    cancelling_returns_the_tickets_and_the_user_can_book_again
    cancelling_twice_gets_the_same_answer_and_returns_the_tickets_once
    another_users_booking_is_not_found
    a_retry_with_the_same_idempotency_key_returns_the_first_booking
    an_idempotency_key_of_another_request_is_refused
    an_idempotency_key_belongs_to_one_event
    an_event_that_has_started_is_closed_for_booking_and_cancelling
    each_invalid_input_is_named_and_books_nothing
    an_unknown_event_or_booking_is_not_found
    booking_and_cancelling_need_a_signed_in_user
    my_bookings_are_listed_newest_first_in_pages_and_by_status
    every_buyer_of_a_sold_out_event_gets_sold_out
    bookings_of_one_user_are_rate_limited
}

fn booking_id(answer: &Value) -> &str {
    answer["booking"]["id"].as_str().unwrap()
}

async fn a_booking_lowers_the_remaining_tickets(app: App) {
    let event = app.event("Concert", 10).await;
    let booked = app.book(&app.user().await, &event, 3).await;
    assert_eq!(booked["__typename"], "BookEventSuccess");
    assert_eq!(booked["booking"]["quantity"], 3);
    assert_eq!(booked["booking"]["status"], "CONFIRMED");
    assert_eq!(booked["booking"]["event"]["id"], event);
    assert_eq!(booked["booking"]["cancelledAt"], Value::Null);
    assert_eq!(app.remaining_tickets(&event).await, 7);
    // The default quantity is one ticket.
    let input = json!({ "input": { "eventId": event } });
    let single = app.data(Some(&app.user().await), BOOK, input).await;
    assert_eq!(single["bookEvent"]["booking"]["quantity"], 1);
    app.assert_nothing_oversold().await;
}

async fn either_all_requested_tickets_are_booked_or_none(app: App) {
    let event = app.event("Concert", 5).await;
    app.book(&app.user().await, &event, 3).await;
    let refused = app.book(&app.user().await, &event, 3).await;
    assert_eq!(refused["__typename"], "SoldOut");
    assert_eq!(refused["remainingTickets"], 2);
    assert_eq!(refused["message"], "Sorry, only 2 tickets are left for Concert.");
    assert_eq!(app.remaining_tickets(&event).await, 2);
    let smaller = app.book(&app.user().await, &event, 2).await;
    assert_eq!(smaller["__typename"], "BookEventSuccess");
    app.assert_nothing_oversold().await;
}

async fn a_second_booking_of_an_event_is_refused_and_returns_the_first(app: App) {
    let event = app.event("Concert", 2).await;
    let user = app.user().await;
    let first = app.book(&user, &event, 2).await;
    let second = app.book(&user, &event, 1).await;
    assert_eq!(
        second["__typename"], "AlreadyBooked",
        "the first booking matters more than sold out"
    );
    assert_eq!(booking_id(&second), booking_id(&first));
    assert_eq!(app.remaining_tickets(&event).await, 0);
}

async fn cancelling_returns_the_tickets_and_the_user_can_book_again(app: App) {
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    for quantity in [5, 4, 5] {
        let booked = app.book(&user, &event, quantity).await;
        assert_eq!(booked["__typename"], "BookEventSuccess");
        let cancelled = app.cancel(&user, booking_id(&booked)).await;
        assert_eq!(cancelled["booking"]["status"], "CANCELLED");
        assert!(cancelled["booking"]["cancelledAt"].is_string());
        assert_eq!(app.remaining_tickets(&event).await, 5);
    }
    app.assert_nothing_oversold().await;
}

async fn cancelling_twice_gets_the_same_answer_and_returns_the_tickets_once(app: App) {
    let event = app.event("Concert", 5).await;
    let (user, other) = (app.user().await, app.user().await);
    app.book(&other, &event, 1).await;
    let booked = app.book(&user, &event, 2).await;
    let first = app.cancel(&user, booking_id(&booked)).await;
    let second = app.cancel(&user, booking_id(&booked)).await;
    assert_eq!(first, second);
    assert_eq!(app.remaining_tickets(&event).await, 4);
    // A repeated cancellation also succeeds after the event has started.
    let [user] = advance_clock(&app, Duration::days(8), [user]);
    assert_eq!(app.cancel(&user, booking_id(&booked)).await, first);
}

/// Advances the server's clock. Returns new access tokens for the users, because theirs expire.
fn advance_clock<const N: usize>(app: &App, by: Duration, tokens: [String; N]) -> [String; N] {
    let access_tokens = &app.services.access_tokens;
    let users = tokens.map(|token| match access_tokens.viewer(Some(&format!("Bearer {token}"))) {
        Viewer::User { id, .. } => id,
        other => panic!("{other:?}"),
    });
    app.clock.advance(by);
    users.map(|user| access_tokens.issue(user).unwrap().token)
}

async fn another_users_booking_is_not_found(app: App) {
    let event = app.event("Concert", 5).await;
    let booked = app.book(&app.user().await, &event, 2).await;
    let cancel = json!({ "input": { "bookingId": booking_id(&booked) } });
    let of_another_user = app.error(Some(&app.user().await), CANCEL, cancel).await;
    let cancel = json!({ "input": { "bookingId": event } });
    let of_nobody = app.error(Some(&app.user().await), CANCEL, cancel).await;
    assert_eq!(error_code(&of_another_user), "NOT_FOUND");
    assert_eq!(of_another_user, of_nobody, "the errors must not reveal that the booking exists");
    assert_eq!(app.remaining_tickets(&event).await, 3);
}

async fn a_retry_with_the_same_idempotency_key_returns_the_first_booking(app: App) {
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    let input = json!({ "input": { "eventId": event, "quantity": 2, "idempotencyKey": "k" } });
    let first = app.data(Some(&user), BOOK, input.clone()).await["bookEvent"].take();
    let retried = app.data(Some(&user), BOOK, input.clone()).await["bookEvent"].take();
    assert_eq!(first["__typename"], "BookEventSuccess");
    assert_eq!(retried, first);
    assert_eq!(app.remaining_tickets(&event).await, 3);

    // The key returns the first booking in its present state. A new booking needs a new key.
    app.cancel(&user, booking_id(&first)).await;
    let replayed = app.data(Some(&user), BOOK, input.clone()).await["bookEvent"].take();
    assert_eq!(
        (booking_id(&replayed), &replayed["booking"]["status"]),
        (booking_id(&first), &json!("CANCELLED"))
    );
    assert_eq!(app.remaining_tickets(&event).await, 5);

    // Keys of different users are independent.
    let other = app.data(Some(&app.user().await), BOOK, input).await["bookEvent"].take();
    assert_ne!(booking_id(&other), booking_id(&first));
    app.assert_nothing_oversold().await;
}

async fn an_idempotency_key_of_another_request_is_refused(app: App) {
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    let input = |quantity: i32| {
        json!({
            "input": { "eventId": event, "quantity": quantity, "idempotencyKey": "k" }
        })
    };
    app.data(Some(&user), BOOK, input(1)).await;
    let error = app.error(Some(&user), BOOK, input(2)).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["idempotencyKey"]));
    assert_eq!(app.remaining_tickets(&event).await, 4);
}

async fn an_idempotency_key_belongs_to_one_event(app: App) {
    let events = [app.event("One", 5).await, app.event("Two", 5).await];
    let user = app.user().await;
    let input = |event: &str| json!({ "input": { "eventId": event, "idempotencyKey": "k" } });
    let mut booked = Vec::new();
    for event in [&events[0], &events[1], &events[0], &events[1]] {
        let answer = app.data(Some(&user), BOOK, input(event)).await["bookEvent"].take();
        assert_eq!(answer["__typename"], "BookEventSuccess");
        booked.push(booking_id(&answer).to_owned());
    }
    assert_ne!(booked[0], booked[1]);
    assert_eq!(booked[..2], booked[2..], "repeated requests book nothing more");
    for event in &events {
        assert_eq!(app.remaining_tickets(event).await, 4);
    }
    app.assert_nothing_oversold().await;
}

async fn an_event_that_has_started_is_closed_for_booking_and_cancelling(app: App) {
    let event = app.event("Concert", 5).await;
    let (user, late_user) = (app.user().await, app.user().await);
    let booked = app.book(&user, &event, 1).await;
    let [user, late_user] = advance_clock(&app, Duration::days(7), [user, late_user]);
    let refused = app.book(&late_user, &event, 1).await;
    assert_eq!(refused["__typename"], "BookingClosed");
    assert_eq!(refused["event"]["id"], event);
    assert_eq!(app.cancel(&user, booking_id(&booked)).await["__typename"], "BookingClosed");
    assert_eq!(app.remaining_tickets(&event).await, 4);
}

async fn each_invalid_input_is_named_and_books_nothing(app: App) {
    let event = app.event("Concert", 50).await;
    let user = app.user().await;
    let huge = "x".repeat(40_000);
    let long_key = "k".repeat(129);
    for (input, field) in [
        (json!({ "eventId": "1" }), "eventId"),
        (json!({ "eventId": huge }), "eventId"),
        (json!({ "eventId": event, "quantity": 0 }), "quantity"),
        (json!({ "eventId": event, "quantity": -1 }), "quantity"),
        (json!({ "eventId": event, "quantity": 11 }), "quantity"),
        (json!({ "eventId": event, "quantity": 4_294_967_297_i64 }), "quantity"),
        (json!({ "eventId": event, "quantity": u64::MAX }), "quantity"),
        (json!({ "eventId": event, "quantity": 1.5 }), "quantity"),
        (json!({ "eventId": event, "quantity": "1" }), "quantity"),
        (json!({ "eventId": event, "idempotencyKey": "" }), "idempotencyKey"),
        (json!({ "eventId": event, "idempotencyKey": long_key }), "idempotencyKey"),
        (json!({ "eventId": event, "idempotencyKey": "a\0b" }), "idempotencyKey"),
    ] {
        let error = app.error(Some(&user), BOOK, json!({ "input": input })).await;
        assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec![field]), "{input:.100}");
    }
    let error = app.error(Some(&user), CANCEL, json!({ "input": { "bookingId": "x" } })).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["bookingId"]));
    assert_eq!(app.remaining_tickets(&event).await, 50);
    assert_eq!(app.audit().await.bookings, 0);
}

async fn an_unknown_event_or_booking_is_not_found(app: App) {
    let user = app.user().await;
    let error = app.error(Some(&user), BOOK, json!({ "input": { "eventId": UNKNOWN_ID } })).await;
    assert_eq!(error_code(&error), "NOT_FOUND");
    let error =
        app.error(Some(&user), CANCEL, json!({ "input": { "bookingId": UNKNOWN_ID } })).await;
    assert_eq!(error_code(&error), "NOT_FOUND");
}

async fn booking_and_cancelling_need_a_signed_in_user(app: App) {
    let event = app.event("Concert", 5).await;
    let error = app.error(None, BOOK, json!({ "input": { "eventId": event } })).await;
    assert_eq!(error_code(&error), "UNAUTHENTICATED");
    let error = app.error(None, CANCEL, json!({ "input": { "bookingId": event } })).await;
    assert_eq!(error_code(&error), "UNAUTHENTICATED");
    assert_eq!(app.remaining_tickets(&event).await, 5);
}

async fn my_bookings_are_listed_newest_first_in_pages_and_by_status(app: App) {
    let user = app.user().await;
    app.book(&app.user().await, &app.event("Not mine", 5).await, 1).await;
    for number in 0..7 {
        let event = app.event(&format!("Event {number}"), 5).await;
        let booked = app.book(&user, &event, 1).await;
        if number % 3 == 0 {
            app.cancel(&user, booking_id(&booked)).await;
        }
    }
    let query = "query(
        $first: Int, $after: String, $last: Int, $before: String, $status: BookingStatus
    ) {
        me { bookings(first: $first, after: $after, last: $last, before: $before, status: $status) {
            nodes { event { title } status } totalCount
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }";
    let list = async |variables: Value| {
        let bookings = app.data(Some(&user), query, variables).await["me"]["bookings"].take();
        let titles = bookings["nodes"].as_array().unwrap();
        let titles: String = titles
            .iter()
            .map(|node| node["event"]["title"].as_str().unwrap().replace("Event ", ""))
            .collect();
        (titles, bookings)
    };
    assert_eq!(list(json!({})).await.0, "6543210");
    let (cancelled, page) = list(json!({ "status": "CANCELLED" })).await;
    assert_eq!((cancelled.as_str(), &page["totalCount"]), ("630", &json!(3)));
    assert_eq!(list(json!({ "status": "CONFIRMED" })).await.0, "5421");

    let (first, page) = list(json!({ "first": 3 })).await;
    let after = page["pageInfo"]["endCursor"].clone();
    let (second, page) = list(json!({ "first": 3, "after": after })).await;
    assert_eq!((first.as_str(), second.as_str()), ("654", "321"));
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    let (last, page) = list(json!({ "last": 2 })).await;
    let before = page["pageInfo"]["startCursor"].clone();
    assert_eq!((last.as_str(), &page["pageInfo"]["hasPreviousPage"]), ("10", &json!(true)));
    assert_eq!(list(json!({ "last": 2, "before": before })).await.0, "32");

    for (variables, field) in [
        (json!({ "first": 51 }), "first"),
        (json!({ "after": "x" }), "after"),
        (json!({ "first": 1, "last": 1 }), "last"),
        (json!({ "status": "LOST" }), "status"),
    ] {
        let error = app.error(Some(&user), query, variables).await;
        assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec![field]));
    }
}

async fn every_buyer_of_a_sold_out_event_gets_sold_out(app: App) {
    let event = app.event("Concert", 1).await;
    app.book(&app.user().await, &event, 1).await;
    for user in app.users(3).await {
        let refused = app.book(&user, &event, 1).await;
        assert_eq!(refused["message"], "Sorry, Concert is sold out.");
        assert_eq!(refused["remainingTickets"], 0);
    }
}

async fn bookings_of_one_user_are_rate_limited(app: App) {
    let event = app.event("Concert", 5).await;
    let user = app.user().await;
    let selection = aliased(20, "bookEvent(input: $input) { __typename }");
    let mutation = format!("mutation($input: BookEventInput!) {selection}");
    for _ in 0..40 {
        let answer =
            app.send(Some(&user), &mutation, json!({ "input": { "eventId": event } })).await;
        if answer["errors"][0]["extensions"]["code"] == "RATE_LIMITED" {
            assert!(answer["errors"][0]["extensions"]["retryAfter"].as_i64().unwrap() >= 1);
            return;
        }
    }
    panic!("800 bookings were never rate limited");
}
