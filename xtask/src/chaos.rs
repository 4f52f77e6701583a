//! Causes faults while users browse, book, cancel and watch, and an organizer edits, imports and
//! cancels events. Then it checks the result.
//!
//! Two servers share a PostgreSQL. The load goes to both in turn, and the second sends live counts.
//! The fault comes in the middle of each load. Afterwards, the load test waits until no booking of a
//! cancelled event is left, and compares the answers that it got with the database. Then
//! `rowlock audit` compares every count with its bookings. If another PostgreSQL has taken over, a
//! second load without a fault comes after the first.
//!
//! Other faults are those of a cluster of three nodes, whose leader fails again and again. One server
//! reaches it through PgBouncer and HAProxy, and the other one by the names of all nodes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::{
    cluster::{Bookers, Cluster, LeaderFault, Outage, Replication},
    failover::Pair,
    paths::target_folder,
    postgres::{Durability, Postgres},
    server::{Server, audit, get, rowlock},
    shell::{call, call_command, heading},
    tools::ensure_faketime,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Faults to cause [default: all]
    #[arg(value_enum)]
    faults: Vec<Fault>,
    /// Duration of each load, with the fault in its middle
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(8..=600))]
    seconds: u64,
    /// Requests per second
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    rate: u32,
    /// How often the leader of a cluster fails
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Use programs without optimisations, which are built faster
    #[arg(long)]
    debug: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fault {
    /// One of the servers is killed (SIGKILL) and started again
    ServerKilled,
    /// One of the servers is asked to stop, and started again, as in a rolling restart
    ServerStopped,
    /// All processes of PostgreSQL are killed, and it is started again
    PostgresKilled,
    /// All processes of PostgreSQL are suspended for five seconds
    PostgresPaused,
    /// PostgreSQL closes every connection
    ConnectionsEnded,
    /// PostgreSQL repeatedly closes the connections on which the servers hear from each other
    ListenersEnded,
    /// PostgreSQL's disk is full for four seconds
    DiskFull,
    /// PostgreSQL refuses writes for four seconds, and keeps its connections
    PostgresReadOnly,
    /// A standby that answers lists is killed and started again
    StandbyKilled,
    /// The standby replays nothing until it is too far behind to be used
    StandbyBehind,
    /// The standby that commits wait for is away for three seconds; then the primary is killed, and
    /// the standby takes over
    SynchronousStandbyAway,
    /// A standby takes over that lacks the last two seconds, as asynchronous ones may
    OlderDatabase,
    /// The primary becomes a standby; after two seconds, its standby becomes the primary
    DemotedNode,
    /// One server's clock jumps ten minutes ahead, then to ten minutes behind
    ClockMoved,
    /// Every table gets another column, and a column another type, as in an upgrade
    ColumnsChanged,
    /// Strangers flood one server with wrong passwords
    PasswordsGuessed,
    /// A server on SQLite is killed and started again
    EmbeddedKilled,
    /// In a cluster, the leader's machine dies
    Failover,
    /// In a cluster, an operator has another node lead
    Switchover,
    /// In a cluster, the leader can't reach the other machines, nor they it
    LeaderCut,
    /// In a cluster, the leader's machine stands still, and goes on once another node leads
    LeaderFrozen,
    /// In a cluster whose commits wait for no other machine, the leader's machine dies
    AsynchronousFailover,
}

impl Fault {
    /// The name on the command line.
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.as_ref().map_or("", |value| value.get_name()).to_owned()
    }

    /// Says what happens to the leader of a cluster, and whether commits wait for another machine.
    fn of_leader(self) -> Option<(LeaderFault, Replication)> {
        Some(match self {
            Self::Failover => (LeaderFault::Killed, Replication::Synchronous),
            Self::Switchover => (LeaderFault::HandedOver, Replication::Synchronous),
            Self::LeaderCut => (LeaderFault::Cut, Replication::Synchronous),
            Self::LeaderFrozen => (LeaderFault::Frozen, Replication::Synchronous),
            Self::AsynchronousFailover => (LeaderFault::Killed, Replication::Asynchronous),
            _ => return None,
        })
    }

    /// Limit on the 99th percentile of the latency, in milliseconds.
    fn max_p99_ms(self) -> f64 {
        match self {
            Self::PasswordsGuessed => 1_000.0,
            Self::ServerKilled
            | Self::ServerStopped
            | Self::PostgresKilled
            | Self::PostgresPaused
            | Self::ConnectionsEnded
            | Self::ListenersEnded
            | Self::DiskFull
            | Self::PostgresReadOnly
            | Self::StandbyKilled
            | Self::StandbyBehind
            | Self::SynchronousStandbyAway
            | Self::OlderDatabase
            | Self::DemotedNode
            | Self::ClockMoved
            | Self::ColumnsChanged
            | Self::EmbeddedKilled
            | Self::Failover
            | Self::Switchover
            | Self::LeaderCut
            | Self::LeaderFrozen
            | Self::AsynchronousFailover => MAX_LATENCY_MS,
        }
    }

    /// The checks of the load test that need not hold, because acknowledged bookings are lost. Each
    /// is the start of a line.
    fn excused_checks(self) -> &'static [&'static str] {
        match self {
            Self::OlderDatabase | Self::AsynchronousFailover => &[
                "acknowledged bookings found",
                "cancelled bookings that still exist",
                "events whose count differs from its bookings",
                "live counts older than the one before",
                "requests whose event or booking was not found",
                "acknowledged edits found",
                "edits refused though nobody else edits",
                "bookings of edited events found",
                "acknowledged imports found",
                "acknowledged cancellations found",
                "bookings made after a cancellation",
            ],
            _ => &[],
        }
    }
}

/// The load, and the build of the programs.
struct Chaos {
    profile: &'static str,
    seconds: u64,
    rate: u32,
    rounds: u32,
    folder: PathBuf,
}

/// A load with a fault in it.
struct Load<'a> {
    seconds: u64,
    /// Time until the fault.
    before: Duration,
    rate: u32,
    extra: &'a [&'a str],
}

/// The load on a cluster: some 200 bookings and cancellations a second.
const LOAD_ON_CLUSTER: Load<'static> = Load {
    // A lease ends after 20 seconds, and then the node has to come back.
    seconds: 50,
    before: Duration::from_secs(8),
    rate: 250,
    extra: &["--booking-percent", "80", "--keys"],
};
/// Longest time in which nobody can book at a server although the database takes writes.
const MAX_OUTAGE_OF_ROWLOCK: Duration = Duration::from_secs(2);
/// For people to book at each server again.
const BOOKABLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The event with the fewest tickets is left out by the load.
const SMALLEST_EVENT: &str = "UPDATE events SET total_tickets = 50, remaining_tickets = 50 \
     WHERE id = (SELECT id FROM events ORDER BY id LIMIT 1) RETURNING id";

/// Limit on every latency: the server's deadlines to begin and to finish a booking, with a margin.
const MAX_LATENCY_MS: f64 = 25_000.0;
const PAUSE_DURATION: Duration = Duration::from_secs(5);
/// For a server to notice that a standby stopped, or is back.
const STANDBY_TIMEOUT: Duration = Duration::from_secs(10);
/// For a server to notice that the database refuses writes, or takes them again.
const READINESS_TIMEOUT: Duration = Duration::from_secs(5);
const EVENTS: u32 = 20;
/// Few, so that many cancel their booking and book again.
const USERS: usize = 60;

pub(crate) fn chaos(args: &Args) -> Result<()> {
    heading("Building the programs");
    let packages = ["build", "-p", "rowlock", "-p", "rowlock-loadtest"];
    let profile = if args.debug {
        call("cargo", &packages)?;
        "debug"
    } else {
        call("cargo", &[&packages[..], &["--release"]].concat())?;
        "release"
    };
    let chaos = Chaos::new(profile, args.seconds, args.rate, args.rounds)?;
    let wanted = |fault: &&Fault| args.faults.is_empty() || args.faults.contains(fault);
    chaos.run(Fault::value_variants().iter().filter(wanted).copied())
}

/// A selection for the tests, with the programs that they have built.
pub(crate) fn short_form() -> Result<()> {
    let chaos = Chaos::new("debug", 8, 100, 1)?;
    chaos.run([
        Fault::ServerKilled,
        Fault::PostgresKilled,
        Fault::DiskFull,
        Fault::StandbyKilled,
        Fault::EmbeddedKilled,
    ])
}

impl Chaos {
    fn new(profile: &'static str, seconds: u64, rate: u32, rounds: u32) -> Result<Self> {
        let folder = std::path::absolute(target_folder())?.join("chaos");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self { profile, seconds, rate, rounds, folder })
    }

    fn run(&self, faults: impl IntoIterator<Item = Fault>) -> Result<()> {
        let mut postgres = None;
        let mut failed = Vec::new();
        for fault in faults {
            let name = fault.name();
            heading(&format!("Chaos: {name}"));
            let outcome = match fault {
                Fault::Failover
                | Fault::Switchover
                | Fault::LeaderCut
                | Fault::LeaderFrozen
                | Fault::AsynchronousFailover => self.on_cluster(fault),
                Fault::EmbeddedKilled => self.on_sqlite(fault),
                Fault::SynchronousStandbyAway | Fault::OlderDatabase | Fault::DemotedNode => {
                    self.on_pair(fault)
                }
                Fault::DiskFull => match Postgres::start_on_small_disk()? {
                    Some(mut postgres) => self.on_postgres(fault, &mut postgres),
                    None => {
                        println!(
                            "{name}: SKIPPED, as only root may mount a disk that can be filled"
                        );
                        continue;
                    }
                },
                _ => {
                    let postgres = match &mut postgres {
                        Some(postgres) => postgres,
                        none => none.insert(Postgres::start(Durability::Full)?),
                    };
                    self.on_postgres(fault, postgres)
                }
            };
            match outcome {
                Ok(summary) => println!("{name}: {summary}: PASS"),
                Err(error) => {
                    println!("{name}: {error:#}: FAIL");
                    failed.push(name);
                }
            }
        }
        ensure!(failed.is_empty(), "some checks failed: {}", failed.join(", "));
        Ok(())
    }

    fn on_sqlite(&self, fault: Fault) -> Result<String> {
        let database = format!("sqlite:{}", self.folder.join("chaos.db").display());
        let tokens = self.prepare(&fault.name(), &database)?;
        let mut server = Some(self.serve(&database, "embedded", "127.0.0.1:0", &[])?);
        let address = address_of(server.as_ref())?;
        let summary = self.cause_under_load(fault, &[&address], &tokens, || {
            drop(server.take());
            server = Some(self.serve(&database, "embedded", &address, &[])?);
            Ok(())
        })?;
        audit(self.profile, &database)?;
        Ok(summary)
    }

    fn on_postgres(&self, fault: Fault, postgres: &mut Postgres) -> Result<String> {
        let name = fault.name();
        let database_name = name.replace('-', "_");
        let database = postgres.create_database(&database_name)?;
        let tokens = self.prepare(&name, &database)?;
        let mut standby = match fault {
            Fault::StandbyKilled | Fault::StandbyBehind => Some(postgres.start_standby()?),
            _ => None,
        };
        let replica = standby.as_ref().map(|standby| standby.url(&database_name));
        let serve = |server, address: &str| {
            let replica = replica.iter().map(|url| ("DATABASE_REPLICA_URL", url.as_str()));
            self.serve(&database, server, address, &replica.collect::<Vec<_>>())
        };
        let clock = self.folder.join("clock");
        let mut first = Some(match fault {
            Fault::ClockMoved => self.serve_with_clock(&database, &clock)?,
            _ => serve("one", "127.0.0.1:0")?,
        });
        let mut second = serve("two", "127.0.0.1:0")?;
        let (one, two) = (address_of(first.as_ref())?, address_of(Some(&second))?);
        let before = first.as_ref().map(Server::pid);
        let summary = self.cause_under_load(fault, &[&one, &two], &tokens, || match fault {
            Fault::ServerKilled | Fault::EmbeddedKilled => {
                drop(first.take());
                first = Some(serve("one", &one)?);
                Ok(())
            }
            Fault::ServerStopped => {
                first.take().context("the server is running")?.stop()?;
                first = Some(serve("one", &one)?);
                Ok(())
            }
            Fault::DiskFull => {
                postgres.fill_disk(Duration::from_secs(4))?;
                // PostgreSQL may have given up.
                postgres.restart()
            }
            Fault::PostgresReadOnly => {
                postgres.set_read_only(true)?;
                wait_for_readiness(&[&one, &two], false)?;
                sleep(Duration::from_secs(4));
                postgres.set_read_only(false)?;
                wait_for_readiness(&[&one, &two], true)
            }
            Fault::StandbyKilled => {
                let standby = standby.as_mut().context("there is a standby")?;
                wait_for_standby(&one, true)?;
                standby.kill()?;
                wait_for_standby(&one, false)?;
                sleep(Duration::from_secs(2));
                standby.restart()
            }
            Fault::StandbyBehind => {
                let standby = standby.as_ref().context("there is a standby")?;
                wait_for_standby(&one, true)?;
                standby.query("postgres", "SELECT pg_wal_replay_pause()")?;
                wait_for_standby(&one, false)?;
                standby.query("postgres", "SELECT pg_wal_replay_resume()").map(drop)
            }
            Fault::ClockMoved => {
                // Access tokens stay valid longer than that.
                for time in ["+10m", "-10m", "+0"] {
                    fs::write(&clock, time)?;
                    sleep(Duration::from_secs(2));
                }
                Ok(())
            }
            Fault::ColumnsChanged => change_columns(postgres, &database_name),
            Fault::SynchronousStandbyAway
            | Fault::OlderDatabase
            | Fault::DemotedNode
            | Fault::Failover
            | Fault::Switchover
            | Fault::LeaderCut
            | Fault::LeaderFrozen
            | Fault::AsynchronousFailover => {
                bail!("this fault needs a standby that takes over")
            }
            Fault::PasswordsGuessed => self.guess_passwords(&one),
            Fault::PostgresKilled => postgres.kill_and_restart(),
            Fault::PostgresPaused => postgres.pause(PAUSE_DURATION),
            Fault::ConnectionsEnded => end_connections(postgres, &database_name, "true"),
            Fault::ListenersEnded => (0..5).try_for_each(|_| {
                end_connections(postgres, &database_name, "query LIKE 'LISTEN%'")?;
                sleep(Duration::from_millis(300));
                Ok(())
            }),
        })?;
        audit(self.profile, &database)?;
        let servers_survive = !matches!(fault, Fault::ServerKilled | Fault::ServerStopped);
        let mut first = first.context("the server is running")?;
        ensure!(first.is_running()? && second.is_running()?, "a server ended by itself");
        ensure!(!servers_survive || before == Some(first.pid()), "a server was restarted");
        if fault == Fault::ClockMoved {
            let ahead =
                "SELECT count(*) FROM bookings WHERE created_at > now() + interval '5 minutes'";
            let ahead = postgres.query(&database_name, ahead)?;
            ensure!(ahead != "0", "the clock was not moved");
            return Ok(format!("{summary}; {ahead} bookings were made ahead of time"));
        }
        let Some(standby) = standby else { return Ok(summary) };
        wait_for_standby(&one, true)?;
        let answered = standby.query(
            "postgres",
            &format!("SELECT xact_commit FROM pg_stat_database WHERE datname = '{database_name}'"),
        )?;
        Ok(format!("{summary}; the standby ran {answered} transactions"))
    }

    /// Causes a fault after which another PostgreSQL is the primary.
    fn on_pair(&self, fault: Fault) -> Result<String> {
        let mut pair = Pair::start()?;
        let name = fault.name();
        let database_name = name.replace('-', "_");
        let database = pair.create_database(&database_name)?;
        let tokens = self.prepare(&name, &database)?;
        if fault == Fault::SynchronousStandbyAway {
            pair.set_synchronous()?;
        }
        let mut servers = Vec::new();
        for name in ["one", "two"] {
            servers.push(self.serve(&database, name, "127.0.0.1:0", &[])?);
        }
        let addresses: Vec<String> =
            servers.iter().map(|server| address_of(Some(server))).collect::<Result<_>>()?;
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let mut outcome = String::new();
        let summary = self.cause_under_load(fault, &addresses, &tokens, || {
            match fault {
                Fault::SynchronousStandbyAway => {
                    pair.lose_standby(Duration::from_secs(3))?;
                    pair.lose_primary()?;
                }
                Fault::OlderDatabase => {
                    let lost = pair.lose_commits(&database_name, Duration::from_secs(2))?;
                    outcome = format!("; {lost} bookings were lost");
                }
                Fault::DemotedNode => {
                    pair.demote_primary()?;
                    sleep(Duration::from_secs(2));
                    for address in &addresses {
                        let answer = get(address, "/readyz")?;
                        ensure!(answer.contains("the database is a standby"), "{answer}");
                    }
                    let left = pair.forgotten_connections(&database_name)?;
                    outcome = format!("; {left} connections led to the demoted node");
                    pair.promote_standby()?;
                }
                _ => bail!("this fault needs no standby that takes over"),
            }
            wait_for_readiness(&addresses, true)
        })?;
        // Whatever was lost, what is there now is right, and stays: also in new sockets.
        let log = self.folder.join(format!("{name}-afterwards.log"));
        call_command(&mut self.load(&self.usual_load(4), &addresses, &tokens, &log)?)
            .with_context(|| format!("in a second load (see {})", log.display()))?;
        audit(self.profile, &database)?;
        for server in &mut servers {
            ensure!(server.is_running()?, "a server ended by itself");
        }
        Ok(format!("{summary}{outcome}"))
    }

    /// Has the leader of a cluster fail, again and again. After each time, everything is checked.
    fn on_cluster(&self, fault: Fault) -> Result<String> {
        let (of_leader, replication) = fault.of_leader().context("the fault is a leader's")?;
        let mut cluster = Cluster::start(replication)?;
        let name = fault.name();
        let database_name = name.replace('-', "_");
        cluster.create_database(&database_name)?;
        let database = cluster.url(&database_name);
        self.migrate_and_seed(&database, EVENTS + 1)?;
        let event = cluster.query(&database_name, SMALLEST_EVENT)?;
        let mut servers = vec![
            self.serve(&cluster.url_through_pooler(&database_name), "one", "127.0.0.1:0", &[])?,
            self.serve(&database, "two", "127.0.0.1:0", &[])?,
        ];
        let addresses: Vec<String> =
            servers.iter().map(|server| address_of(Some(server))).collect::<Result<_>>()?;
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let (mut outages, mut summary) = (Vec::<Outage>::new(), String::new());
        for round in 1..=self.rounds {
            // Others have booked in the rounds before.
            let tokens = self.create_users(&format!("{name}-{round}"), &database, USERS)?;
            let people = Bookers::people(addresses.len());
            let people = self.create_users(&format!("{name}-{round}-people"), &database, people)?;
            let people = fs::read_to_string(people)?;
            let people: Vec<String> = people.lines().map(str::to_owned).collect();
            let writers = cluster.write_at_each_node(&database_name)?;
            let bookers = Bookers::start(&addresses, &event, &people);
            let mut outage = None;
            let log = self.folder.join(format!("{name}-{round}.log"));
            let found = self.run_load(&LOAD_ON_CLUSTER, fault, &addresses, &tokens, &log, || {
                let failed_at = Instant::now();
                let mut recovered = failed_at;
                let measure = |recovered| {
                    Outage::between(failed_at, recovered, &writers.written(), &bookers.done())
                };
                cluster.fail_leader(of_leader, || {
                    recovered = Instant::now();
                    while let Err(error) = measure(recovered) {
                        ensure!(recovered.elapsed() < BOOKABLE_TIMEOUT, "{error:#}");
                        sleep(Duration::from_millis(100));
                    }
                    wait_for_readiness(&addresses, true)
                })?;
                outage = Some(measure(recovered)?);
                Ok(())
            });
            drop((writers, bookers));
            summary = found.with_context(|| format!("in round {round}"))?;
            let outage = outage.context("the outage was measured")?;
            println!("{name}: round {round} of {}: {outage}; {summary}", self.rounds);
            // Whatever was lost, what is there now is right, and stays: also in new sockets.
            let tokens = self.create_users(&format!("{name}-{round}-after"), &database, USERS)?;
            let log = self.folder.join(format!("{name}-{round}-afterwards.log"));
            let load = Load { seconds: 4, ..LOAD_ON_CLUSTER };
            call_command(&mut self.load(&load, &addresses, &tokens, &log)?)
                .with_context(|| format!("in a second load (see {})", log.display()))?;
            audit(self.profile, &database)?;
            for server in &mut servers {
                ensure!(server.is_running()?, "a server ended by itself");
            }
            outages.push(outage);
        }
        let nobody_booked = outages.iter().map(|outage| outage.nobody_booked).max();
        let of_rowlock = outages.iter().map(Outage::of_rowlock).max().unwrap_or_default();
        let worst = format!(
            "in {} rounds, nobody could book for at most {:.1} s, of which Rowlock took {:.1} s",
            self.rounds,
            nobody_booked.unwrap_or_default().as_secs_f64(),
            of_rowlock.as_secs_f64()
        );
        ensure!(of_rowlock <= MAX_OUTAGE_OF_ROWLOCK, "{worst}");
        Ok(format!("{worst}; in the last one, {summary}"))
    }

    /// Starts the server "one" with a clock that a file moves relative to the real time.
    fn serve_with_clock(&self, database: &str, file: &Path) -> Result<Server> {
        let library = ensure_faketime()?.to_string_lossy().into_owned();
        fs::write(file, "+0")?;
        let file = file.to_string_lossy();
        self.serve(
            database,
            "one",
            "127.0.0.1:0",
            &[
                ("LD_PRELOAD", &library),
                ("FAKETIME_TIMESTAMP_FILE", &file),
                ("FAKETIME_NO_CACHE", "1"),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ],
        )
    }

    /// Guesses passwords until shortly before the load ends.
    fn guess_passwords(&self, address: &str) -> Result<()> {
        let log = fs::File::create(self.folder.join("guess.log"))?;
        let mut guess = Command::new(target_folder().join(self.profile).join("loadtest"));
        guess
            .args(["guess", "--url", &format!("http://{address}"), "--connections", "64"])
            .args(["--seconds", &(self.seconds / 2 - 1).to_string()])
            .stdout(log.try_clone()?)
            .stderr(log);
        call_command(&mut guess).context("guessing passwords")
    }

    /// Creates tables, events and users. Returns the file with the users' tokens.
    fn prepare(&self, name: &str, database: &str) -> Result<PathBuf> {
        self.migrate_and_seed(database, EVENTS)?;
        self.create_users(name, database, USERS)
    }

    fn migrate_and_seed(&self, database: &str, events: u32) -> Result<()> {
        self.command(database, "migrate", &[])?;
        self.command(database, "seed", &["--events", &events.to_string()])
    }

    /// Returns the file with the users' tokens.
    fn create_users(&self, name: &str, database: &str, count: usize) -> Result<PathBuf> {
        let tokens = self.folder.join(format!("{name}.tokens"));
        let (count, file) = (count.to_string(), tokens.to_string_lossy());
        self.command(database, "users", &["create", "--count", &count, "--tokens", &file])?;
        Ok(tokens)
    }

    fn command(&self, database: &str, name: &str, args: &[&str]) -> Result<()> {
        let mut command = rowlock(self.profile, name, database);
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
        call_command(&mut command)
    }

    fn serve(
        &self,
        database: &str,
        name: &str,
        address: &str,
        extra_settings: &[(&str, &str)],
    ) -> Result<Server> {
        let log = self.folder.join(format!("{name}.log"));
        let settings = [
            ("LISTEN_ADDR", address),
            // All requests come from a few users and one address.
            ("BOOKINGS_PER_MINUTE_PER_USER", "1000000"),
            ("ORGANIZER_CHANGES_PER_MINUTE_PER_USER", "1000000"),
            ("SIGN_INS_PER_MINUTE_PER_ADDRESS", "1000000"),
            ("WORK_MS_PER_SECOND_PER_ADDRESS", "1000000"),
        ];
        Server::serve(self.profile, database, &log, &[&settings[..], extra_settings].concat())
    }

    /// A load test whose output goes to the log, and whose results go to a JSON file beside it.
    fn load(
        &self,
        load: &Load<'_>,
        servers: &[&str],
        tokens: &Path,
        log: &Path,
    ) -> Result<Command> {
        let Load { seconds, rate, extra, .. } = load;
        let output = fs::File::create(log)?;
        let urls: Vec<String> = servers.iter().map(|address| format!("http://{address}")).collect();
        let mut load = Command::new(target_folder().join(self.profile).join("loadtest"));
        load.arg("mixed")
            .args(*extra)
            .args(["--url", &urls.join(",")])
            .args(["--watch-url", urls.last().context("there is a server")?])
            .args(["--events", &EVENTS.to_string(), "--seconds", &seconds.to_string()])
            .args(["--rate", &rate.to_string(), "--connections", "64"])
            .arg("--tokens")
            .arg(tokens)
            .arg("--json")
            .arg(log.with_extension("json"))
            .stdout(output.try_clone()?)
            .stderr(output);
        Ok(load)
    }

    /// Runs the usual load with a fault in its middle. Returns a summary.
    fn cause_under_load(
        &self,
        fault: Fault,
        servers: &[&str],
        tokens: &Path,
        cause_fault: impl FnOnce() -> Result<()>,
    ) -> Result<String> {
        let log = self.folder.join(format!("{}.log", fault.name()));
        self.run_load(&self.usual_load(self.seconds), fault, servers, tokens, &log, cause_fault)
    }

    fn usual_load(&self, seconds: u64) -> Load<'static> {
        let before = Duration::from_secs(seconds) / 2;
        Load { seconds, before, rate: self.rate, extra: &["--organize"] }
    }

    /// Runs a load with a fault. Returns a summary.
    fn run_load(
        &self,
        load: &Load<'_>,
        fault: Fault,
        servers: &[&str],
        tokens: &Path,
        log: &Path,
        cause_fault: impl FnOnce() -> Result<()>,
    ) -> Result<String> {
        let before = load.before;
        let mut load =
            self.load(load, servers, tokens, log)?.spawn().context("starting the load test")?;
        sleep(before);
        let caused = cause_fault();
        let status = load.wait()?;
        caused?;
        if !status.success() {
            let output = fs::read_to_string(log)?;
            let (excused, complaints): (Vec<&str>, Vec<&str>) = output
                .lines()
                .filter(|line| line.contains("WRONG") || line.contains("loadtest:"))
                .map(str::trim)
                .partition(|line| {
                    fault.excused_checks().iter().any(|check| line.starts_with(check))
                });
            ensure!(
                complaints.is_empty() && !excused.is_empty(),
                "{} (see {})",
                complaints.join("; "),
                log.display()
            );
        }
        let json = log.with_extension("json");
        let found: Value = serde_json::from_str(&fs::read_to_string(&json)?)?;
        let kinds = found["kinds"].as_object().context("the load test's results have no kinds")?;
        let mut summary = Vec::new();
        for (kind, times) in kinds {
            let max =
                times["max_ms"].as_f64().context("the load test's results have no maximum")?;
            ensure!(max < MAX_LATENCY_MS, "{kind}: an answer took {max:.0} ms");
            let p99 = times["p99_ms"].as_f64().context("the load test's results have no p99")?;
            ensure!(p99 < fault.max_p99_ms(), "{kind}: the 99th percentile is {p99:.0} ms");
            summary.push(format!("{kind} {} (p99 {p99:.0} ms)", times["count"]));
        }
        let checks =
            found["checks"].as_array().context("the load test's results have no checks")?;
        let kept = checks.iter().find(|check| check["what"] == "acknowledged bookings found");
        let kept = kept.context("the load test did not look up acknowledged bookings")?;
        let kept_number = |name: &str| kept[name].as_str().unwrap_or_default().to_owned();
        let reconnects = found["figures"]["sockets_opened_again"].as_f64().unwrap_or_default();
        ensure!(
            fault != Fault::OlderDatabase || reconnects == 0.0,
            "no socket stayed open, on which the lost counts would be seen"
        );
        Ok(format!(
            "{}; {} acknowledged bookings, of which {} were found; {reconnects} sockets were \
             opened again",
            summary.join(", "),
            kept_number("should"),
            kept_number("was"),
        ))
    }
}

/// Waits until all these servers are ready, or until none is.
fn wait_for_readiness(addresses: &[&str], is_ready: bool) -> Result<()> {
    for address in addresses {
        let started = Instant::now();
        while get(address, "/readyz")?.starts_with("HTTP/1.1 200") != is_ready {
            ensure!(started.elapsed() < READINESS_TIMEOUT, "{address}: is_ready is not {is_ready}");
            sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// Waits until a server uses its standby, or does not.
fn wait_for_standby(address: &str, is_used: bool) -> Result<()> {
    let line = format!("rowlock_standby_up {}", u8::from(is_used));
    let started = Instant::now();
    while !get(address, "/metrics")?.lines().any(|metric| metric == line) {
        ensure!(started.elapsed() < STANDBY_TIMEOUT, "the server's metrics don't have {line:?}");
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Such as `127.0.0.1:8080`.
fn address_of(server: Option<&Server>) -> Result<String> {
    let url = server.map(|server| server.url.trim_start_matches("http://").to_owned());
    url.context("the server is running")
}

fn end_connections(postgres: &Postgres, database: &str, which: &str) -> Result<()> {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = '{database}' AND {which}"
    );
    postgres.query("postgres", &sql).map(drop)
}

fn change_columns(postgres: &Postgres, database: &str) -> Result<()> {
    for table in ["events", "bookings", "users", "sessions", "refresh_tokens"] {
        let add = format!("ALTER TABLE {table} ADD COLUMN note text DEFAULT 'none'");
        postgres.query(database, &add)?;
    }
    for column_type in ["varchar(300)", "text"] {
        let change = format!("ALTER TABLE events ALTER COLUMN title TYPE {column_type}");
        postgres.query(database, &change)?;
        sleep(Duration::from_secs(1));
    }
    Ok(())
}
