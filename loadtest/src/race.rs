//! The race: many users ask for an event's last tickets in the same moment.

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

/// Users that sign in, look or cancel at the same time, outside the race itself.
const MAX_CONCURRENT_REQUESTS: usize = 16;
/// Most users that get a line each.
const MAX_LINES: usize = 20;
/// How soon the subscription must show the final count.
const LIVE_COUNT_TIMEOUT: Duration = Duration::from_secs(5);
/// Most tickets in one booking.
const MAX_TICKETS_PER_BOOKING: i32 = 10;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server; it must be on this machine
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: hyper::Uri,
    /// How many users ask, one ticket each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    users: u16,
    /// How many tickets there are for them
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    tickets: u16,
    /// Part of the title of the event to use; without it, one that has just so many tickets, or one
    /// with more, of which the rest is booked away first
    #[arg(long, value_name = "TITLE")]
    event: Option<String>,
    /// How many races, one after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rounds: u16,
    /// Leave the last round's bookings as they are instead of cancelling them
    #[arg(long)]
    keep: bool,
}

/// Runs the rounds; says whether all of them passed.
pub(crate) async fn race(args: Args) -> Result<bool> {
    let api = Api::new(slice::from_ref(&args.url))?;
    api.wait_until_ready().await?;
    let tickets = i32::from(args.tickets);
    let racers = sign_in_users("race", args.users.into(), &api).await?;
    let mut race = Race { racers, event: find_event(&args, &api).await?, tickets };
    race.cancel_bookings().await?;
    let fillers = race.book_surplus(&api).await?;
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
    race.cancel_surplus(fillers).await?;
    let rounds = args.rounds;
    match failed {
        0 => println!("\nPASS: {rounds} of {rounds} rounds"),
        _ => println!("\nFAIL: {failed} of {rounds} rounds failed"),
    }
    Ok(failed == 0)
}

/// Who races for what.
struct Race {
    racers: Vec<User>,
    event: Event,
    tickets: i32,
}

/// What one user got, and how long it took.
struct Attempt {
    user: String,
    result: Result<BookEventResult, Failure>,
    latency: Duration,
}

struct RoundReport {
    attempts: Vec<Attempt>,
    checks: Vec<Check>,
}

/// Registers users, or signs them in.
async fn sign_in_users(kind: &str, count: usize, api: &Api) -> Result<Vec<User>> {
    let begun = Instant::now();
    let signing_in = (1..=count).map(|number| User::sign_in(api, format!("{kind}-{number:04}")));
    let mut users = Vec::with_capacity(count);
    let mut signed_in = stream::iter(signing_in).buffered(MAX_CONCURRENT_REQUESTS);
    while let Some(user) = signed_in.next().await {
        users.push(user?);
        if users.len() % 100 == 0 {
            println!("{} of {count} users signed in", users.len());
        }
    }
    println!("{count} users signed in after {:.1} s", begun.elapsed().as_secs_f64());
    Ok(users)
}

/// The event with the fewest tickets that has enough of them.
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
    /// Cancels what earlier rounds or runs left.
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

    /// Lets others book until just the tickets of the race are left.
    async fn book_surplus(&self, api: &Api) -> Result<Vec<User>> {
        let remaining = self.remaining().await?;
        let mut rest = remaining - self.tickets;
        if rest < 0 {
            bail!(
                "{} has {remaining} tickets left and the race needs {}: cancel some, or name another \
                 event with --event",
                self.event.title,
                self.tickets
            );
        }
        if rest == 0 {
            return Ok(Vec::new());
        }
        let mut fillers = Vec::new();
        while rest > 0 {
            let filler = User::sign_in(api, format!("filler-{:04}", fillers.len() + 1)).await?;
            let quantity = rest.min(MAX_TICKETS_PER_BOOKING);
            match filler.book(self.event.id.clone(), quantity).await? {
                BookEventResult::BookEventSuccess(success) => rest -= success.booking.quantity,
                // Left by a run that was interrupted, and not among the remaining ones.
                BookEventResult::AlreadyBooked(_) => {}
                other => bail!("booking the rest away: {other:?}"),
            }
            fillers.push(filler);
            if fillers.len() % 100 == 0 {
                println!("{rest} tickets still to be booked away");
            }
        }
        ensure!(
            self.remaining().await? == self.tickets,
            "{} is booked by others at the same time; name another event with --event",
            self.event.title
        );
        Ok(fillers)
    }

    /// Cancels what the fillers booked.
    async fn cancel_surplus(&self, fillers: Vec<User>) -> Result<()> {
        for filler in fillers {
            if let Some(booking) = filler.event(self.event.id.clone()).await?.my_booking {
                filler.cancel(booking.id).await?;
            }
        }
        Ok(())
    }

    async fn remaining(&self) -> Result<i32> {
        let anyone = self.racers.first().context("there are no users")?;
        Ok(anyone.event(self.event.id.clone()).await?.remaining_tickets)
    }

    /// One race, watched by a subscription.
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
        let first = first.context("the subscription did not begin with the current count")?;

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
        let last = seen.last().cloned().context("nothing was told")?;
        let refusals = self.racers.len() - usize::try_from(expected)?;
        Ok(RoundReport {
            checks: vec![
                Check::new("booked", &booked, &expected),
                Check::new("refused as sold out", &refused, &refusals),
                Check::new("remaining in the query", &self.remaining().await?, &left),
                Check::new("remaining in the subscription", &last.remaining_tickets, &left),
                Check::new("users who hold a booking", &holders, &booked),
                Check::new("live versions only grow", &in_order, &true),
                Check::new("live counts within range", &in_range, &true),
            ],
            attempts,
        })
    }

    /// Everybody asks in the same moment.
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

/// The counts that the subscription tells until it tells `left`, or for as long as it may take.
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
    // Running out of time shows as a wrong last count.
    let _ = timeout(LIVE_COUNT_TIMEOUT, reading).await;
    seen
}

impl Attempt {
    fn booked(&self) -> bool {
        matches!(self.result, Ok(BookEventResult::BookEventSuccess(_)))
    }

    /// For the table.
    fn describe(&self) -> String {
        match &self.result {
            Ok(BookEventResult::BookEventSuccess(_)) => "booked".to_owned(),
            Ok(BookEventResult::SoldOut(sold_out)) => {
                format!("SoldOut ({} left)", sold_out.remaining_tickets)
            }
            Ok(BookEventResult::AlreadyBooked(refusal)) => refusal.message.clone(),
            Ok(BookEventResult::BookingClosed(refusal)) => refusal.message.clone(),
            Ok(BookEventResult::Other) => "an unknown type".to_owned(),
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
