//! Measures what Rowlock promises of its speed, each against a baseline in the same run.

mod lab;
mod local;
mod measures;
mod page;
mod pgbench;
mod row;
mod site;

use std::fs;

use anyhow::{Result, bail};
use clap::ValueEnum;

use self::lab::Lab;
use crate::{
    paths::target_folder,
    postgres::{Durability, Postgres},
    shell::{call, heading},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these; all of them, and docs/benchmarks.md, without a name
    #[arg(value_enum)]
    names: Vec<Name>,
    /// How often each measure and its baseline are taken in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// How long each of them takes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
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
    let postgres = Postgres::start(Durability::Real)?;
    let lab = Lab { postgres, folder, runs: args.runs, seconds: args.seconds };
    let wanted = |name: &Name| args.names.is_empty() || args.names.contains(name);
    let mut rows = Vec::new();
    for name in Name::value_variants().iter().filter(|name| wanted(name)) {
        let possible = name.to_possible_value();
        heading(possible.as_ref().map_or("", |value| value.get_name()));
        rows.extend(match name {
            Name::Hot => measures::hot(&lab)?,
            Name::Spread => measures::spread(&lab)?,
            Name::SoldOut => measures::sold_out(&lab)?,
            Name::Refusal => measures::refusal(&lab)?,
            Name::Browse => measures::browse(&lab)?,
            Name::Growth => measures::growth(&lab)?,
            Name::FanOut => measures::fan_out(&lab)?,
            Name::Embedded => measures::embedded(&lab)?,
            Name::Start => local::start(&lab)?,
            Name::Page => local::page()?,
        });
    }
    println!("\n{}", page::table(&rows));
    if args.names.is_empty() {
        page::write(&rows, &lab)?;
        println!("written to {}", page::FILE);
    } else {
        println!("{} is written when everything is measured", page::FILE);
    }
    let below: Vec<&str> = rows.iter().filter(|row| !row.holds()).map(|row| row.name).collect();
    if !below.is_empty() {
        bail!("short of the target: {}", below.join(", "));
    }
    Ok(())
}
