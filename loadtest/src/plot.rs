//! Line plots over time, as SVG that needs nothing else.

use std::fmt::Write;

/// Lines over the same seconds.
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<Line>,
}

pub(crate) struct Line {
    pub(crate) name: String,
    /// Seconds, and the value at that time.
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 34.0;
/// Told apart by people who see few colours, too.
const COLOURS: [&str; 6] = ["#0b63ce", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#475569"];
const STEPS: i32 = 4;

impl Plot {
    pub(crate) fn has_points(&self) -> bool {
        self.lines.iter().any(|line| !line.points.is_empty())
    }

    pub(crate) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let last = points().map(|(at, _)| *at).fold(1.0, f64::max);
        let most = round_up(points().map(|(_, value)| *value).fold(0.0, f64::max));
        let x = |at: f64| LEFT + at / last * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=img aria-label=\"{}\" \
             font-family=system-ui font-size=12><text x={LEFT} y=18 font-size=15>{}</text>",
            self.title, self.title
        );
        for step in 0..=STEPS {
            let share = f64::from(step) / f64::from(STEPS);
            let (value, at) = (most * share, last * share);
            let (height, label) = (y(value), number(value));
            // Writing to a string succeeds.
            let _ = write!(
                svg,
                "<line x1={LEFT} x2={:.1} y1={height:.1} y2={height:.1} stroke=#d5dbe3 />\
                 <text x={:.1} y={:.1} text-anchor=end>{label}</text>\
                 <text x={:.1} y={:.1} text-anchor=middle>{} s</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                height + 4.0,
                x(at),
                HEIGHT - 12.0,
                number(at),
            );
        }
        for (place, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[place % COLOURS.len()];
            let path: Vec<String> = line
                .points
                .iter()
                .map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value)))
                .collect();
            let _ = write!(
                svg,
                "<polyline fill=none stroke-width=2 stroke={colour} points=\"{}\" />\
                 <text x={:.1} y={:.1} fill={colour}>{}</text>",
                path.join(" "),
                WIDTH - RIGHT + 12.0,
                TOP + 12.0 + 18.0 * place as f64,
                line.name,
            );
            // A line of one point is none.
            if let [(at, value)] = *line.points {
                let _ =
                    write!(svg, "<circle cx={:.1} cy={:.1} r=3 fill={colour} />", x(at), y(value));
            }
        }
        svg + "</svg>"
    }
}

/// The next of 1, 2, 2.5, 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= value).unwrap_or(10.0 * power)
}

fn number(value: f64) -> String {
    match value {
        value if value.fract() == 0.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (value, end) in
            [(0.0, 1.0), (0.3, 0.5), (7.0, 10.0), (1_001.0, 2_000.0), (2_400.0, 2_500.0)]
        {
            assert!((round_up(value) - end).abs() < 1e-9, "{value}");
        }
    }
}
