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
    /// The most that the machine could do, if that is known.
    pub(super) limit: Option<f64>,
}

/// The part of its limit that a measure has to reach.
pub(super) const OF_LIMIT: f64 = 0.7;

/// The limit on a row's ratio to its baseline, or on its measure if it has no baseline.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    pub(super) fn meets_target(&self) -> bool {
        let meets_target = match self.target {
            Target::AtLeast(minimum) => self.result() >= minimum,
            Target::AtMost(maximum) => self.result() <= maximum,
        };
        meets_target && self.of_limit().is_none_or(|part| part >= OF_LIMIT)
    }

    /// The median of the parts of the limit that the runs reached.
    pub(super) fn of_limit(&self) -> Option<f64> {
        let part = |run: &Run| run.limit.map(|limit| run.measure / limit);
        let parts: Vec<f64> = self.runs.iter().filter_map(part).collect();
        (!parts.is_empty()).then(|| median(parts))
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
    /// Without a baseline.
    pub(super) fn alone(measure: f64) -> Self {
        Self { baseline: None, measure, limit: None }
    }

    pub(super) fn against(baseline: f64, measure: f64) -> Self {
        Self { baseline: Some(baseline), ..Self::alone(measure) }
    }

    pub(super) fn with_limit(self, limit: f64) -> Self {
        Self { limit: Some(limit), ..self }
    }

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
        let runs = runs
            .iter()
            .map(|(baseline, measure)| Run { baseline: *baseline, ..Run::alone(*measure) });
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
    fn the_part_of_the_limit_counts_too() {
        let mut row = row(Target::AtLeast(1.0), &[(None, 60.0), (None, 70.0), (None, 90.0)]);
        for run in &mut row.runs {
            *run = run.with_limit(100.0);
        }
        assert_eq!(row.of_limit(), Some(0.7));
        assert!(row.meets_target());
        row.runs[1].measure = 69.0;
        assert!(!row.meets_target());
    }

    #[test]
    fn numbers_have_about_three_significant_digits() {
        let words = [12_345.6, 999.6, 12.34, 1.234].map(number);
        assert_eq!(words, ["12 345", "1000", "12.3", "1.23"]);
    }
}
