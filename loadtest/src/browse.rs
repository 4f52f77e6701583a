//! Browsing: many people look at the list, search it, and open an event.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::ValueEnum;
use cynic::QueryBuilder;

use crate::{
    api::{Api, Failure},
    load::{Pace, Tally, drive},
    machine::Meter,
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
enum Look {
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
    let api = Api::new(&args.url)?;
    api.wait_until_ready().await?;
    let first = api.send(EventCards::build(EventCardsVariables { search: None }), None).await?;
    let event = first.events.nodes.first().map(|event| event.id.clone());
    let visitor = Arc::new(Visitor { api, event, search: args.search, look: args.look });
    let tally = Arc::new(Tally::new());
    let meter = Meter::start();
    let took = drive(&args.pace, u64::MAX, &tally, move |turn| {
        let visitor = Arc::clone(&visitor);
        async move {
            let look = visitor.look[turn as usize % visitor.look.len()];
            match visitor.look(look).await {
                Ok(()) => look.kind().to_owned(),
                Err(failure) => failure.kind(),
            }
        }
    })
    .await;
    let usage = meter.read();
    let found = Arc::into_inner(tally).context("somebody still counts")?.into_found();
    let failed = found.kinds.keys().filter(|kind| !Look::KINDS.contains(&kind.as_str())).count();
    let checks = vec![Check::new("kinds of failures", &failed, &0)];
    let report = Report { scenario: "browse", took, found, checks, remaining: Vec::new(), usage };
    report.publish(&args.output)
}

struct Visitor {
    api: Api,
    event: Option<cynic::Id>,
    search: String,
    look: Vec<Look>,
}

impl Visitor {
    async fn look(&self, look: Look) -> Result<(), Failure> {
        let search = match look {
            Look::Search => Some(self.search.clone()),
            Look::List => None,
            Look::Event => {
                let Some(id) = self.event.clone() else { return Ok(()) };
                return self
                    .api
                    .send(EventById::build(EventVariables { id }), None)
                    .await
                    .map(drop);
            }
            Look::Nothing => return self.api.ask_nothing().await,
        };
        self.api.send(EventCards::build(EventCardsVariables { search }), None).await.map(drop)
    }
}
