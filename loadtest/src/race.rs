//! `race`: many users book an event's last tickets at the same moment.

use std::{
    collections::BTreeMap,
    slice,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{
    sync::{Barrier, mpsc},
    task::JoinSet,
    time::timeout,
};

use crate::{
    api::{Api, Failure, User},
    queries::{BookEventResult, Event, TicketUpdate},
    report::Check,
};

/// To sign in, read and cancel; in the race itself, all users book at once.
const MAX_CONCURRENT_REQUESTS: usize = 16;
/// With more users, the report has one line per kind of answer instead of one per user.
const MAX_LINES: usize = 20;
/// For the subscription's first count, and for its last one.
const LIVE_COUNT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server's limit.
const MAX_TICKETS_PER_BOOKING: i32 = 10;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server's address on this machine
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: hyper::Uri,
    /// Number of users, who book one ticket each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    users: u16,
    /// Number of tickets to race for
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    tickets: u16,
    /// Part of the event's title. Without it, the smallest event with enough tickets is used; those
    /// in excess are booked first by other users
    #[arg(long, value_name = "TITLE")]
    event: Option<String>,
    /// Number of races, one after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rounds: u16,
    /// Keep the last round's bookings instead of cancelling them
    #[arg(long)]
    keep: bool,
}

/// Runs the rounds; returns whether all of them passed.
pub(crate) async fn race(args: Args) -> Result<bool> {
    let api = Api::new(slice::from_ref(&args.url))?;
    api.wait_until_ready().await?;
    let tickets = i32::from(args.tickets);
    let racers = sign_in_users("race", args.users.into(), &api).await?;
    let mut race = Race { racers, event: find_event(&args, &api).await?, tickets };
    race.cancel_bookings().await?;
    let extra_users = race.book_surplus(&api).await?;
    println!(
        "{}: {} users for {} of {} tickets",
        race.event.title,
        race.racers.len(),
        tickets,
        race.event.total_tickets
    );

    let mut failed = 0;
    for round in 1..=args.rounds {
        let report = race.run(&api).await?;
        report.print(round, args.rounds);
        failed += u16::from(!report.passed());
        if round < args.rounds || !args.keep {
            race.cancel_bookings().await?;
        }
    }
    race.cancel_surplus(extra_users).await?;
    let rounds = args.rounds;
    match failed {
        0 => println!("\nPASS: {rounds} of {rounds} rounds"),
        _ => println!("\nFAIL: {failed} of {rounds} rounds failed"),
    }
    Ok(failed == 0)
}

/// The users, and the tickets that they race for.
struct Race {
    racers: Vec<User>,
    event: Event,
    tickets: i32,
}

/// One user's attempt to book.
struct Attempt {
    user: String,
    result: Result<BookEventResult, Failure>,
    latency: Duration,
}

struct RoundReport {
    attempts: Vec<Attempt>,
    checks: Vec<Check>,
}

/// Registers users, or signs in those that exist.
async fn sign_in_users(kind: &str, count: usize, api: &Api) -> Result<Vec<User>> {
    let started = Instant::now();
    let signing_in = (1..=count).map(|number| User::sign_in(api, format!("{kind}-{number:04}")));
    let mut users = Vec::with_capacity(count);
    let mut signed_in = stream::iter(signing_in).buffered(MAX_CONCURRENT_REQUESTS);
    while let Some(user) = signed_in.next().await {
        users.push(user?);
        if users.len() % 100 == 0 {
            println!("{} of {count} users signed in", users.len());
        }
    }
    println!("{count} users signed in within {:.1} s", started.elapsed().as_secs_f64());
    Ok(users)
}

/// The smallest event with enough tickets.
async fn find_event(args: &Args, api: &Api) -> Result<Event> {
    let wanted = i32::from(args.tickets);
    let events = api.events(args.event.as_deref()).await?;
    let enough = events.into_iter().filter(|event| event.total_tickets >= wanted);
    enough.min_by_key(|event| event.total_tickets).with_context(|| match &args.event {
        Some(title) => format!("no event with {title:?} in its title has {wanted} tickets"),
        None => format!("no event has {wanted} tickets; `rowlock seed` adds the demo events"),
    })
}

impl Race {
    /// Cancels the bookings of earlier rounds and runs.
    async fn cancel_bookings(&mut self) -> Result<()> {
        for racer in &mut self.racers {
            racer.renew_token().await?;
        }
        let event = &self.event.id;
        stream::iter(&self.racers)
            .map(|racer| async move {
                match racer.event(event.clone()).await?.my_booking {
                    Some(booking) => racer.cancel(booking.id).await.map(drop),
                    None => Ok(()),
                }
            })
            .buffer_unordered(MAX_CONCURRENT_REQUESTS)
            .try_collect()
            .await
    }

    /// Lets other users book the tickets in excess, so that only those to race for are left.
    async fn book_surplus(&self, api: &Api) -> Result<Vec<User>> {
        let remaining = self.remaining().await?;
        let mut rest = remaining - self.tickets;
        if rest < 0 {
            bail!(
                "{}: {remaining} of the {} tickets to race for are left; cancel bookings, or name \
                 another event with --event",
                self.event.title,
                self.tickets
            );
        }
        if rest == 0 {
            return Ok(Vec::new());
        }
        let mut extra_users = Vec::new();
        while rest > 0 {
            let extra_user =
                User::sign_in(api, format!("filler-{:04}", extra_users.len() + 1)).await?;
            let quantity = rest.min(MAX_TICKETS_PER_BOOKING);
            match extra_user.book(self.event.id.clone(), quantity).await? {
                BookEventResult::BookEventSuccess(success) => rest -= success.booking.quantity,
                // An interrupted run left this booking; its tickets are not among those left.
                BookEventResult::AlreadyBooked(_) => {}
                other => bail!("a user could not book the tickets in excess: {other:?}"),
            }
            extra_users.push(extra_user);
            if extra_users.len() % 100 == 0 {
                println!("{rest} tickets in excess are still to be booked");
            }
        }
        ensure!(
            self.remaining().await? == self.tickets,
            "somebody else is booking {}; name another event with --event",
            self.event.title
        );
        Ok(extra_users)
    }

    /// Cancels the bookings of the tickets in excess.
    async fn cancel_surplus(&self, extra_users: Vec<User>) -> Result<()> {
        for extra_user in extra_users {
            if let Some(booking) = extra_user.event(self.event.id.clone()).await?.my_booking {
                extra_user.cancel(booking.id).await?;
            }
        }
        Ok(())
    }

    async fn remaining(&self) -> Result<i32> {
        let anyone = self.racers.first().context("there are no users")?;
        Ok(anyone.event(self.event.id.clone()).await?.remaining_tickets)
    }

    /// Runs one race, with a subscription to the event's live count.
    async fn run(&mut self, api: &Api) -> Result<RoundReport> {
        let (sender, mut updates) = mpsc::unbounded_channel();
        let mut counts = api.subscribe(vec![self.event.id.clone()]).await?;
        let watching = tokio::spawn(async move {
            while let Some(count) = counts.next().await {
                if sender.send(count).is_err() {
                    break;
                }
            }
        });
        let first = timeout(LIVE_COUNT_TIMEOUT, updates.recv()).await.ok().flatten();
        let first = first.context("the subscription did not start with the current count")?;

        let attempts = self.book_at_once().await?;
        let booked = attempts.iter().filter(|attempt| attempt.booked()).count();
        let expected = i32::try_from(self.racers.len())?.min(self.tickets);
        let left = self.tickets - expected;
        let seen = read_until(&mut updates, first, left).await;
        watching.abort();

        let refused =
            attempts.iter().filter(|a| matches!(a.result, Ok(BookEventResult::SoldOut(_)))).count();
        let holders = self.count_holders().await?;
        let in_order = seen.windows(2).all(|two| two[0].version < two[1].version);
        let in_range =
            seen.iter().all(|count| (0..=self.tickets).contains(&count.remaining_tickets));
        let last = seen.last().cloned().context("the subscription sent no count")?;
        let refusals = self.racers.len() - usize::try_from(expected)?;
        Ok(RoundReport {
            checks: vec![
                Check::new("booked", &booked, &expected),
                Check::new("refused as sold out", &refused, &refusals),
                Check::new("remaining in the query", &self.remaining().await?, &left),
                Check::new("remaining in the subscription", &last.remaining_tickets, &left),
                Check::new("users who hold a booking", &holders, &booked),
                Check::new("live counts in order", &in_order, &true),
                Check::new("live counts within range", &in_range, &true),
            ],
            attempts,
        })
    }

    /// Lets all users book at the same moment.
    async fn book_at_once(&mut self) -> Result<Vec<Attempt>> {
        let start = Arc::new(Barrier::new(self.racers.len()));
        let mut asking = JoinSet::new();
        for (place, racer) in self.racers.drain(..).enumerate() {
            let (start, event) = (Arc::clone(&start), self.event.id.clone());
            asking.spawn(async move {
                start.wait().await;
                let asked = Instant::now();
                let result = racer.book(event, 1).await;
                let attempt =
                    Attempt { user: racer.name.clone(), result, latency: asked.elapsed() };
                (place, racer, attempt)
            });
        }
        let mut done = asking.join_all().await;
        done.sort_by_key(|(place, ..)| *place);
        let (racers, attempts) =
            done.into_iter().map(|(_, racer, attempt)| (racer, attempt)).unzip();
        self.racers = racers;
        Ok(attempts)
    }

    async fn count_holders(&self) -> Result<usize> {
        let event = &self.event.id;
        let holding: Vec<bool> = stream::iter(&self.racers)
            .map(|racer| async move {
                anyhow::Ok(racer.event(event.clone()).await?.my_booking.is_some())
            })
            .buffer_unordered(MAX_CONCURRENT_REQUESTS)
            .try_collect()
            .await?;
        Ok(holding.into_iter().filter(|holds| *holds).count())
    }
}

/// Reads counts until `left` arrives, or until the timeout.
async fn read_until(
    updates: &mut mpsc::UnboundedReceiver<TicketUpdate>,
    first: TicketUpdate,
    left: i32,
) -> Vec<TicketUpdate> {
    let mut seen = vec![first];
    let reading = async {
        while let Some(count) = updates.recv().await {
            let is_last = count.remaining_tickets == left;
            seen.push(count);
            if is_last {
                break;
            }
        }
    };
    // After the timeout, the check of the last count fails.
    let _ = timeout(LIVE_COUNT_TIMEOUT, reading).await;
    seen
}

impl Attempt {
    fn booked(&self) -> bool {
        matches!(self.result, Ok(BookEventResult::BookEventSuccess(_)))
    }

    /// A few words, for the table.
    fn describe(&self) -> String {
        match &self.result {
            Ok(BookEventResult::BookEventSuccess(_)) => "booked".to_owned(),
            Ok(BookEventResult::SoldOut(sold_out)) => {
                format!("SoldOut ({} left)", sold_out.remaining_tickets)
            }
            Ok(BookEventResult::AlreadyBooked(refusal)) => refusal.message.clone(),
            Ok(BookEventResult::BookingClosed(refusal)) => refusal.message.clone(),
            Ok(BookEventResult::Other) => "unknown type".to_owned(),
            Err(failure) => failure.kind(),
        }
    }
}

impl RoundReport {
    fn passed(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }

    fn print(&self, round: u16, rounds: u16) {
        println!("\nRound {round} of {rounds}");
        if self.attempts.len() <= MAX_LINES {
            println!("  {:<12} {:<24} {:>8}", "user", "got", "ms");
            for attempt in &self.attempts {
                let millis = attempt.latency.as_secs_f64() * 1_000.0;
                println!("  {:<12} {:<24} {millis:>8.1}", attempt.user, attempt.describe());
            }
        } else {
            let mut kinds: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
            for attempt in &self.attempts {
                kinds.entry(attempt.describe()).or_default().push(attempt.latency);
            }
            println!("  {:<24} {:>6} {:>8} {:>8}", "got", "users", "median", "slowest");
            for (kind, mut times) in kinds {
                times.sort_unstable();
                let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
                let (median, slowest) =
                    (millis(times[times.len() / 2]), millis(times[times.len() - 1]));
                println!("  {kind:<24} {:>6} {median:>6.1}ms {slowest:>6.1}ms", times.len());
            }
        }
        self.checks.iter().for_each(Check::print);
    }
}
