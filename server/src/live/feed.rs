//! Carries counts between the servers of one PostgreSQL database by `NOTIFY` and `LISTEN`.
//!
//! A `NOTIFY` locks the whole database when it commits, so bookings never send one. Instead, one
//! task gathers what changed and sends the latest count of each event, many in one statement. Lost,
//! late and repeated messages do no harm: versions decide which count is newer, and every few
//! seconds each server reads the events that are watched there. So no open page stays behind when a
//! server dies between its commit and its message, or when a connection breaks.

use std::{fmt::Write, time::Duration};

use futures_util::{StreamExt, stream};
use rowlock_entities::EventId;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use uuid::Uuid;

use super::{Hub, TicketCount, outbox::Outbox};
use crate::{database::Database, events::Events, metrics::Metrics};

/// The channel's name, to which the database adds the schema's id.
const CHANNEL: &str = "rowlock_counts";
/// Minimum time between two statements that send.
const SEND_INTERVAL: Duration = Duration::from_millis(25);
/// Time between two reads of the watched events, and between two heartbeats.
const REREAD_INTERVAL: Duration = Duration::from_secs(4);
/// The pause before the next attempt if the database could not be reached.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Maximum size of a message. PostgreSQL takes less than 8,000 bytes.
const MAX_MESSAGE_BYTES: usize = 7_900;
/// Maximum number of events that one statement reads.
const MAX_EVENTS_PER_READ: usize = 1_000;

/// Sends this server's counts and passes on those of others, for as long as the server runs. If
/// there are no other servers, it only reads the watched events, which other programs may change.
pub(crate) async fn run_feed(db: Database, hub: Hub, events: Events, metrics: Metrics) {
    match hub.outbox() {
        Some(outbox) => {
            tokio::join!(send(&db, outbox), receive(&db, &hub, &events, &metrics));
        }
        None => reread_regularly(&hub, &events).await,
    }
}

async fn reread_regularly(hub: &Hub, events: &Events) {
    let mut ticks = interval(REREAD_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = reread_watched(hub, events).await {
            tracing::debug!(%error, "watched events could not be read");
        }
    }
}

async fn send(db: &Database, outbox: &Outbox) {
    loop {
        let counts = outbox.take().await;
        match db.notify(CHANNEL, encode(counts.values())).await {
            Ok(()) => sleep(SEND_INTERVAL).await,
            Err(error) => {
                tracing::debug!(%error, "counts could not be sent to other servers");
                outbox.put(counts.into_values());
                sleep(RETRY_PAUSE).await;
            }
        }
    }
}

async fn receive(db: &Database, hub: &Hub, events: &Events, metrics: &Metrics) {
    loop {
        if let Err(error) = listen(db, hub, events, metrics).await {
            tracing::debug!(%error, "messages of other servers could not be received");
        }
        sleep(RETRY_PAUSE).await;
    }
}

/// Listens on one connection until it breaks.
async fn listen(
    db: &Database,
    hub: &Hub,
    events: &Events,
    metrics: &Metrics,
) -> anyhow::Result<()> {
    let listener = db.listen(CHANNEL).await?;
    // A stream does not lose a message that is half read when another branch is ready first.
    let messages = stream::unfold(listener, |mut listener| async move {
        let message = listener.try_recv().await;
        Some((message, listener))
    });
    let mut messages = Box::pin(messages);
    let mut ticks = interval(REREAD_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // It does not look like a count, so other servers ignore it.
    let heartbeat = Uuid::now_v7().to_string();
    let (mut is_alive, mut sent_at) = (true, None::<Instant>);
    loop {
        tokio::select! {
            message = messages.next() => match message.transpose()?.flatten() {
                Some(message) => {
                    is_alive = true;
                    if message.payload() != heartbeat {
                        hub.pass_on(decode(message.payload()));
                    } else if let Some(sent_at) = sent_at.take() {
                        metrics.feed_lagged(sent_at.elapsed());
                    }
                }
                // The listener reconnected and may have missed messages.
                None => reread_watched(hub, events).await?,
            },
            // The first tick comes at once. The connection is already listening then.
            _ = ticks.tick() => {
                anyhow::ensure!(is_alive, "the listening connection is silent");
                is_alive = false;
                sent_at.get_or_insert_with(Instant::now);
                db.notify(CHANNEL, vec![heartbeat.clone()]).await?;
                reread_watched(hub, events).await?;
            }
        }
    }
}

async fn reread_watched(hub: &Hub, events: &Events) -> anyhow::Result<()> {
    for ids in hub.watched_events().chunks(MAX_EVENTS_PER_READ) {
        let found = events.find_readable(ids.iter().copied()).await?;
        hub.pass_on_newer(found.iter().map(|event| TicketCount::of(event)));
    }
    Ok(())
}

/// Writes one line per count, in as few messages as possible.
fn encode<'a>(counts: impl IntoIterator<Item = &'a TicketCount>) -> Vec<String> {
    let mut messages = vec![String::new()];
    let mut line = String::new();
    for TicketCount { event_id, remaining, total, version } in counts {
        line.clear();
        // Writing to a string succeeds.
        let _ = writeln!(line, "{} {remaining} {total} {version}", event_id.0.simple());
        match messages.last_mut() {
            Some(last) if last.len() + line.len() <= MAX_MESSAGE_BYTES => last.push_str(&line),
            _ => messages.push(line.clone()),
        }
    }
    messages
}

/// Reads a message, and skips lines that it can't read. Another version of Rowlock may have sent
/// those, and the next read of the watched events makes up for them.
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
    fn counts_fill_as_few_messages_as_possible() {
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
}
