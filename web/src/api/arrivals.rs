//! How many people are in at one event, live. The page for the door watches it on a socket of its own,
//! because only members of the organizer may: that socket says who they are.

use std::{pin::pin, time::Duration};

use cynic::Id;
use futures_timer::Delay;
use futures_util::future;
use js_sys::{Date, Math};
use rowlock_web_operations::door::{Arrivals, WatchArrivals, watch_arrivals};
use serde_json::value::to_raw_value;

use super::{
    online::until_online,
    socket::{News, Socket, Subscriptions},
};
use crate::backoff::{failures_after_attempt, pause_before_retry};

/// What is learnt of the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrivalsNews {
    Count(Arrivals),
    /// The last count may be out of date.
    Stale,
    /// The server answers again, and nothing was missed.
    Current,
}

/// Reports every count until it is dropped. `authorize` gives what the header `authorization` would
/// have, or nothing while that is not known.
pub(crate) async fn watch(
    event_id: Id,
    authorize: impl AsyncFn() -> Option<String>,
    report: impl Fn(ArrivalsNews),
) {
    let mut failures = 0;
    loop {
        let uptime = match authorize().await {
            Some(authorization) => watch_once(&event_id, &authorization, &report).await,
            None => Duration::ZERO,
        };
        report(ArrivalsNews::Stale);
        failures = failures_after_attempt(failures, uptime);
        let pause = Delay::new(pause_before_retry(failures, Math::random()));
        future::select(pause, pin!(until_online())).await;
    }
}

/// Watches until the socket closes. Returns how long it delivered counts.
async fn watch_once(
    event_id: &Id,
    authorization: &str,
    report: &impl Fn(ArrivalsNews),
) -> Duration {
    let Some(mut socket) = Socket::open(Some(authorization)).await else { return Duration::ZERO };
    let mut subscriptions = Subscriptions::default();
    // Strings can always be serialized.
    subscriptions[0] = to_raw_value(&watch_arrivals(event_id.clone())).ok();
    socket.subscribe(subscriptions);
    let mut live_since = None;
    loop {
        match socket.next().await {
            News::Data(_, data) => {
                let Ok(data) = data.parse::<WatchArrivals>() else { break };
                live_since.get_or_insert_with(Date::now);
                report(ArrivalsNews::Count(data.arrivals));
            }
            News::Overdue => report(ArrivalsNews::Stale),
            // Before the first count, only that says that it is live.
            News::Answering if live_since.is_some() => report(ArrivalsNews::Current),
            News::Answering => {}
            News::Ended => break,
        }
    }
    let millis = live_since.map_or(0.0, |since| Date::now() - since);
    Duration::from_millis(millis.max(0.0) as u64)
}
