//! Creates a database for each test.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use rowlock::{app::seed, clock::Clock, database::Database, services::Services};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::app::serve_args;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Creates a migrated database with the demo data by copying a template, and returns its URL.
pub(crate) async fn new_database(engine: Engine, folder: &TempDir) -> String {
    match engine {
        Engine::Sqlite => {
            static TEMPLATE: OnceCell<(TempDir, PathBuf)> = OnceCell::const_new();
            let (_, template) = TEMPLATE
                .get_or_init(|| async {
                    let folder = TempDir::new().unwrap();
                    let file = folder.path().join("template.db");
                    prepare(&format!("sqlite:{}", file.display())).await;
                    (folder, file)
                })
                .await;
            let file = folder.path().join("rowlock.db");
            std::fs::copy(template, &file).unwrap();
            format!("sqlite:{}", file.display())
        }
        Engine::Postgres => {
            static TEMPLATE: OnceCell<String> = OnceCell::const_new();
            let template = TEMPLATE
                .get_or_init(|| async {
                    let name = format!("template_{}", uuid::Uuid::now_v7().simple());
                    postgres_admin(&format!("CREATE DATABASE {name}")).await;
                    prepare(&postgres_url(&name)).await;
                    name
                })
                .await;
            static NUMBER: AtomicU32 = AtomicU32::new(1);
            let name = format!("{template}_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            postgres_admin(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
            postgres_url(&name)
        }
    }
}

/// Migrates a database and adds the demo data.
pub(crate) async fn prepare(url: &str) {
    let args = serve_args(url, &[]);
    let db = Database::open(&args.database).await.unwrap();
    db.migrate(None).await.unwrap();
    let secrets = args.secret.secrets().unwrap();
    let tickets = args.tickets.codes(&args.secret, None).unwrap();
    let services = Services::new(db, Clock::default(), &secrets, &tickets, &args.services);
    seed::add_demo_events(&services.db, &services.clock).await.unwrap();
    seed::add_demo_users(&services).await.unwrap();
    services.db.close().await;
}

/// The URL of a database on the PostgreSQL for tests.
pub(crate) fn postgres_url(database: &str) -> String {
    let admin = std::env::var("TEST_POSTGRES_URL")
        .expect("TEST_POSTGRES_URL is not set to a PostgreSQL for tests: run `cargo xtask test`");
    let (server, _) = admin.rsplit_once('/').unwrap();
    format!("{server}/{database}")
}

/// Runs a statement in the database `postgres` of the PostgreSQL for tests.
pub(crate) async fn postgres_admin(sql: &str) {
    let admin = sea_orm::Database::connect(postgres_url("postgres")).await.unwrap();
    admin.execute_unprepared(sql).await.unwrap();
    admin.close().await.unwrap();
}
