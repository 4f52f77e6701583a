//! A QR code as a drawing in SVG.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// Width of the white margin that scanners need, in modules.
const QUIET_ZONE: usize = 4;

/// A code with its margin. The unit is a module, which is the smallest square of a code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Drawing {
    /// Width and height.
    pub(crate) size: usize,
    /// The dark modules, as the path of an SVG.
    pub(crate) path: String,
}

/// Draws a text, so that a reader still understands it if a seventh of the code can't be read. `None`
/// if the text is too long for any code.
pub(crate) fn drawing(text: &str) -> Option<Drawing> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        // Modules that touch are one shape. Between two shapes, some screens show a gap.
        for run in row.chunk_by(|left, right| left == right) {
            if run[0] == Color::Dark {
                let (left, top, length) = (x + QUIET_ZONE, y + QUIET_ZONE, run.len());
                // Writing to a string does not fail.
                let _ = write!(path, "M{left} {top}h{length}v1h-{length}z");
            }
            x += run.len();
        }
    }
    Some(Drawing { size: width + 2 * QUIET_ZONE, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modules of a drawing, in which each run of dark ones is as `drawing` writes it.
    fn dark_modules(drawing: &Drawing) -> Vec<Vec<bool>> {
        let mut modules = vec![vec![false; drawing.size]; drawing.size];
        for run in drawing.path.split('M').skip(1) {
            let mut numbers = run.split([' ', 'h', 'v']).map_while(|number| number.parse().ok());
            let mut next = || numbers.next().unwrap();
            let (x, y, length): (usize, usize, usize) = (next(), next(), next());
            modules[y][x..x + length].fill(true);
        }
        modules
    }

    fn read(drawing: &Drawing) -> String {
        const SCALE: usize = 4;
        let modules = dark_modules(drawing);
        let side = drawing.size * SCALE;
        let brightness = |x: usize, y: usize| if modules[y / SCALE][x / SCALE] { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, brightness);
        let found = image.detect_grids();
        assert_eq!(found.len(), 1);
        found[0].decode().unwrap().1
    }

    #[test]
    fn a_reader_finds_the_text_again() {
        for text in ["3QM72-XW43F/2".to_owned(), "7K2P9X".repeat(30)] {
            assert_eq!(read(&drawing(&text).unwrap()), text);
        }
    }

    #[test]
    fn a_margin_of_four_modules_stays_white() {
        let drawing = drawing("3QM72-XW43F/2").unwrap();
        let last = drawing.size - 1;
        let modules = dark_modules(&drawing);
        for (y, row) in modules.iter().enumerate() {
            for (x, is_dark) in row.iter().enumerate() {
                let is_margin = [x, y, last - x, last - y].iter().any(|&distance| distance < 4);
                assert!(!is_margin || !is_dark, "{x}, {y}");
            }
        }
        assert!(modules[4][4], "the code begins after the margin");
    }

    #[test]
    fn capital_letters_and_digits_need_a_smaller_code_than_others() {
        let size = |text: &str| drawing(text).unwrap().size;
        let code = "7K2P9X".repeat(30);
        assert!(size(&code) < size(&code.to_lowercase()));
    }

    #[test]
    fn a_text_that_fits_no_code_is_not_drawn() {
        assert_eq!(drawing(&"A".repeat(4_000)), None);
    }
}
