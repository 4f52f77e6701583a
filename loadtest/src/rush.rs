//! The rush: an on-sale, where many users want tickets of the same events.

use std::sync::Arc;

use anyhow::Result;

use crate::{
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
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn rush(args: Args) -> Result<bool> {
    args.output.prepare()?;
    machine::ensure_sockets(args.pace.connections)?;
    let sale = Arc::new(Sale::open(&args.sale).await?);
    let watcher = Watcher::start(&sale.watched, &sale.events).await?;
    on_sale("rush", &sale, &args.pace, watcher).await?.publish(&args.output)
}

/// Each user asks once for each event.
pub(crate) async fn on_sale(
    scenario: &'static str,
    sale: &Arc<Sale>,
    pace: &Pace,
    watcher: Watcher,
) -> Result<crate::report::Report> {
    let (users, events) = (sale.users.tokens.len() as u64, sale.events.len() as u64);
    let turns = users * events;
    let asking = Arc::clone(sale);
    sale.play(scenario, (pace, turns), watcher, move |turn| {
        let sale = Arc::clone(&asking);
        let (user, event) = (turn % users, (turn % users + turn / users) % events);
        async move { sale.book(Seat { user: user as usize, event: event as usize }).await }
    })
    .await
}
