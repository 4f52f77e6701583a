//! A database, a server on it, and the load test that uses it.

use std::{
    fs, iter,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::setup::Setup;
use crate::{
    paths::target_folder,
    server::{Server, rowlock},
    shell::call_command,
};

pub(super) const PROFILE: &str = "release";
/// All users come from one address, and book as often as they can.
const SETTINGS: [(&str, &str); 5] = [
    BOOK_ANY_NUMBER,
    ("MAX_CONNECTIONS_PER_ADDRESS", "20000"),
    ("MAX_SOCKETS_PER_ADDRESS", "20000"),
    ("MAX_HELD_BYTES_PER_ADDRESS", "1000000000"),
    ("WORK_MS_PER_SECOND_PER_ADDRESS", "1000000"),
];
const BOOK_ANY_NUMBER: (&str, &str) = ("BOOKINGS_PER_MINUTE_PER_USER", "1000000");
pub(super) const CONNECTIONS: [&str; 2] = ["--connections", "256"];
/// More than book in a run.
const USERS: u32 = 200_000;
/// Number of events with more tickets than are booked. One more event has none.
pub(super) const OPEN_EVENTS: u32 = 1_000;

pub(super) struct Deployment<'a> {
    setup: &'a Setup,
    name: String,
    /// Number of generated events, without the one that has no tickets.
    pub(super) events: u32,
    pub(super) database: String,
    pub(super) server: Server,
}

/// The JSON that `loadtest` wrote.
pub(super) struct LoadResults(Value);

/// The id of a generated event.
pub(super) fn event_id(number: u32) -> String {
    format!("01990000-0001-7000-8000-{number:012x}")
}

impl<'a> Deployment<'a> {
    pub(super) fn on_postgres(
        setup: &'a Setup,
        name: &str,
        events: u32,
        bookings: u32,
    ) -> Result<Self> {
        let database = setup.postgres.create_database(name)?;
        prepare(&database, events, bookings)?;
        psql(setup, name, &open_events(events))?;
        Self::serve(setup, name, database, events)
    }

    /// Like [`Self::on_postgres`], with the defaults of all limits but that on a user's bookings.
    pub(super) fn with_default_limits(setup: &'a Setup, name: &str) -> Result<Self> {
        let database = setup.postgres.create_database(name)?;
        prepare(&database, OPEN_EVENTS, 0)?;
        psql(setup, name, &open_events(OPEN_EVENTS))?;
        let log = setup.folder.join(format!("{name}.log"));
        let server = Server::serve(PROFILE, &database, &log, &[BOOK_ANY_NUMBER])?;
        Ok(Self { setup, name: name.to_owned(), events: OPEN_EVENTS, database, server })
    }

    pub(super) fn on_sqlite(setup: &'a Setup, name: &str) -> Result<Self> {
        let file = setup.folder.join(format!("{name}.db"));
        let database = format!("sqlite:{}", file.display());
        prepare(&database, OPEN_EVENTS, 0)?;
        let set = "UPDATE events SET total_tickets = 5000000, remaining_tickets = 5000000;";
        call_command(Command::new("sqlite3").arg(&file).arg(set))?;
        Self::serve(setup, name, database, OPEN_EVENTS)
    }

    /// On SQLite, with the settings' defaults.
    pub(super) fn with_defaults(setup: &'a Setup, name: &str) -> Result<Self> {
        let database = format!("sqlite:{}", setup.folder.join(format!("{name}.db")).display());
        prepare(&database, OPEN_EVENTS, 0)?;
        let log = setup.folder.join(format!("{name}.log"));
        let server = Server::serve(PROFILE, &database, &log, &[])?;
        Ok(Self { setup, name: name.to_owned(), events: OPEN_EVENTS, database, server })
    }

    fn serve(setup: &'a Setup, name: &str, database: String, events: u32) -> Result<Self> {
        let log = setup.folder.join(format!("{name}.log"));
        let server = Server::serve(PROFILE, &database, &log, &SETTINGS)?;
        Ok(Self { setup, name: name.to_owned(), events, database, server })
    }

    /// Creates users without bookings. Returns the file with their access tokens.
    pub(super) fn new_users(&self) -> Result<PathBuf> {
        let tokens = self.setup.folder.join(format!("{}.tokens", self.name));
        let mut create = rowlock(PROFILE, "users", &self.database);
        create.args(["create", "--count", &USERS.to_string(), "--tokens"]).arg(&tokens);
        call_command(create.stdout(std::process::Stdio::null()))?;
        Ok(tokens)
    }

    /// Deletes all bookings and the mails that tell of them, and resets the counts, on PostgreSQL.
    /// The baseline would otherwise share the machine with workers that look for what is gone.
    pub(super) fn delete_bookings(&self) -> Result<()> {
        let statements = [
            "TRUNCATE bookings CASCADE",
            "TRUNCATE jobs",
            "UPDATE events SET remaining_tickets = total_tickets, \
             count_version = count_version + 1 WHERE remaining_tickets < total_tickets",
            "VACUUM events",
            "CHECKPOINT",
        ];
        statements.iter().try_for_each(|sql| psql(self.setup, &self.name, sql))
    }

    /// Deletes the mails that are to be sent, on SQLite.
    pub(super) fn delete_sqlite_jobs(&self) -> Result<()> {
        let file = self.database.trim_start_matches("sqlite:");
        let mut sqlite = Command::new("sqlite3");
        call_command(sqlite.args(["-cmd", ".timeout 10000", file, "DELETE FROM jobs;"]))
    }

    /// Sets the number of tickets of an event without bookings.
    pub(super) fn set_tickets(&self, event: &str, tickets: f64) -> Result<()> {
        let sql = format!(
            "UPDATE events SET total_tickets = {tickets}, remaining_tickets = {tickets}, \
             count_version = count_version + 1 WHERE id = '{event}'"
        );
        psql(self.setup, &self.name, &sql)
    }

    /// Another server on the same database.
    pub(super) fn another_server(&self, name: &str) -> Result<Server> {
        let log = self.setup.folder.join(format!("{name}.log"));
        Server::serve(PROFILE, &self.database, &log, &SETTINGS)
    }

    /// Runs a scenario of `loadtest`.
    pub(super) fn run_load(&self, scenario: &str, args: &[String]) -> Result<LoadResults> {
        self.run_load_on(&[], scenario, args)
    }

    /// Runs a scenario of `loadtest` on this server and on others.
    pub(super) fn run_load_on(
        &self,
        others: &[Server],
        scenario: &str,
        args: &[String],
    ) -> Result<LoadResults> {
        let json = self.setup.folder.join("found.json");
        let (mut loadtest, log) = self.logged_loadtest(scenario, others, args)?;
        call_command(loadtest.arg("--json").arg(&json))
            .with_context(|| format!("see {}", log.display()))?;
        Ok(LoadResults(serde_json::from_str(&fs::read_to_string(json)?)?))
    }

    /// Starts a scenario that lasts until it is killed.
    pub(super) fn start_load(&self, scenario: &str, args: &[&str]) -> Result<Child> {
        let mut loadtest = self.loadtest(scenario, &[], 600);
        loadtest.args(args).stdout(Stdio::null()).spawn().context("starting the load test")
    }

    /// Runs a scenario, and kills the load test halfway.
    pub(super) fn load_and_kill(&self, scenario: &str, args: &[String]) -> Result<()> {
        let (mut loadtest, log) = self.logged_loadtest(scenario, &[], args)?;
        let mut running = loadtest.spawn().context("starting the load test")?;
        std::thread::sleep(Duration::from_secs(self.setup.seconds) / 2);
        let ended = running.try_wait()?;
        ensure!(ended.is_none(), "the load test ended too early; see {}", log.display());
        running.kill()?;
        running.wait()?;
        Ok(())
    }

    /// The command for a scenario on this server and others, and the file with its output.
    fn logged_loadtest(
        &self,
        scenario: &str,
        others: &[Server],
        args: &[String],
    ) -> Result<(Command, PathBuf)> {
        let log = self.setup.folder.join("loadtest.log");
        let output = fs::File::create(&log)?;
        let mut loadtest = self.loadtest(scenario, others, self.setup.seconds);
        loadtest.args(args).stdout(output.try_clone()?).stderr(output);
        Ok((loadtest, log))
    }

    fn loadtest(&self, scenario: &str, others: &[Server], seconds: u64) -> Command {
        let urls: Vec<&str> =
            iter::once(&self.server).chain(others).map(|server| server.url.as_str()).collect();
        let mut loadtest = Command::new(target_folder().join(PROFILE).join("loadtest"));
        loadtest
            .args([scenario, "--url", &urls.join(",")])
            .args(["--seconds", &seconds.to_string()]);
        loadtest
    }
}

/// Runs SQL statements on a database.
pub(super) fn psql(setup: &Setup, database: &str, sql: &str) -> Result<()> {
    let mut psql = setup.postgres.client("psql");
    call_command(psql.args([
        "--quiet",
        "--set",
        "ON_ERROR_STOP=1",
        "--dbname",
        database,
        "-c",
        sql,
    ]))
}

fn prepare(database: &str, events: u32, bookings: u32) -> Result<()> {
    call_command(&mut rowlock(PROFILE, "migrate", database))?;
    let mut seed = rowlock(PROFILE, "seed", database);
    // The event without tickets is one more.
    let (events, bookings) = ((events + 1).to_string(), bookings.to_string());
    call_command(seed.args(["--events", &events, "--bookings", &bookings]))
}

/// SQL that adds tickets to a thousand events, evenly spaced over all, and empties the last event.
fn open_events(events: u32) -> String {
    let open = (0..OPEN_EVENTS).map(|number| event_id(number * (events / OPEN_EVENTS)));
    let open = open.map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    let none = event_id(events);
    format!(
        "UPDATE events SET total_tickets = total_tickets + 5000000, \
         remaining_tickets = remaining_tickets + 5000000 WHERE id IN ({open}); \
         UPDATE events SET total_tickets = total_tickets - remaining_tickets, \
         remaining_tickets = 0 WHERE id = '{none}'"
    )
}

impl LoadResults {
    /// Answers of a kind per second.
    pub(super) fn rate(&self, kind: &str) -> Result<f64> {
        Ok(self.number(&["kinds", kind, "count"])? / self.number(&["seconds"])?)
    }

    pub(super) fn number(&self, path: &[&str]) -> Result<f64> {
        let found = path.iter().try_fold(&self.0, |value, name| value.get(name));
        match found.and_then(Value::as_f64) {
            Some(number) => Ok(number),
            None => bail!(
                "the load test's results have no {}, but: {}",
                path.join("."),
                self.0["kinds"]
            ),
        }
    }

    /// How busy the machine was, and the load test's share of it.
    pub(super) fn note(&self) -> Result<String> {
        let percent = |name| anyhow::Ok((self.number(&[name])? * 100.0).round());
        let (busy, client) = (percent("machine_busy")?, percent("client_share_of_machine")?);
        Ok(format!("{busy} % busy, {client} % by the client"))
    }
}
