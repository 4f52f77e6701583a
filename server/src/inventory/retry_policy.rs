//! Decides what happens after a transaction has failed. It is pure, like the ledger.

use std::time::Duration;

use super::sub_batch::LockWait;
use crate::database::Fault;

/// Number of constraint violations after which a sub-batch is split.
const MAX_CONSTRAINT_VIOLATIONS: u32 = 3;
/// First pause before another attempt. It doubles with each attempt and is jittered.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// The facts about a failed attempt at a sub-batch that decide the next step.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailedAttempt {
    pub(super) fault: Fault,
    /// The way in which the attempt treated locked rows.
    pub(super) lock_wait: LockWait,
    /// Whether there was an earlier attempt.
    pub(super) is_retry: bool,
    /// Number of attempts at this sub-batch that violated a constraint, this one included.
    pub(super) constraint_violations: u32,
    /// Whether this or an earlier attempt may have been committed.
    pub(super) is_in_doubt: bool,
    /// Whether the sub-batch has more than one command.
    pub(super) can_be_split: bool,
    /// Whether another attempt would start too late.
    pub(super) is_out_of_time: bool,
}

/// The next step for a sub-batch after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// Run it again.
    Retry,
    /// Run it again, but skip the rows that are still locked.
    RetrySkippingLocked,
    /// Run each half by itself. One command may have caused the failure, and must not fail the
    /// others.
    Split,
    /// Tell all callers that it failed. Nothing was stored.
    Fail,
    /// Tell all callers that it may have been stored, and that there was no time to find out.
    ReportInDoubt,
}

impl FailedAttempt {
    pub(super) fn next_step(&self) -> NextStep {
        if !self.is_out_of_time && self.retry_can_help() {
            let is_first_timeout =
                self.fault == Fault::LockTimeout && self.lock_wait == LockWait::Wait;
            return if is_first_timeout { NextStep::RetrySkippingLocked } else { NextStep::Retry };
        }
        if self.is_in_doubt {
            NextStep::ReportInDoubt
        } else if self.can_be_split && self.may_be_caused_by_one_command() {
            NextStep::Split
        } else {
            NextStep::Fail
        }
    }

    fn retry_can_help(&self) -> bool {
        match self.fault {
            // The other transaction has committed, so the next attempt sees its rows.
            Fault::ConstraintViolation => self.constraint_violations < MAX_CONSTRAINT_VIOLATIONS,
            Fault::SerializationFailure | Fault::SchemaChanged => true,
            Fault::LockTimeout => self.lock_wait == LockWait::Wait || self.is_in_doubt,
            // A pooled connection may have died since it was last used, so one more attempt can
            // help. After that, it is better if the caller tries again, unless a commit is in
            // doubt.
            Fault::Unreachable => !self.is_retry || self.is_in_doubt,
            // The connection leads to a node that was demoted, and so may the next ones. If none leads
            // to a better node, the probe finds that out, and no transaction begins any more.
            Fault::ReadOnly => true,
            Fault::Overloaded => self.is_in_doubt,
            Fault::Other => false,
        }
    }

    fn may_be_caused_by_one_command(&self) -> bool {
        match self.fault {
            Fault::ConstraintViolation | Fault::Other => true,
            // After it was skipped or awaited by itself, the locked row concerns all that are left.
            Fault::LockTimeout => match self.lock_wait {
                LockWait::Wait | LockWait::SkipLocked => true,
                LockWait::WaitForEvent | LockWait::WaitForUser => false,
            },
            Fault::Unreachable
            | Fault::Overloaded
            | Fault::ReadOnly
            | Fault::SerializationFailure
            | Fault::SchemaChanged => false,
        }
    }
}

/// The pauses between attempts.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    /// The next pause before jitter.
    pub(super) fn peek(&self) -> Duration {
        self.0
    }

    /// The next pause with jitter, which makes it half to one and a half times as long.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = self.0.mul_f64(0.5 + rand::random::<f64>());
        self.0 = (self.0 * 2).min(MAX_PAUSE);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first attempt at a sub-batch of many commands, well before its deadline.
    fn first(fault: Fault) -> FailedAttempt {
        FailedAttempt {
            fault,
            lock_wait: LockWait::Wait,
            is_retry: false,
            constraint_violations: u32::from(fault == Fault::ConstraintViolation),
            is_in_doubt: false,
            can_be_split: true,
            is_out_of_time: false,
        }
    }

    const ALL: [Fault; 7] = [
        Fault::Unreachable,
        Fault::Overloaded,
        Fault::LockTimeout,
        Fault::SerializationFailure,
        Fault::SchemaChanged,
        Fault::ConstraintViolation,
        Fault::Other,
    ];

    #[test]
    fn a_first_attempt_is_repeated_where_that_can_help() {
        for (fault, next_step) in [
            (Fault::Unreachable, NextStep::Retry),
            (Fault::Overloaded, NextStep::Fail),
            (Fault::LockTimeout, NextStep::RetrySkippingLocked),
            (Fault::SerializationFailure, NextStep::Retry),
            (Fault::SchemaChanged, NextStep::Retry),
            (Fault::ConstraintViolation, NextStep::Retry),
            (Fault::Other, NextStep::Split),
        ] {
            assert_eq!(first(fault).next_step(), next_step, "{fault:?}");
        }
    }

    #[test]
    fn a_broken_connection_is_replaced_once() {
        let second = FailedAttempt { is_retry: true, ..first(Fault::Unreachable) };
        assert_eq!(second.next_step(), NextStep::Fail);
    }

    #[test]
    fn connections_to_a_demoted_node_are_left_one_after_the_other() {
        let second = FailedAttempt { is_retry: true, ..first(Fault::ReadOnly) };
        assert_eq!(second.next_step(), NextStep::Retry);
        let late = FailedAttempt { is_out_of_time: true, ..second };
        assert_eq!(late.next_step(), NextStep::Fail);
    }

    #[test]
    fn a_batch_that_keeps_violating_a_constraint_is_split_until_one_command_is_left() {
        let violations = |constraint_violations| FailedAttempt {
            constraint_violations,
            ..first(Fault::ConstraintViolation)
        };
        assert_eq!(violations(2).next_step(), NextStep::Retry);
        assert_eq!(violations(3).next_step(), NextStep::Split);
        let alone = FailedAttempt { can_be_split: false, ..violations(3) };
        assert_eq!(alone.next_step(), NextStep::Fail);
    }

    #[test]
    fn a_lost_race_is_run_again_until_the_deadline() {
        let attempt = FailedAttempt { is_retry: true, ..first(Fault::SerializationFailure) };
        assert_eq!(attempt.next_step(), NextStep::Retry);
        let late = FailedAttempt { is_out_of_time: true, ..attempt };
        assert_eq!(late.next_step(), NextStep::Fail);
    }

    #[test]
    fn a_lock_is_awaited_skipped_and_awaited_once_more() {
        let timeout = |lock_wait| FailedAttempt { lock_wait, ..first(Fault::LockTimeout) };
        assert_eq!(timeout(LockWait::Wait).next_step(), NextStep::RetrySkippingLocked);
        assert_eq!(timeout(LockWait::SkipLocked).next_step(), NextStep::Split);
        assert_eq!(timeout(LockWait::WaitForEvent).next_step(), NextStep::Fail);
        assert_eq!(timeout(LockWait::WaitForUser).next_step(), NextStep::Fail);
        let late = FailedAttempt { is_out_of_time: true, ..timeout(LockWait::Wait) };
        assert_eq!(late.next_step(), NextStep::Split);
    }

    #[test]
    fn a_commit_in_doubt_is_looked_up_until_the_deadline_and_never_called_a_failure() {
        for fault in ALL.into_iter().filter(|fault| *fault != Fault::Other) {
            let in_doubt = FailedAttempt {
                is_in_doubt: true,
                is_retry: true,
                lock_wait: LockWait::WaitForEvent,
                ..first(fault)
            };
            assert_eq!(in_doubt.next_step(), NextStep::Retry, "{fault:?}");
        }
        for fault in ALL {
            let late = FailedAttempt { is_in_doubt: true, is_out_of_time: true, ..first(fault) };
            assert_eq!(late.next_step(), NextStep::ReportInDoubt, "{fault:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_their_maximum() {
        let mut backoff = Backoff::new();
        let mut expected = Vec::new();
        for _ in 0..9 {
            let before_jitter = backoff.peek();
            expected.push(before_jitter.as_millis());
            let pause = backoff.next_pause();
            assert!((before_jitter / 2..=before_jitter * 3 / 2).contains(&pause), "{pause:?}");
        }
        assert_eq!(expected, [5, 10, 20, 40, 80, 160, 320, 500, 500]);
    }
}
