//! Measures what Rowlock promises of its speed, each against a baseline in the same run.

mod local;
mod measures;
mod page;
mod pgbench;
mod site;

use std::{fmt, fs, path::PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;

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

/// Where and how it is measured.
struct Lab {
    postgres: Postgres,
    folder: PathBuf,
    runs: u32,
    seconds: u64,
}

/// One line of the table.
struct Row {
    name: &'static str,
    what: &'static str,
    unit: &'static str,
    target: Target,
    runs: Vec<Run>,
    /// What the machine did meanwhile.
    note: String,
}

/// One measurement, right after its baseline where it has one.
#[derive(Clone, Copy, Debug)]
struct Run {
    baseline: Option<f64>,
    measure: f64,
}

/// What a row's ratio must be, or its measure where it has no baseline.
#[derive(Clone, Copy, Debug)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
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

impl Row {
    fn holds(&self) -> bool {
        match self.target {
            Target::AtLeast(least) => self.judged() >= least,
            Target::AtMost(most) => self.judged() <= most,
        }
    }

    /// What the target is about: the median of the runs.
    fn judged(&self) -> f64 {
        median(self.runs.iter().map(Run::judged))
    }

    /// The lowest and the highest of what is judged.
    fn spread(&self) -> (f64, f64) {
        let judged = || self.runs.iter().map(Run::judged);
        (judged().fold(f64::INFINITY, f64::min), judged().fold(0.0, f64::max))
    }

    fn measure(&self) -> f64 {
        median(self.runs.iter().map(|run| run.measure))
    }

    fn baseline(&self) -> Option<f64> {
        let baselines: Vec<f64> = self.runs.iter().filter_map(|run| run.baseline).collect();
        (!baselines.is_empty()).then(|| median(baselines))
    }
}

impl Run {
    fn judged(&self) -> f64 {
        self.baseline.map_or(self.measure, |baseline| self.measure / baseline)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
        }
    }
}

/// The middle one; of an even number the mean of the two in the middle.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        length => f64::midpoint(values[(length - 1) / 2], values[length / 2]),
    }
}

/// With the digits that matter.
fn number(value: f64) -> String {
    match value {
        value if value >= 1_000.0 => {
            let thousands = value as u64 / 1_000;
            format!("{thousands} {:03}", value as u64 % 1_000)
        }
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(target: Target, runs: &[(Option<f64>, f64)]) -> Row {
        let runs =
            runs.iter().map(|(baseline, measure)| Run { baseline: *baseline, measure: *measure });
        let runs = runs.collect();
        Row { name: "", what: "", unit: "", target, runs, note: String::new() }
    }

    #[test]
    fn a_row_is_judged_by_the_median_of_its_ratios() {
        let runs = [(Some(10.0), 90.0), (Some(20.0), 100.0), (Some(10.0), 80.0)];
        let row_of = |target| row(target, &runs);
        assert!((row_of(Target::AtLeast(8.0)).judged() - 8.0).abs() < 1e-9);
        assert!(row_of(Target::AtLeast(8.0)).holds());
        assert!(!row_of(Target::AtLeast(8.1)).holds());
        assert!(row_of(Target::AtMost(8.0)).holds());
        let (low, high) = row_of(Target::AtMost(8.0)).spread();
        assert!((low - 5.0).abs() < 1e-9 && (high - 9.0).abs() < 1e-9);
    }

    #[test]
    fn a_row_without_a_baseline_is_judged_by_itself() {
        assert!(row(Target::AtMost(20.0), &[(None, 19.0)]).holds());
        assert!(!row(Target::AtMost(20.0), &[(None, 21.0)]).holds());
    }

    #[test]
    fn numbers_have_the_digits_that_matter() {
        let words = [12_345.6, 999.6, 12.34, 1.234].map(number);
        assert_eq!(words, ["12 345", "1000", "12.3", "1.23"]);
    }
}
