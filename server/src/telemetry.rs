//! Where log lines and traces go.
//!
//! Both come from the same spans: an operation, the batch that it shared with others, each statement. The log
//! names those around a line; a collector, if there is one, gets them with their times. Those that have a
//! request's id are of the highest level, so that no line misses it.

use std::{io::IsTerminal, time::Duration};

use anyhow::{Context, Result};
use futures_util::{Stream, StreamExt, stream};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::{Level, Metadata, Span, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, LevelFilter, dynamic_filter_fn, filter_fn},
    layer::{Context as In, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::config::{LogFormat, ServeArgs};

/// How long the last traces may take to be sent.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// The running output.
#[derive(Debug)]
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Begins it, for the whole process.
    ///
    /// # Errors
    /// When a setting is wrong. A collector that is away is none: what it misses is lost, and logged.
    pub(crate) fn start(args: &ServeArgs) -> Result<Self> {
        let provider =
            args.otel_exporter_otlp_endpoint.as_deref().map(tracer_provider).transpose()?;
        let traces = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("rowlock"))
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_tracked_inactivity(false)
                .with_filter(dynamic_filter_fn(is_traced))
        });
        tracing_subscriber::registry().with(log(args)?).with(traces).init();
        Ok(Self(provider))
    }

    /// Sends what is not sent yet.
    pub(crate) async fn finish(self) {
        let Some(provider) = self.0 else { return };
        let sent =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FINISH_WITHIN));
        if let Ok(Err(error)) = sent.await {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// A stream whose work belongs to the span.
pub(crate) fn within<S: Stream + Unpin>(
    span: Span,
    mut stream: S,
) -> impl Stream<Item = S::Item> + Unpin {
    stream::poll_fn(move |cx| span.in_scope(|| stream.poll_next_unpin(cx)))
}

fn log<S>(args: &ServeArgs) -> Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = EnvFilter::try_new(&args.log_level)
        .with_context(|| format!("LOG_LEVEL {:?} is not a filter", args.log_level))?
        // Around each line they would be long, and for each statement they cost.
        .and(
            filter_fn(|metadata| !is_of_a_statement(metadata))
                .with_max_level_hint(LevelFilter::TRACE),
        );
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    Ok(match args.log_format {
        LogFormat::Text => log.with_target(false).with_filter(filter).boxed(),
        LogFormat::Json => log.json().with_filter(filter).boxed(),
    })
}

fn tracer_provider(endpoint: &str) -> Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .with_context(|| format!("OTEL_EXPORTER_OTLP_ENDPOINT {endpoint:?}"))?;
    let resource = Resource::builder().with_service_name("rowlock").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// Rowlock's own spans with the statements in them, and what went wrong meanwhile.
fn is_traced<S>(metadata: &Metadata<'_>, within: &In<'_, S>) -> bool
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if metadata.target().starts_with("rowlock") {
        return match metadata.is_span() {
            // These last as long as a client stays, around operations that are told one by one.
            true => !["socket", "stream"].contains(&metadata.name()),
            false => *metadata.level() <= Level::WARN,
        };
    }
    // Not those of the chores.
    is_of_a_statement(metadata) && within.lookup_current().is_some()
}

fn is_of_a_statement(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.name().starts_with("sea_orm.")
}
