//! The rush: an on-sale, where many users want tickets of the same events.

use std::{collections::HashSet, sync::Arc};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    api::Api,
    crowd::Crowd,
    load::{Gathered, Pace, Tally, drive},
    machine::Meter,
    queries::{BookEventResult, EventWithBooking},
    report::{Check, Output, Report},
    watcher::Watcher,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server; it must be on this machine
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: hyper::Uri,
    #[command(flatten)]
    crowd: crate::crowd::Args,
    /// Id of an event to book; can be repeated
    #[arg(long = "event", value_name = "ID")]
    named: Vec<String>,
    /// Without named ones: how many events to book, those with the most tickets left
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    events: u16,
    /// Most acknowledged bookings to look up again one by one
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    check: usize,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    output: Output,
}

/// Requests at a time, outside the rush itself.
const AT_ONCE: usize = 64;

pub(crate) async fn rush(args: Args) -> Result<bool> {
    let api = Api::new(&args.url)?;
    api.wait_until_ready().await?;
    let crowd = Crowd::read(&args.crowd)?;
    let events = match args.named.is_empty() {
        true => api.events_with_most_left(args.events.into()).await?,
        false => args.named.iter().map(cynic::Id::new).collect(),
    };
    let sale = Arc::new(Sale { api, crowd, events });
    println!("{} users, {} events", sale.crowd.tokens.len(), sale.events.len());
    let before = sale.remaining().await?;
    let watcher = Watcher::start(&sale.api, &sale.events).await?;

    let (tally, asked) = (Arc::new(Tally::new()), Gathered::new());
    let meter = Meter::start();
    let turns = sale.crowd.tokens.len() as u64 * sale.events.len() as u64;
    let took = {
        let (sale, asked) = (Arc::clone(&sale), asked.clone());
        drive(&args.pace, turns, &tally, move |turn| {
            let (sale, asked) = (Arc::clone(&sale), asked.clone());
            async move { sale.ask(turn, &asked).await }
        })
        .await
    };
    let usage = meter.read();

    let asked = asked.take();
    let after = sale.remaining().await?;
    let (remaining, mut checks) = watcher.finish(&sale.events, &after).await;
    checks.extend(sale.check(&asked, args.check, &before, &after).await?);
    let found = Arc::into_inner(tally).context("somebody still counts")?.into_found();
    Report { scenario: "rush", took, found, checks, remaining, usage }.publish(&args.output)
}

/// Who wants what.
struct Sale {
    api: Api,
    crowd: Crowd,
    events: Vec<cynic::Id>,
}

/// A request that got a booking, or may have: the connection broke.
struct Asked {
    user: usize,
    event: usize,
    booking: Option<cynic::Id>,
}

impl Sale {
    /// Each user asks once for each event.
    async fn ask(&self, turn: u64, asked: &Gathered<Asked>) -> String {
        let users = self.crowd.tokens.len() as u64;
        let user = (turn % users) as usize;
        let event = ((turn + turn / users) % self.events.len() as u64) as usize;
        let answer = self.api.book_once(&self.crowd.tokens[user], self.events[event].clone()).await;
        match answer {
            Ok(BookEventResult::BookEventSuccess(success)) => {
                asked.add(Asked { user, event, booking: Some(success.booking.id) });
                "booked".to_owned()
            }
            Ok(BookEventResult::SoldOut(_)) => "sold out".to_owned(),
            Ok(BookEventResult::AlreadyBooked(_)) => "already booked".to_owned(),
            Ok(BookEventResult::BookingClosed(_)) => "closed".to_owned(),
            Ok(BookEventResult::Other) => "an unknown type".to_owned(),
            Err(failure) => {
                if failure.is_no_answer() {
                    asked.add(Asked { user, event, booking: None });
                }
                failure.kind()
            }
        }
    }

    /// What is left of each event.
    async fn remaining(&self) -> Result<Vec<i32>> {
        let anyone = self.crowd.tokens.first().context("there are no users")?;
        stream::iter(&self.events)
            .map(|event| async move {
                anyhow::Ok(self.api.look(anyone, event.clone()).await?.remaining_tickets)
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Nothing oversold, nothing lost, nothing twice.
    async fn check(
        &self,
        asked: &[Asked],
        most: usize,
        before: &[i32],
        after: &[i32],
    ) -> Result<Vec<Check>> {
        let (sure, unsure): (Vec<&Asked>, Vec<&Asked>) =
            asked.iter().partition(|asked| asked.booking.is_some());
        let is_found = |asked: &&Asked| {
            let (token, event) = (&self.crowd.tokens[asked.user], self.events[asked.event].clone());
            let booking = asked.booking.clone();
            async move {
                let EventWithBooking { my_booking, .. } = self.api.look(token, event).await?;
                let held = my_booking.map(|held| held.id);
                anyhow::Ok(match booking {
                    Some(_) => held == booking,
                    None => held.is_some(),
                })
            }
        };
        let count = async |asked: &[&Asked]| -> Result<usize> {
            let found: Vec<bool> =
                stream::iter(asked).map(is_found).buffer_unordered(AT_ONCE).try_collect().await?;
            Ok(found.into_iter().filter(|found| *found).count())
        };
        let sample = &sure[..sure.len().min(most)];
        let found = count(sample).await?;
        let found_without_answer = count(&unsure).await?;
        let ids: HashSet<&str> =
            sure.iter().filter_map(|asked| Some(asked.booking.as_ref()?.inner())).collect();
        let gone: i64 = before.iter().zip(after).map(|(b, a)| i64::from(*b) - i64::from(*a)).sum();
        let oversold = after.iter().filter(|left| **left < 0).count();
        ensure!(before.len() == after.len(), "an event is gone");
        Ok(vec![
            Check::new("events oversold", &oversold, &0),
            Check::new("acknowledged bookings found", &found, &sample.len()),
            Check::new("distinct bookings acknowledged", &ids.len(), &sure.len()),
            Check::new("tickets gone", &gone, &(sure.len() + found_without_answer)),
        ])
    }
}
