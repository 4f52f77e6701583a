//! The results of a load: printed on the terminal, and written as a page or as JSON.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    load::{Latencies, Results},
    machine::CpuUsage,
    plot::{Line, Plot},
};

/// Files that the results are written to.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Output {
    /// Write the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results as an HTML page with plots, which needs no network
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// An expectation, and what was found instead.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) actual: String,
    pub(crate) expected: String,
}

impl Check {
    pub(crate) fn new(name: &'static str, actual: &dyn ToString, expected: &dyn ToString) -> Self {
        Self { name, actual: actual.to_string(), expected: expected.to_string() }
    }

    pub(crate) fn holds(&self) -> bool {
        self.actual == self.expected
    }

    pub(crate) fn print(&self) {
        let Self { name, actual, expected } = self;
        let verdict = if self.holds() { "ok" } else { "WRONG" };
        println!("  {name:<44} {actual:>9}  of {expected:>9}  {verdict}");
    }
}

/// The results of a load.
pub(crate) struct Report {
    pub(crate) scenario: &'static str,
    pub(crate) elapsed: Duration,
    pub(crate) results: Results,
    pub(crate) checks: Vec<Check>,
    /// Other numbers. The name ends with the unit.
    pub(crate) figures: Vec<(&'static str, f64)>,
    /// Seconds since the start, and the number of tickets left at that time.
    pub(crate) remaining: Vec<(f64, i64)>,
    pub(crate) usage: CpuUsage,
}

impl Output {
    /// Checks before the load that the files can be written.
    pub(crate) fn prepare(&self) -> Result<()> {
        for file in self.json.iter().chain(&self.report) {
            let opened = fs::OpenOptions::new().create(true).append(true).open(file);
            opened.with_context(|| format!("writing {}", file.display()))?;
        }
        Ok(())
    }
}

impl Report {
    /// Prints and writes the results; returns whether every check holds.
    pub(crate) fn publish(&self, output: &Output) -> Result<bool> {
        self.print();
        let write = |file: &PathBuf, text: String| {
            fs::write(file, text).with_context(|| format!("writing {}", file.display()))
        };
        if let Some(file) = &output.json {
            write(file, serde_json::to_string_pretty(&self.json())?)?;
        }
        if let Some(file) = &output.report {
            write(file, self.page()?)?;
        }
        if self.results.kinds.contains_key("RATE_LIMITED") {
            println!(
                "The server refused some requests as RATE_LIMITED. To avoid that, use more users, \
                 or start the server with a larger --bookings-per-minute-per-user."
            );
        }
        let passed = self.passed();
        println!("{}", if passed { "PASS" } else { "FAIL" });
        Ok(passed)
    }

    fn passed(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }

    fn rate(&self) -> f64 {
        self.results.count() as f64 / self.elapsed.as_secs_f64()
    }

    fn print(&self) {
        let (count, seconds) = (self.results.count(), self.elapsed.as_secs_f64());
        println!("{count} requests in {seconds:.2} s: {:.0}/s", self.rate());
        println!(
            "  {:<20} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "ms", "count", "p50", "p90", "p95", "p99", "max"
        );
        for (kind, times) in &self.results.kinds {
            let [p50, p90, p95, p99, max] = QUANTILES.map(|(_, quantile)| times.millis(quantile));
            let count = times.count();
            println!(
                "  {kind:<20} {count:>9} {p50:>9.1} {p90:>9.1} {p95:>9.1} {p99:>9.1} {max:>9.1}"
            );
        }
        for (name, value) in &self.figures {
            println!("  {:<44} {value:>9.2}", name.replace('_', " "));
        }
        println!("{}", self.usage);
        self.checks.iter().for_each(Check::print);
    }

    fn json(&self) -> Value {
        let times = |times: &Latencies| {
            let mut object = serde_json::Map::new();
            object.insert("count".to_owned(), times.count().into());
            for (name, quantile) in QUANTILES {
                object.insert(format!("{name}_ms"), times.millis(quantile).into());
            }
            Value::Object(object)
        };
        let kinds = |kinds: &BTreeMap<String, Latencies>| -> Value {
            kinds.iter().map(|(kind, found)| (kind.clone(), times(found))).collect()
        };
        json!({
            "scenario": self.scenario,
            "command": command(),
            "passed": self.passed(),
            "seconds": self.elapsed.as_secs_f64(),
            "requests": self.results.count(),
            "requests_per_second": self.rate(),
            "kinds": kinds(&self.results.kinds),
            "by_second": self.results.seconds.iter().map(kinds).collect::<Vec<_>>(),
            "figures": self.figures.iter().copied().collect::<BTreeMap<_, _>>(),
            "remaining": self.remaining,
            "client_share_of_machine": self.usage.client,
            "machine_busy": self.usage.machine,
            "checks": self.checks.iter().map(|check| json!({
                "what": check.name,
                "was": check.actual,
                "should": check.expected,
                "holds": check.holds(),
            })).collect::<Vec<_>>(),
        })
    }

    fn page(&self) -> Result<String> {
        // The last second is incomplete and would look like a drop, so it is left out.
        let whole = self.results.seconds.len().min(self.elapsed.as_secs().max(1) as usize);
        let by_second = |value: &dyn Fn(Option<&Latencies>) -> Option<f64>| -> Vec<Line> {
            let kinds = self.results.kinds.keys();
            kinds
                .map(|kind| Line {
                    name: kind.clone(),
                    points: (0..)
                        .zip(&self.results.seconds[..whole])
                        .filter_map(|(second, kinds)| {
                            Some((f64::from(second), value(kinds.get(kind))?))
                        })
                        .collect(),
                })
                .collect()
        };
        let throughput = Plot {
            title: "Answers per second",
            lines: by_second(&|times| Some(times.map_or(0.0, |times| times.count() as f64))),
        };
        let latency = Plot {
            title: "Latency, 99th percentile, ms",
            lines: by_second(&|times| Some(times?.millis(0.99))),
        };
        let points = self.remaining.iter().map(|(at, left)| (*at, *left as f64)).collect();
        let remaining = Plot {
            title: "Remaining tickets of all events, as subscribers saw them",
            lines: vec![Line { name: "left".to_owned(), points }],
        };
        let plots = [throughput, latency, remaining];
        let mut plots_html = String::new();
        for plot in plots.iter().filter(|plot| plot.has_points()) {
            let (title, svg) = (plot.title, plot.svg()?);
            plots_html += &format!("<figure role=img aria-label=\"{title}\">{svg}</figure>");
        }
        let figures: String = self
            .figures
            .iter()
            .map(|(name, value)| {
                format!("<tr><th>{}</th><td>{value:.2}</td></tr>", name.replace('_', " "))
            })
            .collect();
        let verdict = if self.passed() { "PASS" } else { "FAIL" };
        let command = escape(&command());
        let rows: String = self
            .results
            .kinds
            .iter()
            .map(|(kind, times)| {
                let cells = QUANTILES.map(|(_, q)| format!("<td>{:.1}</td>", times.millis(q)));
                let (kind, count) = (escape(kind), times.count());
                format!("<tr><th>{kind}</th><td>{count}</td>{}</tr>", cells.concat())
            })
            .collect();
        let checks: String = self
            .checks
            .iter()
            .map(|check| {
                let Check { name, actual, expected } = check;
                let verdict = if check.holds() { "ok" } else { "WRONG" };
                format!(
                    "<tr><th>{name}</th><td>{actual}</td><td>{expected}</td><td>{verdict}</td></tr>"
                )
            })
            .collect();
        let (scenario, seconds, rate) = (self.scenario, self.elapsed.as_secs_f64(), self.rate());
        let (count, usage) = (self.results.count(), &self.usage);
        Ok(format!(
            "<!doctype html><html lang=en><meta charset=utf-8><title>Rowlock: {scenario}</title>\
             <style>body{{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem;\
             color:#1b2430;background:#fff}}table{{border-collapse:collapse;margin:1rem 0}}\
             th,td{{padding:.25rem .75rem;border-bottom:1px solid #d5dbe3;text-align:right}}\
             th{{text-align:left;font-weight:500}}figure{{margin:0}}\
             svg{{width:100%;height:auto}}</style>\
             <h1>{scenario}: {verdict}</h1><p><code>{command}</code></p>\
             <p>{count} requests in {seconds:.1} s: {rate:.0} per second. {usage}</p>\
             <table><tr><th>outcome</th><td>count</td><td>p50 ms</td><td>p90</td><td>p95</td>\
             <td>p99</td><td>max</td></tr>{rows}</table><table>{figures}</table>{plots_html}\
             <table><tr><th>check</th><td>found</td><td>expected</td><td></td></tr>{checks}</table>"
        ))
    }
}

/// Escapes text for HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The command line as it was typed.
fn command() -> String {
    let name = env!("CARGO_BIN_NAME").to_owned();
    [name].into_iter().chain(std::env::args().skip(1)).collect::<Vec<_>>().join(" ")
}

const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)];
