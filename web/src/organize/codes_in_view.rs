//! The codes that the camera sees. It sees a ticket many times while somebody holds it up.

/// After this long unseen, a code is out of view, in milliseconds. A code in a moving hand is not found
/// in every picture.
const GONE_AFTER_MILLIS: f64 = 2_000.0;

#[derive(Default)]
pub(super) struct CodesInView {
    /// With the time when each was seen last.
    codes: Vec<(String, f64)>,
}

impl CodesInView {
    /// Takes note of what the camera sees at a time in milliseconds. Returns a code that has just come
    /// into view, if `may_take` allows one; otherwise it counts as new until one is allowed.
    pub(super) fn look(&mut self, seen: &[String], now: f64, may_take: bool) -> Option<String> {
        for (code, last_seen) in &mut self.codes {
            if seen.contains(code) {
                *last_seen = now;
            }
        }
        self.codes.retain(|(_, last_seen)| now - last_seen < GONE_AFTER_MILLIS);
        let is_known = |code: &String| self.codes.iter().any(|(known, _)| known == code);
        let new = seen.iter().find(|code| may_take && !is_known(code))?.clone();
        self.codes.push((new.clone(), now));
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(codes: &[&str]) -> Vec<String> {
        codes.iter().map(|&code| code.to_owned()).collect()
    }

    #[test]
    fn a_code_that_stays_in_view_is_taken_once() {
        let mut view = CodesInView::default();
        assert_eq!(view.look(&codes(&["A"]), 0.0, true).as_deref(), Some("A"));
        for time in [200.0, 1_900.0, 3_800.0] {
            assert_eq!(view.look(&codes(&["A"]), time, true), None, "{time}");
        }
        // Some pictures are blurred.
        assert_eq!(view.look(&[], 4_000.0, true), None);
        assert_eq!(view.look(&codes(&["A"]), 5_700.0, true), None);
    }

    #[test]
    fn a_code_that_comes_back_is_taken_again() {
        let mut view = CodesInView::default();
        assert_eq!(view.look(&codes(&["A"]), 0.0, true).as_deref(), Some("A"));
        assert_eq!(view.look(&[], 2_000.0, true), None);
        assert_eq!(view.look(&codes(&["A"]), 2_200.0, true).as_deref(), Some("A"));
    }

    #[test]
    fn of_several_codes_each_is_taken_in_its_turn() {
        let mut view = CodesInView::default();
        let both = codes(&["A", "B"]);
        assert_eq!(view.look(&both, 0.0, true).as_deref(), Some("A"));
        assert_eq!(view.look(&both, 200.0, true).as_deref(), Some("B"));
        assert_eq!(view.look(&both, 400.0, true), None);
    }

    #[test]
    fn a_code_waits_while_the_one_before_is_being_checked() {
        let mut view = CodesInView::default();
        assert_eq!(view.look(&codes(&["A"]), 0.0, true).as_deref(), Some("A"));
        assert_eq!(view.look(&codes(&["B"]), 200.0, false), None);
        assert_eq!(view.look(&codes(&["B"]), 400.0, true).as_deref(), Some("B"));
    }
}
