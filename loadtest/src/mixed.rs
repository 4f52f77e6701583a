//! Mixed: people look around, book, change their minds, and watch.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Result;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::{
    browse::{Look, Visitor},
    load::Pace,
    machine,
    report::Output,
    sale::{self, Sale, Seat},
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
    pace: Pace,
    #[command(flatten)]
    output: Output,
}

/// Of a hundred turns, how many go to each look; the others book or cancel.
const LOOKS: [(Look, u32); 3] = [(Look::List, 55), (Look::Search, 10), (Look::Event, 20)];

pub(crate) async fn mixed(args: Args) -> Result<bool> {
    args.output.prepare()?;
    machine::ensure_sockets(args.pace.connections)?;
    let sale = Arc::new(Sale::open(&args.sale).await?);
    let watcher = Watcher::start(&sale.watched, &sale.events).await?;
    let people = Arc::new(People {
        visitor: Visitor::new(sale.api.clone(), sale.events[0].clone(), args.search),
        busy: sale.users.tokens.iter().map(|_| AtomicBool::new(false)).collect(),
        sale: Arc::clone(&sale),
    });
    let report = sale.play("mixed", (&args.pace, u64::MAX), watcher, move |turn| {
        let people = Arc::clone(&people);
        async move { people.act(turn).await }
    });
    report.await?.publish(&args.output)
}

struct People {
    sale: Arc<Sale>,
    visitor: Visitor,
    /// By user: whether they wait for an answer about their booking.
    busy: Vec<AtomicBool>,
}

impl People {
    /// One person does one thing.
    async fn act(&self, turn: u64) -> String {
        let mut die = SmallRng::seed_from_u64(turn).random_range(0..100);
        for (look, share) in LOOKS {
            if die < share {
                return self.visitor.look(look).await;
            }
            die -= share;
        }
        let user = (turn % self.busy.len() as u64) as usize;
        if self.busy[user].swap(true, Ordering::AcqRel) {
            return self.visitor.look(Look::Event).await;
        }
        // Each has set their heart on one event.
        let seat = Seat { user, event: user % self.sale.events.len() };
        let kind = self.sale.book_or_cancel(seat).await;
        self.busy[user].store(false, Ordering::Release);
        kind
    }
}
