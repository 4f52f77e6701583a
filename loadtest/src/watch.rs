//! `watch`: many subscribers watch an event's live count while its tickets are booked.

use std::sync::Arc;

use anyhow::Result;

use crate::{
    load::LoadArgs,
    machine,
    report::Output,
    rush,
    sale::{self, Sale},
    watcher::Watcher,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    sale: sale::Args,
    /// Number of subscribers, each with its own socket
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    subscribers: u32,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn watch(args: Args) -> Result<bool> {
    args.output.prepare()?;
    machine::ensure_sockets_allowed(args.subscribers + args.load.connections)?;
    let sale = Arc::new(Sale::open(&args.sale).await?);
    let memory = || args.sale.server_pid.map(machine::process_memory_kib).transpose();
    let alone = memory()?;
    let watcher = Watcher::start_many(&sale.live_api, &sale.events, args.subscribers).await?;
    let watched = memory()?;
    println!("{} subscribers", args.subscribers);
    let mut report = rush::book_all("watch", &sale, &args.load, watcher).await?;
    let per_subscriber = |now: f64, before: f64| (now - before) / f64::from(args.subscribers);
    let is_after = |(name, _): &&(&str, f64)| *name == "server_memory_after_kib";
    let booked = report.figures.iter().find(is_after).map(|(_, kib)| *kib);
    if let (Some(alone), Some(watched), Some(booked)) = (alone, watched, booked) {
        report.figures.extend([
            ("server_memory_per_quiet_subscriber_kib", per_subscriber(watched, alone)),
            ("server_memory_per_subscriber_kib", per_subscriber(booked, alone)),
        ]);
    }
    report.publish(&args.output)
}
