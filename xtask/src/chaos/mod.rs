//! Causes faults while users browse, book, cancel and watch, and an organizer edits, imports and
//! cancels events. Then it checks the result.
//!
//! Two servers share a PostgreSQL. The load goes to both in turn, and the second sends live counts.
//! The fault comes in the middle of each load. Afterwards, the load test waits until no booking of a
//! cancelled event is left, and compares the answers that it got with the database. Then
//! `rowlock audit` compares every count with its bookings. If another PostgreSQL has taken over, a
//! second load without a fault comes after the first.

mod fault;
mod load;
mod on_cluster;
mod on_pair;
mod on_postgres;
mod setup;
mod waiting;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::{
    postgres::{Durability, Postgres},
    server::audit,
    shell::{call, heading},
};
use fault::Fault;
use on_cluster::on_cluster;
use on_pair::on_pair;
use on_postgres::on_postgres;
use setup::{Setup, address_of};

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
    let setup = Setup::new(profile, args.seconds, args.rate, args.rounds)?;
    let wanted = |fault: &&Fault| args.faults.is_empty() || args.faults.contains(fault);
    run(&setup, Fault::value_variants().iter().filter(wanted).copied())
}

/// A selection for the tests, with the programs that they have built.
pub(crate) fn short_form() -> Result<()> {
    let setup = Setup::new("debug", 8, 100, 1)?;
    run(
        &setup,
        [
            Fault::ServerKilled,
            Fault::PostgresKilled,
            Fault::DiskFull,
            Fault::StandbyKilled,
            Fault::EmbeddedKilled,
        ],
    )
}

fn run(setup: &Setup, faults: impl IntoIterator<Item = Fault>) -> Result<()> {
    let mut postgres = None;
    let mut failed = Vec::new();
    for fault in faults {
        let name = fault.name();
        heading(&format!("Chaos: {name}"));
        let outcome = match fault {
            Fault::Failover
            | Fault::LeaderReplaced
            | Fault::Switchover
            | Fault::NodesUpdated
            | Fault::LeaderCut
            | Fault::LeaderFrozen
            | Fault::AsynchronousFailover => on_cluster(setup, fault),
            Fault::EmbeddedKilled => on_sqlite(setup, fault),
            Fault::SynchronousStandbyAway | Fault::OlderDatabase | Fault::DemotedNode => {
                on_pair(setup, fault)
            }
            Fault::DiskFull => match Postgres::start_on_small_disk()? {
                Some(mut postgres) => on_postgres(setup, fault, &mut postgres),
                None => {
                    println!("{name}: SKIPPED, as only root may mount a disk that can be filled");
                    continue;
                }
            },
            _ => {
                let postgres = match &mut postgres {
                    Some(postgres) => postgres,
                    none => none.insert(Postgres::start(Durability::Full)?),
                };
                on_postgres(setup, fault, postgres)
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

fn on_sqlite(setup: &Setup, fault: Fault) -> Result<String> {
    let database = format!("sqlite:{}", setup.folder.join("chaos.db").display());
    let tokens = setup.prepare(&fault.name(), &database)?;
    let mut server = Some(setup.serve(&database, "embedded", "127.0.0.1:0", &[])?);
    let address = address_of(server.as_ref())?;
    let summary = setup.cause_under_load(fault, &[&address], &tokens, || {
        drop(server.take());
        server = Some(setup.serve(&database, "embedded", &address, &[])?);
        Ok(())
    })?;
    audit(setup.profile, &database)?;
    Ok(summary)
}
