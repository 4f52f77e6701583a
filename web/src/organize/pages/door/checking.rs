//! One scan from the click to the server's answer. Until the server has answered, the scan is repeated
//! with the same id, so a ticket is never checked in twice, and nobody is let in by a guess.

use cynic::Id;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::door::{CheckInInput, CheckInResult, check_in, undo_check_in};

use super::{
    action::{Action, Scan},
    outcome::Outcome,
};
use crate::{
    browser,
    repetition::{History, Missing, Repeated, repeat_until_answered},
    session::Session,
};

/// So many scans are listed.
const MAX_RECENT: usize = 5;

/// What the panel shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Ready,
    Waiting(Action),
    /// The answer is late or lost.
    NoAnswer(Action, Missing),
    /// Somebody at the door stopped waiting for the answer.
    GivenUp(Action),
    Outcome(Outcome),
}

/// A `Copy` handle to the scans of one page.
#[derive(Clone, Copy)]
pub(super) struct Checking {
    session: Session,
    event_id: StoredValue<Id>,
    zone: StoredValue<String>,
    pub(super) shown: RwSignal<Shown>,
    /// The latest outcomes, the newest first, each with a number.
    pub(super) recent: RwSignal<Vec<(u32, Outcome)>>,
    /// How many scans were answered.
    pub(super) answered: RwSignal<u32>,
    /// The scan that waits for an answer, and whether it is taken back.
    open: RwSignal<Option<(Action, Scan)>>,
}

impl Checking {
    pub(super) fn new(event_id: Id, zone: String) -> Self {
        Self {
            session: Session::from_context(),
            event_id: StoredValue::new(event_id),
            zone: StoredValue::new(zone),
            shown: RwSignal::new(Shown::Ready),
            recent: RwSignal::new(Vec::new()),
            answered: RwSignal::new(0),
            open: RwSignal::new(None),
        }
    }

    /// Whether something waits for an answer. There is one at a time, because people at the door must
    /// know whom an answer is about.
    pub(super) fn is_busy(self) -> bool {
        self.open.with(Option::is_some)
    }

    pub(super) fn is_busy_untracked(self) -> bool {
        self.open.with_untracked(Option::is_some)
    }

    /// Checks a ticket in, unless something waits for an answer.
    pub(super) fn check_in(self, code: String) {
        self.start(Action::CheckIn, Scan { code, id: browser::random_key() });
    }

    /// Whether the panel offers to take this scan back.
    pub(super) fn is_undo_shown(self, scan: &Scan) -> bool {
        self.shown.with(|shown| match shown {
            Shown::Outcome(outcome) => outcome.scan_to_undo.as_ref() == Some(scan),
            Shown::Ready | Shown::Waiting(_) | Shown::NoAnswer(..) | Shown::GivenUp(_) => false,
        })
    }

    /// Takes back the check-in that the scan made, unless something waits for an answer. The scan
    /// keeps its id, so however late this arrives, it takes back no other door's check-in.
    pub(super) fn undo(self, scan: Scan) {
        self.start(Action::Undo, scan);
    }

    fn start(self, action: Action, scan: Scan) {
        if self.is_busy_untracked() {
            return;
        }
        self.open.set(Some((action, scan.clone())));
        self.shown.set(Shown::Waiting(action));
        spawn_local(self.carry_out(action, scan));
    }

    /// Shows no verdict any more, unless something waits for an answer: from now on, it is about
    /// somebody else.
    pub(super) fn forget_verdict(self) {
        if !self.is_busy_untracked() {
            self.shown.set(Shown::Ready);
        }
    }

    /// Stops waiting for an answer. The server may have done what it was asked.
    pub(super) fn give_up(self) {
        if let Some((action, _)) = self.open.get_untracked() {
            self.open.set(None);
            self.shown.set(Shown::GivenUp(action));
        }
    }

    async fn carry_out(self, action: Action, scan: Scan) {
        let send = async || {
            let input = CheckInInput {
                event_id: self.event_id.get_value(),
                code: scan.code.clone(),
                scan_id: Some(scan.id.clone()),
            };
            match action {
                Action::CheckIn => {
                    let answer = self.session.run_repeatable(&check_in(input)).await;
                    answer.map(|data| data.check_in)
                }
                Action::Undo => {
                    let answer = self.session.run_repeatable(&undo_check_in(input)).await;
                    answer.map(|data| data.undo_check_in)
                }
            }
        };
        // The page may be gone by now.
        let is_open = || {
            let is_this =
                |(open_action, open): &(Action, Scan)| *open_action == action && open.id == scan.id;
            self.open.try_with_untracked(|open| open.as_ref().is_some_and(is_this)) == Some(true)
        };
        let on_missing = |missing| {
            if is_open() {
                self.shown.set(Shown::NoAnswer(action, missing));
            }
        };
        let mut history = History::New;
        let answer = loop {
            match repeat_until_answered(send, history, is_open, on_missing).await {
                Repeated::Answered(answer) => break answer,
                Repeated::Unknown if is_open() => history = History::MayBeDone,
                Repeated::Unknown | Repeated::Unwanted => return,
            }
        };
        if !is_open() {
            return;
        }
        let is_settled = matches!(
            answer,
            Ok(CheckInResult::CheckInSuccess(_) | CheckInResult::AlreadyCheckedIn(_))
        );
        let outcome = self.zone.with_value(|zone| Outcome::of(action, &scan.id, answer, zone));
        self.open.set(None);
        self.answered.update(|count| *count = count.wrapping_add(1));
        self.recent.update(|recent| {
            if action == Action::Undo && is_settled {
                // It is taken back, or somebody else's by now.
                for (_, earlier) in recent.iter_mut() {
                    earlier.scan_to_undo.take_if(|earlier| earlier.id == scan.id);
                }
            }
            recent.insert(0, (self.answered.get_untracked(), outcome.clone()));
            recent.truncate(MAX_RECENT);
        });
        self.shown.set(Shown::Outcome(outcome));
    }
}
