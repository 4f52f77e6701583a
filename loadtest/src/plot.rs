//! Line plots over time, as SVG.

use anyhow::Result;
use plotters::prelude::{
    ChartBuilder, Color, IntoDrawingArea, IntoFont, LineSeries, RGBColor, SVGBackend, TRANSPARENT,
    Text, TextStyle,
};

/// Lines over the same time.
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<Line>,
}

pub(crate) struct Line {
    pub(crate) name: String,
    /// Seconds since the start, and the value at that time.
    pub(crate) points: Vec<(f64, f64)>,
}

/// plotters draws on whole pixels. Four of them for each pixel on the screen keep lines smooth.
const PIXEL: u32 = 4;
const SIZE: (u32, u32) = (900 * PIXEL, 260 * PIXEL);
const LEFT: u32 = 80 * PIXEL;
const TOP: u32 = 32 * PIXEL;
const BOTTOM: u32 = 34 * PIXEL;
/// The left edge of the lines' names.
const NAMES: u32 = 760 * PIXEL;
const LINE_HEIGHT: u32 = 18 * PIXEL;

const INK: RGBColor = RGBColor(0x1b, 0x24, 0x30);
const GRID: RGBColor = RGBColor(0xd5, 0xdb, 0xe3);
/// Colours that people with colour blindness can tell apart.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x0b, 0x63, 0xce),
    RGBColor(0xc2, 0x41, 0x0c),
    RGBColor(0x15, 0x80, 0x3d),
    RGBColor(0x7e, 0x22, 0xce),
    RGBColor(0xa1, 0x62, 0x07),
    RGBColor(0x47, 0x55, 0x69),
];

impl Plot {
    pub(crate) fn has_points(&self) -> bool {
        self.lines.iter().any(|line| !line.points.is_empty())
    }

    /// An `<svg>` element. The page sets its width.
    pub(crate) fn svg(&self) -> Result<String> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let last_second = points().map(|(second, _)| *second).fold(1.0, f64::max);
        let max = points().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);

        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let (plot, names) = area.split_horizontally(NAMES);
        plot.draw(&Text::new(self.title, (LEFT as i32, 6 * PIXEL as i32), text(18, INK)))?;
        let mut chart = ChartBuilder::on(&plot)
            .margin_top(TOP)
            .margin_right(12 * PIXEL)
            .x_label_area_size(BOTTOM)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(0.0..last_second, 0.0..max * 1.05)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID.stroke_width(PIXEL))
            .light_line_style(TRANSPARENT)
            .axis_style(GRID.stroke_width(PIXEL))
            .set_all_tick_mark_size(6 * PIXEL)
            .label_style(text(15, INK))
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|second| format!("{} s", rounded(*second)))
            .y_label_formatter(&|value| rounded(*value))
            .draw()?;
        let tops = (TOP..).step_by(LINE_HEIGHT as usize);
        for ((line, colour), top) in self.lines.iter().zip(COLOURS.into_iter().cycle()).zip(tops) {
            // A line through one point is invisible.
            let point_size = if line.points.len() == 1 { 3 * PIXEL } else { 0 };
            let series =
                LineSeries::new(line.points.iter().copied(), colour.stroke_width(2 * PIXEL));
            chart.draw_series(series.point_size(point_size))?;
            names.draw(&Text::new(line.name.as_str(), (0, top as i32), text(15, colour)))?;
        }
        area.present()?;
        drop((chart, plot, names, area));
        Ok(svg)
    }
}

fn text(size: u32, colour: RGBColor) -> TextStyle<'static> {
    ("system-ui", size * PIXEL).into_font().color(&colour)
}

/// Rounded to thousandths, without trailing zeros.
fn rounded(value: f64) -> String {
    ((value * 1_000.0).round() / 1_000.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_names_its_lines_and_its_values() {
        let points = vec![(0.0, 0.1), (1.0, 0.3), (2.0, 0.7)];
        let lines = vec![Line { name: "refused: 1 < 2".to_owned(), points }];
        let svg = Plot { title: "Latency, ms", lines }.svg().unwrap();
        for text in ["Latency, ms", "refused: 1 &lt; 2", "0.6", "1 s"] {
            assert!(svg.contains(&format!(">\n{text}\n<")), "{text}: {svg}");
        }
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
    }

    #[test]
    fn a_line_of_one_point_is_visible() {
        let line = |points| Line { name: "booked".to_owned(), points };
        let svg_of = |points| Plot { title: "", lines: vec![line(points)] }.svg().unwrap();
        assert!(svg_of(vec![(0.0, 40.0)]).contains("<circle"));
        assert!(!svg_of(vec![(0.0, 40.0), (1.0, 41.0)]).contains("<circle"));
    }
}
