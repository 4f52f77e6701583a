//! Repeats an operation until the server has answered it.
//!
//! The operation may have been carried out although its answer was lost, so this is only for
//! operations that may arrive twice.

use std::{cell::Cell, pin::pin, time::Duration};

use futures_timer::Delay;
use futures_util::future::{self, Either};
use js_sys::{Date, Math};

use crate::{
    api::{ErrorCode, Failure, online::until_online},
    backoff::pause_before_repetition,
};

/// After this long without an answer, the user is told.
const LATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the operation may have been carried out before it is sent for the first time here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    /// It has never been sent.
    New,
    /// It was sent before, and no answer came.
    MayBeDone,
}

/// The result of repeating an operation.
pub(crate) enum Repeated<T> {
    Answered(Result<T, Failure>),
    /// No answer came in time. The operation may have been carried out.
    Unknown,
    /// The caller does not want the operation any more.
    Unwanted,
}

/// Why there is no answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It takes long.
    Late,
    /// It was lost, and the operation is being repeated.
    Lost,
}

/// Sends the operation until it is answered, for a bounded time. `is_wanted` is asked before each
/// repetition. `on_missing` is called when there is no answer, and when the reason for that changes.
pub(crate) async fn repeat_until_answered<T>(
    send: impl AsyncFn() -> Result<T, Failure>,
    history: History,
    is_wanted: impl Fn() -> bool,
    on_missing: impl Fn(Missing),
) -> Repeated<T> {
    let began_at = Date::now();
    let mut may_be_done = history == History::MayBeDone;
    let told = Cell::new(None);
    let tell = |missing| {
        if told.replace(Some(missing)) != Some(missing) {
            on_missing(missing);
        }
    };
    for attempts in 1.. {
        let answer = match future::select(pin!(send()), Delay::new(LATE_TIMEOUT)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), answer)) => {
                if is_wanted() {
                    tell(if may_be_done { Missing::Lost } else { Missing::Late });
                }
                answer.await
            }
        };
        let failure = match answer {
            Err(failure) if is_inconclusive(&failure, may_be_done) => failure,
            answer => return Repeated::Answered(answer),
        };
        may_be_done = true;
        if !is_wanted() {
            return Repeated::Unwanted;
        }
        tell(Missing::Lost);
        let elapsed = Duration::from_millis((Date::now() - began_at).max(0.0) as u64);
        let wanted = wanted_pause(&failure);
        let pause = pause_before_repetition(attempts, elapsed, wanted, Math::random());
        let Some(pause) = pause else { break };
        future::select(Delay::new(pause), pin!(until_online())).await;
        if !is_wanted() {
            return Repeated::Unwanted;
        }
    }
    Repeated::Unknown
}

/// Whether it is not known yet if the operation was carried out. If an earlier attempt may have
/// been, this stays unknown when the server does not let the user try again.
fn is_inconclusive(failure: &Failure, may_be_done: bool) -> bool {
    let is_turned_away = *failure == Failure::SessionEnded
        || matches!(failure.code(), Some(ErrorCode::RateLimited | ErrorCode::Unauthenticated));
    failure.is_inconclusive() || (may_be_done && is_turned_away)
}

/// The pause that the server asks for.
fn wanted_pause(failure: &Failure) -> Duration {
    match failure {
        Failure::Api(error) => Duration::from_secs(error.retry_after.unwrap_or_default().into()),
        Failure::NoAnswer | Failure::SessionEnded => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::ApiError;

    fn api_error(code: ErrorCode) -> Failure {
        let message = String::new();
        Failure::Api(ApiError { code, message, fields: Vec::new(), retry_after: None })
    }

    #[test]
    fn only_a_missing_answer_leaves_the_outcome_open() {
        for open in
            [Failure::NoAnswer, api_error(ErrorCode::Unavailable), api_error(ErrorCode::Internal)]
        {
            assert!(is_inconclusive(&open, false), "{open:?}");
        }
        for settled in [
            Failure::SessionEnded,
            api_error(ErrorCode::RateLimited),
            api_error(ErrorCode::BadUserInput),
            api_error(ErrorCode::Other),
        ] {
            assert!(!is_inconclusive(&settled, false), "{settled:?}");
        }
    }

    #[test]
    fn being_turned_away_does_not_settle_an_attempt_before_it() {
        for open in [Failure::SessionEnded, api_error(ErrorCode::RateLimited)] {
            assert!(is_inconclusive(&open, true), "{open:?}");
        }
        assert!(!is_inconclusive(&api_error(ErrorCode::Other), true));
    }
}
