//! Attempts to book whose outcome is not known yet, with their idempotency keys.

use rowlock_web_operations::events::Money;
use serde::{Deserialize, Serialize};

/// How long after its beginning, in milliseconds, an attempt goes on when the tab is loaded again.
/// Later, people no longer expect that.
const RESUME_WITHIN_MILLIS: i64 = 300_000;

/// An attempt to book. It is repeated with the same key, so it can't book twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) event_id: String,
    pub(super) title: String,
    pub(super) quantity: i32,
    /// The price of one ticket that the user has seen.
    pub(super) price: Money,
    pub(super) key: String,
    /// By the browser's clock, in milliseconds.
    pub(super) began_at: i64,
    /// Whether no answer came in time, or while the user was signed in. It is sent again only if the
    /// user asks for that.
    pub(super) is_given_up: bool,
}

/// The attempts of one user. There is at most one for each event, because a user has at most one
/// booking of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Attempts {
    user_id: String,
    open: Vec<Attempt>,
}

impl Attempts {
    /// Reads what [`Self::to_json`] wrote. Attempts that are too old are left out.
    pub(super) fn from_json(json: &str, now: i64) -> Self {
        let mut attempts: Self = serde_json::from_str(json).unwrap_or_default();
        attempts
            .open
            .retain(|attempt| (0..RESUME_WITHIN_MILLIS).contains(&(now - attempt.began_at)));
        attempts
    }

    pub(super) fn to_json(&self) -> Option<String> {
        // Strings and numbers can always be serialized.
        (!self.open.is_empty()).then(|| serde_json::to_string(self).unwrap_or_default())
    }

    pub(super) fn all(&self) -> &[Attempt] {
        &self.open
    }

    /// Makes this the user whose attempts these are. Those of anybody else are forgotten.
    pub(super) fn keep_only_those_of(&mut self, user_id: &str) {
        if self.user_id != user_id {
            *self = Self { user_id: user_id.to_owned(), open: Vec::new() };
        }
    }

    pub(super) fn add(&mut self, attempt: Attempt) {
        self.forget(&attempt.event_id);
        self.open.push(attempt);
    }

    pub(super) fn of_event(&self, event_id: &str) -> Option<&Attempt> {
        self.open.iter().find(|attempt| attempt.event_id == event_id)
    }

    pub(super) fn set_given_up(&mut self, event_id: &str, is_given_up: bool) {
        for attempt in self.open.iter_mut().filter(|attempt| attempt.event_id == event_id) {
            attempt.is_given_up = is_given_up;
        }
    }

    pub(super) fn give_up_all(&mut self) {
        self.open.iter_mut().for_each(|attempt| attempt.is_given_up = true);
    }

    /// Forgets the event's attempt, because its outcome is known. With the old key, the server would
    /// return the old booking, even if it has been cancelled.
    pub(super) fn forget(&mut self, event_id: &str) {
        self.open.retain(|attempt| attempt.event_id != event_id);
    }
}

#[cfg(test)]
mod tests {
    use rowlock_web_operations::Decimal;

    use super::*;

    fn attempt(event_id: &str, key: &str, began_at: i64) -> Attempt {
        let (event_id, title) = (event_id.to_owned(), "Jazz Night".to_owned());
        let price = Money { amount: Decimal("35.00".to_owned()), currency: "USD".to_owned() };
        let key = key.to_owned();
        Attempt { event_id, title, quantity: 3, price, key, began_at, is_given_up: false }
    }

    fn of_ada(open: &[Attempt]) -> Attempts {
        Attempts { user_id: "ada".to_owned(), open: open.to_vec() }
    }

    #[test]
    fn an_event_has_one_attempt_until_its_outcome_is_known() {
        let mut attempts = of_ada(&[attempt("a", "first", 0)]);
        attempts.add(attempt("a", "second", 0));
        attempts.add(attempt("b", "third", 0));
        assert_eq!(attempts.of_event("a").unwrap().key, "second");
        attempts.forget("a");
        assert_eq!(attempts, of_ada(&[attempt("b", "third", 0)]));
    }

    #[test]
    fn attempts_survive_a_reload_for_some_minutes() {
        let attempts = of_ada(&[attempt("a", "first", 1_000), attempt("b", "second", 200_000)]);
        let json = attempts.to_json().unwrap();
        assert_eq!(Attempts::from_json(&json, 200_000), attempts);
        let young = of_ada(&[attempt("b", "second", 200_000)]);
        assert_eq!(Attempts::from_json(&json, 400_000), young);
        // The clock was set back.
        assert_eq!(Attempts::from_json(&json, 0), of_ada(&[]));
        assert_eq!(of_ada(&[]).to_json(), None);
        for text in ["", "null", "{}", "[1]"] {
            assert_eq!(Attempts::from_json(text, 0), Attempts::default(), "{text}");
        }
    }

    #[test]
    fn an_attempt_that_was_given_up_is_still_given_up_after_a_reload() {
        let mut attempts = of_ada(&[attempt("a", "first", 0), attempt("b", "second", 0)]);
        attempts.set_given_up("a", true);
        let restored = Attempts::from_json(&attempts.to_json().unwrap(), 1_000);
        assert!(restored.of_event("a").unwrap().is_given_up);
        assert!(!restored.of_event("b").unwrap().is_given_up);
    }

    #[test]
    fn the_attempts_of_another_user_are_forgotten() {
        let mut attempts = of_ada(&[attempt("a", "first", 0)]);
        attempts.keep_only_those_of("ada");
        assert_eq!(attempts.all().len(), 1);
        attempts.keep_only_those_of("grace");
        assert!(attempts.all().is_empty());
    }
}
