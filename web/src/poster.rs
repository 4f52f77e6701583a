//! The poster of an event without a picture, drawn from the event's id: two tones and some simple
//! shapes. It is the same whenever the event is shown, and another one for each event.

use std::fmt::Write;

/// Drawn over 160 × 90 units, in SVG.
pub(crate) fn svg(id: &str) -> String {
    let mut bits = Bits::of(id);
    let hue = bits.below(360);
    let second_hue = (hue + 25 + bits.below(50)) % 360;
    let mut svg = format!(
        "<svg viewBox=\"0 0 160 90\" preserveAspectRatio=\"xMidYMid slice\" aria-hidden=\"true\">\
         <path fill=\"hsl({hue} 42% 34%)\" d=\"M0 0h160v90H0z\"/>\
         <g fill=\"hsl({second_hue} 58% 62%)\">"
    );
    let kind = bits.below(4);
    for step in 0..5 {
        let opacity = 18 + 14 * step;
        let (x, y) = (bits.below(160), bits.below(90));
        // Writing to a `String` can't fail.
        let _ = match kind {
            // Rings around one centre, and a second one.
            0 => write!(
                svg,
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" opacity=\".{opacity}\"/>",
                30 + hue % 100,
                20 + hue % 50,
                88 - 17 * step
            ),
            // Hills, the nearest in front.
            1 => write!(
                svg,
                "<path opacity=\".{opacity}\" d=\"M0 {base}Q{} {} 80 {base}T160 {base}V90H0z\"/>",
                20 + x / 4,
                y / 2 + 8 * step,
                base = 30 + 12 * step
            ),
            // Bars of a chart or pipes of an organ.
            2 => write!(
                svg,
                "<path opacity=\".{opacity}\" d=\"M{} 90V{}h18V90zM{} 90V{y}h9V90z\"/>",
                6 + 32 * step,
                10 + y / 2,
                25 + 32 * step
            ),
            // Discs like confetti.
            _ => write!(
                svg,
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{}\" opacity=\".{opacity}\"/>",
                9 + bits.below(26)
            ),
        };
    }
    svg.push_str("</g></svg>");
    svg
}

/// Numbers that look random and follow from a text.
struct Bits(u64);

impl Bits {
    /// Begins with the FNV-1a hash of the text.
    fn of(text: &str) -> Self {
        Self(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// The next number, below the limit. These are the steps of SplitMix64.
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % u64::from(limit)) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_event_keeps_its_poster_and_others_have_other_ones() {
        let id = |n: u32| format!("01990000-0000-7000-8000-{n:012x}");
        let posters: HashSet<String> = (0..1_000).map(|n| svg(&id(n))).collect();
        assert_eq!(posters.len(), 1_000);
        assert_eq!(svg(&id(7)), svg(&id(7)));
    }

    #[test]
    fn a_poster_has_no_text_of_the_id() {
        assert!(!svg("<script>").contains("script"));
    }
}
