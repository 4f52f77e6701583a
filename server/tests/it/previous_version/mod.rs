//! A database that the previous version wrote: it is migrated, and back, and nothing gets lost.

use std::time::Duration;

use futures_util::future::join_all;
use rowlock::database::Database;
use rowlock_migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use crate::{
    app::{App, BOOK, error_code, serve_args},
    database::{Engine, postgres_admin, postgres_url},
};

/// The last migration of the previous version.
const LAST_MIGRATION: &str = "search_key";
/// An event of 2099 with twenty tickets, whose price was changed after it was booked.
const CENTENARY_GALA: &str = "01990000-0000-7000-8000-000000000021";
/// A sold-out event of 2099.
const COMET_NIGHT: &str = "01990000-0000-7000-8000-000000000022";
const TABLES: [&str; 5] = ["events", "bookings", "users", "sessions", "refresh_tokens"];

/// Both tests of each engine.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test($crate::database::Engine::Sqlite).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test($crate::database::Engine::Postgres).await;
            })*
        }
    };
}

on_both! {
    what_the_previous_version_wrote_is_kept_and_can_be_booked
    migrating_down_and_up_again_changes_nothing
}

/// Creates a database as the previous version wrote it, and returns its URL.
async fn previous_database(engine: Engine, folder: &TempDir) -> String {
    let (url, dump) = match engine {
        Engine::Sqlite => {
            let file = folder.path().join("previous.db");
            (format!("sqlite:{}?mode=rwc", file.display()), include_str!("sqlite.sql"))
        }
        Engine::Postgres => {
            let name = format!("previous_{}", uuid::Uuid::now_v7().simple());
            postgres_admin(&format!("CREATE DATABASE {name}")).await;
            (postgres_url(&name), include_str!("postgres.sql"))
        }
    };
    let db = sea_orm::Database::connect(url.as_str()).await.unwrap();
    db.execute_unprepared(dump).await.unwrap();
    db.close().await.unwrap();
    url.trim_end_matches("?mode=rwc").to_owned()
}

async fn open(url: &str) -> Database {
    Database::open(&serve_args(url, &[]).database).await.unwrap()
}

async fn migrate_down(db: &Database) {
    let names = Migrator::migrations().into_iter().map(|migration| migration.name().to_owned());
    let newer = names.skip_while(|name| !name.contains(LAST_MIGRATION)).skip(1).count();
    db.migrate(Some(u32::try_from(newer).unwrap())).await.unwrap();
}

/// The lines that a query returns.
async fn lines(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    rows.unwrap().iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// The columns of each table.
async fn columns(db: &DatabaseConnection) -> Vec<(&'static str, Vec<String>)> {
    let mut columns = Vec::new();
    for table in TABLES {
        let sql = match db.get_database_backend() {
            DbBackend::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
            _ => format!(
                "SELECT column_name::text FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY ordinal_position"
            ),
        };
        columns.push((table, lines(db, &sql).await));
    }
    columns
}

/// All values in these columns, one row per line.
async fn rows(db: &DatabaseConnection, columns: &[(&str, Vec<String>)]) -> Vec<String> {
    let mut found = Vec::new();
    for (table, columns) in columns {
        let values = match db.get_database_backend() {
            DbBackend::Sqlite => {
                let quoted: Vec<String> = columns.iter().map(|c| format!("quote({c})")).collect();
                quoted.join(" || ',' || ")
            }
            _ => format!("ROW({})::text", columns.join(", ")),
        };
        found.extend(lines(db, &format!("SELECT {values} FROM {table} ORDER BY id")).await);
    }
    found
}

/// The definitions of everything in the database. A constraint from a dump has other brackets than
/// one that a migration made.
async fn schema(db: &DatabaseConnection) -> Vec<String> {
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1"
        }
        _ => {
            "SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' \
                || is_nullable || ' ' || coalesce(column_default, '') \
                FROM information_schema.columns WHERE table_schema = 'public' \
             UNION ALL SELECT 'constraint ' || conname || ' ' || convalidated || ' ' \
                || translate(pg_get_constraintdef(oid), '()', '') FROM pg_constraint \
                WHERE connamespace = 'public'::regnamespace \
             UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public' \
             UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger \
                WHERE NOT tgisinternal \
             UNION ALL SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc p \
                JOIN pg_language l ON l.oid = prolang AND lanname = 'plpgsql' \
             ORDER BY 1"
        }
    };
    lines(db, sql).await
}

async fn what_the_previous_version_wrote_is_kept_and_can_be_booked(engine: Engine) {
    let folder = TempDir::new().unwrap();
    let url = previous_database(engine, &folder).await;
    let db = open(&url).await;
    let columns = columns(db.reads().pool()).await;
    let before = rows(db.reads().pool(), &columns).await;
    db.migrate(None).await.unwrap();
    assert_eq!(rows(db.reads().pool(), &columns).await, before);
    for wrong in [
        "SELECT title FROM events WHERE status <> 'PUBLISHED' OR revision <> 1 OR city <> '' \
         OR time_zone <> 'UTC' OR max_per_booking <> 10",
        "SELECT title FROM events LEFT JOIN organizers ON organizers.id = organizer_id \
         WHERE slug IS NULL OR slug <> 'our-events'",
        "SELECT title FROM events JOIN bookings ON events.id = event_id \
         WHERE unit_price_minor IS NULL OR unit_price_minor <> price_minor \
         OR bookings.currency IS NULL OR bookings.currency <> events.currency",
    ] {
        assert_eq!(lines(db.reads().pool(), wrong).await, Vec::<String>::new(), "{wrong}");
    }
    db.close().await;

    let app = App::start_on(url, folder, &[]).await;
    assert_eq!(app.audit().await.bookings, 9);
    app.assert_nothing_oversold().await;
    let log_in = "mutation($email: String!, $password: String!) {
        login(input: { email: $email, password: $password }) { accessToken } }";
    let log_in = async |name: &str| {
        let variables =
            json!({ "email": format!("{name}@example.org"), "password": format!("{name}-demo-1") });
        let answer = app.data(None, log_in, variables).await;
        answer["login"]["accessToken"].as_str().unwrap().to_owned()
    };
    let (ada, grace) = (log_in("ada").await, log_in("grace").await);
    // The answer to a request that the previous version carried out.
    let input = json!({ "eventId": CENTENARY_GALA, "quantity": 2, "idempotencyKey": "first" });
    let replayed = app.data(Some(&ada), BOOK, json!({ "input": input })).await["bookEvent"].take();
    assert_eq!(replayed["booking"]["quantity"], 2, "{replayed}");
    let reused = json!({ "eventId": CENTENARY_GALA, "quantity": 3, "idempotencyKey": "first" });
    let error = app.error(Some(&ada), BOOK, json!({ "input": reused })).await;
    assert_eq!(error_code(&error), "BAD_USER_INPUT");
    let lin = app.user().await;
    assert_eq!(app.remaining_tickets(CENTENARY_GALA).await, 7);
    assert_eq!(app.book(&lin, CENTENARY_GALA, 7).await["__typename"], "BookEventSuccess");
    assert_eq!(app.book(&lin, COMET_NIGHT, 1).await["__typename"], "SoldOut");
    let mine = app.book(&grace, COMET_NIGHT, 1).await;
    assert_eq!(mine["__typename"], "AlreadyBooked", "{mine}");
    let cancelled = app.cancel(&grace, mine["booking"]["id"].as_str().unwrap()).await;
    assert_eq!(cancelled["booking"]["status"], "CANCELLED");
    assert_eq!(app.book(&lin, COMET_NIGHT, 2).await["__typename"], "BookEventSuccess");
    for (search, count) in [("porto", 1), ("kraków comet", 1), ("quartet", 0)] {
        let query = "query($search: String) {
            events(search: $search, filter: { includePast: true }) { totalCount } }";
        let found = app.data(None, query, json!({ "search": search })).await;
        assert_eq!(found["events"]["totalCount"], count, "{search}");
    }
    app.assert_nothing_oversold().await;
}

async fn migrating_down_and_up_again_changes_nothing(engine: Engine) {
    let folder = TempDir::new().unwrap();
    let url = previous_database(engine, &folder).await;
    let db = open(&url).await;
    let pool = db.reads().pool();
    let previous_columns = columns(pool).await;
    let before = (schema(pool).await, rows(pool, &previous_columns).await);
    db.migrate(None).await.unwrap();
    let present_columns = columns(pool).await;
    let present = (schema(pool).await, rows(pool, &present_columns).await);
    migrate_down(&db).await;
    assert_eq!((schema(pool).await, rows(pool, &previous_columns).await), before);
    db.migrate(None).await.unwrap();
    assert_eq!((schema(pool).await, rows(pool, &present_columns).await), present);
    db.close().await;
}

/// Books and cancels by the statements of the previous version, again and again, until `is_over`.
/// Returns the number of rounds, and the longest of them.
async fn book_by_previous_version(
    url: &str,
    user: &str,
    is_over: &std::sync::atomic::AtomicBool,
) -> (u32, Duration) {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1);
    let db = sea_orm::Database::connect(options).await.unwrap();
    db.execute_unprepared("SET rowlock.keeps_counts = 'on'; SET lock_timeout = '3s'")
        .await
        .unwrap();
    let (mut rounds, mut longest) = (0, Duration::ZERO);
    while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
        let lock = format!(
            "SELECT id, title, remaining_tickets, count_version FROM events \
             WHERE id = '{CENTENARY_GALA}' ORDER BY id FOR NO KEY UPDATE"
        );
        let count = |by: i32| {
            format!(
                "UPDATE events SET remaining_tickets = remaining_tickets - {by}, \
                 count_version = count_version + 1 WHERE id = '{CENTENARY_GALA}'"
            )
        };
        let id = uuid::Uuid::now_v7();
        let insert = format!(
            "INSERT INTO bookings (id, event_id, user_id, quantity, status, created_at) \
             VALUES ('{id}', '{CENTENARY_GALA}', '{user}', 1, 'CONFIRMED', now())"
        );
        let cancel = format!(
            "UPDATE bookings SET status = 'CANCELLED', cancelled_at = now() WHERE id = '{id}'"
        );
        for statements in [[&lock, &insert, &count(1)], [&lock, &cancel, &count(-1)]] {
            let start = Instant::now();
            let transaction = db.begin().await.unwrap();
            for sql in statements {
                transaction.execute_unprepared(sql).await.unwrap();
            }
            transaction.commit().await.unwrap();
            longest = longest.max(start.elapsed());
        }
        rounds += 1;
    }
    db.close().await.unwrap();
    (rounds, longest)
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_the_previous_version_go_on_booking_while_postgres_is_migrated() {
    const USERS: usize = 4;
    let folder = TempDir::new().unwrap();
    let url = previous_database(Engine::Postgres, &folder).await;
    let db = open(&url).await;
    let pool = db.reads().pool();
    // Enough bookings for several batches. They are cancelled, so that one user can have them all.
    pool.execute_unprepared(&format!(
        "INSERT INTO users (id, email, name, password_hash, created_at) \
             SELECT gen_random_uuid(), 'p' || n || '@example.org', 'Pat', '', now() \
             FROM generate_series(1, {USERS}) AS n; \
         INSERT INTO bookings (id, event_id, user_id, quantity, status, created_at, cancelled_at) \
             SELECT gen_random_uuid(), '{CENTENARY_GALA}', id, 1, 'CANCELLED', now(), now() \
             FROM users, generate_series(1, 5000) WHERE name = 'Pat'; \
         UPDATE events SET total_tickets = 30 WHERE id = '{CENTENARY_GALA}'"
    ))
    .await
    .unwrap();
    let users = lines(pool, "SELECT id::text FROM users WHERE name = 'Pat'").await;
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let people = join_all(users.iter().map(|user| book_by_previous_version(&url, user, &is_over)));
    let migrate = async {
        let migrated = timeout(Duration::from_secs(60), db.migrate(None)).await;
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        migrated.unwrap().unwrap();
    };
    let (people, ()) = tokio::join!(people, migrate);
    for (rounds, longest) in people {
        assert!(rounds > 0 && longest < Duration::from_secs(1), "{rounds} rounds, {longest:?}");
    }
    let unpriced =
        "SELECT id::text FROM bookings WHERE unit_price_minor IS NULL OR currency IS NULL";
    assert_eq!(lines(pool, unpriced).await, Vec::<String>::new());
    let audit = rowlock::inventory::audit::audit(&db).await.unwrap();
    assert!(audit.violations.is_empty(), "{:?}", audit.violations);
    db.close().await;
}
