//! Measures what Rowlock promises of its speed, each against a baseline in the same run.

mod deployment;
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
    /// Only these; all of them, and docs/benchmarks.md, without a name
    #[arg(value_enum)]
    names: Vec<Benchmark>,
    /// How often each measure and its baseline are taken in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// How long each of them takes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Bookings of one event, against one transaction per booking
    Hot,
    /// Bookings of a thousand events, against one transaction per booking
    Spread,
    /// Refusals on a sold-out event, against the bookings of one event by one transaction each
    SoldOut,
    /// How soon most are refused in an on-sale at half of the most
    Refusal,
    /// The first page of the list, against a query that reads no data
    Browse,
    /// Latency at a million events and bookings, against a thousand
    Growth,
    /// Ten thousand subscribers to one event that is booked
    FanOut,
    /// Bookings on SQLite, against one transaction per booking
    Embedded,
    /// From exec to ready, and the memory of an idle server
    Start,
    /// What a first visit downloads
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
            Benchmark::Spread => with_load::spread(&setup)?,
            Benchmark::SoldOut => with_load::sold_out(&setup)?,
            Benchmark::Refusal => with_load::refusal(&setup)?,
            Benchmark::Browse => with_load::browse(&setup)?,
            Benchmark::Growth => with_load::growth(&setup)?,
            Benchmark::FanOut => with_load::fan_out(&setup)?,
            Benchmark::Embedded => with_load::embedded(&setup)?,
            Benchmark::Start => without_load::start(&setup)?,
            Benchmark::Page => without_load::page()?,
        });
    }
    println!("\n{}", page::table(&rows));
    if args.names.is_empty() {
        page::write(&rows, &setup)?;
        println!("written to {}", page::FILE);
    } else {
        println!("{} is written when everything is measured", page::FILE);
    }
    let below: Vec<&str> =
        rows.iter().filter(|row| !row.meets_target()).map(|row| row.name).collect();
    if !below.is_empty() {
        bail!("short of the target: {}", below.join(", "));
    }
    Ok(())
}
