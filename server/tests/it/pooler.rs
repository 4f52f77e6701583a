//! A real PgBouncer between the servers and PostgreSQL.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use url::Url;

use crate::{
    app::{App, BOOK},
    cluster::{as_postgres_user, new_folder},
    database::{Engine, new_database},
    program::{free_port, rowlock_command},
    socket::{MODERN_PROTOCOL, Socket, WATCH_COUNTS},
    waiting::wait_until,
};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A PgBouncer in front of the PostgreSQL for tests.
struct PgBouncer {
    process: Child,
    folder: TempDir,
    /// The URL of a new database, through the pooler.
    url: String,
}

impl PgBouncer {
    /// Starts one with more lines for its configuration.
    async fn start(pool_mode: &str, more: &str) -> Self {
        let mut url =
            Url::parse(&new_database(Engine::Postgres, &TempDir::new().unwrap()).await).unwrap();
        let folder = new_folder();
        let port = free_port();
        let config = folder.path().join("pgbouncer.ini");
        // Everybody may read it: it runs as another user if this is root.
        fs::write(
            &config,
            format!(
                "[databases]\n\
                 * = host={} port={} user={}\n\
                 [pgbouncer]\n\
                 listen_addr = 127.0.0.1\n\
                 listen_port = {port}\n\
                 unix_socket_dir =\n\
                 auth_type = any\n\
                 pool_mode = {pool_mode}\n\
                 default_pool_size = 100\n\
                 server_reset_query = DISCARD ALL\n\
                 {more}\n",
                url.host().unwrap(),
                url.port().unwrap(),
                url.username(),
            ),
        )
        .unwrap();
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].map(Path::new);
        let program = program.into_iter().find(|program| program.is_file());
        let process = as_postgres_user(program.expect("PgBouncer is installed"))
            .arg("--quiet")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        url.set_port(Some(port)).unwrap();
        let pooler = Self { process, folder, url: url.into() };
        wait_until(TIMEOUT, "PgBouncer listens", async || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
        .await;
        pooler
    }

    /// The id of its process, which may be a child of `runuser`.
    fn pid(&self) -> String {
        let parent = self.process.id().to_string();
        let child = Command::new("pgrep").args(["-P", &parent]).output().unwrap().stdout;
        let child = String::from_utf8(child).unwrap();
        child.lines().next().map_or(parent, str::to_owned)
    }

    async fn serve(&self) -> App {
        App::start_on(self.url.clone(), TempDir::new().unwrap(), &[]).await
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // It may be the child of `runuser`, which passes this signal on.
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(self.folder.path());
    }
}

async fn readyz(app: &App) -> String {
    app.get("/readyz").send().await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_behind_a_pooler_in_session_mode_book_and_hear_from_each_other() {
    let pooler = PgBouncer::start("session", "").await;
    let migrated = rowlock_command(pooler.folder.path())
        .arg("migrate")
        .env("DATABASE_URL", &pooler.url)
        .output()
        .unwrap();
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    let (first, second) = (pooler.serve().await, pooler.serve().await);
    assert_eq!([readyz(&first).await, readyz(&second).await], ["ready\n", "ready\n"]);
    let event = first.event("Concert", 9).await;
    let mut socket = Socket::open(&second.url, MODERN_PROTOCOL, json!({})).await;
    socket.start(WATCH_COUNTS, json!({ "ids": [event] })).await;
    assert_eq!(socket.next_remaining_tickets().await, 9);
    for (user, left) in first.users(3).await.iter().zip([7, 5, 3]) {
        assert_eq!(first.book(user, &event, 2).await["__typename"], "BookEventSuccess");
        assert_eq!(socket.next_remaining_tickets().await, left);
    }

    // A session that was somebody else's before has the settings, too.
    drop(first);
    let third = pooler.serve().await;
    let lock = second.lock_event(&event).await;
    let user = third.user().await;
    let waited = third.error(Some(&user), BOOK, json!({ "input": { "eventId": event } })).await;
    assert_eq!(waited["extensions"]["code"], "UNAVAILABLE", "the wait for a lock ended");
    lock.rollback().await.unwrap();
    assert_eq!(third.book(&user, &event, 1).await["__typename"], "BookEventSuccess");
    assert_eq!(socket.next_remaining_tickets().await, 2);
    third.assert_nothing_oversold().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_is_switched_to_transaction_mode_is_noticed() {
    let pooler = PgBouncer::start("session", "").await;
    let app = pooler.serve().await;
    assert_eq!(readyz(&app).await, "ready\n");
    let config = pooler.folder.path().join("pgbouncer.ini");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("pool_mode = session", "pool_mode = transaction")).unwrap();
    let pid = pooler.pid();
    let _ = Command::new("kill").args(["-HUP", &pid]).status();
    wait_until(TIMEOUT, "the server says that it has no session", async || {
        app.send(None, "{ events { nodes { title } } }", json!({})).await;
        readyz(&app).await.contains("no session of its own")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_gives_no_session_of_its_own_is_refused() {
    for (pool_mode, more) in [
        ("transaction", ""),
        ("transaction", "server_round_robin = 1"),
        ("transaction", "min_pool_size = 5"),
        ("statement", ""),
    ] {
        let pooler = PgBouncer::start(pool_mode, more).await;
        let app = pooler.serve().await;
        for _ in 0..20 {
            let told = readyz(&app).await;
            assert!(told.contains("no session of its own: set pool_mode = session"), "{told}");
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        let error = app.error(None, "{ events { nodes { title } } }", json!({})).await;
        assert_eq!(error["extensions"]["code"], "UNAVAILABLE");
        let migrated = rowlock_command(pooler.folder.path())
            .arg("migrate")
            .env("DATABASE_URL", &pooler.url)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&migrated.stderr).into_owned();
        assert!(!migrated.status.success() && told.contains("pool_mode = session"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}
