//! Mixed: people look around, book, change their minds, and watch.

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
    /// What people search for
    #[arg(long, value_name = "TEXT", default_value = "concert")]
    search: String,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    output: Output,
}

/// Of a hundred turns, how many go to each look; the others book or cancel.
const VIEW_SHARES: [(View, u32); 3] = [(View::List, 55), (View::Search, 10), (View::Event, 20)];

pub(crate) async fn mixed(args: Args) -> Result<bool> {
    args.output.prepare()?;
    machine::ensure_sockets_allowed(args.load.connections)?;
    let sale = Arc::new(Sale::open(&args.sale).await?);
    let watcher = Watcher::start(&sale.live_api, &sale.events).await?;
    let people = Arc::new(People {
        visitor: Visitor::new(sale.api.clone(), sale.events[0].clone(), args.search),
        is_waiting: sale.users.tokens.iter().map(|_| AtomicBool::new(false)).collect(),
        sale: Arc::clone(&sale),
    });
    let report = sale.run("mixed", (&args.load, u64::MAX), watcher, move |turn| {
        let people = Arc::clone(&people);
        async move { people.act(turn).await }
    });
    report.await?.publish(&args.output)
}

struct People {
    sale: Arc<Sale>,
    visitor: Visitor,
    /// By user: whether they wait for an answer about their booking.
    is_waiting: Vec<AtomicBool>,
}

impl People {
    /// One person does one thing.
    async fn act(&self, turn: u64) -> String {
        let mut percent = SmallRng::seed_from_u64(turn).random_range(0..100);
        for (view, share) in VIEW_SHARES {
            if percent < share {
                return self.visitor.open(view).await;
            }
            percent -= share;
        }
        let user = (turn % self.is_waiting.len() as u64) as usize;
        if self.is_waiting[user].swap(true, Ordering::AcqRel) {
            return self.visitor.open(View::Event).await;
        }
        // Each has set their heart on one event.
        let pair = UserAtEvent { user, event: user % self.sale.events.len() };
        let kind = self.sale.book_or_cancel(pair).await;
        self.is_waiting[user].store(false, Ordering::Release);
        kind
    }
}
