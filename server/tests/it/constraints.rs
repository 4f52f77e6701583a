//! The database's own constraints, which hold for other programs, too.

use sea_orm::ConnectionTrait;

use crate::{app::App, on_both_engines};

on_both_engines! {
    the_database_refuses_changes_that_break_the_guarantee
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
        "UPDATE bookings SET status = 'LOST'",
        "UPDATE bookings SET status = 'CANCELLED'",
        "DELETE FROM events WHERE title = 'Concert'",
        "DELETE FROM users",
    ] {
        assert!(app.db().execute_unprepared(sql).await.is_err(), "{sql}");
    }
    let second_booking = "INSERT INTO bookings \
        (id, event_id, user_id, quantity, status, created_at) \
        SELECT event_id, event_id, user_id, 1, 'CONFIRMED', created_at FROM bookings";
    assert!(app.db().execute_unprepared(second_booking).await.is_err(), "two confirmed");
    let cancelled = second_booking
        .replace("'CONFIRMED', created_at", "'CANCELLED', created_at, created_at")
        .replace("created_at)", "created_at, cancelled_at)");
    assert!(
        app.db().execute_unprepared(&cancelled).await.is_ok(),
        "cancelled bookings are accepted"
    );
}
