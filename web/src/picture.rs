//! What an event looks like: its picture or, without one, a poster that is drawn from its id.

use std::fmt::Write;

use rowlock_web_operations::events::{Cover, Event};

/// The event's picture or poster, as HTML. `sizes` says how wide it is shown, as in the attribute of
/// that name.
pub(crate) fn html(event: &Event, sizes: &str) -> String {
    let Some(Cover { alt, small, medium, large }) = &event.cover else {
        return poster(event.id.inner());
    };
    let alt = alt.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<img src=\"{medium}\" srcset=\"{small} 400w, {medium} 800w, {large} 1600w\" \
         sizes=\"{sizes}\" alt=\"{alt}\" width=\"1600\" height=\"900\">"
    )
}

/// Two tones and some simple shapes, in SVG. They are the same whenever the event is shown, and
/// others for each event.
fn poster(id: &str) -> String {
    let mut bits = Bits::of(id);
    let hue = bits.below(360);
    let second_hue = (hue + 25 + bits.below(50)) % 360;
    let mut svg = format!(
        "<svg viewBox=\"0 0 160 90\" preserveAspectRatio=\"xMidYMid slice\" aria-hidden=\"true\">\
         <path fill=\"hsl({hue} 42% 34%)\" d=\"M0 0h160v90H0z\"/>\
         <g fill=\"hsl({second_hue} 58% 62%)\">"
    );
    let kind = bits.below(4);
    let centre = (30 + bits.below(100), 20 + bits.below(50));
    for step in 0..5 {
        let opacity = 18 + 14 * step;
        let (x, y) = (bits.below(160), bits.below(90));
        // Writing to a `String` can't fail.
        let _ = match kind {
            // Rings around one centre.
            0 => write!(
                svg,
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" opacity=\".{opacity}\"/>",
                centre.0,
                centre.1,
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
    use crate::event_changes::tests::event;

    #[test]
    fn an_event_keeps_its_poster_and_others_have_other_ones() {
        let id = |n: u32| format!("01990000-0000-7000-8000-{n:012x}");
        let posters: HashSet<String> = (0..1_000).map(|n| poster(&id(n))).collect();
        assert_eq!(posters.len(), 1_000);
        assert_eq!(poster(&id(7)), poster(&id(7)));
    }

    #[test]
    fn what_people_write_stays_text() {
        assert!(!poster("<script>").contains("script"));
        let mut event = event();
        let file = |width: u32| format!("/covers/0a-{width}.jpg");
        event.cover = Some(Cover {
            alt: "A \" onerror=\"alert(1)".to_owned(),
            small: file(400),
            medium: file(800),
            large: file(1600),
        });
        let html = html(&event, "100vw");
        assert!(html.contains("alt=\"A &quot; onerror=&quot;alert(1)\""), "{html}");
        assert!(html.contains("/covers/0a-400.jpg 400w"), "{html}");
    }
}
