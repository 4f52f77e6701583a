//! Decides what it means that a refresh token is sent, from the tokens that its session keeps.
//!
//! Each token of a session is issued in exchange for an earlier one. A token is *used* when it is
//! exchanged for the first time. While the newest token is not used, the answer that carried it may
//! have been lost. So the token before it can be exchanged again, and gets another one in its place.
//! All tokens before these two are void. Whoever sends a void token holds a copy: one that was taken
//! long ago, or one that the true owner has not got because a thief was faster. Only requests that
//! cross on their way do so by accident, and all of them are over within seconds.

use chrono::{DateTime, Duration, Utc};
use rowlock_entities::{RefreshTokenId, refresh_token::Model as Token};

/// Longest time for which requests can cross on their way. Two tabs that wake up at the same time
/// send the same cookie, and neither of them has stolen it.
pub(super) const GRACE: Duration = Duration::seconds(10);
/// Most void tokens that a session keeps. More can't be in flight at once, whatever the browser.
const MAX_VOID_TOKENS: usize = 8;

/// The consequence of a token that was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision<'a> {
    /// A new token is issued.
    Issue,
    /// The sender gets the newest token. It was issued for a request that crossed with this one.
    /// Both get the same, so whichever cookie arrives last is the right one.
    Repeat(&'a Token),
    /// The token has expired.
    Expired,
    /// One of those who hold the session's tokens has stolen them.
    Theft,
}

/// Changes of a session's other tokens that go with issuing a new one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) voided: Vec<RefreshTokenId>,
    pub(super) deleted: Vec<RefreshTokenId>,
}

/// Decides about `sent`, one of the session's `tokens`.
pub(super) fn decide<'a>(tokens: &'a [Token], sent: &Token, now: DateTime<Utc>) -> Decision<'a> {
    if sent.expires_at <= now {
        return Decision::Expired;
    }
    let unused = |token: &&Token| token.used_at.is_none() && token.voided_at.is_none();
    let newest = tokens.iter().filter(unused).max_by_key(|token| token.created_at);
    match (void_since(sent, tokens), newest) {
        (Some(since), Some(newest)) if is_recent(since, now) => Decision::Repeat(newest),
        (Some(_), _) => Decision::Theft,
        (None, Some(newest)) if sent.used_at.is_some() && is_recent(newest.created_at, now) => {
            Decision::Repeat(newest)
        }
        (None, _) => Decision::Issue,
    }
}

/// What becomes of the other tokens when a new one is issued for `sent`. A void token is kept only
/// while a request with it may be on its way.
pub(super) fn replaced_by_issuing(tokens: &[Token], sent: &Token, now: DateTime<Utc>) -> Replaced {
    let others = tokens.iter().filter(|token| token.id != sent.id);
    let mut others: Vec<(DateTime<Utc>, &Token)> =
        others.map(|token| (void_since(token, tokens).unwrap_or(now), token)).collect();
    others.sort_by_key(|(since, token)| (*since, token.created_at));
    let (mut voided, mut deleted) = (Vec::new(), Vec::new());
    for (rank, (since, token)) in others.into_iter().rev().enumerate() {
        if rank >= MAX_VOID_TOKENS || !is_recent(since, now) {
            deleted.push(token.id);
        } else if token.voided_at.is_none() {
            voided.push(token.id);
        }
    }
    Replaced { voided, deleted }
}

/// The time when the token became void, if it is.
fn void_since(token: &Token, tokens: &[Token]) -> Option<DateTime<Utc>> {
    token.voided_at.or_else(|| {
        // The previous version did not say so of a token whose successor was used.
        let not_void = tokens.iter().filter(|token| token.voided_at.is_none());
        let last_used_at = not_void.filter_map(|token| token.used_at).max()?;
        (token.used_at? < last_used_at).then_some(last_used_at)
    })
}

/// Whether `time` was just now. Clocks of servers differ, and can be set back.
fn is_recent(time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (now - time).abs() <= GRACE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rowlock_entities::SessionId;

    use super::*;

    /// A session, with its rows as the store would keep them.
    struct Session {
        now: DateTime<Utc>,
        tokens: Vec<Token>,
        issued: u32,
        has_ended: bool,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Outcome {
        /// The number of the token that the sender gets.
        Token(u32),
        Expired,
        Ended,
    }

    impl Session {
        fn new() -> Self {
            let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
            let mut session = Self { now, tokens: Vec::new(), issued: 0, has_ended: false };
            session.issue();
            session
        }

        fn wait(&mut self, seconds: i64) {
            self.now += Duration::seconds(seconds);
        }

        fn issue(&mut self) -> u32 {
            let number = self.issued;
            self.issued += 1;
            self.tokens.push(Token {
                id: RefreshTokenId::new(),
                session_id: SessionId(uuid::Uuid::nil()),
                token_hash: number.to_be_bytes().to_vec(),
                nonce: None,
                created_at: self.now,
                expires_at: self.now + Duration::days(7),
                used_at: None,
                voided_at: None,
            });
            number
        }

        fn send(&mut self, number: u32) -> Outcome {
            // Every token keeps the transaction's clock from standing still.
            self.now += Duration::milliseconds(1);
            let hash = number.to_be_bytes();
            let sent = self.tokens.iter().find(|token| token.token_hash == hash).cloned();
            let decision = match &sent {
                _ if self.has_ended => return Outcome::Ended,
                Some(sent) => decide(&self.tokens, sent, self.now),
                // The token names its session, which has forgotten it.
                None => Decision::Theft,
            };
            match (decision, sent) {
                (Decision::Repeat(newest), _) => {
                    let hash = newest.token_hash.as_slice().try_into().unwrap();
                    Outcome::Token(u32::from_be_bytes(hash))
                }
                (Decision::Expired, _) => Outcome::Expired,
                (Decision::Issue, Some(sent)) => {
                    let Replaced { voided, deleted } =
                        replaced_by_issuing(&self.tokens, &sent, self.now);
                    self.tokens.retain(|token| !deleted.contains(&token.id));
                    for token in &mut self.tokens {
                        if voided.contains(&token.id) {
                            token.voided_at = Some(self.now);
                        }
                        if token.id == sent.id {
                            token.used_at.get_or_insert(self.now);
                        }
                    }
                    Outcome::Token(self.issue())
                }
                (Decision::Theft | Decision::Issue, _) => {
                    self.has_ended = true;
                    Outcome::Ended
                }
            }
        }
    }

    #[test]
    fn a_token_is_exchanged_again_until_its_successor_is_used() {
        let mut session = Session::new();
        let mut last = Outcome::Token(0);
        for wait in [11, 60, 86_400] {
            // The answer was lost, and is missed after this time.
            let again = session.send(0);
            assert_ne!(again, last);
            session.wait(wait);
            last = again;
        }
        let Outcome::Token(last) = session.send(0) else { panic!() };
        session.wait(900);
        assert_eq!(session.send(last), Outcome::Token(last + 1));
        session.wait(11);
        assert_eq!(session.send(0), Outcome::Ended);
    }

    #[test]
    fn requests_that_cross_get_the_same_token() {
        let mut session = Session::new();
        assert_eq!([0; 3].map(|token| session.send(token)), [Outcome::Token(1); 3]);
        // One of them goes on at once, and then another one's request arrives.
        assert_eq!([1, 0, 1].map(|token| session.send(token)), [Outcome::Token(2); 3]);
        session.wait(900);
        assert_eq!(session.send(2), Outcome::Token(3));
    }

    #[test]
    fn a_token_that_another_replaced_is_theft_after_a_few_seconds() {
        for (wait, expected) in [(9, Outcome::Token(2)), (11, Outcome::Ended)] {
            let mut session = Session::new();
            assert_eq!(session.send(0), Outcome::Token(1));
            session.wait(11);
            assert_eq!(session.send(0), Outcome::Token(2));
            session.wait(wait);
            assert_eq!(session.send(1), expected);
        }
    }

    #[test]
    fn a_thief_and_the_owner_cannot_both_go_on() {
        // Each exchanges what they last got, in turns.
        let mut session = Session::new();
        let [mut thief, mut owner] = [0, 0];
        let mut exchanges = 0;
        'session: loop {
            for holder in [&mut thief, &mut owner] {
                session.wait(450);
                match session.send(*holder) {
                    Outcome::Token(next) => *holder = next,
                    _ => break 'session,
                }
                exchanges += 1;
            }
        }
        assert!(session.has_ended && exchanges <= 3, "{exchanges}");
    }

    #[test]
    fn a_session_keeps_few_tokens_however_often_they_are_exchanged() {
        for wait in [0, 1, 11] {
            let [mut one, mut chain] = [Session::new(), Session::new()];
            for exchange in 0..1_000 {
                assert_ne!(one.send(0), Outcome::Ended);
                assert_eq!(chain.send(exchange), Outcome::Token(exchange + 1));
                for session in [&mut one, &mut chain] {
                    session.wait(wait);
                    assert!(session.tokens.len() <= MAX_VOID_TOKENS + 2);
                }
            }
            assert!(one.issued <= 1 + 1_000, "{}", one.issued);
            assert_eq!(chain.send(3), Outcome::Ended, "the session knows its oldest tokens");
        }
    }

    #[test]
    fn an_expired_token_is_refused_and_ends_nothing() {
        let mut session = Session::new();
        session.wait(6 * 86_400);
        assert_eq!(session.send(0), Outcome::Token(1));
        session.wait(2 * 86_400);
        assert_eq!(session.send(0), Outcome::Expired);
        assert_eq!(session.send(1), Outcome::Token(2));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_void_token_good() {
        let mut session = Session::new();
        assert_eq!(session.send(0), Outcome::Token(1));
        session.wait(3_600);
        assert_eq!(session.send(1), Outcome::Token(2));
        session.wait(-1_800);
        assert_eq!(session.send(2), Outcome::Token(3));
        assert_eq!(session.send(2), Outcome::Token(3));
        session.wait(-7_200);
        assert_eq!(session.send(2), Outcome::Token(4));
        assert_eq!(session.send(4), Outcome::Token(5));
        assert_eq!(session.send(0), Outcome::Ended);
    }

    #[test]
    fn tokens_of_the_previous_version_are_told_apart() {
        // That version marked a token as used and did nothing else.
        let mut session = Session::new();
        for number in 0..3 {
            session.tokens[number].used_at = Some(session.now);
            session.wait(900);
            session.issue();
        }
        session.wait(11);
        assert_eq!(session.send(2), Outcome::Token(4), "the answer with 3 was lost");
        session.wait(11);
        assert_eq!(session.send(1), Outcome::Ended);
    }

    /// The same rules, in a model that never forgets a token.
    struct Model {
        void_since: Vec<Option<DateTime<Utc>>>,
        voided: Vec<u32>,
        newest: u32,
        parent: Option<u32>,
        newest_issued_at: DateTime<Utc>,
    }

    impl Model {
        fn send(&mut self, sent: u32, now: DateTime<Utc>) -> Outcome {
            let issue = |model: &mut Self, voided: Option<u32>| {
                if let Some(voided) = voided {
                    model.void_since[voided as usize] = Some(now);
                    model.voided.push(voided);
                }
                model.newest = u32::try_from(model.void_since.len()).unwrap();
                model.void_since.push(None);
                model.parent = Some(sent);
                model.newest_issued_at = now;
                Outcome::Token(model.newest)
            };
            if sent == self.newest {
                return issue(self, self.parent);
            }
            if Some(sent) == self.parent {
                return match now - self.newest_issued_at <= GRACE {
                    true => Outcome::Token(self.newest),
                    false => issue(self, Some(self.newest)),
                };
            }
            let since = self.void_since[sent as usize].unwrap();
            let is_known = self.voided.iter().rev().take(MAX_VOID_TOKENS).any(|v| *v == sent);
            match is_known && now - since <= GRACE {
                true => Outcome::Token(self.newest),
                false => Outcome::Ended,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Sends some of the latest tokens at random times.
        #[test]
        fn a_session_that_forgets_decides_as_one_that_remembers_everything(
            steps in prop::collection::vec(
                (0_u32..6, prop::sample::select(vec![0, 0, 0, 1, 5, 9, 11, 900])),
                1..60,
            )
        ) {
            let mut session = Session::new();
            let mut model = Model {
                void_since: vec![None],
                voided: Vec::new(),
                newest: 0,
                parent: None,
                newest_issued_at: session.now,
            };
            for (age, wait) in steps {
                session.wait(wait);
                let sent = session.issued.saturating_sub(1 + age);
                let outcome = session.send(sent);
                prop_assert_eq!(outcome, model.send(sent, session.now));
                prop_assert!(session.tokens.len() <= MAX_VOID_TOKENS + 2);
                if outcome == Outcome::Ended {
                    break;
                }
                // Whoever got the last answer can go on, whenever that is.
                let Outcome::Token(got) = outcome else { panic!() };
                prop_assert_eq!(got, session.issued - 1);
            }
        }
    }
}
