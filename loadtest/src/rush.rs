//! `rush`: many users book tickets for the same events, as when a sale opens.

use std::sync::Arc;

use anyhow::Result;

use crate::{
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
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn rush(args: Args) -> Result<bool> {
    args.output.prepare()?;
    machine::ensure_sockets_allowed(args.load.connections)?;
    let sale = Arc::new(Sale::open(&args.sale).await?);
    let watcher = Watcher::start(&sale.live_api, &sale.events).await?;
    book_all("rush", &sale, &args.load, watcher).await?.publish(&args.output)
}

/// Each user tries to book each event once.
pub(crate) async fn book_all(
    scenario: &'static str,
    sale: &Arc<Sale>,
    load: &LoadArgs,
    watcher: Watcher,
) -> Result<crate::report::Report> {
    let (users, events) = (sale.users.tokens.len() as u64, sale.events.len() as u64);
    let requests = users * events;
    let asking = Arc::clone(sale);
    sale.run(scenario, (load, requests), watcher, move |number| {
        let sale = Arc::clone(&asking);
        let (user, event) = (number % users, (number % users + number / users) % events);
        async move { sale.book(UserAtEvent { user: user as usize, event: event as usize }).await }
    })
    .await
}
