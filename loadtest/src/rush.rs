//! The rush: an on-sale, where many users want tickets of the same events.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{
    api::Api,
    load::{Pace, Tally, drive},
    queries::BookEventResult,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server; it must be on this machine
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: hyper::Uri,
    /// File with an access token a line, as `rowlock users create` writes it
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Id of an event to book; several are booked in turn
    #[arg(long = "event", value_name = "ID")]
    events: Vec<String>,
    #[command(flatten)]
    pace: Pace,
}

pub(crate) async fn rush(args: Args) -> Result<bool> {
    let api = Api::new(&args.url)?;
    api.wait_until_ready().await?;
    let tokens = fs::read_to_string(&args.tokens)
        .with_context(|| format!("reading {}", args.tokens.display()))?;
    let tokens: Arc<Vec<String>> = Arc::new(tokens.lines().map(str::to_owned).collect());
    ensure!(!tokens.is_empty(), "{} is empty", args.tokens.display());
    let events: Arc<Vec<cynic::Id>> = Arc::new(args.events.iter().map(cynic::Id::new).collect());
    ensure!(!events.is_empty(), "name an event with --event");

    let tally = Arc::new(Tally::new());
    let booked = Arc::new(Mutex::new(Vec::new()));
    let pairs = tokens.len() as u64 * events.len() as u64;
    let took = {
        let (api, tokens, events, booked) =
            (api.clone(), tokens.clone(), events.clone(), booked.clone());
        drive(&args.pace, pairs, &tally, move |number| {
            let (api, tokens, events, booked) =
                (api.clone(), tokens.clone(), events.clone(), booked.clone());
            async move {
                // Each user asks once for each event.
                let user = number % tokens.len() as u64;
                let event = (number + number / tokens.len() as u64) % events.len() as u64;
                let answer =
                    api.book_once(&tokens[user as usize], events[event as usize].clone()).await;
                match answer {
                    Ok(BookEventResult::BookEventSuccess(success)) => {
                        booked.lock().unwrap_or_else(PoisonError::into_inner).push((
                            user,
                            event,
                            success.booking.id,
                        ));
                        "booked".to_owned()
                    }
                    Ok(BookEventResult::SoldOut(_)) => "sold out".to_owned(),
                    Ok(BookEventResult::AlreadyBooked(_)) => "already booked".to_owned(),
                    Ok(BookEventResult::BookingClosed(_)) => "closed".to_owned(),
                    Ok(BookEventResult::Other) => "unknown".to_owned(),
                    Err(failure) => failure.kind(),
                }
            }
        })
        .await
    };
    println!(
        "{} requests in {:.2} s: {:.0}/s",
        tally.count(),
        took.as_secs_f64(),
        tally.count() as f64 / took.as_secs_f64()
    );
    let found = Arc::into_inner(tally).context("somebody still counts")?.into_found();
    for (kind, times) in &found.kinds {
        let ms = |q| {
            let d: Duration = times.quantile(q);
            d.as_secs_f64() * 1e3
        };
        println!(
            "{kind:<16} {:>8}  p50 {:>7.1}  p90 {:>7.1}  p99 {:>7.1}  max {:>7.1} ms",
            times.count(),
            ms(0.5),
            ms(0.9),
            ms(0.99),
            ms(1.0)
        );
    }
    Ok(true)
}
