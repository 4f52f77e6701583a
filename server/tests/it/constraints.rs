//! The constraints of the database hold without the server.

use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use crate::{
    app::App,
    database::{Engine, new_database},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_refuses_what_breaks_the_guarantee() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let folder = TempDir::new().unwrap();
        let url = new_database(engine, &folder).await;
        let app = App::start_on(url, folder, &[]).await;
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
            assert!(app.db().execute_unprepared(sql).await.is_err(), "{engine:?}: {sql}");
        }
        let again = "INSERT INTO bookings (id, event_id, user_id, quantity, status, created_at) \
                     SELECT event_id, event_id, user_id, 1, 'CONFIRMED', created_at FROM bookings";
        assert!(app.db().execute_unprepared(again).await.is_err(), "{engine:?}: two confirmed");
        let cancelled = again
            .replace("'CONFIRMED', created_at", "'CANCELLED', created_at, created_at")
            .replace("created_at)", "created_at, cancelled_at)");
        assert!(
            app.db().execute_unprepared(&cancelled).await.is_ok(),
            "{engine:?}: cancelled ones"
        );
    }
}
