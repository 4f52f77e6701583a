//! Every booking has its event and its user, whatever other programs do, and when.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use tokio::{task::JoinHandle, time::sleep};
use url::Url;

use crate::{
    app::App,
    database::{Engine, postgres_url},
    on_both_engines,
};

on_both_engines! {
    a_booking_of_nobody_or_nothing_is_refused
    what_is_booked_stays
}

/// Inserts a booking of the event "Concert" by a user without one. Each `{}` is an expression.
fn insert(app: &App, event: &str, user: &str) -> String {
    let new_id = match app.engine() {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    let event = event.replace("{new_id}", new_id);
    let user = user.replace("{new_id}", new_id);
    format!(
        "INSERT INTO bookings (id, event_id, user_id, quantity, status, created_at, \
         unit_price_minor, currency) SELECT {new_id}, {event}, {user}, 1, 'CONFIRMED', \
         created_at, 5, 'EUR' FROM events WHERE title = 'Concert'"
    )
}

const FREE_USER: &str = "(SELECT id FROM users WHERE email LIKE 'load-%' \
    AND id NOT IN (SELECT user_id FROM bookings) ORDER BY id LIMIT 1)";

/// One user has a booking, and three have none.
async fn app_with_booking(app: &App) {
    let event = app.event("Concert", 8).await;
    let users = app.users(4).await;
    app.book(&users[0], &event, 2).await;
}

async fn is_refused(app: &App, sql: &str) -> bool {
    app.db().execute_unprepared(sql).await.is_err()
}

async fn a_booking_of_nobody_or_nothing_is_refused(app: App) {
    app_with_booking(&app).await;
    let new_id = match app.engine() {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    let new = [insert(&app, "id", "{new_id}"), insert(&app, "{new_id}", FREE_USER)];
    let changed = ["user_id", "event_id"]
        .map(|column| format!("UPDATE bookings SET {column} = {new_id} WHERE quantity = 2"));
    for sql in new.iter().chain(&changed) {
        assert!(is_refused(&app, sql).await, "{sql}");
        // Rowlock's own sessions have no exception.
        if app.engine() == Engine::Postgres {
            let transaction = app.db().begin().await.unwrap();
            transaction.execute_unprepared("SET LOCAL rowlock.keeps_counts = 'on'").await.unwrap();
            assert!(transaction.execute_unprepared(sql).await.is_err(), "{sql}");
        }
    }
    app.execute_sql(&insert(&app, "id", FREE_USER)).await;
    let of_other = format!("UPDATE bookings SET user_id = {FREE_USER} WHERE quantity = 1");
    app.execute_sql(&of_other).await;
    app.assert_nothing_oversold().await;
}

async fn what_is_booked_stays(app: App) {
    app_with_booking(&app).await;
    let new_id = match app.engine() {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    let booked_user = "(SELECT user_id FROM bookings)";
    let mut refused = vec![
        "DELETE FROM events WHERE title = 'Concert'".to_owned(),
        "DELETE FROM events".to_owned(),
        format!("DELETE FROM users WHERE id = {booked_user}"),
        "DELETE FROM users".to_owned(),
        format!("UPDATE events SET id = {new_id} WHERE title = 'Concert'"),
        format!("UPDATE users SET id = {new_id} WHERE id = {booked_user}"),
    ];
    if app.engine() == Engine::Postgres {
        refused.extend(
            ["TRUNCATE events", "TRUNCATE events CASCADE", "TRUNCATE users CASCADE"]
                .map(str::to_owned),
        );
    }
    for sql in refused {
        assert!(is_refused(&app, &sql).await, "{sql}");
    }
    // A cancelled booking needs them, too.
    app.execute_sql("UPDATE bookings SET status = 'CANCELLED', cancelled_at = created_at").await;
    assert!(is_refused(&app, "DELETE FROM events WHERE title = 'Concert'").await);
    assert!(is_refused(&app, &format!("DELETE FROM users WHERE id = {booked_user}")).await);

    app.execute_sql("DELETE FROM events WHERE title = 'Jazz Night'").await;
    app.execute_sql(&format!("DELETE FROM users WHERE id = {FREE_USER}")).await;
    app.execute_sql("DELETE FROM bookings").await;
    app.execute_sql("DELETE FROM events WHERE title = 'Concert'").await;
}

async fn begin(app: &App, first: &str) -> DatabaseTransaction {
    let transaction = app.db().begin().await.unwrap();
    transaction.execute_unprepared(first).await.unwrap();
    transaction
}

/// Starts a statement that has to wait for a transaction's lock.
async fn wait_for_lock(app: &App, sql: &str) -> JoinHandle<Result<(), DbErr>> {
    let (db, statement): (DatabaseConnection, String) = (app.db().clone(), sql.to_owned());
    let waiting = tokio::spawn(async move { db.execute_unprepared(&statement).await.map(|_| ()) });
    let is_waiting = "SELECT 1 FROM pg_stat_activity \
        WHERE wait_event_type = 'Lock' AND datname = current_database()";
    loop {
        let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, is_waiting);
        if app.db().query_one_raw(statement).await.unwrap().is_some() {
            return waiting;
        }
        assert!(!waiting.is_finished(), "it did not wait: {sql}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_not_deleted_while_a_booking_of_it_is_made_on_postgres() {
    let app = App::start(Engine::Postgres).await;
    app_with_booking(&app).await;
    let book = insert(&app, "id", FREE_USER);
    for delete in [
        format!("DELETE FROM users WHERE id = {FREE_USER}"),
        "DELETE FROM events WHERE title = 'Other'".to_owned(),
    ] {
        app.event("Other", 8).await;
        let book = match delete.contains("events") {
            true => book.replace("'Concert'", "'Other'"),
            false => book.clone(),
        };
        // The booking is first.
        let transaction = begin(&app, &book).await;
        let waiting = wait_for_lock(&app, &delete).await;
        transaction.commit().await.unwrap();
        assert!(waiting.await.unwrap().is_err(), "{delete}");
        app.execute_sql("DELETE FROM bookings WHERE quantity = 1").await;

        // The deletion is first.
        let book = match delete.contains("events") {
            // The insert finds the event's row before it is deleted.
            true => insert(&app, "id", FREE_USER).replace("'Concert'", "'Other'"),
            false => book,
        };
        let transaction = begin(&app, &delete).await;
        let waiting = wait_for_lock(&app, &book).await;
        transaction.commit().await.unwrap();
        assert!(waiting.await.unwrap().is_err(), "{delete}");
    }
    app.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_with_an_old_view_deletes_nothing_that_may_be_booked_on_postgres() {
    let app = App::start(Engine::Postgres).await;
    app_with_booking(&app).await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let set_level = format!("SET TRANSACTION ISOLATION LEVEL {level}");
        let transaction = begin(&app, &set_level).await;
        transaction.execute_unprepared("SELECT count(*) FROM bookings").await.unwrap();
        let user = FREE_USER.replace("ORDER BY id", "ORDER BY id DESC");
        app.execute_sql(&insert(&app, "id", FREE_USER)).await;
        let delete = format!("DELETE FROM users WHERE id IN ({user}, {FREE_USER})");
        let error = transaction.execute_unprepared(&delete).await.unwrap_err().to_string();
        assert!(error.contains("READ COMMITTED"), "{error}");
    }
}

/// The database looks things up itself, with its own rights and in its own tables.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_few_rights_can_insert_bookings_on_postgres() {
    let app = App::start(Engine::Postgres).await;
    app_with_booking(&app).await;
    let database = app.database_url.rsplit('/').next().unwrap();
    let role = format!("{database}_box_office");
    for sql in [
        format!("CREATE ROLE {role} LOGIN"),
        format!("GRANT SELECT, INSERT ON bookings TO {role}"),
        format!("GRANT SELECT, UPDATE ON events TO {role}"),
        format!("GRANT SELECT (id, email) ON users TO {role}"),
        format!("GRANT TEMPORARY ON DATABASE {database} TO {role}"),
    ] {
        app.execute_sql(&sql).await;
    }
    let mut url = Url::parse(&postgres_url(database)).unwrap();
    url.set_username(&role).unwrap();
    let mut options = sea_orm::ConnectOptions::new(url.as_str());
    options.max_connections(1);
    let box_office = sea_orm::Database::connect(options).await.unwrap();
    box_office.execute_unprepared(&insert(&app, "id", FREE_USER)).await.unwrap();
    let of_nobody = insert(&app, "id", "'01990000-0000-7000-8000-ffffffffffff'");
    for sql in [
        "CREATE TEMPORARY TABLE users AS SELECT uuid '01990000-0000-7000-8000-ffffffffffff' AS id",
        "GRANT ALL ON pg_temp.users TO PUBLIC",
    ] {
        box_office.execute_unprepared(sql).await.unwrap();
    }
    let error = box_office.execute_unprepared(&of_nobody).await.unwrap_err().to_string();
    assert!(error.contains("which is not in users"), "{error}");
    box_office.close().await.unwrap();
    app.execute_sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

/// Foreign keys would refuse these, too.
#[tokio::test(flavor = "multi_thread")]
async fn no_trigger_and_no_inherited_table_makes_a_booking_of_nobody_on_postgres() {
    let app = App::start(Engine::Postgres).await;
    app_with_booking(&app).await;
    for sql in [
        "CREATE TABLE other_users () INHERITS (users)",
        "INSERT INTO other_users SELECT '01990000-0000-7000-8000-ffffffffffff', 'o@example.org', \
         name, password_hash, created_at FROM users LIMIT 1",
    ] {
        app.execute_sql(sql).await;
    }
    let of_other = insert(&app, "id", "'01990000-0000-7000-8000-ffffffffffff'::uuid");
    assert!(is_refused(&app, &of_other).await);
    app.execute_sql(
        "CREATE FUNCTION other_user() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN NEW.user_id := gen_random_uuid(); RETURN NEW; END'; \
         CREATE TRIGGER a BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION other_user()",
    )
    .await;
    assert!(is_refused(&app, "UPDATE bookings SET created_at = now()").await);
}

/// Functions of the caller's can't stand for those that check an event's texts.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_can_not_change_what_is_checked_on_postgres() {
    let app = App::start(Engine::Postgres).await;
    app.event("Concert", 8).await;
    let transaction = begin(
        &app,
        "CREATE SCHEMA other; CREATE FUNCTION other.length(text) RETURNS int LANGUAGE sql \
         AS 'SELECT 1'; SET LOCAL search_path = other, pg_catalog, public",
    )
    .await;
    let long = "UPDATE events SET venue = repeat('x', 2001) WHERE title = 'Concert'";
    let error = transaction.execute_unprepared(long).await.unwrap_err().to_string();
    assert!(error.contains("venue 2,000"), "{error}");
    // Whoever keeps counts is no exception.
    let transaction = begin(&app, "SET LOCAL rowlock.keeps_counts = 'on'").await;
    assert!(transaction.execute_unprepared(long).await.is_err());
}
