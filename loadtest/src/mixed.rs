//! `mixed`: visitors browse, users book and cancel, live counts are watched, and on request, an
//! organizer edits, imports and cancels events.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Result;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::{
    browse::{View, Visitor},
    load::LoadArgs,
    machine,
    organizer::Organizer,
    report::Output,
    sale::{self, Sale, UserAtEvent},
    watcher::Watcher,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    sale: sale::Args,
    /// Text to search for
    #[arg(long, value_name = "TEXT", default_value = "concert")]
    search: String,
    /// The first user founds an organizer, whose events are edited, imported, booked and cancelled
    #[arg(long)]
    organize: bool,
    /// Of a hundred requests, how many book or cancel. The others open pages
    #[arg(
        long,
        default_value_t = 15,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=100)
    )]
    booking_percent: u32,
    /// Book with idempotency keys, and repeat each booking without an answer until there is one
    #[arg(long)]
    keys: bool,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    output: Output,
}

/// How the requests that open pages share the views.
const VIEW_SHARES: [(View, u32); 3] = [(View::List, 55), (View::Search, 10), (View::Event, 20)];
/// Of 15 that would book or cancel, how many are about the organizer's events, if there is one.
const ORGANIZER_SHARE: u32 = 7;

pub(crate) async fn mixed(args: Args) -> Result<bool> {
    args.output.prepare()?;
    machine::ensure_sockets_allowed(args.load.connections)?;
    let sale = Arc::new(Sale::open(&args.sale).await?);
    let watcher = Watcher::start(&sale.live_api, &sale.events).await?;
    let organizer = match args.organize {
        true => Some(Organizer::found(&sale).await?),
        false => None,
    };
    let mixed_load = Arc::new(MixedLoad {
        visitor: Visitor::new(sale.api.clone(), sale.events[0].clone(), args.search),
        is_waiting: sale.users.tokens.iter().map(|_| AtomicBool::new(false)).collect(),
        organizer,
        booking_percent: args.booking_percent,
        has_keys: args.keys,
        sale: Arc::clone(&sale),
    });
    let sending = Arc::clone(&mixed_load);
    let report = sale.run("mixed", (&args.load, u64::MAX), watcher, move |number| {
        let mixed_load = Arc::clone(&sending);
        async move { mixed_load.send(number).await }
    });
    let mut report = report.await?;
    if let Some(organizer) = &mixed_load.organizer {
        report.checks.extend(organizer.checks().await?);
    }
    report.publish(&args.output)
}

struct MixedLoad {
    sale: Arc<Sale>,
    visitor: Visitor,
    organizer: Option<Organizer>,
    booking_percent: u32,
    has_keys: bool,
    /// By user: whether a request to book or cancel is under way.
    is_waiting: Vec<AtomicBool>,
}

impl MixedLoad {
    /// Sends one request; returns the kind of the answer.
    async fn send(&self, number: u64) -> String {
        let mut random = SmallRng::seed_from_u64(number);
        if random.random_range(0..100) >= self.booking_percent {
            let mut place =
                random.random_range(0..VIEW_SHARES.iter().map(|(_, share)| share).sum());
            for (view, share) in VIEW_SHARES {
                if place < share {
                    return self.visitor.open(view).await;
                }
                place -= share;
            }
        }
        if let Some(organizer) = &self.organizer
            && random.random_range(0..15) < ORGANIZER_SHARE
        {
            return organizer.send(random).await;
        }
        let user = (number % self.is_waiting.len() as u64) as usize;
        if self.is_waiting[user].swap(true, Ordering::AcqRel) {
            return self.visitor.open(View::Event).await;
        }
        // Each user books always the same event.
        let pair = UserAtEvent { user, event: user % self.sale.events.len() };
        let kind = self.sale.book_or_cancel(pair, self.has_keys).await;
        self.is_waiting[user].store(false, Ordering::Release);
        kind
    }
}
