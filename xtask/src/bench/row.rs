//! Results: lines of the table, each from several runs, with its target.

use std::fmt;

/// A line of the table.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) unit: &'static str,
    pub(super) target: Target,
    pub(super) runs: Vec<Run>,
    /// How busy the machine was, and other circumstances.
    pub(super) note: String,
}

/// One measurement. A baseline, if there is one, is measured right before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) baseline: Option<f64>,
    pub(super) measure: f64,
}

/// The limit on a row's ratio to its baseline, or on its measure if it has no baseline.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    pub(super) fn meets_target(&self) -> bool {
        match self.target {
            Target::AtLeast(minimum) => self.result() >= minimum,
            Target::AtMost(maximum) => self.result() <= maximum,
        }
    }

    /// The median over the runs, which is compared with the target.
    pub(super) fn result(&self) -> f64 {
        median(self.runs.iter().map(Run::result))
    }

    /// The lowest and the highest result of a run.
    pub(super) fn range(&self) -> (f64, f64) {
        let results = || self.runs.iter().map(Run::result);
        (results().fold(f64::INFINITY, f64::min), results().fold(0.0, f64::max))
    }

    pub(super) fn measure(&self) -> f64 {
        median(self.runs.iter().map(|run| run.measure))
    }

    pub(super) fn baseline(&self) -> Option<f64> {
        let baselines: Vec<f64> = self.runs.iter().filter_map(|run| run.baseline).collect();
        (!baselines.is_empty()).then(|| median(baselines))
    }
}

impl Run {
    pub(super) fn result(&self) -> f64 {
        self.baseline.map_or(self.measure, |baseline| self.measure / baseline)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(minimum) => write!(f, "≥ {minimum}"),
            Self::AtMost(maximum) => write!(f, "≤ {maximum}"),
        }
    }
}

/// The middle value, or the mean of the two in the middle.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        length => f64::midpoint(values[(length - 1) / 2], values[length / 2]),
    }
}

/// Formatted with about three significant digits.
pub(super) fn number(value: f64) -> String {
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
        Row { name: "", description: "", unit: "", target, runs, note: String::new() }
    }

    #[test]
    fn the_median_of_the_ratios_is_compared_with_the_target() {
        let runs = [(Some(10.0), 90.0), (Some(20.0), 100.0), (Some(10.0), 80.0)];
        let row_of = |target| row(target, &runs);
        assert!((row_of(Target::AtLeast(8.0)).result() - 8.0).abs() < 1e-9);
        assert!(row_of(Target::AtLeast(8.0)).meets_target());
        assert!(!row_of(Target::AtLeast(8.1)).meets_target());
        assert!(row_of(Target::AtMost(8.0)).meets_target());
        let (low, high) = row_of(Target::AtMost(8.0)).range();
        assert!((low - 5.0).abs() < 1e-9 && (high - 9.0).abs() < 1e-9);
    }

    #[test]
    fn without_a_baseline_the_measure_is_compared_with_the_target() {
        assert!(row(Target::AtMost(20.0), &[(None, 19.0)]).meets_target());
        assert!(!row(Target::AtMost(20.0), &[(None, 21.0)]).meets_target());
    }

    #[test]
    fn numbers_have_about_three_significant_digits() {
        let words = [12_345.6, 999.6, 12.34, 1.234].map(number);
        assert_eq!(words, ["12 345", "1000", "12.3", "1.23"]);
    }
}
