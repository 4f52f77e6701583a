//! `mixed`: visitors browse, users book and cancel, and live counts are watched.

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
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    output: Output,
}

/// Of a hundred requests, how many open each view. The others book or cancel.
const VIEW_SHARES: [(View, u32); 3] = [(View::List, 55), (View::Search, 10), (View::Event, 20)];

pub(crate) async fn mixed(args: Args) -> Result<bool> {
    args.output.prepare()?;
    machine::ensure_sockets_allowed(args.load.connections)?;
    let sale = Arc::new(Sale::open(&args.sale).await?);
    let watcher = Watcher::start(&sale.live_api, &sale.events).await?;
    let mixed_load = Arc::new(MixedLoad {
        visitor: Visitor::new(sale.api.clone(), sale.events[0].clone(), args.search),
        is_waiting: sale.users.tokens.iter().map(|_| AtomicBool::new(false)).collect(),
        sale: Arc::clone(&sale),
    });
    let report = sale.run("mixed", (&args.load, u64::MAX), watcher, move |number| {
        let mixed_load = Arc::clone(&mixed_load);
        async move { mixed_load.send(number).await }
    });
    report.await?.publish(&args.output)
}

struct MixedLoad {
    sale: Arc<Sale>,
    visitor: Visitor,
    /// By user: whether a request to book or cancel is under way.
    is_waiting: Vec<AtomicBool>,
}

impl MixedLoad {
    /// Sends one request; returns the kind of the answer.
    async fn send(&self, number: u64) -> String {
        let mut percent = SmallRng::seed_from_u64(number).random_range(0..100);
        for (view, share) in VIEW_SHARES {
            if percent < share {
                return self.visitor.open(view).await;
            }
            percent -= share;
        }
        let user = (number % self.is_waiting.len() as u64) as usize;
        if self.is_waiting[user].swap(true, Ordering::AcqRel) {
            return self.visitor.open(View::Event).await;
        }
        // Each user books always the same event.
        let pair = UserAtEvent { user, event: user % self.sale.events.len() };
        let kind = self.sale.book_or_cancel(pair).await;
        self.is_waiting[user].store(false, Ordering::Release);
        kind
    }
}
