//! One scan from the click to the server's answer. Until the server has answered, the scan is repeated
//! with the same id, so a ticket is never checked in twice, and nobody is let in by a guess.

use cynic::Id;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::door::{CheckInInput, check_in, undo_check_in};

use super::{action::Action, outcome::Outcome};
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
    Checking,
    /// The answer is late or lost.
    NoAnswer(Missing),
    /// Somebody at the door stopped waiting for the answer.
    GivenUp,
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
    /// The id of the scan that waits for an answer.
    open_scan: RwSignal<Option<String>>,
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
            open_scan: RwSignal::new(None),
        }
    }

    /// Whether a scan waits for an answer. There is one at a time, because people at the door must
    /// know whom an answer is about.
    pub(super) fn is_busy(self) -> bool {
        self.open_scan.with(Option::is_some)
    }

    pub(super) fn is_busy_untracked(self) -> bool {
        self.open_scan.with_untracked(Option::is_some)
    }

    /// Checks a ticket in, or takes that back, unless a scan waits for an answer.
    pub(super) fn start(self, action: Action, code: String) {
        if self.is_busy_untracked() {
            return;
        }
        let scan_id = browser::random_key();
        self.open_scan.set(Some(scan_id.clone()));
        self.shown.set(Shown::Checking);
        spawn_local(self.carry_out(action, code, scan_id));
    }

    /// Stops waiting for an answer. The server may have carried the scan out.
    pub(super) fn give_up(self) {
        self.open_scan.set(None);
        self.shown.set(Shown::GivenUp);
    }

    async fn carry_out(self, action: Action, code: String, scan_id: String) {
        let send = async || {
            let input = CheckInInput {
                event_id: self.event_id.get_value(),
                code: code.clone(),
                scan_id: Some(scan_id.clone()),
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
            let open = self.open_scan.try_with_untracked(|open| open.as_ref() == Some(&scan_id));
            open == Some(true)
        };
        let on_missing = |missing| {
            if is_open() {
                self.shown.set(Shown::NoAnswer(missing));
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
        let outcome = self.zone.with_value(|zone| Outcome::of(action, answer, zone));
        self.open_scan.set(None);
        self.answered.update(|count| *count = count.wrapping_add(1));
        self.recent.update(|recent| {
            recent.insert(0, (self.answered.get_untracked(), outcome.clone()));
            recent.truncate(MAX_RECENT);
        });
        self.shown.set(Shown::Outcome(outcome));
    }
}
