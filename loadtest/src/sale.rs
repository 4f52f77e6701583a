//! Books and cancels, and then checks that the API's answers agree with the database.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::Future,
    iter::zip,
    slice,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;

use crate::{
    access_tokens::{self, AccessTokens},
    api::{Api, Failure},
    load::{Latencies, LoadArgs, Tally, drive},
    machine::{self, CpuMeter},
    queries::{BookEventResult, CancelBookingResult},
    report::{Check, Report},
    watcher::{WatchResults, Watcher},
};

/// For the checks, not for the load itself.
const MAX_CONCURRENT_REQUESTS: usize = 64;

/// Error codes that indicate a defect rather than too much load.
const DEFECTS: [(&str, &str); 4] = [
    ("UNAUTHENTICATED", "requests whose token was refused"),
    ("INTERNAL", "requests that failed inside the server"),
    ("BAD_USER_INPUT", "requests that were invalid"),
    ("NOT_FOUND", "requests whose event or booking was not found"),
];

/// Kinds of answers from a server that takes bookings.
const DECIDED: [&str; 4] = ["booked", "sold out", "already booked", "cancelled"];

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// The server's address on this machine; several servers of one database, separated by commas,
    /// take turns
    #[arg(long, default_value = "http://127.0.0.1:8080", value_delimiter = ',')]
    url: Vec<hyper::Uri>,
    /// The server that sends live counts [default: the first of --url]
    #[arg(long, value_name = "URL")]
    watch_url: Option<hyper::Uri>,
    #[command(flatten)]
    users: access_tokens::Args,
    /// Id of an event to book; can be given several times
    #[arg(long = "event", value_name = "ID")]
    named: Vec<String>,
    /// Without --event: how many events to book, those with the most tickets left first
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    events: u16,
    /// Maximum number of acknowledged bookings to look up afterwards, one by one
    #[arg(long = "check", default_value_t = 20_000, value_name = "N")]
    max_checked: usize,
    /// The server's process id, to measure its memory before and after the load
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
}

/// Events, the users who book them, and the answers that the users got.
pub(crate) struct Sale {
    pub(crate) api: Api,
    /// The server that sends live counts.
    pub(crate) live_api: Api,
    pub(crate) users: AccessTokens,
    pub(crate) events: Vec<cynic::Id>,
    bookings: Mutex<HashMap<UserAtEvent, BookingState>>,
    /// Events for which somebody got `SoldOut`.
    sold_out: Mutex<HashSet<usize>>,
    max_checked: usize,
    server_pid: Option<u32>,
}

/// A user and an event, as indices into the sale's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UserAtEvent {
    pub(crate) user: usize,
    pub(crate) event: usize,
}

/// A user's booking of an event, as the last answer has it.
#[derive(Clone, Debug)]
enum BookingState {
    Held(cynic::Id),
    Cancelled,
    /// No answer arrived, or it did not say whether the request was carried out.
    Unknown(Unanswered),
}

/// A request without an answer.
#[derive(Clone, Debug)]
enum Unanswered {
    /// With its idempotency key, if it has one.
    Booking(Option<String>),
    Cancellation(cynic::Id),
}

impl Sale {
    /// Waits for the servers and finds the events.
    pub(crate) async fn open(args: &Args) -> Result<Self> {
        let api = Api::new(&args.url)?;
        api.wait_until_ready().await?;
        let live_api = match &args.watch_url {
            Some(url) => Api::new(slice::from_ref(url))?,
            None => api.clone(),
        };
        live_api.wait_until_ready().await?;
        let users = AccessTokens::read(&args.users)?;
        let events = match args.named.is_empty() {
            true => api.events_with_most_tickets(args.events.into()).await?,
            false => {
                let distinct: BTreeSet<&String> = args.named.iter().collect();
                distinct.into_iter().map(cynic::Id::new).collect()
            }
        };
        println!("{} users, {} events", users.tokens.len(), events.len());
        let (bookings, sold_out) = (Mutex::default(), Mutex::default());
        let Args { max_checked, server_pid, .. } = *args;
        let sale =
            Self { api, live_api, users, events, bookings, sold_out, max_checked, server_pid };
        if sale.remaining().await?.iter().all(|left| *left <= 0) {
            println!(
                "No tickets are left for these events. Name others with --event, or add some with \
                 `rowlock seed --events N`."
            );
        }
        Ok(sale)
    }

    /// Sends up to `max_requests` requests while `watcher` watches, and returns the results.
    pub(crate) async fn run<T, F>(
        &self,
        scenario: &'static str,
        (load, max_requests): (&LoadArgs, u64),
        watcher: Watcher,
        request: T,
    ) -> Result<Report>
    where
        T: Fn(u64) -> F + Clone + Send + 'static,
        F: Future<Output = String> + Send + 'static,
    {
        self.users.ensure_valid_for(Duration::from_secs(load.seconds))?;
        let memory = || self.server_pid.map(machine::process_memory_kib).transpose();
        let memory_before = memory()?;
        let before = self.remaining().await?;
        let (tally, meter) = (Arc::new(Tally::new()), CpuMeter::start());
        let elapsed = drive(load, max_requests, &tally, request).await;
        let usage = meter.read();
        // The server may have been restarted during the load.
        let after = async {
            self.api.wait_until_ready().await?;
            self.remaining().await
        };
        let after = match after.await {
            Ok(after) => after,
            Err(error) => {
                eprintln!("loadtest: {error:#}");
                let results =
                    Arc::into_inner(tally).context("a request is still recorded")?.into_results();
                let checks = vec![Check::new("the server answers after the load", &false, &true)];
                let (figures, remaining) = (Vec::new(), Vec::new());
                return Ok(Report {
                    scenario,
                    elapsed,
                    results,
                    checks,
                    figures,
                    remaining,
                    usage,
                });
            }
        };
        let WatchResults { mut checks, remaining, updates, reconnects, last_counts_delay } =
            watcher.finish(&after).await;
        // While the sockets are open.
        let memory_after = memory()?;
        drop(watcher);
        checks.extend(self.checks(&before, &after).await?);
        let results = Arc::into_inner(tally).context("a request is still recorded")?.into_results();
        checks.extend(DEFECTS.map(|(code, what)| {
            Check::new(what, &results.kinds.get(code).map_or(0, Latencies::count), &0)
        }));
        let answered = results.kinds.keys().any(|kind| DECIDED.contains(&kind.as_str()));
        checks.push(Check::new("the server took or refused bookings", &answered, &true));
        let mut figures = vec![
            ("live_updates", updates as f64),
            ("sockets_opened_again", reconnects as f64),
            ("seconds_until_all_held_the_last_count", last_counts_delay.as_secs_f64()),
        ];
        if let (Some(before), Some(after)) = (memory_before, memory_after) {
            figures
                .extend([("server_memory_before_kib", before), ("server_memory_after_kib", after)]);
        }
        Ok(Report { scenario, elapsed, results, checks, figures, remaining, usage })
    }

    /// Books one ticket; returns the kind of the answer.
    pub(crate) async fn book(&self, pair: UserAtEvent) -> String {
        self.book_with(pair, None).await
    }

    async fn book_with(&self, pair: UserAtEvent, key: Option<String>) -> String {
        match self.api.try_book(self.token(pair), self.event(pair), key.clone()).await {
            Ok(BookEventResult::BookEventSuccess(success)) => {
                self.bookings.lock().insert(pair, BookingState::Held(success.booking.id));
                "booked".to_owned()
            }
            Ok(refusal) => {
                if let BookEventResult::SoldOut(_) = refusal {
                    let mut sold_out = self.sold_out.lock();
                    sold_out.insert(pair.event);
                }
                refusal.kind().to_owned()
            }
            Err(failure) => self.note_failure(pair, &failure, Unanswered::Booking(key)),
        }
    }

    /// Cancels the user's booking if there is one, or else books one ticket; returns the answer's
    /// kind. With keys, a request without an answer is repeated until there is one.
    pub(crate) async fn book_or_cancel(&self, pair: UserAtEvent, has_keys: bool) -> String {
        let state = self.bookings.lock().get(&pair).cloned();
        let booking = match state {
            Some(BookingState::Held(booking)) => booking,
            Some(BookingState::Unknown(Unanswered::Cancellation(booking))) if has_keys => booking,
            Some(BookingState::Unknown(Unanswered::Booking(Some(key)))) => {
                return self.book_with(pair, Some(key)).await;
            }
            Some(BookingState::Cancelled | BookingState::Unknown(_)) | None => {
                let key = has_keys.then(|| uuid::Uuid::now_v7().to_string());
                return self.book_with(pair, key).await;
            }
        };
        match self.api.try_cancel(self.token(pair), booking.clone()).await {
            Ok(CancelBookingResult::CancelBookingSuccess(_)) => {
                self.bookings.lock().insert(pair, BookingState::Cancelled);
                "cancelled".to_owned()
            }
            Ok(_) => "too late to cancel".to_owned(),
            Err(failure) => self.note_failure(pair, &failure, Unanswered::Cancellation(booking)),
        }
    }

    fn note_failure(&self, pair: UserAtEvent, failure: &Failure, request: Unanswered) -> String {
        if failure.outcome_is_unknown() {
            self.bookings.lock().insert(pair, BookingState::Unknown(request));
        }
        failure.kind()
    }

    fn token(&self, pair: UserAtEvent) -> &str {
        &self.users.tokens[pair.user]
    }

    fn event(&self, pair: UserAtEvent) -> cynic::Id {
        self.events[pair.event].clone()
    }

    /// The number of tickets left for each event.
    async fn remaining(&self) -> Result<Vec<i32>> {
        let anyone = self.users.tokens.first().context("there are no users")?;
        stream::iter(&self.events)
            .map(|event| async move {
                let found = self.api.event(anyone, event.clone()).await;
                let found = found.with_context(|| format!("reading event {}", event.inner()))?;
                anyhow::Ok(found.remaining_tickets)
            })
            .buffered(MAX_CONCURRENT_REQUESTS)
            .try_collect()
            .await
    }

    /// Checks that nothing was oversold, no booking was lost and none was made twice.
    async fn checks(&self, before: &[i32], after: &[i32]) -> Result<Vec<Check>> {
        ensure!(before.len() == after.len(), "an event was deleted during the load");
        let (mut held, mut cancelled, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for (pair, state) in self.bookings.lock().drain() {
            match state {
                BookingState::Held(id) => held.push((pair, id)),
                BookingState::Cancelled => cancelled.push(pair),
                BookingState::Unknown(_) => unknown.push(pair),
            }
        }
        let sample = &held[..held.len().min(self.max_checked)];
        let found = self.current_bookings(sample.iter().map(|(pair, _)| *pair)).await?;
        let found = found.iter().zip(sample).filter(|(now, (_, id))| now.as_ref() == Some(id));
        let found = found.count();
        let has_cancelled = !cancelled.is_empty();
        cancelled.truncate(self.max_checked);
        let still_held = self.current_bookings(cancelled).await?.iter().flatten().count();
        let unknown_now = self.current_bookings(unknown.iter().copied()).await?;
        let stored_unanswered = zip(unknown, unknown_now).filter(|(_, held)| held.is_some());
        let ids: HashSet<&str> = held.iter().map(|(_, id)| id.inner()).collect();
        let mut booked = vec![0_i32; self.events.len()];
        let pairs = held.iter().map(|(pair, _)| *pair);
        for pair in pairs.chain(stored_unanswered.map(|(pair, _)| pair)) {
            booked[pair.event] += 1;
        }
        let events = || zip(zip(before, after), &booked);
        let oversold = events().filter(|((before, after), booked)| booked > before || **after < 0);
        let wrong = events().filter(|((before, after), booked)| *before - *after != **booked);
        let sold_out = self.sold_out.lock();
        // An event with cancellations may have been sold out for a while.
        let refused_wrongly = match has_cancelled {
            true => 0,
            false => sold_out.iter().filter(|event| after[**event] > 0).count(),
        };
        Ok(vec![
            Check::new("events oversold", &oversold.count(), &0),
            Check::new("acknowledged bookings found", &found, &sample.len()),
            Check::new("distinct bookings acknowledged", &ids.len(), &held.len()),
            Check::new("cancelled bookings that still exist", &still_held, &0),
            Check::new("events whose count differs from its bookings", &wrong.count(), &0),
            Check::new("events called sold out with tickets left", &refused_wrongly, &0),
        ])
    }

    /// Each user's present booking of the event.
    async fn current_bookings(
        &self,
        pairs: impl IntoIterator<Item = UserAtEvent>,
    ) -> Result<Vec<Option<cynic::Id>>> {
        stream::iter(pairs)
            .map(|pair| async move {
                let event = self.api.event(self.token(pair), self.event(pair)).await?;
                anyhow::Ok(event.my_booking.map(|held| held.id))
            })
            .buffered(MAX_CONCURRENT_REQUESTS)
            .try_collect()
            .await
    }
}
