//! `browse`: visitors list events, search for them, and open one.

use std::{slice, sync::Arc};

use anyhow::{Context, Result};
use clap::ValueEnum;
use cynic::QueryBuilder;

use crate::{
    api::Api,
    load::{LoadArgs, Tally, drive},
    machine::{self, CpuMeter},
    queries::{EventById, EventCards, EventCardsVariables, EventVariables},
    report::{Check, Output, Report},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server's address on this machine
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: hyper::Uri,
    /// The requests that visitors make; several kinds take turns
    #[arg(long, value_enum, value_delimiter = ',', default_value = "list,search,event")]
    look: Vec<View>,
    /// Text to search for
    #[arg(long, value_name = "TEXT", default_value = "concert")]
    search: String,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum View {
    /// The first ten events, with the fields that a card shows
    List,
    /// The first ten events that a search finds
    Search,
    /// One event
    Event,
    /// `{ __typename }`: the cost of a request that reads no data
    Nothing,
}

impl View {
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
    machine::ensure_sockets_allowed(args.load.connections)?;
    let api = Api::new(slice::from_ref(&args.url))?;
    api.wait_until_ready().await?;
    let first = api.send(EventCards::build, EventCardsVariables { search: None }, None).await?;
    let event = first.events.nodes.into_iter().next().context("there are no events")?;
    let visitor = Arc::new(Visitor::new(api, event.id, args.search));
    let views: Arc<[View]> = args.look.into();
    let tally = Arc::new(Tally::new());
    let meter = CpuMeter::start();
    let elapsed = drive(&args.load, u64::MAX, &tally, move |number| {
        let (visitor, view) = (Arc::clone(&visitor), views[number as usize % views.len()]);
        async move { visitor.open(view).await }
    })
    .await;
    let usage = meter.read();
    let results = Arc::into_inner(tally).context("a request is still recorded")?.into_results();
    let failed = results.kinds.keys().filter(|kind| !View::KINDS.contains(&kind.as_str())).count();
    let checks = vec![Check::new("kinds of failures", &failed, &0)];
    let (figures, remaining) = (Vec::new(), Vec::new());
    let report = Report { scenario: "browse", elapsed, results, checks, figures, remaining, usage };
    report.publish(&args.output)
}

/// Sends what a visitor's pages request.
pub(crate) struct Visitor {
    api: Api,
    event: cynic::Id,
    search: String,
}

impl Visitor {
    /// Opens always this event, and searches always for this text.
    pub(crate) fn new(api: Api, event: cynic::Id, search: String) -> Self {
        Self { api, event, search }
    }

    /// Sends one request; returns the kind of the answer.
    pub(crate) async fn open(&self, view: View) -> String {
        let list = async |search| {
            let variables = EventCardsVariables { search };
            self.api.send(EventCards::build, variables, None).await.map(drop)
        };
        let answer = match view {
            View::List => list(None).await,
            View::Search => list(Some(self.search.clone())).await,
            View::Event => {
                let variables = EventVariables { id: self.event.clone() };
                self.api.send(EventById::build, variables, None).await.map(drop)
            }
            View::Nothing => self.api.ask_typename().await,
        };
        match answer {
            Ok(()) => view.kind().to_owned(),
            Err(failure) => failure.kind(),
        }
    }
}
