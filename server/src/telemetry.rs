//! Sends log lines to stderr, and traces to a collector.
//!
//! Both come from the same spans: an operation, the batch that it shared with others, and each
//! statement. The log names the spans around a line. A collector, if there is one, gets the spans
//! with their times. Spans with a request's id have the highest level, so that no log line lacks
//! the id.

use std::{env, io::IsTerminal, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{ArgAction, Args, ValueEnum};
use futures_util::{Stream, StreamExt, stream};
use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Level, Metadata, Span, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, LevelFilter, dynamic_filter_fn, filter_fn},
    layer::{Context as In, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// The target of the lines that `ACCESS_LOG` asks for.
pub(crate) const ACCESS_LOG_TARGET: &str = "rowlock::access";
/// Added to the collector's address.
const TRACES_PATH: &str = "/v1/traces";
/// Longest time for sending the last traces.
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);

/// Settings for log lines and traces.
#[derive(Clone, Debug, Args)]
pub struct TelemetryArgs {
    /// Format of log lines
    #[arg(long, env, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// OpenTelemetry collector that takes traces over HTTP, such as `http://127.0.0.1:4318`;
    /// without it, no traces are sent. OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG decide how
    /// many are kept
    #[arg(long, env, value_name = "URL", value_parser = http_url)]
    pub otel_exporter_otlp_endpoint: Option<String>,

    /// Filter for log lines, such as `info` or `rowlock=debug,sqlx=warn`
    #[arg(
        long,
        env,
        default_value = "info,sqlx=error,sea_orm_migration=warn",
        value_name = "FILTER",
        value_parser = log_filter
    )]
    pub log_level: String,

    /// Write a line at level `info` for each request, and for each operation on a socket or in a
    /// stream: its id, operation, outcome, HTTP status and time
    #[arg(long, env, default_value_t = false, action = ArgAction::Set, value_name = "BOOL")]
    pub access_log: bool,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line, for programs
    Json,
}

fn http_url(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "http" && url.has_host());
    let url = url.ok_or(
        "it is not an address such as http://127.0.0.1:4318; the collector must take plain HTTP",
    )?;
    if url.path().trim_end_matches('/').ends_with(TRACES_PATH) {
        return Err(format!("leave out {TRACES_PATH}, which is added to it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it must end with the host, the port or a path".to_owned());
    }
    Ok(text.to_owned())
}

/// Checks a filter for log lines; returns it without blanks between its directives.
///
/// A single word must be a level. `EnvFilter` itself would take any other word for a part of the
/// program, and then show lines of that part only, of which there may be none.
fn log_filter(text: &str) -> Result<String, String> {
    const LEVELS: &str = "off, error, warn, info, debug or trace";
    let mut depth = 0;
    let directives = text.split(|char| {
        match char {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        char == ',' && depth == 0
    });
    let directives: Vec<&str> =
        directives.map(str::trim).filter(|directive| !directive.is_empty()).collect();
    if directives.is_empty() {
        return Err(format!("it names no level; use {LEVELS}"));
    }
    for directive in &directives {
        if !directive.contains(['=', '[']) && directive.parse::<LevelFilter>().is_err() {
            return Err(format!(
                "{directive:?} is not a level; use {LEVELS}, and for a part of the program, a name \
                 and a level, as in rowlock=debug"
            ));
        }
        // `EnvFilter` would take whatever is before the level for the name of a part, and show nothing.
        let part = directive.split(['=', '[']).next().unwrap_or_default();
        let is_name = |c: char| c.is_ascii_alphanumeric() || ['_', ':', '-'].contains(&c);
        if !part.chars().all(is_name) || directive.ends_with('=') {
            return Err(format!(
                "{directive:?} names no part of the program and a level, as rowlock=debug does; \
                 commas separate several"
            ));
        }
        EnvFilter::try_new(directive).map_err(|error| format!("{directive:?}: {error}"))?;
    }
    Ok(directives.join(","))
}

/// The outputs for log lines and traces.
#[derive(Debug)]
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Starts the outputs for the whole process.
    ///
    /// # Errors
    /// When a setting is wrong. A collector that can't be reached is not an error: its traces are
    /// lost, and the log says so.
    pub(crate) fn start(args: &TelemetryArgs) -> Result<Self> {
        let provider =
            args.otel_exporter_otlp_endpoint.as_deref().map(tracer_provider).transpose()?;
        let traces = provider.as_ref().map(|provider| {
            // Requests can then be parts of their clients' traces.
            global::set_text_map_propagator(TraceContextPropagator::new());
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("rowlock"))
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_tracked_inactivity(false)
                .with_filter(dynamic_filter_fn(is_traced))
        });
        tracing_subscriber::registry().with(log_layer(args)?).with(traces).init();
        Ok(Self(provider))
    }

    /// Sends the remaining traces.
    pub(crate) async fn finish(self) {
        let Some(provider) = self.0 else { return };
        let sent =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FINISH_TIMEOUT));
        if let Ok(Err(error)) = sent.await {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Polls a stream within a span, so that its work belongs to the span.
pub(crate) fn in_span<S: Stream + Unpin>(
    span: Span,
    mut stream: S,
) -> impl Stream<Item = S::Item> + Unpin {
    stream::poll_fn(move |cx| span.in_scope(|| stream.poll_next_unpin(cx)))
}

fn log_layer<S>(args: &TelemetryArgs) -> Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let has_access_log = args.access_log;
    let is_logged = move |metadata: &Metadata<'_>| {
        // Statement spans would make every line long, and cost time for each statement.
        !is_statement(metadata) && (has_access_log || metadata.target() != ACCESS_LOG_TARGET)
    };
    let filter = EnvFilter::try_new(&args.log_level)
        .context("LOG_LEVEL")?
        .and(filter_fn(is_logged).with_max_level_hint(LevelFilter::TRACE));
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    Ok(match args.log_format {
        LogFormat::Text => log.with_target(false).with_filter(filter).boxed(),
        LogFormat::Json => log.json().with_filter(filter).boxed(),
    })
}

/// Checks the variables that the library reads by itself. It takes every trace if they are wrong.
fn check_sampler() -> Result<()> {
    const NAME: &str = "OTEL_TRACES_SAMPLER";
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    let value = |variable| env::var(variable).ok().filter(|value| !value.is_empty());
    let Some(name) = value(NAME) else { return Ok(()) };
    let kind = name.strip_prefix("parentbased_").unwrap_or(&name);
    if !["always_on", "always_off", "traceidratio"].contains(&kind) {
        bail!(
            "{NAME} {name:?}: use always_on, always_off or traceidratio, with or without \
             parentbased_ before it"
        );
    }
    let share = value(ARGUMENT).filter(|_| kind == "traceidratio");
    if let Some(share) = share
        && !share.parse::<f64>().is_ok_and(|share| (0.0..=1.0).contains(&share))
    {
        bail!("{ARGUMENT} {share:?}: use the share of traces to keep, from 0 to 1");
    }
    Ok(())
}

fn tracer_provider(endpoint: &str) -> Result<SdkTracerProvider> {
    check_sampler()?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}{TRACES_PATH}", endpoint.trim_end_matches('/')))
        .build()
        .with_context(|| format!("OTEL_EXPORTER_OTLP_ENDPOINT {endpoint:?}"))?;
    let resource = Resource::builder().with_service_name("rowlock").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// Whether traces include this: Rowlock's own spans, the statements in them, and warnings and
/// errors.
fn is_traced<S>(metadata: &Metadata<'_>, within: &In<'_, S>) -> bool
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if metadata.target().starts_with("rowlock") {
        return match metadata.is_span() {
            // These spans last as long as a client stays. The operations in them have their own.
            true => !["socket", "stream"].contains(&metadata.name()),
            false => *metadata.level() <= Level::WARN,
        };
    }
    // Statements of background tasks are in no span.
    is_statement(metadata) && within.lookup_current().is_some()
}

fn is_statement(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.name().starts_with("sea_orm.")
}
