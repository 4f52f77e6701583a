//! Benchmarks that run the load test.

use std::{fmt::Write, fs, ops::Range, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};

use super::{
    deployment::{CONNECTIONS, Deployment, LoadResults, OPEN_EVENTS, PROFILE, event_id},
    limit::{self, ask_for_nothing, limit, most_requests},
    pgbench::{BATCH, Pgbench},
    row::{Row, Run, Target},
    setup::Setup,
};
use crate::{
    server::{Server, audit},
    shell::{call_command, is_installed},
    tools::ensure_package,
};

/// Many wait at each of three servers.
const MANY_CONNECTIONS: [&str; 2] = ["--connections", "1024"];
/// Number of acknowledged bookings to look up after each run.
const CHECK: [&str; 2] = ["--check", "2000"];
const MILLION: u32 = 1_000_000;

/// Calls `measure_once` several times, prints each result, and returns them as a row.
fn measure(
    setup: &Setup,
    (name, description, unit): (&'static str, &'static str, &'static str),
    target: Target,
    mut measure_once: impl FnMut() -> Result<(Run, String)>,
) -> Result<Row> {
    let (mut runs, mut note) = (Vec::new(), String::new());
    for number in 1..=setup.runs {
        let (run, note_of_run) = measure_once()?;
        let Run { baseline, measure, limit } = run;
        let baseline = baseline.map_or(String::new(), |baseline| {
            format!(", baseline {baseline:.2}, ratio {:.2}", measure / baseline)
        });
        let limit = limit.map_or(String::new(), |limit| {
            format!(", limit {limit:.2}, {:.2} of it", measure / limit)
        });
        println!(
            "{name} {number}/{}: {measure:.2} {unit}{baseline}{limit}; {note_of_run}",
            setup.runs
        );
        runs.push(run);
        note = note_of_run;
    }
    Ok(Row { name, description, unit, target, runs, note })
}

fn rush(deployment: &Deployment, events: &[&str], tokens: &str) -> Result<LoadResults> {
    let args = [&["--tokens", tokens][..], events, &CONNECTIONS, &CHECK].concat();
    deployment.run_load("rush", &args.into_iter().map(str::to_owned).collect::<Vec<_>>())
}

/// Tells what limits a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// It is not known.
    Unknown,
    /// The requests alone.
    Requests,
    /// The statements of the batches in which one event is booked.
    Batches,
}

/// The rate of bookings or refusals, with pgbench's bookings as the baseline.
fn against_pgbench(
    setup: &Setup,
    names: (&'static str, &'static str, &'static str),
    (database, events, kind): (&'static str, u32, &str),
    wanted: &[&str],
    (target, limited_by): (Target, Limit),
) -> Result<Vec<Row>> {
    let deployment = Deployment::on_postgres(setup, database, OPEN_EVENTS, 0)?;
    let pgbench = Pgbench::new(setup, database, events)?;
    let batches = match limited_by {
        Limit::Batches => Some(limit::batches(setup, database)?),
        Limit::Unknown | Limit::Requests => None,
    };
    let row = measure(setup, names, target, || {
        let (baseline, clients) = pgbench.measure(|| deployment.delete_bookings())?;
        let batch_rate = match &batches {
            Some(batches) => {
                let (transactions, _) = batches.measure(|| deployment.delete_bookings())?;
                Some(transactions * f64::from(BATCH))
            }
            None => None,
        };
        deployment.delete_bookings()?;
        let tokens = deployment.new_users()?;
        let requests = match limited_by {
            Limit::Unknown => None,
            Limit::Requests | Limit::Batches => Some(most_requests(&deployment)?),
        };
        let found = rush(&deployment, wanted, &tokens.to_string_lossy())?;
        let mut note = format!("{}; pgbench with {clients} clients", found.note()?);
        let mut run = Run::against(baseline, found.rate(kind)?);
        if let Some(requests) = requests {
            let _ = write!(note, "; {requests:.0} requests for `{{ __typename }}` per second");
            run = run.with_limit(requests);
            if let Some(bookings) = batch_rate {
                let _ = write!(note, ", {bookings:.0} bookings per second by batches alone");
                run = run.with_limit(limit(requests, bookings)?);
            }
        }
        Ok((run, note))
    })?;
    Ok(vec![row])
}

pub(super) fn hot(setup: &Setup) -> Result<Vec<Row>> {
    let names = ("hot", "bookings of one event", "/s");
    let event = event_id(0);
    let wanted = ["--event", &event];
    against_pgbench(
        setup,
        names,
        ("hot", 1, "booked"),
        &wanted,
        (Target::AtLeast(8.0), Limit::Batches),
    )
}

pub(super) fn spread(setup: &Setup) -> Result<Vec<Row>> {
    let names = ("spread", "bookings of 1,000 events", "/s");
    let wanted = ["--events", "1000"];
    let kind = ("spread", OPEN_EVENTS, "booked");
    against_pgbench(setup, names, kind, &wanted, (Target::AtLeast(2.5), Limit::Unknown))
}

pub(super) fn sold_out(setup: &Setup) -> Result<Vec<Row>> {
    let names = ("sold out", "refusals for a sold-out event", "/s");
    let event = event_id(OPEN_EVENTS);
    let wanted = ["--event", &event];
    against_pgbench(
        setup,
        names,
        ("sold_out", 1, "sold out"),
        &wanted,
        (Target::AtLeast(15.0), Limit::Requests),
    )
}

/// Three servers book one event, and one does before them.
pub(super) fn servers(setup: &Setup) -> Result<Vec<Row>> {
    let deployment = Deployment::on_postgres(setup, "servers", OPEN_EVENTS, 0)?;
    let others =
        [deployment.another_server("second-server")?, deployment.another_server("third-server")?];
    let rush = |others: &[Server]| {
        deployment.delete_bookings()?;
        let tokens = deployment.new_users()?.to_string_lossy().into_owned();
        let event = event_id(0);
        let args = [&["--tokens", &tokens, "--event", &event][..], &MANY_CONNECTIONS, &CHECK];
        let args: Vec<String> = args.concat().into_iter().map(str::to_owned).collect();
        deployment.run_load_on(others, "rush", &args)
    };
    let names = ("servers", "bookings of one event by three servers", "/s");
    // Three processes take more of the cores than one.
    let row = measure(setup, names, Target::AtLeast(0.9), || {
        let baseline = rush(&[])?.rate("booked")?;
        let found = rush(&others)?;
        Ok((Run::against(baseline, found.rate("booked")?), found.note()?))
    })?;
    Ok(vec![row])
}

/// A sale with ten times as many requests as tickets, at half of the largest rate of refusals. Then
/// the same again, with the load test killed halfway.
pub(super) fn refusal(setup: &Setup) -> Result<Vec<Row>> {
    let deployment = Deployment::on_postgres(setup, "refusal", OPEN_EVENTS, 0)?;
    let (open_event, sold_out_event) = (event_id(0), event_id(OPEN_EVENTS));
    let names = ("refusal", "99th percentile of a refusal, at half of the largest rate", "ms");
    let row = measure(setup, names, Target::AtMost(50.0), || {
        deployment.delete_bookings()?;
        let tokens = deployment.new_users()?.to_string_lossy().into_owned();
        let max_rate =
            rush(&deployment, &["--event", &sold_out_event], &tokens)?.rate("sold out")?;
        let rate = (max_rate / 2.0).round();
        let tickets = (rate * setup.seconds as f64 / 10.0).round();
        let args = ["--tokens", &tokens, "--event", &open_event, "--rate", &rate.to_string()];
        let args: Vec<String> =
            [&args[..], &CONNECTIONS, &CHECK].concat().into_iter().map(str::to_owned).collect();
        deployment.set_tickets(&open_event, tickets)?;
        let found = deployment.run_load("rush", &args)?;
        deployment.delete_bookings()?;
        deployment.set_tickets(&open_event, tickets)?;
        deployment.load_and_kill("rush", &args)?;
        audit(PROFILE, &deployment.database)?;
        let note = format!(
            "{rate:.0} requests per second for {tickets:.0} tickets; after the same with the \
             client killed, the audit finds no violations; {}",
            found.note()?
        );
        Ok((Run::alone(found.number(&["kinds", "sold out", "p99_ms"])?), note))
    })?;
    Ok(vec![row])
}

pub(super) fn browse(setup: &Setup) -> Result<Vec<Row>> {
    let deployment = Deployment::on_postgres(setup, "browse", OPEN_EVENTS, 0)?;
    let browse = || {
        let args = [&["--look", "list"][..], &CONNECTIONS].concat();
        deployment.run_load("browse", &args.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let names = ("browse", "first pages of the list", "/s");
    let row = measure(setup, names, Target::AtLeast(0.5), || {
        let baseline = ask_for_nothing(&deployment)?.rate("nothing")?;
        let found = browse()?;
        Ok((Run::against(baseline, found.rate("list")?), found.note()?))
    })?;
    Ok(vec![row])
}

pub(super) fn growth(setup: &Setup) -> Result<Vec<Row>> {
    println!("   creating a million events takes some minutes");
    let small = Deployment::on_postgres(setup, "small", OPEN_EVENTS, OPEN_EVENTS)?;
    let large = Deployment::on_postgres(setup, "large", MILLION, MILLION)?;
    let few = ["--connections".to_owned(), "8".to_owned()];
    let browse = |deployment: &Deployment, view: &str, search: &str| {
        let args = ["--look", view, "--search", search].map(str::to_owned);
        deployment.run_load("browse", &[&args[..], &few].concat())
    };
    let book = |deployment: &Deployment| {
        let tokens = deployment.new_users()?.to_string_lossy().into_owned();
        // Named, because the load test would otherwise read the whole list to find events.
        let every = deployment.events / OPEN_EVENTS;
        let events =
            (0..OPEN_EVENTS).flat_map(|number| ["--event".to_owned(), event_id(number * every)]);
        let rest = ["--tokens".to_owned(), tokens, "--check".to_owned(), "200".to_owned()];
        deployment.run_load("rush", &events.chain(rest).chain(few.clone()).collect::<Vec<_>>())
    };
    let compare = |names, kind: &str, load: &dyn Fn(&Deployment) -> Result<LoadResults>| {
        measure(setup, names, Target::AtMost(1.3), || {
            let p50 = |found: &LoadResults| found.number(&["kinds", kind, "p50_ms"]);
            let (before, after) = (load(&small)?, load(&large)?);
            Ok((Run::against(p50(&before)?, p50(&after)?), after.note()?))
        })
    };
    Ok(vec![
        compare(
            ("growth, list", "median latency of the list, with 1,000,000 events", "ms"),
            "list",
            &|deployment| browse(deployment, "list", ""),
        )?,
        compare(
            ("growth, search", "median latency of a search for a common word", "ms"),
            "search",
            &|deployment| browse(deployment, "search", "concert"),
        )?,
        compare(
            ("growth, rare search", "median latency of a search that few titles match", "ms"),
            "search",
            &|deployment| browse(deployment, "search", "no. 777"),
        )?,
        compare(
            ("growth, booking", "median latency of a booking", "ms"),
            "booked",
            &|deployment| book(deployment),
        )?,
    ])
}

pub(super) fn fan_out(setup: &Setup) -> Result<Vec<Row>> {
    let mut memory = Vec::new();
    let names = ("fan-out", "time until 10,000 subscribers have the last count", "s");
    let mut delay = measure(setup, names, Target::AtMost(1.0), || {
        // A new server for each run, as memory that it once used is used again.
        let database = format!("fan_out_{}", memory.len());
        let deployment = Deployment::on_postgres(setup, &database, OPEN_EVENTS, 0)?;
        let tokens = deployment.new_users()?.to_string_lossy().into_owned();
        let (event, pid) = (event_id(0), deployment.server.pid().to_string());
        let args = ["--subscribers", "10000", "--rate", "1000", "--event", &event];
        let args = [&args[..], &["--tokens", &tokens, "--server-pid", &pid], &CHECK].concat();
        let found = deployment
            .run_load("watch", &args.into_iter().map(str::to_owned).collect::<Vec<_>>())?;
        let figure = |name| found.number(&["figures", name]);
        let kib = figure("server_memory_per_subscriber_kib")?;
        memory.push(Run::alone(kib));
        let rate = found.rate("booked")?;
        ensure!(
            rate > 950.0,
            "only {rate:.0} instead of 1,000 bookings per second were made meanwhile"
        );
        let note = format!("{rate:.0} bookings per second, {}", found.note()?);
        Ok((Run::alone(figure("seconds_until_all_held_the_last_count")?), note))
    })?;
    delay.note.push_str("; both ends of the sockets are on one machine");
    let note = delay.note.clone();
    let (name, description) = ("fan-out, memory", "the server's memory per subscriber");
    let target = Target::AtMost(12.0);
    Ok(vec![delay, Row { name, description, unit: "KiB", target, runs: memory, note }])
}

/// What one client can make a server hold, each on a new server with the settings' defaults.
pub(super) fn abuse(setup: &Setup) -> Result<Vec<Row>> {
    [
        (
            "variables",
            "held variables",
            "memory for 300 subscriptions, each with 43 kB of variables",
            40.0,
        ),
        (
            "aliases",
            "held aliases",
            "memory for 300 subscriptions, each with 900 or 1,400 aliases",
            40.0,
        ),
        ("streams", "held streams", "memory for the same, as streams over HTTP", 40.0),
        ("pings", "held pongs", "memory for 280 MB of pings whose pongs nobody reads", 20.0),
        ("heads", "held heads", "memory for 500 heads of 400 kB", 40.0),
        ("bodies", "held bodies", "memory for 2,000 unfinished bodies", 40.0),
        ("messages", "held messages", "memory for 1,000 sockets with unfinished messages", 60.0),
        ("files", "held files", "memory for 900 connections that ask for a file", 40.0),
        ("answers", "held answers", "memory for 500 large answers that nobody reads", 60.0),
    ]
    .into_iter()
    .map(|(kind, name, description, target)| {
        let mut number = 0;
        measure(setup, (name, description, "MiB"), Target::AtMost(target), || {
            number += 1;
            let deployment = Deployment::with_defaults(setup, &format!("{kind}_{number}"))?;
            let pid = deployment.server.pid().to_string();
            let args = [kind, "--server-pid", &pid, "--max-growth", "100000"].map(str::to_owned);
            let found = deployment.run_load("abuse", &args)?;
            Ok((Run::alone(found.number(&[kind])?), "from one address".to_owned()))
        })
    })
    .collect()
}

/// The latency of bookings while another address floods the server with long texts.
pub(super) fn flood(setup: &Setup) -> Result<Vec<Row>> {
    const RATE: [&str; 4] = ["--rate", "200", "--connections", "32"];
    let names = ("flood", "95th percentile of a booking, beside a flood of long texts", "ms");
    let deployment = Deployment::with_default_limits(setup, "flood")?;
    let pid = deployment.server.pid().to_string();
    let row = measure(setup, names, Target::AtMost(40.0), || {
        let book = || {
            deployment.delete_bookings()?;
            let tokens = deployment.new_users()?.to_string_lossy().into_owned();
            let event = event_id(0);
            let args = [&["--tokens", &tokens, "--event", &event][..], &RATE, &CHECK].concat();
            let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
            let found = deployment.run_load("rush", &args)?;
            found.number(&["kinds", "booked", "p95_ms"])
        };
        let alone = book()?;
        let args = ["texts", "--server-pid", &pid, "--rate", "400", "--max-growth", "100000"];
        let mut flood = deployment.start_load("abuse", &args)?;
        let beside = book();
        flood.kill()?;
        flood.wait()?;
        let note = format!("{alone:.1} ms without; 400 costly texts a second");
        Ok((Run::alone(beside?), note))
    })?;
    Ok(vec![row])
}

pub(super) fn embedded(setup: &Setup) -> Result<Vec<Row>> {
    ensure_package(is_installed("sqlite3"), "SQLite's own program", &["sqlite3"])?;
    let deployment = Deployment::on_sqlite(setup, "embedded")?;
    let alone = Deployment::on_sqlite(setup, "embedded_baseline")?.database;
    let file = alone.trim_start_matches("sqlite:");
    let mut first = 0;
    let names = ("embedded", "bookings of one event on SQLite", "/s");
    let event = event_id(0);
    let row = measure(setup, names, Target::AtLeast(10.0), || {
        deployment.delete_sqlite_jobs()?;
        let mut rate = |bookings, batch| {
            let numbers = first..first + bookings;
            first += bookings;
            sqlite_rate(setup, file, numbers, batch)
        };
        let baseline = rate(SQLITE_BOOKINGS, 1)?;
        let bookings = rate(SQLITE_BOOKINGS_IN_BATCHES, BATCH)?;
        let tokens = deployment.new_users()?;
        let requests = most_requests(&deployment)?;
        let found = rush(&deployment, &["--event", &event], &tokens.to_string_lossy())?;
        let note = format!(
            "{}; {requests:.0} requests for `{{ __typename }}` per second, {bookings:.0} bookings \
             per second by batches alone",
            found.note()?
        );
        let run = Run::against(baseline, found.rate("booked")?);
        Ok((run.with_limit(limit(requests, bookings)?), note))
    })?;
    Ok(vec![row])
}

/// Takes some seconds.
const SQLITE_BOOKINGS: u32 = 4_000;
/// Takes as long.
const SQLITE_BOOKINGS_IN_BATCHES: u32 = 256 * BATCH;

/// Bookings per second by SQLite's own program, so many in each transaction, with the server's
/// durability. The users have these numbers.
fn sqlite_rate(setup: &Setup, file: &str, numbers: Range<u32>, batch: u32) -> Result<f64> {
    let event = format!("X'{}'", event_id(0).replace('-', ""));
    let user = |number: u32| format!("X'1000000000007000800000000{number:07x}'");
    // They grow, as those of the server.
    let booking = |number: u32| format!("X'2000000000007000800000000{number:07x}'");
    let mut users = "PRAGMA foreign_keys = ON;\nBEGIN;\n".to_owned();
    let mut script = "PRAGMA synchronous = FULL;\nPRAGMA foreign_keys = ON;\n".to_owned();
    for first in numbers.clone().step_by(batch as usize) {
        let mut rows = Vec::new();
        for number in first..first + batch {
            let user = user(number);
            let _ = writeln!(
                users,
                "INSERT INTO users (id, email, name, password_hash, created_at) \
                 VALUES ({user}, 'one-{number}@example.test', 'one', '', datetime());"
            );
            rows.push(format!("({}, {user})", booking(number)));
        }
        let rows = rows.join(", ");
        let _ = write!(
            script,
            "BEGIN IMMEDIATE;\n\
             INSERT INTO count_keeping VALUES (1);\n\
             SELECT 1 FROM events WHERE id = {event} AND remaining_tickets < 0;\n\
             INSERT INTO bookings (id, event_id, user_id, quantity, unit_price_minor, currency, \
             status, created_at) SELECT column1, events.id, column2, 1, price_minor, currency, \
             'CONFIRMED', datetime() FROM (VALUES {rows}) JOIN events ON events.id = {event};\n\
             UPDATE events SET remaining_tickets = remaining_tickets - {batch}, \
             count_version = count_version + 1 WHERE id = {event};\n\
             DELETE FROM count_keeping;\n\
             COMMIT;\n"
        );
    }
    users += "COMMIT;\n";
    let call = |name: &str, sql: &str| {
        let path = setup.folder.join(name);
        fs::write(&path, sql)?;
        let started = Instant::now();
        let input = fs::File::open(&path)?;
        call_command(Command::new("sqlite3").args(["-batch", "-bail"]).arg(file).stdin(input))
            .with_context(|| format!("see {}", path.display()))?;
        anyhow::Ok(started.elapsed())
    };
    call("users.sql", &users)?;
    Ok(numbers.len() as f64 / call("bookings.sql", &script)?.as_secs_f64())
}
