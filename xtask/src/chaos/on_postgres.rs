//! Faults of servers and of one PostgreSQL with or without a standby.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    fault::Fault,
    setup::{Setup, address_of},
    waiting::wait_for_readiness,
};
use crate::{
    postgres::Postgres,
    server::{Server, audit, get},
};

const PAUSE_DURATION: Duration = Duration::from_secs(5);
/// For a server to notice that a standby stopped, or is back.
const STANDBY_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn on_postgres(setup: &Setup, fault: Fault, postgres: &mut Postgres) -> Result<String> {
    let name = fault.name();
    let database_name = name.replace('-', "_");
    let database = postgres.create_database(&database_name)?;
    let tokens = setup.prepare(&name, &database)?;
    let mut standby = match fault {
        Fault::StandbyKilled | Fault::StandbyBehind => Some(postgres.start_standby()?),
        _ => None,
    };
    let replica = standby.as_ref().map(|standby| standby.url(&database_name));
    let serve = |server, address: &str| {
        let replica = replica.iter().map(|url| ("DATABASE_REPLICA_URL", url.as_str()));
        setup.serve(&database, server, address, &replica.collect::<Vec<_>>())
    };
    let clock = setup.folder.join("clock");
    let mut first = Some(match fault {
        Fault::ClockMoved => setup.serve_with_clock(&database, &clock)?,
        _ => serve("one", "127.0.0.1:0")?,
    });
    let mut second = serve("two", "127.0.0.1:0")?;
    let (one, two) = (address_of(first.as_ref())?, address_of(Some(&second))?);
    let before = first.as_ref().map(Server::pid);
    let summary = setup.cause_under_load(fault, &[&one, &two], &tokens, || match fault {
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
        | Fault::LeaderReplaced
        | Fault::Switchover
        | Fault::NodesUpdated
        | Fault::LeaderCut
        | Fault::LeaderFrozen
        | Fault::AsynchronousFailover => {
            bail!("this fault needs a standby that takes over")
        }
        Fault::PasswordsGuessed => setup.guess_passwords(&one),
        Fault::PostgresKilled => postgres.kill_and_restart(),
        Fault::PostgresPaused => postgres.pause(PAUSE_DURATION),
        Fault::ConnectionsEnded => end_connections(postgres, &database_name, "true"),
        Fault::ListenersEnded => (0..5).try_for_each(|_| {
            end_connections(postgres, &database_name, "query LIKE 'LISTEN%'")?;
            sleep(Duration::from_millis(300));
            Ok(())
        }),
    })?;
    audit(setup.profile, &database)?;
    let servers_survive = !matches!(fault, Fault::ServerKilled | Fault::ServerStopped);
    let mut first = first.context("the server is running")?;
    ensure!(first.is_running()? && second.is_running()?, "a server ended by itself");
    ensure!(!servers_survive || before == Some(first.pid()), "a server was restarted");
    if fault == Fault::ClockMoved {
        let ahead = "SELECT count(*) FROM bookings WHERE created_at > now() + interval '5 minutes'";
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
