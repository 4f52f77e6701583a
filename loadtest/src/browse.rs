//! Browsing: many people look at the list, search it, and open an event.

use std::{slice, sync::Arc};

use anyhow::{Context, Result};
use clap::ValueEnum;
use cynic::QueryBuilder;

use crate::{
    api::Api,
    load::{Pace, Tally, drive},
    machine::{self, Meter},
    queries::{EventById, EventCards, EventCardsVariables, EventVariables},
    report::{Check, Output, Report},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server; it must be on this machine
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: hyper::Uri,
    /// What they look at; several are taken in turn
    #[arg(long, value_enum, value_delimiter = ',', default_value = "list,search,event")]
    look: Vec<Look>,
    /// What they search for
    #[arg(long, value_name = "TEXT", default_value = "concert")]
    search: String,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Look {
    /// The first ten events, with all that a card shows
    List,
    /// The first ten events that a search finds
    Search,
    /// One event
    Event,
    /// Nothing but the API's own name: what a request costs that reads no data
    Nothing,
}

impl Look {
    const KINDS: [&str; 4] = ["list", "search", "event", "nothing"];

    fn kind(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Search => "search",
            Self::Event => "event",
            Self::Nothing => "nothing",
        }
    }
}

pub(crate) async fn browse(args: Args) -> Result<bool> {
    args.output.prepare()?;
    machine::ensure_sockets(args.pace.connections)?;
    let api = Api::new(slice::from_ref(&args.url))?;
    api.wait_until_ready().await?;
    let first = api.send(EventCards::build, EventCardsVariables { search: None }, None).await?;
    let event = first.events.nodes.into_iter().next().context("there are no events")?;
    let visitor = Arc::new(Visitor::new(api, event.id, args.search));
    let looks: Arc<[Look]> = args.look.into();
    let tally = Arc::new(Tally::new());
    let meter = Meter::start();
    let took = drive(&args.pace, u64::MAX, &tally, move |turn| {
        let (visitor, look) = (Arc::clone(&visitor), looks[turn as usize % looks.len()]);
        async move { visitor.look(look).await }
    })
    .await;
    let usage = meter.read();
    let found = Arc::into_inner(tally).context("somebody still counts")?.into_found();
    let failed = found.kinds.keys().filter(|kind| !Look::KINDS.contains(&kind.as_str())).count();
    let checks = vec![Check::new("kinds of failures", &failed, &0)];
    let (figures, remaining) = (Vec::new(), Vec::new());
    let report = Report { scenario: "browse", took, found, checks, figures, remaining, usage };
    report.publish(&args.output)
}

/// Somebody who looks around.
pub(crate) struct Visitor {
    api: Api,
    event: cynic::Id,
    search: String,
}

impl Visitor {
    /// Of events, one; of searches, one.
    pub(crate) fn new(api: Api, event: cynic::Id, search: String) -> Self {
        Self { api, event, search }
    }

    /// Looks once; gives the kind of the answer.
    pub(crate) async fn look(&self, look: Look) -> String {
        let list = async |search| {
            let variables = EventCardsVariables { search };
            self.api.send(EventCards::build, variables, None).await.map(drop)
        };
        let answer = match look {
            Look::List => list(None).await,
            Look::Search => list(Some(self.search.clone())).await,
            Look::Event => {
                let variables = EventVariables { id: self.event.clone() };
                self.api.send(EventById::build, variables, None).await.map(drop)
            }
            Look::Nothing => self.api.ask_nothing().await,
        };
        match answer {
            Ok(()) => look.kind().to_owned(),
            Err(failure) => failure.kind(),
        }
    }
}
