//! Temporary PostgreSQL servers on free ports. Their files are deleted afterwards.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    shell::{call_command, free_port, heading, output_of},
    tools::ensure_package,
};

pub(crate) const USER: &str = "rowlock";
const STANDBY_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether commits wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// PostgreSQL's default: commits survive a power cut.
    Full,
    /// Faster, for data that is not needed later.
    None,
}

/// A running server. It stops when this is dropped.
pub(crate) struct Postgres {
    process: Child,
    /// The folder of PostgreSQL's programs.
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    durability: Durability,
    /// Fields are dropped in order, so the disk is unmounted last.
    _disk: Option<SmallDisk>,
}

impl Postgres {
    /// Starts a server.
    pub(crate) fn start(durability: Durability) -> Result<Self> {
        Self::start_in(new_folder()?, durability, None)
    }

    /// Starts a server on a small disk that can be filled. Returns `None` if it can't be mounted.
    pub(crate) fn start_on_small_disk() -> Result<Option<Self>> {
        let folder = new_folder()?;
        match SmallDisk::mount(&folder)? {
            Some(disk) => Self::start_in(folder, Durability::Full, Some(disk)).map(Some),
            None => Ok(None),
        }
    }

    fn start_in(folder: PathBuf, durability: Durability, disk: Option<SmallDisk>) -> Result<Self> {
        let binaries = binaries()?;
        heading("Starting a temporary PostgreSQL");
        let data = folder.join("data");
        call_command(
            as_postgres_user(&binaries.join("initdb"))?
                .args(["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
                .args(["--username", USER])
                .arg("--pgdata")
                .arg(&data)
                .stdout(Stdio::null()),
        )?;
        Self::run(binaries, folder, durability, disk)
    }

    /// Starts a standby that replicates this server and answers reads.
    pub(crate) fn start_standby(&self) -> Result<Self> {
        heading("Starting its standby");
        let folder = new_folder()?;
        call_command(
            as_postgres_user(&self.binaries.join("pg_basebackup"))?
                .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER])
                .args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--pgdata"])
                .arg(folder.join("data")),
        )?;
        Self::run(self.binaries.clone(), folder, Durability::None, None)
    }

    fn run(
        binaries: PathBuf,
        folder: PathBuf,
        durability: Durability,
        disk: Option<SmallDisk>,
    ) -> Result<Self> {
        let port = free_port()?;
        let process = spawn(&binaries, &folder, port, durability)?;
        let mut server = Self { process, binaries, folder, port, durability, _disk: disk };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Kills all processes, and starts the server again on the same files.
    pub(crate) fn kill_and_restart(&mut self) -> Result<()> {
        self.kill()?;
        self.restart()
    }

    /// Kills all processes.
    pub(crate) fn kill(&mut self) -> Result<()> {
        signal("-KILL", &self.pids())?;
        self.process.wait()?;
        Ok(())
    }

    /// Starts the server again on the same files, unless it is running.
    pub(crate) fn restart(&mut self) -> Result<()> {
        if self.process.try_wait()?.is_some() {
            self.process = spawn(&self.binaries, &self.folder, self.port, self.durability)?;
        }
        self.wait_until_ready()
    }

    /// Keeps the disk full for this time.
    pub(crate) fn fill_disk(&self, time: Duration) -> Result<()> {
        let ballast = self.folder.join("ballast");
        // The copy ends when the disk is full.
        let mut file = fs::File::create(&ballast)?;
        let full = io::copy(&mut io::repeat(0), &mut file);
        sleep(time);
        fs::remove_file(ballast)?;
        match full {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
            other => bail!("the disk did not get full: {other:?}"),
        }
    }

    /// Runs a statement, and returns its result as text without headings.
    pub(crate) fn query(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.client("psql");
        psql.args(["--no-align", "--tuples-only", "--quiet", "--set", "ON_ERROR_STOP=1"]);
        let output = psql.args(["--dbname", database, "--command", sql]).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{sql}: {stderr}");
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Lets or forbids transactions to write, also on open connections.
    pub(crate) fn set_read_only(&self, is_read_only: bool) -> Result<()> {
        let value = if is_read_only { "on" } else { "off" };
        self.change_setting("default_transaction_read_only", value)
    }

    /// Changes a setting of the whole server.
    pub(crate) fn change_setting(&self, name: &str, value: &str) -> Result<()> {
        self.query("postgres", &format!("ALTER SYSTEM SET {name} = {value}"))?;
        self.query("postgres", "SELECT pg_reload_conf()").map(drop)
    }

    /// Waits until a standby follows this server in this way: `sync` or `async`.
    pub(crate) fn wait_for_standby(&self, state: &str) -> Result<()> {
        let started = Instant::now();
        let sql = format!("SELECT 1 FROM pg_stat_replication WHERE sync_state = '{state}'");
        while self.query("postgres", &sql)?.is_empty() {
            ensure!(started.elapsed() < STANDBY_TIMEOUT, "no standby is {state}");
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Makes a primary of this standby.
    pub(crate) fn promote(&self) -> Result<()> {
        let promoted = self.query("postgres", "SELECT pg_promote()")?;
        ensure!(promoted == "t", "the standby was not promoted");
        Ok(())
    }

    /// Makes a standby of this server, with a restart. Its standby, which will be the primary, gets
    /// everything before that.
    pub(crate) fn demote(&mut self, primary: &Self) -> Result<()> {
        let primary = format!("'host=127.0.0.1 port={} user={USER}'", primary.port);
        self.change_setting("primary_conninfo", &primary)?;
        fs::write(self.folder.join("data/standby.signal"), "")?;
        self.request_shutdown();
        self.process.wait()?;
        self.restart()
    }

    /// Suspends all processes for this time.
    pub(crate) fn pause(&self, time: Duration) -> Result<()> {
        let pids = self.pids();
        signal("-STOP", &pids)?;
        sleep(time);
        signal("-CONT", &pids)
    }

    fn pids(&self) -> Vec<String> {
        processes_of(&self.folder.join("data"))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases.
    pub(crate) fn url(&self, database: &str) -> String {
        Self::url_on(self.port, database)
    }

    /// The URL of a database on the server to which this port leads.
    pub(crate) fn url_on(port: u16, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{port}/{database}")
    }

    /// Creates an empty database and returns its URL.
    pub(crate) fn create_database(&self, name: &str) -> Result<String> {
        call_command(self.client("createdb").arg(name))?;
        Ok(self.url(name))
    }

    /// A command for a client program of PostgreSQL, with the options to connect to this server.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER]);
        command
    }

    /// Requests a fast shutdown.
    fn request_shutdown(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            let _ = signal("-INT", &[self.process.id().to_string()]);
        }
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            // Another server may have taken the port, so compare the data folder.
            let answer = Command::new(self.binaries.join("psql"))
                .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER])
                .args(["-Atc", "SHOW data_directory", "postgres"])
                .stderr(Stdio::null())
                .output()?;
            if String::from_utf8_lossy(&answer.stdout).trim()
                == self.folder.join("data").to_string_lossy()
            {
                return Ok(());
            }
            if self.process.try_wait()?.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("PostgreSQL did not start:\n{log}");
            }
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.request_shutdown();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Creates a folder for a server's files, owned by the user that the server runs as.
pub(crate) fn new_folder() -> Result<PathBuf> {
    let template = env::temp_dir().join("rowlock-postgres.XXXXXX");
    let folder = PathBuf::from(output_of("mktemp", &["-d", &template.to_string_lossy()])?.trim());
    if is_root()? {
        // Installing PostgreSQL creates the user.
        binaries()?;
        call_command(Command::new("chown").arg("postgres").arg(&folder))?;
    }
    Ok(folder)
}

/// A disk in memory, mounted on a folder.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Returns `None` unless this is root and mounting is permitted.
    fn mount(folder: &Path) -> Result<Option<Self>> {
        if !is_root()? {
            return Ok(None);
        }
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=240m,mode=777", "rowlock-test"]).arg(folder);
        let output = mount.output().context("calling mount")?;
        Ok(output.status.success().then(|| Self(folder.to_owned())))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

fn spawn(binaries: &Path, folder: &Path, port: u16, durability: Durability) -> Result<Child> {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
    as_postgres_user(&binaries.join("postgres"))?
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-c", "listen_addresses=127.0.0.1", "-c", &format!("port={port}")])
        .args(["-c", &format!("unix_socket_directories={}", folder.display())])
        .args(["-c", "max_connections=400"])
        .args(match durability {
            Durability::Full => &[][..],
            Durability::None => &["-c", "fsync=off"],
        })
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("starting postgres")
}

/// The process ids of the postmaster that uses this folder, and of its children.
pub(crate) fn processes_of(data: &Path) -> Vec<String> {
    let pid = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(postmaster) = pid.lines().next() else { return Vec::new() };
    let children = output_of("pgrep", &["-P", postmaster]).unwrap_or_default();
    [postmaster].into_iter().chain(children.lines()).map(str::to_owned).collect()
}

/// Sends a signal. Processes that have ended are ignored.
pub(crate) fn signal(signal: &str, pids: &[String]) -> Result<()> {
    let mut kill = Command::new("kill");
    kill.arg(signal).args(pids).stderr(Stdio::null()).status().context("calling kill")?;
    Ok(())
}

/// The version of PostgreSQL, for the report.
pub(crate) fn version() -> Result<String> {
    let binaries = find_binaries().context("PostgreSQL is not installed")?;
    let version = output_of(&binaries.join("postgres").to_string_lossy(), &["--version"])?;
    Ok(version.trim().to_owned())
}

/// The folder of the server's programs, which are installed if they are missing.
pub(crate) fn binaries() -> Result<PathBuf> {
    ensure_package(find_binaries().is_some(), "PostgreSQL", &["postgresql"])?;
    find_binaries().context("PostgreSQL is installed, but its server was not found")
}

/// The folder of the server's programs, in the newest installed version.
fn find_binaries() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian
        .filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .max();
    if let Some((_, bin)) = newest {
        return Some(bin);
    }
    let bin = Command::new("pg_config").arg("--bindir").output().ok()?.stdout;
    let bin = PathBuf::from(String::from_utf8(bin).ok()?.trim());
    bin.join("initdb").is_file().then_some(bin)
}

/// A command that runs as the user `postgres` if this is root, whom PostgreSQL refuses.
pub(crate) fn as_postgres_user(program: &Path) -> Result<Command> {
    if !is_root()? {
        return Ok(Command::new(program));
    }
    // It becomes the program. `runuser` would stay around it, stop with it when it is suspended, and
    // not go on with it.
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]);
    command.arg(program).current_dir("/");
    Ok(command)
}

fn is_root() -> Result<bool> {
    Ok(output_of("id", &["-u"])?.trim() == "0")
}
