//! `guess`: strangers flood the server with sign-ins that all fail.

use std::{slice, sync::Arc};

use anyhow::{Context, Result};

use crate::{
    api::Api,
    load::{LoadArgs, Tally, drive},
    machine::{self, CpuMeter},
    report::{Check, Output, Report},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server's address on this machine
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: hyper::Uri,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    output: Output,
}

/// The codes that a wrong password may get.
const EXPECTED_ANSWERS: [&str; 3] = ["INVALID_CREDENTIALS", "RATE_LIMITED", "UNAVAILABLE"];

pub(crate) async fn guess(args: Args) -> Result<bool> {
    args.output.prepare()?;
    machine::ensure_sockets_allowed(args.load.connections)?;
    let api = Api::new(slice::from_ref(&args.url))?;
    api.wait_until_ready().await?;
    let (tally, meter) = (Arc::new(Tally::new()), CpuMeter::start());
    let elapsed = drive(&args.load, u64::MAX, &tally, move |number| {
        let api = api.clone();
        async move {
            // Each request uses another account, so that no account's limit applies.
            let email = format!("nobody-{number}@example.test");
            match api.try_sign_in(email, "let-me-in-1").await {
                Ok(()) => "signed in".to_owned(),
                Err(failure) => failure.kind(),
            }
        }
    })
    .await;
    let usage = meter.read();
    let results = Arc::into_inner(tally).context("a request is still recorded")?.into_results();
    let wrong =
        results.kinds.keys().filter(|kind| !EXPECTED_ANSWERS.contains(&kind.as_str())).count();
    let checks = vec![Check::new("kinds of unexpected answers", &wrong, &0)];
    let (figures, remaining) = (Vec::new(), Vec::new());
    let report = Report { scenario: "guess", elapsed, results, checks, figures, remaining, usage };
    report.publish(&args.output)
}
