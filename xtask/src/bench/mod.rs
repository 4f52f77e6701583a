//! Measures whether Rowlock reaches its targets for speed, with baselines in the same run.

mod deployment;
mod limit;
mod page;
mod pgbench;
mod row;
mod setup;
mod with_load;
mod without_load;

use std::fs;

use anyhow::{Result, bail};
use clap::ValueEnum;

use self::setup::Setup;
use crate::{
    paths::target_folder,
    postgres::{Durability, Postgres},
    shell::{call, heading},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Benchmarks to run [default: all, and write docs/benchmarks.md]
    #[arg(value_enum)]
    names: Vec<Benchmark>,
    /// Number of runs of each benchmark, each right after its baseline
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Duration of each run
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Bookings of one event, compared with one transaction per booking
    Hot,
    /// Bookings of one event by three servers, compared with one
    Servers,
    /// Bookings of a thousand events, compared with one transaction per booking
    Spread,
    /// Refusals for a sold-out event, compared with one transaction per booking
    SoldOut,
    /// Latency of refusals while a sale opens, at half of the largest rate
    Refusal,
    /// The first page of the list, compared with a query that reads no data
    Browse,
    /// Latency with a million events and bookings, compared with a thousand
    Growth,
    /// Ten thousand subscribers to one event while it is booked
    FanOut,
    /// The memory that one client can make a server hold
    Abuse,
    /// Latency of bookings beside a flood of long texts
    Flood,
    /// Bookings on SQLite, compared with one transaction per booking
    Embedded,
    /// Time from start to ready, and memory of an idle server
    Start,
    /// Size of the first visit's downloads
    Page,
}

pub(crate) fn bench(args: &Args) -> Result<()> {
    heading("Building the programs");
    call("cargo", &["build", "--release", "-p", "rowlock", "-p", "rowlock-loadtest"])?;
    let folder = std::path::absolute(target_folder())?.join("bench");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let postgres = Postgres::start(Durability::Full)?;
    let setup = Setup { postgres, folder, runs: args.runs, seconds: args.seconds };
    let wanted = |name: &Benchmark| args.names.is_empty() || args.names.contains(name);
    let mut rows = Vec::new();
    for name in Benchmark::value_variants().iter().filter(|name| wanted(name)) {
        let possible = name.to_possible_value();
        heading(possible.as_ref().map_or("", |value| value.get_name()));
        rows.extend(match name {
            Benchmark::Hot => with_load::hot(&setup)?,
            Benchmark::Servers => with_load::servers(&setup)?,
            Benchmark::Spread => with_load::spread(&setup)?,
            Benchmark::SoldOut => with_load::sold_out(&setup)?,
            Benchmark::Refusal => with_load::refusal(&setup)?,
            Benchmark::Browse => with_load::browse(&setup)?,
            Benchmark::Growth => with_load::growth(&setup)?,
            Benchmark::FanOut => with_load::fan_out(&setup)?,
            Benchmark::Abuse => with_load::abuse(&setup)?,
            Benchmark::Flood => with_load::flood(&setup)?,
            Benchmark::Embedded => with_load::embedded(&setup)?,
            Benchmark::Start => without_load::start(&setup)?,
            Benchmark::Page => without_load::page()?,
        });
    }
    println!("\n{}", page::table(&rows));
    if args.names.is_empty() {
        page::write(&rows, &setup)?;
        println!("The results are written to {}.", page::FILE);
    } else {
        println!("{} is only written when all benchmarks run.", page::FILE);
    }
    let below: Vec<&str> =
        rows.iter().filter(|row| !row.meets_target()).map(|row| row.name).collect();
    if !below.is_empty() {
        bail!("targets missed: {}", below.join(", "));
    }
    Ok(())
}
