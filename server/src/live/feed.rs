//! Carries counts between the servers of one PostgreSQL database by `NOTIFY` and `LISTEN`.
//!
//! A `NOTIFY` locks the whole database when it commits, so bookings never send one. Instead, one
//! task gathers what changed and sends the latest count of each event, many in one statement. Lost,
//! late and repeated messages do no harm: versions decide which count is newer, and every few
//! seconds each server reads the events that are watched there (`reread`). So no open page stays
//! behind when a server dies between its commit and its message, or when a connection breaks.

use std::{fmt::Write, time::Duration};

use parking_lot::Mutex;
use rowlock_entities::EventId;
use sea_orm::sqlx::postgres::PgListener;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use uuid::Uuid;

use super::{
    Hub, TicketCount,
    outbox::{Outbox, Waiting},
};
use crate::{database::Database, metrics::Metrics};

/// The channel's name, to which the database adds the schema's id.
const CHANNEL: &str = "rowlock_counts";
/// The first word of a line that names an event with changed check-ins. It is no id of an event, so
/// a server that knows no check-ins skips the line.
const CHECK_INS: &str = "check-ins";
/// Minimum time between two statements that send.
const SEND_INTERVAL: Duration = Duration::from_millis(25);
/// Time between two heartbeats.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(4);
/// The pause before the next attempt if the database could not be reached.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Maximum size of a message. PostgreSQL takes less than 8,000 bytes.
const MAX_MESSAGE_BYTES: usize = 7_900;

/// Sends this server's counts and passes on those of others, for as long as the server runs. Waits
/// forever if there are no other servers.
pub(crate) async fn run_feed(db: Database, hub: Hub, metrics: Metrics) {
    let Some(outbox) = hub.outbox() else { return std::future::pending().await };
    tokio::join!(send(&db, &hub, outbox), receive(&db, &hub, &metrics));
}

async fn send(db: &Database, hub: &Hub, outbox: &Outbox) {
    loop {
        let Waiting { counts, check_ins } = outbox.take().await;
        match db.notify(CHANNEL, encode(counts.values(), check_ins)).await {
            Ok(()) => sleep(SEND_INTERVAL).await,
            Err(error) => {
                tracing::debug!(%error, "counts could not be sent to other servers");
                outbox.keep_unsent(counts.into_keys());
                // Check-ins are counted again every few seconds anyway.
                sleep(RETRY_PAUSE).await;
                hub.want_reread();
            }
        }
    }
}

async fn receive(db: &Database, hub: &Hub, metrics: &Metrics) {
    let mut was_listening = false;
    loop {
        match db.listen(CHANNEL).await {
            Ok(listener) => {
                if was_listening {
                    hub.doubt_counts();
                } else {
                    // Changes that came before are read.
                    hub.want_reread();
                }
                was_listening = true;
                let error = listen(db, hub, metrics, listener).await;
                db.connection_broke();
                tracing::debug!(%error, "the listening connection is replaced");
            }
            Err(error) => tracing::debug!(%error, "messages of other servers can't be received"),
        }
        sleep(RETRY_PAUSE).await;
    }
}

/// Listens on one connection until it breaks. Returns the reason.
async fn listen(
    db: &Database,
    hub: &Hub,
    metrics: &Metrics,
    listener: PgListener,
) -> anyhow::Error {
    let heartbeat = Heartbeat::new();
    tokio::select! {
        error = hear(db, hub, metrics, listener, &heartbeat) => error,
        error = heartbeat.beat(db) => error,
    }
}

/// Passes messages on until the connection breaks for good. It waits for nothing else, so that
/// nothing delays a message.
async fn hear(
    db: &Database,
    hub: &Hub,
    metrics: &Metrics,
    mut listener: PgListener,
    heartbeat: &Heartbeat,
) -> anyhow::Error {
    loop {
        match listener.try_recv().await {
            Ok(Some(message)) if message.payload() == heartbeat.message => {
                if let Some(time) = heartbeat.heard() {
                    metrics.feed_lagged(time);
                }
            }
            Ok(Some(message)) => {
                hub.pass_on(decode(message.payload()));
                hub.pass_on_check_ins(decode_check_ins(message.payload()));
                if is_of_earlier_version(message.payload()) {
                    hub.want_reread();
                }
            }
            // The listener connected again. It may have missed messages, and the database may be
            // another one.
            Ok(None) => {
                db.connection_broke();
                hub.doubt_counts();
            }
            Err(error) => return error.into(),
        }
    }
}

/// A message that a server sends itself, to notice a connection that fell silent.
struct Heartbeat {
    /// It does not look like a count, so other servers ignore it.
    message: String,
    /// When the one that was not heard yet was sent.
    sent_at: Mutex<Option<Instant>>,
}

impl Heartbeat {
    fn new() -> Self {
        Self { message: Uuid::now_v7().to_string(), sent_at: Mutex::new(None) }
    }

    /// Records that the message was heard. Returns how long it took.
    fn heard(&self) -> Option<Duration> {
        self.sent_at.lock().take().map(|sent_at| sent_at.elapsed())
    }

    /// Sends the message again and again, until one is not heard before the next is due.
    async fn beat(&self, db: &Database) -> anyhow::Error {
        let mut ticks = interval(HEARTBEAT_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.sent_at.lock().is_some() {
                return anyhow::anyhow!("the listening connection is silent");
            }
            *self.sent_at.lock() = Some(Instant::now());
            if let Err(error) = db.notify(CHANNEL, vec![self.message.clone()]).await {
                // The fault may lie in the connection that sends.
                tracing::debug!(%error, "a heartbeat could not be sent");
                *self.sent_at.lock() = None;
            }
        }
    }
}

/// Writes one line per count and per event with changed check-ins, in as few messages as possible.
fn encode<'a>(
    counts: impl IntoIterator<Item = &'a TicketCount>,
    check_ins: impl IntoIterator<Item = EventId>,
) -> Vec<String> {
    let mut messages = vec![String::new()];
    let mut line = String::new();
    let mut add = |line: &str| match messages.last_mut() {
        Some(last) if last.len() + line.len() <= MAX_MESSAGE_BYTES => last.push_str(line),
        _ => messages.push(line.to_owned()),
    };
    // Writing to a string succeeds.
    for TicketCount { event_id, remaining, total, version, revision, is_public } in counts {
        line.clear();
        // A server of an earlier version reads the first four words.
        let _ = writeln!(
            line,
            "{} {remaining} {total} {version} {revision} {is_public}",
            event_id.0.simple()
        );
        add(&line);
    }
    for event_id in check_ins {
        line.clear();
        let _ = writeln!(line, "{CHECK_INS} {}", event_id.0.simple());
        add(&line);
    }
    messages
}

/// Whether a server that knows no revisions sent the message: then each of its lines has four words.
/// Its counts are read again.
fn is_of_earlier_version(message: &str) -> bool {
    message.lines().next().is_some_and(|line| line.split(' ').count() == 4)
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
            revision: words.next()?.parse().ok()?,
            is_public: words.next()?.parse().ok()?,
        })
    };
    message.lines().filter_map(count).collect()
}

/// Reads the events whose check-ins have changed.
fn decode_check_ins(message: &str) -> Vec<EventId> {
    let event = |line: &str| {
        let id = line.strip_prefix(CHECK_INS)?.strip_prefix(' ')?;
        id.parse().ok().map(EventId)
    };
    message.lines().filter_map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(version: i64) -> TicketCount {
        TicketCount {
            event_id: EventId::new(),
            remaining: 3,
            total: i32::MAX,
            version,
            revision: 1,
            is_public: true,
        }
    }

    #[test]
    fn counts_fill_as_few_messages_as_possible() {
        let counts: Vec<TicketCount> = (0..1_000).map(count).collect();
        let messages = encode(&counts, []);
        assert!(messages.iter().all(|message| message.len() < 8_000));
        assert!(messages.len() < 12, "{}", messages.len());
        let heard: Vec<TicketCount> = messages.iter().flat_map(|text| decode(text)).collect();
        assert_eq!(heard, counts);
    }

    #[test]
    fn counts_of_the_earlier_version_are_noticed() {
        assert!(is_of_earlier_version(&format!("{} 1 20 7\n", EventId::new().0.simple())));
        assert!(!is_of_earlier_version(&encode(&[count(1)], []).concat()));
        assert!(!is_of_earlier_version(&Uuid::now_v7().to_string()));
    }

    #[test]
    fn a_message_of_another_version_does_no_harm() {
        let good = encode(&[count(1)], []).concat();
        assert_eq!(decode(&format!("{{}}\n{good}1 2\nx 1 1 1\n\0")).len(), 1);
        assert_eq!(decode(""), []);
        assert_eq!(decode_check_ins(&format!("{good}check-ins\ncheck-ins x\n\0")), []);
    }

    #[test]
    fn check_ins_share_messages_with_counts_and_are_none() {
        let (counts, events) = ([count(1), count(2)], [EventId::new(), EventId::new()]);
        let message = encode(&counts, events).concat();
        assert_eq!(decode(&message), counts);
        assert_eq!(decode_check_ins(&message), events);
        let alone = encode([], events).concat();
        assert_eq!((decode(&alone), decode_check_ins(&alone)), (Vec::new(), events.to_vec()));
        assert!(!is_of_earlier_version(&alone), "that version asks for no read of counts");
    }
}
