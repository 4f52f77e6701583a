//! Carries counts between the servers of one PostgreSQL database, by its `NOTIFY` and `LISTEN`.
//!
//! A `NOTIFY` takes a lock of the whole database when it commits, so bookings never send one: what changed is
//! gathered, and one task sends the latest count of each event, many in one statement. A message that is
//! lost, late or doubled does no harm: versions decide which count is newer, and every few seconds each
//! server reads again what is watched there. So nobody stays behind when a server dies between its commit
//! and its message, or when a connection breaks.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt::Write,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use rowlock_entities::EventId;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use uuid::Uuid;

use super::{Hub, TicketCount};
use crate::{database::Database, events::Events, metrics::Metrics};

/// The channel's name in the database.
const CHANNEL: &str = "rowlock_counts";
/// Shortest time between two sendings.
const GATHER: Duration = Duration::from_millis(25);
/// How often what is watched is read again, and a sign of life sent that must come back.
const READ_AGAIN: Duration = Duration::from_secs(4);
/// Wait before the next try after the database could not be reached.
const RETRY: Duration = Duration::from_millis(500);
/// PostgreSQL takes less than 8,000 bytes in one message.
const MESSAGE_BYTES: usize = 7_900;
/// Events read by one statement.
const READ_AT_ONCE: usize = 1_000;

/// The latest count of each event that other servers were not told of yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    counts: Mutex<HashMap<EventId, TicketCount>>,
    filled: Notify,
}

impl Outbox {
    pub(super) fn put(&self, counts: impl IntoIterator<Item = TicketCount>) {
        let mut waiting = self.counts();
        for count in counts {
            match waiting.entry(count.event_id) {
                Entry::Vacant(entry) => {
                    entry.insert(count);
                }
                Entry::Occupied(mut entry) if entry.get().version < count.version => {
                    entry.insert(count);
                }
                Entry::Occupied(_) => {}
            }
        }
        let is_empty = waiting.is_empty();
        drop(waiting);
        if !is_empty {
            self.filled.notify_one();
        }
    }

    /// All that is there, as soon as there is something.
    async fn take(&self) -> HashMap<EventId, TicketCount> {
        loop {
            let counts = mem::take(&mut *self.counts());
            if !counts.is_empty() {
                return counts;
            }
            self.filled.notified().await;
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<EventId, TicketCount>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends this server's counts and passes on those of others, until it is dropped.
pub(crate) async fn run(db: Database, hub: Hub, events: Events, metrics: Metrics) {
    let Some(outbox) = hub.outbox() else { return };
    tokio::join!(send(&db, outbox), receive(&db, &hub, &events, &metrics));
}

async fn send(db: &Database, outbox: &Outbox) {
    loop {
        let counts = outbox.take().await;
        match db.notify(CHANNEL, encode(counts.values())).await {
            Ok(()) => sleep(GATHER).await,
            Err(error) => {
                tracing::debug!(%error, "other servers can't be told of counts");
                outbox.put(counts.into_values());
                sleep(RETRY).await;
            }
        }
    }
}

async fn receive(db: &Database, hub: &Hub, events: &Events, metrics: &Metrics) {
    loop {
        if let Err(error) = follow(db, hub, events, metrics).await {
            tracing::debug!(%error, "other servers can't be heard");
        }
        sleep(RETRY).await;
    }
}

/// Listens on one connection for as long as it is good.
async fn follow(
    db: &Database,
    hub: &Hub,
    events: &Events,
    metrics: &Metrics,
) -> anyhow::Result<()> {
    let listener = db.listen(CHANNEL).await?;
    // A message that is half read is not lost when something else comes first.
    let heard = stream::unfold(listener, |mut listener| async move {
        let message = listener.try_recv().await;
        Some((message, listener))
    });
    let mut heard = Box::pin(heard);
    let mut again = interval(READ_AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // No count has such a line, so whoever else hears it passes on nothing.
    let sign_of_life = Uuid::now_v7().to_string();
    let (mut is_alive, mut sent) = (true, None::<Instant>);
    loop {
        tokio::select! {
            message = heard.next() => match message.transpose()?.flatten() {
                Some(message) => {
                    is_alive = true;
                    if message.payload() != sign_of_life {
                        hub.pass_on(decode(message.payload()));
                    } else if let Some(sent) = sent.take() {
                        metrics.feed_lagged(sent.elapsed());
                    }
                }
                // It listens again on another connection, and may have missed something.
                None => read_again(hub, events).await?,
            },
            // At once for the first time, when it listens already.
            _ = again.tick() => {
                anyhow::ensure!(is_alive, "the connection that listens is silent");
                is_alive = false;
                sent.get_or_insert_with(Instant::now);
                db.notify(CHANNEL, vec![sign_of_life.clone()]).await?;
                read_again(hub, events).await?;
            }
        }
    }
}

async fn read_again(hub: &Hub, events: &Events) -> anyhow::Result<()> {
    for ids in hub.watched().chunks(READ_AT_ONCE) {
        let found = events.find_all(ids.iter().copied()).await;
        let found = found.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        hub.pass_on_news(found.values().map(|event| TicketCount::of(event)));
    }
    Ok(())
}

/// A line for each count, in as few messages as hold them.
fn encode<'a>(counts: impl IntoIterator<Item = &'a TicketCount>) -> Vec<String> {
    let mut messages = vec![String::new()];
    let mut line = String::new();
    for TicketCount { event_id, remaining, total, version } in counts {
        line.clear();
        // Writing to a string succeeds.
        let _ = writeln!(line, "{} {remaining} {total} {version}", event_id.0.simple());
        match messages.last_mut() {
            Some(last) if last.len() + line.len() <= MESSAGE_BYTES => last.push_str(&line),
            _ => messages.push(line.clone()),
        }
    }
    messages
}

/// What can't be read is left out: it may be of another version of Rowlock, and is read again soon.
fn decode(message: &str) -> Vec<TicketCount> {
    let count = |line: &str| {
        let mut words = line.split(' ');
        Some(TicketCount {
            event_id: EventId(words.next()?.parse().ok()?),
            remaining: words.next()?.parse().ok()?,
            total: words.next()?.parse().ok()?,
            version: words.next()?.parse().ok()?,
        })
    };
    message.lines().filter_map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(version: i64) -> TicketCount {
        TicketCount { event_id: EventId::new(), remaining: 3, total: i32::MAX, version }
    }

    #[test]
    fn counts_are_told_in_as_few_messages_as_hold_them() {
        let counts: Vec<TicketCount> = (0..1_000).map(count).collect();
        let messages = encode(&counts);
        assert!(messages.iter().all(|message| message.len() < 8_000));
        assert!(messages.len() < 12, "{}", messages.len());
        let heard: Vec<TicketCount> = messages.iter().flat_map(|text| decode(text)).collect();
        assert_eq!(heard, counts);
    }

    #[test]
    fn a_message_of_another_version_does_no_harm() {
        let good = encode(&[count(1)]).concat();
        assert_eq!(decode(&format!("{{}}\n{good}1 2\nx 1 1 1\n\0")).len(), 1);
        assert_eq!(decode(""), []);
    }

    #[tokio::test]
    async fn what_waits_to_be_told_is_the_latest() {
        let outbox = Outbox::default();
        let event = count(1);
        outbox.put([TicketCount { version: 2, ..event }, event]);
        outbox.put([TicketCount { version: 1, ..event }]);
        assert_eq!(outbox.take().await[&event.event_id].version, 2);
    }
}
