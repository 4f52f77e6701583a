//! PostgreSQL servers of a test's own, which it may reconfigure, demote and replace.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DbBackend, Statement, sqlx::postgres::PgListener};
use tempfile::TempDir;

use crate::waiting::wait_until;

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running PostgreSQL server with one superuser, `rowlock`. It stops when this is dropped.
pub(crate) struct Cluster {
    pub(crate) port: u16,
    process: Child,
    data: PathBuf,
    folder: TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let folder = new_folder();
        let data = folder.path().join("data");
        run(postgres_program("initdb")
            .args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .args(["--username=rowlock", "--pgdata"])
            .arg(&data));
        Self::start_in(folder, data).await
    }

    /// Copies this server's data, as a backup or as a standby.
    pub(crate) async fn start_copy(&self, is_standby: bool) -> Self {
        let folder = new_folder();
        let data = folder.path().join("data");
        let mut copy = postgres_program("pg_basebackup");
        copy.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "rowlock"]);
        copy.args(["--checkpoint=fast", "--no-sync", "--pgdata"]).arg(&data);
        if is_standby {
            copy.arg("--write-recovery-conf");
        }
        run(&mut copy);
        Self::start_in(folder, data).await
    }

    async fn start_in(folder: TempDir, data: PathBuf) -> Self {
        let (port, process) = spawn(&data, folder.path());
        let cluster = Self { port, process, data, folder };
        cluster.wait_until_started().await;
        cluster
    }

    /// Ends all its processes at once, as if it had crashed.
    pub(crate) fn kill(&mut self) {
        self.signal("-QUIT");
        self.process.wait().unwrap();
    }

    /// Starts it again with the same files, on another port.
    pub(crate) async fn restart(&mut self) {
        (self.port, self.process) = spawn(&self.data, self.folder.path());
        self.wait_until_started().await;
    }

    async fn wait_until_started(&self) {
        wait_until(START_TIMEOUT, "PostgreSQL has started", async || {
            PgListener::connect(&self.url("postgres")).await.is_ok()
        })
        .await;
    }

    /// The child may be the `runuser` around PostgreSQL, so read PostgreSQL's own process id.
    fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        if let Some(pid) = pid.lines().next() {
            let _ = Command::new("kill").args([signal, pid]).status();
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://rowlock@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs a statement in its database `postgres`.
    pub(crate) async fn execute(&self, sql: &str) {
        let admin = sea_orm::Database::connect(self.url("postgres")).await.unwrap();
        admin.execute_unprepared(sql).await.unwrap();
        admin.close().await.unwrap();
    }

    /// Runs a query in its database `postgres`. Returns the numbers in its only column.
    pub(crate) async fn numbers(&self, sql: &str) -> Vec<i32> {
        let admin = sea_orm::Database::connect(self.url("postgres")).await.unwrap();
        let rows = admin.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
        let numbers = rows.unwrap().iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        admin.close().await.unwrap();
        numbers
    }

    /// Lets or forbids transactions to write, in open sessions, too. Returns when it holds.
    pub(crate) async fn set_read_only(&self, is_read_only: bool) {
        let value = if is_read_only { "on" } else { "off" };
        self.execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}")).await;
        self.execute("SELECT pg_reload_conf()").await;
        // PostgreSQL tells its open sessions before it takes a new one with the new value.
        wait_until(START_TIMEOUT, "the setting holds", async || {
            let setting = "SELECT 1 FROM pg_settings \
                           WHERE name = 'default_transaction_read_only' AND setting = ";
            !self.numbers(&format!("{setting}'{value}'")).await.is_empty()
        })
        .await;
    }

    /// From now on, commits wait for a standby. Returns when there is one.
    pub(crate) async fn set_synchronous(&self) {
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        self.execute("SELECT pg_reload_conf()").await;
        self.wait_for_synchronous_standby().await;
    }

    pub(crate) async fn wait_for_synchronous_standby(&self) {
        wait_until(START_TIMEOUT, "the standby is synchronous", async || {
            let standby = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
            !self.numbers(standby).await.is_empty()
        })
        .await;
    }

    /// Makes a primary of a standby.
    pub(crate) async fn promote(&self) {
        self.execute("SELECT pg_promote()").await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A killed server leaves an outdated id. SIGINT requests a fast shutdown.
        if let Ok(None) = self.process.try_wait() {
            self.signal("-INT");
        }
        let _ = self.process.wait();
        // PostgreSQL's user owns the files.
        let _ = fs::remove_dir_all(self.folder.path());
    }
}

/// Starts PostgreSQL on a free port, which it returns.
fn spawn(data: &Path, folder: &Path) -> (u16, Child) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = postgres_program("postgres")
        .arg("-D")
        .arg(data)
        .args(["-c", "listen_addresses=127.0.0.1", "-c", &format!("port={port}")])
        .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("log")).unwrap())
        .spawn()
        .unwrap();
    (port, process)
}

/// A folder that belongs to the user `postgres` if this is root, as whom PostgreSQL does not run.
pub(crate) fn new_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    if is_root() {
        run(Command::new("chown").arg("postgres").arg(folder.path()));
    }
    folder
}

/// A command for a program of PostgreSQL's newest installed version.
fn postgres_program(name: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin").join(name)))
        })
        .filter(|(_, program)| program.is_file())
        .max();
    let program = newest.map_or_else(|| PathBuf::from(name), |(_, program)| program);
    as_postgres_user(&program)
}

/// A command that runs as the user `postgres` if this is root.
pub(crate) fn as_postgres_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
