//! The command line and every setting, each a flag and an environment variable.
//!
//! What is wrong with a setting is said here, in one line, before anything starts.

mod values;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use axum::http::HeaderName;
use clap::{
    Args, Parser, Subcommand, ValueEnum,
    error::{ContextKind, ErrorKind},
};
use sea_orm::DbBackend;
pub use values::{DatabaseUrl, JwtSecret, JwtSecrets, Origins};

use crate::{app::seed::Size, graphql::execution::AllowedOperations, inventory::lanes::LaneBounds};

/// Event booking that never oversells.
#[derive(Debug, Parser)]
#[command(name = "rowlock", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// `rowlock` alone is `rowlock serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// The command line and the environment. Prints and exits for `--help` and `--version`.
///
/// # Errors
/// What is wrong, in one line, without the value of a setting that can hold a secret.
pub fn from_command_line() -> Result<Cli, String> {
    Cli::try_parse().map_err(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        one_line(&error)
    })
}

fn one_line(error: &clap::Error) -> String {
    let invalid = |kind| error.get(kind).map(ToString::to_string);
    if error.kind() == ErrorKind::ValueValidation
        && let (Some(setting), Some(value)) =
            (invalid(ContextKind::InvalidArg), invalid(ContextKind::InvalidValue))
        && let Some(cause) = std::error::Error::source(error)
    {
        let secrets =
            ["--jwt-secret", "--jwt-accepted-secret", "--database-url", "--database-replica-url"];
        let secret = secrets.iter().any(|name| setting.starts_with(name));
        let value = if secret { String::new() } else { format!(" {value:?}") };
        return format!("{setting}{value}: {cause}");
    }
    // The first paragraph says it; the rest is about how to call for help.
    let rendered = error.render().to_string();
    let paragraph = rendered.trim().split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = paragraph.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ")
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API, the IDE and the web client (also what `rowlock` alone does)
    Serve(Box<ServeArgs>),
    /// Bring the database's schema up to date
    Migrate(MigrateArgs),
    /// Put the demo events and demo users into the database, and generated ones for measurements;
    /// those that are there stay as they are
    Seed(SeedArgs),
    /// Print the GraphQL schema; needs no database
    Schema,
    /// Check every event's count against its bookings; list what does not fit and exit with 1
    Audit(DatabaseArgs),
    /// Manage users
    #[command(subcommand)]
    Users(UsersCommand),
}

#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Create users for load tests and write an access token for each
    Create(CreateUsersArgs),
}

#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Undo this many of the newest migrations instead; their tables' data is lost
    #[arg(long, value_name = "N")]
    pub down: Option<u32>,
}

#[derive(Debug, Args)]
pub struct SeedArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// How many generated events there should be besides
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub events: Option<u32>,
    /// How many bookings these events should have altogether, by generated users
    #[arg(long, value_name = "N", default_value_t = 0, requires = "events", value_parser = clap::value_parser!(u32).range(..=100_000_000))]
    pub bookings: u32,
}

impl SeedArgs {
    /// How much to generate, if anything.
    pub(crate) fn size(&self) -> Option<Size> {
        self.events.map(|events| Size { events, bookings: self.bookings })
    }
}

#[derive(Debug, Args)]
pub struct CreateUsersArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub secret: SecretArgs,
    /// How many users to create
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub count: u32,
    /// File that gets one access token a line
    #[arg(long, value_name = "FILE")]
    pub tokens: PathBuf,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub secret: SecretArgs,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub booking: BookingArgs,

    /// Another secret whose access tokens are good as well. To replace JWT_SECRET without signing anybody
    /// out: give every server the new one here first; then swap the two; after 15 minutes take the old
    /// one away
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    pub jwt_accepted_secret: Option<JwtSecret>,

    /// Address and port to listen on
    #[arg(long, env, default_value = "127.0.0.1:8080", value_name = "IP:PORT")]
    pub listen_addr: SocketAddr,

    /// Header in which the proxy in front of this server names the client's address, as in
    /// `x-forwarded-for`; of several addresses the last one counts. Without it, the connection's own address
    /// does. Set it only where every request comes through that proxy: anybody else could write it, too
    #[arg(long, env, value_name = "NAME")]
    pub client_address_header: Option<HeaderName>,

    /// Web origins besides Rowlock's own that may call the API from a browser, separated by commas
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "ORIGIN,…")]
    pub allowed_origins: Origins,

    /// Milliseconds for which the server, told to stop, goes on serving while `/readyz` already says no, so
    /// that a balancer finds out before connections are refused
    #[arg(long, env, default_value_t = 0, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=600_000))]
    pub stop_delay_ms: u64,

    /// Whether anybody may look at the schema: by introspection, and in GraphQL Playground and GraphiQL
    #[arg(long, env, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub introspection: bool,

    /// Files that list the only operations that may run, separated by commas; each is a JSON object with the
    /// documents' texts by their SHA-256. `operations.json` beside the built web client lists its own. Without a
    /// list, all that the schema has may run; with one, there is no GraphQL Playground and no GraphiQL
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "FILE,…")]
    pub allowed_operations: AllowedOperations,

    /// Folder with the built web client
    #[arg(long, env, default_value = "web/dist", value_name = "DIR")]
    pub web_dir: PathBuf,

    /// How log lines look
    #[arg(long, env, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Where an OpenTelemetry collector takes traces over HTTP, as in `http://127.0.0.1:4318`; without it, they
    /// go nowhere. OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say how many of them are kept
    #[arg(long, env, value_name = "URL", value_parser = http_url)]
    pub otel_exporter_otlp_endpoint: Option<String>,

    /// Which log lines appear, as in `info` or `rowlock=debug,sqlx=warn`
    #[arg(
        long,
        env,
        default_value = "info,sqlx=error,sea_orm_migration=warn",
        value_name = "FILTER"
    )]
    pub log_level: String,
}

impl ServeArgs {
    /// Whether there is a use for GraphQL Playground and GraphiQL.
    pub(crate) fn has_ides(&self) -> bool {
        self.introspection && !self.allowed_operations.are_listed()
    }
}

/// Where the data is.
#[derive(Clone, Debug, Args)]
pub struct DatabaseArgs {
    /// `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(
        long,
        env,
        default_value = "sqlite:data/rowlock.db",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: DatabaseUrl,

    /// A PostgreSQL standby of the database. It answers lists and searches of events while it is there and
    /// less than five seconds behind; nothing is decided from it
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    pub database_replica_url: Option<DatabaseUrl>,

    /// Connections for reading by key, as many for lists and searches, and as many to the standby
    #[arg(long, env, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_read_connections: u32,

    /// Connections for transactions on PostgreSQL; SQLite has one writer
    #[arg(long, env, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_write_connections: u32,
}

/// The key that access tokens are signed with.
#[derive(Clone, Debug, Args)]
pub struct SecretArgs {
    /// Signs access tokens: 32 bytes or more, the same on every server. Required with PostgreSQL;
    /// with SQLite the default is another random one at each start
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    jwt_secret: Option<JwtSecret>,
}

fn http_url(text: &str) -> Result<String, String> {
    let is_one = url::Url::parse(text).is_ok_and(|url| url.scheme() == "http" && url.has_host());
    is_one.then(|| text.to_owned()).ok_or_else(|| {
        "it is not an address such as http://127.0.0.1:4318; the collector must be reached over plain \
         HTTP"
            .to_owned()
    })
}

/// With less than this, the API would be of no use.
fn at_least<const LEAST: usize>(text: &str) -> Result<usize, String> {
    let number: Option<usize> = text.parse().ok();
    number
        .filter(|number| *number >= LEAST)
        .ok_or_else(|| format!("it is a number from {LEAST} on"))
}

/// How much one caller may ask for.
#[derive(Clone, Debug, Args)]
pub struct Limits {
    /// Largest request body, and largest message on a WebSocket, in bytes
    #[arg(long, env, default_value_t = 65_536, value_name = "BYTES", value_parser = at_least::<1_000>)]
    pub max_body_bytes: usize,

    /// Subscriptions at the same time on one WebSocket
    #[arg(long, env, default_value_t = 100, value_name = "N", value_parser = at_least::<1>)]
    pub max_subscriptions_per_socket: usize,

    /// WebSockets open at the same time from one address
    #[arg(long, env, default_value_t = 2_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_sockets_per_address: u32,

    /// Seconds within which a WebSocket must send `connection_init`
    #[arg(long, env, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub socket_init_seconds: u64,

    /// Seconds between two pings of a WebSocket; one that is not heard of in between is closed
    #[arg(long, env, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub socket_ping_seconds: u64,

    /// Seconds within which a request must arrive: its head, and then its body; also how long a connection is
    /// kept without one, or without taking anything of what is sent
    #[arg(long, env, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub request_seconds: u64,

    /// Deepest nesting of a query
    #[arg(long, env, default_value_t = 16, value_name = "N", value_parser = at_least::<4>)]
    pub max_query_depth: usize,

    /// Most fields (each alias is one more), fragments and directives of a query, counted wherever its
    /// fragments are spread; looked at before anything is done with it
    #[arg(long, env, default_value_t = 5_000, value_name = "N", value_parser = at_least::<100>)]
    pub max_query_selections: usize,

    /// Largest complexity of a query: fields, those of lists counted once per item asked for
    #[arg(long, env, default_value_t = 2_000, value_name = "N", value_parser = at_least::<100>)]
    pub max_query_complexity: usize,

    /// Sign-ins (login, register, refresh and logout) a minute from one address
    #[arg(long, env, default_value_t = 1_200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sign_ins_per_minute_per_address: u32,

    /// Login attempts a minute for one email from one address; ten times as many from all addresses together
    #[arg(long, env, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub logins_per_minute_per_email: u32,

    /// Bookings and cancellations a minute by one user
    #[arg(long, env, default_value_t = 240, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub bookings_per_minute_per_user: u32,
}

/// How bookings and cancellations gather into transactions.
#[derive(Clone, Debug, Args)]
pub struct BookingArgs {
    /// Transactions that book at the same time on PostgreSQL, each for its share of the events;
    /// SQLite has one writer
    #[arg(long, env, default_value_t = Self::LANES, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub booking_lanes: u32,

    /// Most bookings and cancellations in one transaction
    #[arg(long, env, default_value_t = Self::BATCH, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub booking_batch: u32,

    /// Most bookings and cancellations that wait for each lane; more are UNAVAILABLE
    #[arg(long, env, default_value_t = Self::QUEUE, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub booking_queue: u32,

    /// Longest wait until a booking's transaction begins; then it is UNAVAILABLE
    #[arg(long, env, default_value_t = Self::WAIT_MS, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub booking_wait_ms: u64,

    /// Hold each transaction's row locks this long, to make races visible; 0 for real use
    #[arg(long, env, default_value_t = 0, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=10_000))]
    pub booking_delay_ms: u64,
}

impl BookingArgs {
    const LANES: u32 = 4;
    const BATCH: u32 = 256;
    const QUEUE: u32 = 10_000;
    const WAIT_MS: u64 = 10_000;

    /// How long each transaction may hold its row locks besides its own work.
    #[must_use]
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.booking_delay_ms)
    }

    pub(crate) fn lane_bounds(&self, backend: DbBackend) -> LaneBounds {
        let lanes = if backend == DbBackend::Sqlite { 1 } else { self.booking_lanes };
        LaneBounds {
            lanes: lanes as usize,
            batch: self.booking_batch as usize,
            queue: self.booking_queue as usize,
            wait: Duration::from_millis(self.booking_wait_ms),
        }
    }
}

impl Default for BookingArgs {
    fn default() -> Self {
        Self {
            booking_lanes: Self::LANES,
            booking_batch: Self::BATCH,
            booking_queue: Self::QUEUE,
            booking_wait_ms: Self::WAIT_MS,
            booking_delay_ms: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line, for machines
    Json,
}

impl SecretArgs {
    /// The secret to serve with: as set, or on SQLite a random one.
    ///
    /// # Errors
    /// With PostgreSQL and no secret: several servers must share one.
    pub fn for_serving(&self, database: &DatabaseUrl) -> Result<JwtSecret> {
        match (&self.jwt_secret, database) {
            (Some(secret), _) => Ok(secret.clone()),
            (None, DatabaseUrl::Sqlite(_)) => Ok(JwtSecret::random()),
            (None, DatabaseUrl::Postgres(_)) => self.required(),
        }
    }

    /// The secret as set.
    ///
    /// # Errors
    /// When it isn't.
    pub fn required(&self) -> Result<JwtSecret> {
        self.jwt_secret.clone().context(
            "JWT_SECRET is not set; give every server the same 32 random bytes or more, \
             as from `openssl rand -base64 48`",
        )
    }
}
