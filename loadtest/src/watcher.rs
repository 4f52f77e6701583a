//! Watches the live counts of a load's events, and whether they tell the truth.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use futures_util::{StreamExt, pin_mut};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{api::Api, queries::TicketUpdate, report::Check};

/// Most events that one subscription may name.
const PER_SUBSCRIPTION: usize = 200;
/// How soon the last count must be there.
const LAST_WITHIN: Duration = Duration::from_secs(5);
/// How often the sum of what is left is noted for the plot.
const NOTED_EVERY: Duration = Duration::from_millis(100);

/// The subscriptions; they end with this.
pub(crate) struct Watcher {
    seen: Arc<Mutex<Seen>>,
    _sockets: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    latest: HashMap<String, TicketUpdate>,
    updates: u64,
    steps_back: u64,
    out_of_range: u64,
    remaining: Vec<(f64, i64)>,
}

impl Watcher {
    pub(crate) async fn start(api: &Api, events: &[cynic::Id]) -> Result<Self> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut sockets = JoinSet::new();
        for events in events.chunks(PER_SUBSCRIPTION) {
            let updates = api.watch(events.to_vec()).await?;
            let seen = Arc::clone(&seen);
            sockets.spawn(async move {
                pin_mut!(updates);
                while let Some(update) = updates.next().await {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).note(update);
                }
            });
        }
        // The first counts come at once.
        let all = async {
            while seen.lock().unwrap_or_else(PoisonError::into_inner).latest.len() < events.len() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        // Those that do not come show as wrong at the end.
        let _ = timeout(LAST_WITHIN, all).await;
        let begun = Instant::now();
        let noting = Arc::clone(&seen);
        sockets.spawn(async move {
            loop {
                {
                    let mut seen = noting.lock().unwrap_or_else(PoisonError::into_inner);
                    let left = seen.latest.values().map(|u| i64::from(u.remaining_tickets)).sum();
                    seen.remaining.push((begun.elapsed().as_secs_f64(), left));
                }
                sleep(NOTED_EVERY).await;
            }
        });
        Ok(Self { seen, _sockets: sockets })
    }

    /// Waits until the subscriptions tell `remaining`, and gives what was left when, with the checks.
    pub(crate) async fn finish(
        self,
        events: &[cynic::Id],
        remaining: &[i32],
    ) -> (Vec<(f64, i64)>, Vec<Check>) {
        let right = |seen: &Seen| {
            let told = |event: &cynic::Id| Some(seen.latest.get(event.inner())?.remaining_tickets);
            std::iter::zip(events, remaining)
                .filter(|(event, left)| told(event) == Some(**left))
                .count()
        };
        let all = async {
            while right(&self.seen.lock().unwrap_or_else(PoisonError::into_inner)) < events.len() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        // Running out of time shows as a wrong count.
        let _ = timeout(LAST_WITHIN, all).await;
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let checks = vec![
            Check::new("last live counts equal the database's", &right(&seen), &events.len()),
            Check::new("live versions that went back", &seen.steps_back, &0),
            Check::new("live counts out of range", &seen.out_of_range, &0),
        ];
        println!("{} live updates", seen.updates);
        (seen.remaining, checks)
    }
}

impl Seen {
    fn note(&mut self, update: TicketUpdate) {
        self.updates += 1;
        if !(0..=update.total_tickets).contains(&update.remaining_tickets) {
            self.out_of_range += 1;
        }
        let before = self.latest.insert(update.event_id.inner().to_owned(), update.clone());
        if before.is_some_and(|before| before.version >= update.version) {
            self.steps_back += 1;
        }
    }
}
