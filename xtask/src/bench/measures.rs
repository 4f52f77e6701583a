//! What is measured with a load.

use std::{fs, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};

use super::{
    lab::Lab,
    pgbench::Pgbench,
    row::{Row, Run, Target},
    site::{Found, OPEN_EVENTS, PROFILE, Site, event_id},
};
use crate::{
    server::audit,
    shell::{finish, has},
    tools::need_package,
};

const CONNECTIONS: [&str; 2] = ["--connections", "256"];
/// Acknowledged bookings that are looked up again after each run.
const CHECK: [&str; 2] = ["--check", "2000"];
const MILLION: u32 = 1_000_000;

/// Calls `run` as often as the lab says, tells each, and makes a row of them.
fn row(
    lab: &Lab,
    (name, what, unit): (&'static str, &'static str, &'static str),
    target: Target,
    mut run: impl FnMut() -> Result<(Option<f64>, f64, String)>,
) -> Result<Row> {
    let (mut runs, mut note) = (Vec::new(), String::new());
    for number in 1..=lab.runs {
        let (baseline, measure, said) = run()?;
        let against = baseline.map_or(String::new(), |baseline| {
            format!(", baseline {baseline:.2}, ratio {:.2}", measure / baseline)
        });
        println!("{name} {number}/{}: {measure:.2} {unit}{against}; {said}", lab.runs);
        runs.push(Run { baseline, measure });
        note = said;
    }
    Ok(Row { name, what, unit, target, runs, note })
}

fn rush(site: &Site, events: &[&str], tokens: &str) -> Result<Found> {
    let args = [&["--tokens", tokens][..], events, &CONNECTIONS, &CHECK].concat();
    site.load("rush", &args.into_iter().map(str::to_owned).collect::<Vec<_>>())
}

/// Bookings, or refusals, against pgbench's bookings.
fn against_pgbench(
    lab: &Lab,
    names: (&'static str, &'static str, &'static str),
    (database, events, kind): (&'static str, u32, &str),
    wanted: &[&str],
    target: Target,
) -> Result<Vec<Row>> {
    let site = Site::on_postgres(lab, database, OPEN_EVENTS, 0)?;
    let pgbench = Pgbench::new(lab, database, events)?;
    let row = row(lab, names, target, || {
        let (baseline, clients) = pgbench.run(|| site.clear())?;
        site.clear()?;
        let tokens = site.new_users()?;
        let found = rush(&site, wanted, &tokens.to_string_lossy())?;
        let note = format!("{}; pgbench with {clients} clients", found.note()?);
        Ok((Some(baseline), found.rate(kind)?, note))
    })?;
    Ok(vec![row])
}

pub(super) fn hot(lab: &Lab) -> Result<Vec<Row>> {
    let names = ("hot", "bookings of one event", "/s");
    let event = event_id(0);
    let wanted = ["--event", &event];
    against_pgbench(lab, names, ("hot", 1, "booked"), &wanted, Target::AtLeast(8.0))
}

pub(super) fn spread(lab: &Lab) -> Result<Vec<Row>> {
    let names = ("spread", "bookings of 1,000 events", "/s");
    let wanted = ["--events", "1000"];
    let kind = ("spread", OPEN_EVENTS, "booked");
    against_pgbench(lab, names, kind, &wanted, Target::AtLeast(2.5))
}

pub(super) fn sold_out(lab: &Lab) -> Result<Vec<Row>> {
    let names = ("sold out", "refusals on a sold-out event", "/s");
    let event = event_id(OPEN_EVENTS);
    let wanted = ["--event", &event];
    against_pgbench(lab, names, ("sold_out", 1, "sold out"), &wanted, Target::AtLeast(15.0))
}

/// An on-sale with ten times more demand than tickets, at half of the most refusals that can be had; then
/// the same again with the load test killed in its middle.
pub(super) fn refusal(lab: &Lab) -> Result<Vec<Row>> {
    let site = Site::on_postgres(lab, "refusal", OPEN_EVENTS, 0)?;
    let (open, none) = (event_id(0), event_id(OPEN_EVENTS));
    let names = ("refusal", "99th percentile of a refusal in an on-sale at half of the most", "ms");
    let row = row(lab, names, Target::AtMost(50.0), || {
        site.clear()?;
        let tokens = site.new_users()?.to_string_lossy().into_owned();
        let most = rush(&site, &["--event", &none], &tokens)?.rate("sold out")?;
        let rate = (most / 2.0).round();
        let tickets = (rate * lab.seconds as f64 / 10.0).round();
        let args = ["--tokens", &tokens, "--event", &open, "--rate", &rate.to_string()];
        let args: Vec<String> =
            [&args[..], &CONNECTIONS, &CHECK].concat().into_iter().map(str::to_owned).collect();
        site.set_tickets(&open, tickets)?;
        let found = site.load("rush", &args)?;
        site.clear()?;
        site.set_tickets(&open, tickets)?;
        site.load_and_kill("rush", &args)?;
        audit(PROFILE, &site.database)?;
        let note = format!(
            "{rate:.0} a second for {tickets:.0} tickets; audit finds nothing after the same with the \
             client killed; {}",
            found.note()?
        );
        Ok((None, found.number(&["kinds", "sold out", "p99_ms"])?, note))
    })?;
    Ok(vec![row])
}

pub(super) fn browse(lab: &Lab) -> Result<Vec<Row>> {
    let site = Site::on_postgres(lab, "browse", OPEN_EVENTS, 0)?;
    let look = |look: &str| {
        let args = [&["--look", look][..], &CONNECTIONS].concat();
        site.load("browse", &args.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let names = ("browse", "first pages of the list", "/s");
    let row = row(lab, names, Target::AtLeast(0.5), || {
        let baseline = look("nothing")?.rate("nothing")?;
        let found = look("list")?;
        Ok((Some(baseline), found.rate("list")?, found.note()?))
    })?;
    Ok(vec![row])
}

pub(super) fn growth(lab: &Lab) -> Result<Vec<Row>> {
    println!("   seeding; a million takes some minutes");
    let small = Site::on_postgres(lab, "small", OPEN_EVENTS, OPEN_EVENTS)?;
    let large = Site::on_postgres(lab, "large", MILLION, MILLION)?;
    let few = ["--connections".to_owned(), "8".to_owned()];
    let look = |site: &Site, look: &str, search: &str| {
        let args = ["--look", look, "--search", search].map(str::to_owned);
        site.load("browse", &[&args[..], &few].concat())
    };
    let book = |site: &Site| {
        let tokens = site.new_users()?.to_string_lossy().into_owned();
        // By name: to find those with the most tickets, the load test would read the whole list.
        let every = site.events / OPEN_EVENTS;
        let events =
            (0..OPEN_EVENTS).flat_map(|number| ["--event".to_owned(), event_id(number * every)]);
        let rest = ["--tokens".to_owned(), tokens, "--check".to_owned(), "200".to_owned()];
        site.load("rush", &events.chain(rest).chain(few.clone()).collect::<Vec<_>>())
    };
    let compare = |names, kind: &str, load: &dyn Fn(&Site) -> Result<Found>| {
        row(lab, names, Target::AtMost(1.3), || {
            let p50 = |found: &Found| found.number(&["kinds", kind, "p50_ms"]);
            let (before, after) = (load(&small)?, load(&large)?);
            Ok((Some(p50(&before)?), p50(&after)?, after.note()?))
        })
    };
    Ok(vec![
        compare(("growth, list", "median of the list, 1,000,000 events", "ms"), "list", &|site| {
            look(site, "list", "")
        })?,
        compare(
            ("growth, search", "median of a search for a common word", "ms"),
            "search",
            &|site| look(site, "search", "concert"),
        )?,
        compare(
            ("growth, rare search", "median of a search that few titles fit", "ms"),
            "search",
            &|site| look(site, "search", "no. 777"),
        )?,
        compare(("growth, booking", "median of a booking", "ms"), "booked", &|site| book(site))?,
    ])
}

pub(super) fn fan_out(lab: &Lab) -> Result<Vec<Row>> {
    let mut memory = Vec::new();
    let names = ("fan-out", "until 10,000 subscribers have the last count", "s");
    let mut soon = row(lab, names, Target::AtMost(1.0), || {
        // A new one each time: memory that was used before would be used again.
        let database = format!("fan_out_{}", memory.len());
        let site = Site::on_postgres(lab, &database, OPEN_EVENTS, 0)?;
        let tokens = site.new_users()?.to_string_lossy().into_owned();
        let (event, pid) = (event_id(0), site.server.pid().to_string());
        let args = ["--subscribers", "10000", "--rate", "1000", "--event", &event];
        let args = [&args[..], &["--tokens", &tokens, "--server-pid", &pid], &CHECK].concat();
        let found = site.load("watch", &args.into_iter().map(str::to_owned).collect::<Vec<_>>())?;
        let figure = |name| found.number(&["figures", name]);
        let kib = figure("server_memory_per_subscriber_kib")?;
        memory.push(Run { baseline: None, measure: kib });
        let rate = found.rate("booked")?;
        ensure!(rate > 950.0, "only {rate:.0} of 1,000 bookings a second were made meanwhile");
        let note = format!("{rate:.0} bookings a second, {kib:.1} KiB each, {}", found.note()?);
        Ok((None, figure("seconds_until_all_held_the_last_count")?, note))
    })?;
    soon.note.push_str("; with both programs' sockets on one machine");
    let note = soon.note.clone();
    let (name, what) = ("fan-out, memory", "the server's memory for each of them");
    let target = Target::AtMost(20.0);
    Ok(vec![soon, Row { name, what, unit: "KiB", target, runs: memory, note }])
}

pub(super) fn embedded(lab: &Lab) -> Result<Vec<Row>> {
    need_package(has("sqlite3"), "SQLite's own program", &["sqlite3"])?;
    let site = Site::on_sqlite(lab, "embedded")?;
    let alone = Site::on_sqlite(lab, "embedded_baseline")?.database;
    let file = alone.trim_start_matches("sqlite:");
    let mut first = 0;
    let names = ("embedded", "bookings of one event on SQLite", "/s");
    let event = event_id(0);
    let row = row(lab, names, Target::AtLeast(10.0), || {
        let baseline = one_by_one(lab, file, first)?;
        first += TRANSACTIONS;
        let tokens = site.new_users()?;
        let found = rush(&site, &["--event", &event], &tokens.to_string_lossy())?;
        Ok((Some(baseline), found.rate("booked")?, found.note()?))
    })?;
    Ok(vec![row])
}

/// As many as take some seconds.
const TRANSACTIONS: u32 = 4_000;

/// Bookings a second by SQLite's own program, each in a transaction of its own, as durable as the
/// server's. The users are numbered from `first`.
fn one_by_one(lab: &Lab, file: &str, first: u32) -> Result<f64> {
    let event = format!("X'{}'", event_id(0).replace('-', ""));
    let user = |number: u32| format!("X'1000000000007000800000000{number:07x}'");
    let mut users = "PRAGMA foreign_keys = ON;\nBEGIN;\n".to_owned();
    let mut script = "PRAGMA synchronous = FULL;\nPRAGMA foreign_keys = ON;\n".to_owned();
    for number in first..first + TRANSACTIONS {
        let user = user(number);
        users += &format!(
            "INSERT INTO users (id, email, name, password_hash, created_at) \
             VALUES ({user}, 'one-{number}@example.test', 'one', '', datetime());\n"
        );
        script += &format!(
            "BEGIN IMMEDIATE;\n\
             SELECT 1 FROM events WHERE id = {event} AND remaining_tickets < 0;\n\
             INSERT INTO bookings (id, event_id, user_id, quantity, status, created_at) \
             VALUES (randomblob(16), {event}, {user}, 1, 'CONFIRMED', datetime());\n\
             UPDATE events SET remaining_tickets = remaining_tickets - 1, \
             count_version = count_version + 1 WHERE id = {event};\n\
             COMMIT;\n"
        );
    }
    users += "COMMIT;\n";
    let call = |name: &str, sql: &str| {
        let path = lab.folder.join(name);
        fs::write(&path, sql)?;
        let begun = Instant::now();
        let input = fs::File::open(&path)?;
        finish(Command::new("sqlite3").args(["-batch", "-bail"]).arg(file).stdin(input))
            .with_context(|| format!("see {}", path.display()))?;
        anyhow::Ok(begun.elapsed())
    };
    call("users.sql", &users)?;
    Ok(f64::from(TRANSACTIONS) / call("bookings.sql", &script)?.as_secs_f64())
}
