//! Databases on PostgreSQL that were not created as Rowlock needs them.

use std::process::Output;

use serde_json::json;
use tempfile::TempDir;
use url::Url;

use crate::{
    app::App,
    database::{postgres_admin, postgres_url, prepare},
    program::rowlock_command,
};

/// Creates a database with these options, and returns its name.
async fn create_database(options: &str) -> String {
    let name = format!("setup_{}", uuid::Uuid::now_v7().simple());
    postgres_admin(&format!("CREATE DATABASE {name} {options}")).await;
    name
}

async fn execute_in(database: &str, statements: &[&str]) {
    use sea_orm::ConnectionTrait;
    let db = sea_orm::Database::connect(postgres_url(database)).await.unwrap();
    for sql in statements {
        db.execute_unprepared(sql).await.unwrap();
    }
    db.close().await.unwrap();
}

fn migrate(url: &str) -> Output {
    let folder = TempDir::new().unwrap();
    rowlock_command(folder.path()).arg("migrate").env("DATABASE_URL", url).output().unwrap()
}

/// Asserts that `rowlock migrate` fails with one line that has this text.
fn assert_refused(url: &str, text: &str) {
    let output = migrate(url);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains(text), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_can_not_hold_all_letters_is_refused() {
    for encoding in ["LATIN1", "SQL_ASCII", "EUC_JP"] {
        let options =
            format!("ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
        let url = postgres_url(&create_database(&options).await);
        assert_refused(&url, "create it with ENCODING 'UTF8' TEMPLATE template0");
        assert_refused(&url, &format!("(its encoding is {encoding})"));
        let app = App::start_on(url, TempDir::new().unwrap(), &[]).await;
        let told = app.get("/readyz").send().await.unwrap().text().await.unwrap();
        assert!(told.contains("create it with ENCODING 'UTF8' TEMPLATE template0"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trigrams_are_used_from_any_schema() {
    let database = create_database("").await;
    execute_in(
        &database,
        &["CREATE SCHEMA \"Our extensions\"", "CREATE EXTENSION pg_trgm SCHEMA \"Our extensions\""],
    )
    .await;
    let url = postgres_url(&database);
    prepare(&url).await;
    let app = App::start_on(url, TempDir::new().unwrap(), &[]).await;
    let found = app.data(None, "{ events(search: \"jazz\") { totalCount } }", json!({})).await;
    assert_eq!(found["events"]["totalCount"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_extension_that_may_not_be_created_is_named() {
    let database = create_database("").await;
    let user = format!("{database}_user");
    execute_in(
        &database,
        &[
            &format!("CREATE ROLE {user} LOGIN"),
            &format!("CREATE SCHEMA {user} AUTHORIZATION {user}"),
        ],
    )
    .await;
    let mut url = Url::parse(&postgres_url(&database)).unwrap();
    url.set_username(&user).unwrap();
    assert_refused(url.as_str(), "a superuser run CREATE EXTENSION pg_trgm in this database");
    execute_in(&database, &["CREATE SCHEMA ext", "CREATE EXTENSION pg_trgm SCHEMA ext"]).await;
    let grant = format!("GRANT USAGE ON SCHEMA ext TO {user}");
    assert_refused(url.as_str(), &grant);
    execute_in(&database, &[&grant]).await;
    let migrated = migrate(url.as_str());
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    execute_in(
        &database,
        &[&format!("DROP OWNED BY {user} CASCADE"), &format!("DROP ROLE {user}")],
    )
    .await;
}
