//! The results: a table for the terminal, and a page of the documentation with plots.

use std::{fmt::Write, fs, path::Path};

use anyhow::Result;

use super::{
    pgbench,
    row::{OF_LIMIT, Row, median, number},
    setup::Setup,
};
use crate::shell::output_of;

pub(super) const FILE: &str = "docs/benchmarks.md";
const PLOTS: &str = "docs/benchmarks";
const COLUMNS: usize = 8;

/// The results as a Markdown table, which is also readable on a terminal.
pub(super) fn table(rows: &[Row]) -> String {
    let head =
        ["", "measure", "", "baseline", "result (lowest to highest)", "target", "of the limit", ""];
    let mut lines: Vec<[String; COLUMNS]> = vec![head.map(str::to_owned)];
    for row in rows {
        let (low, high) = row.range();
        let unit = if row.baseline().is_some() { "×" } else { "" };
        let runs = if row.runs.len() > 1 {
            format!(" ({} to {})", number(low), number(high))
        } else {
            String::new()
        };
        lines.push([
            row.name.to_owned(),
            row.description.to_owned(),
            format!("{} {}", number(row.measure()), row.unit),
            row.baseline()
                .map_or("–".to_owned(), |baseline| format!("{} {}", number(baseline), row.unit)),
            format!("{}{unit}{runs}", number(row.result())),
            row.target.to_string() + unit,
            row.of_limit().map_or("–".to_owned(), |part| format!("{part:.2} (≥ {OF_LIMIT})")),
            if row.meets_target() { "ok" } else { "MISSED" }.to_owned(),
        ]);
    }
    let widths: Vec<usize> = (0..COLUMNS)
        .map(|column| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for (number_of_line, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} "));
        text += &format!("|{}|\n", cells.collect::<Vec<_>>().join("|"));
        if number_of_line == 0 {
            let rules = widths.iter().map(|width| "-".repeat(width + 2));
            text += &format!("|{}|\n", rules.collect::<Vec<_>>().join("|"));
        }
    }
    text
}

/// Writes the page and its plots.
pub(super) fn write(rows: &[Row], setup: &Setup) -> Result<()> {
    // Asked before anything is written, because written files make the work tree dirty.
    let machine = machine()?;
    if Path::new(PLOTS).exists() {
        fs::remove_dir_all(PLOTS)?;
    }
    fs::create_dir_all(PLOTS)?;
    let mut plots = String::new();
    for row in rows.iter().filter(|row| row.runs.len() > 1) {
        let file = format!("{}.svg", row.name.replace(", ", "-").replace(' ', "-"));
        fs::write(Path::new(PLOTS).join(&file), plot(row))?;
        let _ = writeln!(plots, "![{}: {}](benchmarks/{file})\n", row.name, row.description);
    }
    let notes: String = rows
        .iter()
        .filter(|row| !row.note.is_empty())
        .map(|row| format!("- **{}**: {}\n", row.name, row.note))
        .collect();
    let (runs, seconds) = (setup.runs, setup.seconds);
    let text = format!(
        "# Benchmarks\n\n\
         `cargo xtask bench` runs these benchmarks, writes this page, and fails if a target is\n\
         missed. Each benchmark runs {runs} times for {seconds} s, each time right after its\n\
         baseline. Those that hold memory last for as long as it grows, a start is measured ten\n\
         times, and the page once. The load test, the server and the database share one machine.\n\
         The result is the median of the ratios of measure to baseline, or the median of the\n\
         measure if there is no baseline. After each run that books, the load test checks that\n\
         nothing was oversold, no booking was lost, and all live counts were correct.\n\n{}\n\
         ## Machine and versions\n\n{}\n## Conditions\n\nThey are those of the last run of each benchmark.\n\n{notes}\n\
         ## What is compared\n\n\
         - **hot, spread, sold out**: `bookEvent` over HTTP on 256 connections, each by another\n  \
         user. The baseline is pgbench on the same PostgreSQL with the same schema and the\n  \
         default settings, with prepared statements and the script below. It is tried with 1 to\n  \
         32 clients, and each run takes the better of the two best numbers.\n\
         - **servers**: the same for one event on 1,024 connections, with the requests going to\n  \
         three servers in turn. The baseline is one of them, alone.\n\
         - **refusal**: a sale at half of the rate of refusals that was just measured, with ten\n  \
         times as many requests as tickets. Waiting for a free connection is part of the\n  \
         latency. After the same sale with the load test killed halfway, `rowlock audit` must\n  \
         find no violations.\n\
         - **browse**: `events(first: 10)` out of 1,000 events, with the fields that a card\n  \
         shows. The baseline is `{{ __typename }}` on the same server. Both have 256\n  \
         connections.\n\
         - **growth**: the median latency over 8 connections with 1,000,000 events and as many\n  \
         bookings. The baseline has 1,000 of each.\n\
         - **fan-out**: 10,000 sockets watch one event, while 1,000 bookings per second arrive.\n\
         - **held …**: how much a server with the default settings grows while one client does\n  \
         this.\n\
         - **flood**: 200 bookings per second on 32 connections, while another address sends 400\n  \
         costly texts per second.\n\
         - **embedded**: `bookEvent` on SQLite with `synchronous = FULL`. The baseline is\n  \
         SQLite's own program with one transaction per booking and the same durability. It also\n  \
         parses each statement, which takes some microseconds.\n\
         - **start, idle**: a migrated SQLite file with the demo data.\n\
         - **page**: the files of a first visit, as `cargo xtask web` builds them.\n\n\
         ## The limit\n\n\
         A request costs at least what `{{ __typename }}` costs on the same server and connections,\n\
         the load test's share included. A booking also costs what the statements of its batch\n\
         cost the database, played alone: by pgbench on one connection, in transactions of 256\n\
         bookings with their mails' job that don't wait for the disk; on SQLite by its own program,\n\
         without that job and without looking for earlier bookings. With `c` cores, `r` such\n\
         requests per second of busy cores and `b` such bookings per second, the limit is\n\
         `c / (c / r + 1 / b)`, and `b` at most. That of refusals is `r`.\n\n\
         [What a booking costs](../ARCHITECTURE.md#what-a-booking-costs-and-what-did-not-pay) says\n\
         where the rest goes, and what was tried.\n\n\
         ## The script for one event\n\n```sql\n{}```\n\n## Plots\n\n\
         Bars are medians and dots are runs. The baseline is grey.\n\n{plots}",
        table(rows),
        machine,
        pgbench::script(1),
    );
    fs::write(FILE, text.trim_end().to_owned() + "\n")?;
    Ok(())
}

/// The machine and the versions of programs.
fn machine() -> Result<String> {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let value = text.lines().find(|line| line.starts_with(name)).and_then(|line| {
            let (_, value) = line.split_once(':')?;
            Some(value.trim().to_owned())
        });
        value.unwrap_or_else(|| "unknown".to_owned())
    };
    let cores = std::thread::available_parallelism()?;
    let memory = field("/proc/meminfo", "MemTotal");
    let lines = [
        format!("{cores} cores of {}, {memory}", field("/proc/cpuinfo", "model name")),
        format!("Linux {}", output_of("uname", &["-r"])?.trim()),
        output_of("rustc", &["--version"])?.trim().to_owned(),
        crate::postgres::version()?,
        format!("rowlock at {}", output_of("git", &["describe", "--always", "--dirty"])?.trim()),
        output_of("date", &["--utc", "+%F"])?.trim().to_owned(),
    ];
    Ok(lines.map(|line| format!("- {line}\n")).concat())
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 110.0;
const BAR: f64 = 26.0;

/// An SVG with one bar for the baseline, one for the measure, and a dot for each run.
fn plot(row: &Row) -> String {
    let measured: Vec<f64> = row.runs.iter().map(|run| run.measure).collect();
    let baseline: Vec<f64> = row.runs.iter().filter_map(|run| run.baseline).collect();
    let bars = [("baseline", "#64748b", &baseline), ("rowlock", "#0b63ce", &measured)];
    let bars = bars.into_iter().filter(|(_, _, values)| !values.is_empty());
    let max = measured.iter().chain(&baseline).copied().fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| LEFT + value / max * (WIDTH - LEFT - RIGHT);
    let (mut shapes, mut top) = (String::new(), 40.0);
    for (name, colour, values) in bars {
        let (middle, value) = (top + BAR / 2.0, median(values.iter().copied()));
        // Writing to a string succeeds.
        let _ = write!(
            shapes,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{} {}</text>",
            LEFT - 8.0,
            middle + 4.0,
            x(value) - LEFT,
            x(max) + 12.0,
            middle + 4.0,
            number(value),
            row.unit,
        );
        for value in values {
            let _ = write!(
                shapes,
                "<circle cx=\"{:.1}\" cy=\"{middle}\" r=\"4\" fill=\"#fff\" stroke=\"#1b2430\"/>",
                x(*value)
            );
        }
        top += BAR + 10.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {0}\" width=\"{WIDTH}\" \
         height=\"{0}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#1b2430\">\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\">{1}: {2}</text>{shapes}</svg>\n",
        top + 6.0,
        row.name,
        row.description,
    )
}
