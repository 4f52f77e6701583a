//! Reads the counts of watched events again, every few seconds and whenever messages may have been
//! missed.
//!
//! It is a task of its own, so that a long read does not delay messages, and a failed one does not
//! end the connection on which they arrive.

use std::{collections::HashSet, time::Duration};

use rowlock_entities::EventId;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::{Hub, TicketCount, outbox::Outbox};
use crate::{database::Database, events::Events};

/// Time between two reads of the watched events.
const REREAD_INTERVAL: Duration = Duration::from_secs(4);
/// The pause before the next attempt at a read that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// After this many failures, the rest waits for the next turn.
const MAX_ATTEMPTS: u32 = 3;
/// Maximum number of events that one statement reads.
const MAX_EVENTS_PER_READ: usize = 1_000;

/// Reads the watched events again and again, for as long as the server runs. Without other servers,
/// other programs may still change them.
pub(crate) async fn reread_watched_events(db: Database, hub: Hub, events: Events) {
    let outbox = hub.outbox();
    let mut reconnections = db.health().reconnections();
    let mut ticks = interval(REREAD_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = hub.reread_wanted() => {}
            // The sender lives as long as the database.
            _ = reconnections.changed() => hub.doubt_counts(),
        }
        let began = Instant::now();
        let unsent = outbox.map(Outbox::take_unsent).unwrap_or_default();
        let mut ids = hub.events_to_reread();
        ids.extend(&unsent);
        let mut is_complete = true;
        for ids in ids.chunks(MAX_EVENTS_PER_READ) {
            is_complete = reread(&hub, &events, outbox, ids, &unsent).await;
            if !is_complete {
                break;
            }
        }
        match (is_complete, outbox) {
            (true, _) => hub.read_all(began),
            (false, Some(outbox)) => outbox.keep_unsent(unsent),
            (false, None) => {}
        }
    }
}

/// Reads some events, and tries again if that fails. Sends the counts of those in `unsent` to other
/// servers. Returns whether it succeeded.
async fn reread(
    hub: &Hub,
    events: &Events,
    outbox: Option<&Outbox>,
    ids: &[EventId],
    unsent: &HashSet<EventId>,
) -> bool {
    for _ in 0..MAX_ATTEMPTS {
        let reread = hub.begin_reread();
        match events.find_readable(ids.iter().copied()).await {
            Ok(found) => {
                let counts = || found.iter().map(|event| TicketCount::of(event));
                hub.pass_on_read(&reread, counts());
                if let Some(outbox) = outbox {
                    outbox.put(counts().filter(|count| unsent.contains(&count.event_id)));
                }
                return true;
            }
            Err(error) => {
                tracing::debug!(%error, "watched events could not be read");
                sleep(RETRY_PAUSE).await;
            }
        }
    }
    false
}
