//! The command line. Each setting is a flag and an environment variable, and is declared by the
//! module that it belongs to; this module only gathers them.
//!
//! A wrong value is reported in one line before anything starts.

use std::{
    env,
    ffi::OsStr,
    net::{SocketAddr, ToSocketAddrs},
    num::{IntErrorKind, ParseIntError},
    path::PathBuf,
};

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};

use clap_complete::Shell;
use uuid::Uuid;

use super::seed::Size;
use crate::{
    accounts::SecretArgs,
    database::{DatabaseArgs, DatabaseUrl},
    graphql::OperationArgs,
    http::{HttpArgs, check_texts, has_web_client},
    jobs::State,
    limits::{ClientArgs, RateLimitArgs},
    services::ServiceArgs,
    telemetry::TelemetryArgs,
    tickets::TicketArgs,
};

/// The settings whose values are never printed.
const SECRET_SETTINGS: [&str; 7] = [
    "--jwt-secret",
    "--jwt-accepted-secret",
    "--ticket-secret",
    "--ticket-accepted-secret",
    "--database-url",
    "--database-replica-url",
    "--smtp-url",
];

/// The settings that SMTP_URL requires.
const NEEDED_FOR_MAIL: [&str; 2] = ["--mail-from", "--public-url"];

/// The version, with the commit if the build knows it.
const VERSION: &str = match option_env!("ROWLOCK_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// Event booking that never oversells.
#[derive(Debug, Parser)]
#[command(name = "rowlock", version = VERSION, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// `rowlock` alone is `rowlock serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// Parses the command line and the environment, in which an empty variable counts as unset. Prints
/// and exits for `--help` and `--version`.
///
/// # Errors
/// A message in one line. It leaves out the value of a setting that can hold a secret.
pub fn from_command_line() -> Result<Cli, String> {
    let command = with_negative_numbers(without_empty_variables(Cli::command()));
    let parsed = command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = parsed.map_err(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        one_line(&error)
    })?;
    check_folders(&cli)?;
    Ok(cli)
}

/// Checks that a folder that is named for the web client has one, and that the site's own pages can
/// be read, if the server is to start.
fn check_folders(cli: &Cli) -> Result<(), String> {
    let args = match &cli.command {
        None => &cli.serve,
        Some(Command::Serve(args)) => args,
        Some(_) => return Ok(()),
    };
    let HttpArgs { web_dir, pages_dir, .. } = &args.http;
    if let Some(dir) = web_dir.as_deref().filter(|dir| !has_web_client(dir)) {
        return Err(format!(
            "--web-dir {dir:?}: it is not a folder with the web client's index.html; `cargo xtask \
             web` builds the client into web/dist"
        ));
    }
    if let Some(dir) = pages_dir {
        check_texts(dir).map_err(|error| format!("--pages-dir {dir:?}: {error}"))?;
    }
    Ok(())
}

/// Takes an empty variable for none.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |variable: &OsStr| env::var_os(variable).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| match arg.get_env() {
            Some(variable) if is_empty(variable) => arg.env(Resettable::Reset),
            _ => arg,
        })
        .mut_subcommands(without_empty_variables)
}

/// Takes a negative number for a value, so that an error says what is wrong with it.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let has_value = arg.get_action().takes_values();
            arg.allow_negative_numbers(has_value)
        })
        .mut_subcommands(with_negative_numbers)
}

fn one_line(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string);
    if error.kind() == ErrorKind::ValueValidation
        && let (Some(setting), Some(value)) =
            (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue))
        && let Some(cause) = std::error::Error::source(error)
    {
        let is_secret = SECRET_SETTINGS.iter().any(|name| setting.starts_with(name));
        let value = if is_secret { String::new() } else { format!(" {value:?}") };
        let number = cause.downcast_ref::<ParseIntError>();
        if number.is_some_and(|error| *error.kind() == IntErrorKind::InvalidDigit) {
            return format!("{setting}{value}: write a whole number, in digits alone");
        }
        return format!("{setting}{value}: {cause}");
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "name a subcommand; --help lists them".to_owned();
    }
    // The first paragraph says what is wrong. The rest explains how to get help.
    let rendered = error.render().to_string();
    let paragraph = rendered.trim().split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = paragraph.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ") + &advice(error)
}

/// Says what to do about an error, after its message; says nothing if the message does.
fn advice(error: &clap::Error) -> String {
    if let Some(name) = meant_name(error) {
        return format!("; did you mean `{name}`?");
    }
    let is_missing = error.kind() == ErrorKind::MissingRequiredArgument;
    let missing = error.get(ContextKind::InvalidArg).filter(|_| is_missing);
    let missing = missing.map(ToString::to_string).unwrap_or_default();
    if NEEDED_FOR_MAIL.iter().any(|name| missing.contains(name)) {
        return "; SMTP_URL needs MAIL_FROM, the sender of mails, and PUBLIC_URL, the address of the \
                site"
            .to_owned();
    }
    String::new()
}

/// The name that is most like a mistyped one. Of names that clap finds similar, some differ in most
/// letters.
fn meant_name(error: &clap::Error) -> Option<&str> {
    let texts = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.as_str()],
        Some(ContextValue::Strings(texts)) => texts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let places =
        [ContextKind::InvalidSubcommand, ContextKind::InvalidValue, ContextKind::InvalidArg];
    let typed = places.into_iter().flat_map(texts).next()?;
    let suggestions =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let distances = suggestions
        .into_iter()
        .flat_map(texts)
        .map(|name| (strsim::damerau_levenshtein(typed, name), name));
    let (distance, name) = distances.min()?;
    (distance <= 1 + typed.trim_start_matches('-').len() / 4).then_some(name)
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API, the IDEs and the web client; `rowlock` alone does the same
    Serve(Box<ServeArgs>),
    /// Bring the database's schema up to date
    Migrate(MigrateArgs),
    /// Add demo events and users, and generated ones for measurements. Demo events that are over
    /// and have no confirmed booking get a new date; other existing rows stay as they are. On
    /// PostgreSQL, the demo users are added only if asked for, because everybody knows their
    /// passwords
    Seed(SeedArgs),
    /// Print the GraphQL schema; needs no database
    Schema,
    /// Check every event's count against its bookings, and that these fit the event; print each
    /// violation and exit with 1 if there are any
    Audit(DatabaseArgs),
    /// Manage the accounts of people
    #[command(subcommand)]
    Users(UsersCommand),
    /// Manage organizers
    #[command(subcommand)]
    Organizers(OrganizersCommand),
    /// Import and export an organizer's events
    #[command(subcommand)]
    Events(EventsCommand),
    /// See the jobs that are to be done in the background, and start or discard them
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Print completions for a shell
    Completions {
        /// The shell that completes
        shell: Shell,
    },
    /// Write the manual's pages into a folder, one for each command
    Man {
        /// The folder, which must exist
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Create users for load tests and write an access token for each
    Create(CreateUsersArgs),
    /// Show what there is about an account: its id, whether its email is verified, its sessions and
    /// organizers
    Find(UserArgs),
    /// Count an account's email as verified
    Verify(UserArgs),
    /// Send a link to an account's email that resets its password. A running server sends it
    ResetPassword(UserArgs),
    /// Delete an account, and cancel its bookings of coming events. Bookings of events that have begun
    /// stay, without a name
    Delete(DeleteUserArgs),
    /// Print everything about a person as JSON
    Export(UserArgs),
}

#[derive(Debug, Args)]
pub struct UserArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// The account's email, in any case
    #[arg(value_name = "EMAIL")]
    pub email: String,
}

#[derive(Debug, Args)]
pub struct DeleteUserArgs {
    #[command(flatten)]
    pub user: UserArgs,
    /// Confirm that the account is deleted for good
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum OrganizersCommand {
    /// Create an organizer for somebody who has an account
    Create(CreateOrganizerArgs),
    /// List all organizers with their owners
    List(DatabaseArgs),
    /// Make somebody who has an account an owner of an organizer, such as the one that has the
    /// events from before there were organizers
    AddOwner(AddOwnerArgs),
}

#[derive(Debug, Args)]
pub struct CreateOrganizerArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// The organizer's name
    pub name: String,
    /// Email of the owner's account
    #[arg(long, value_name = "EMAIL")]
    pub owner: String,
    /// The organizer's name in addresses; without it, one is made from the name
    #[arg(long, value_name = "SLUG")]
    pub slug: Option<String>,
}

#[derive(Debug, Args)]
pub struct AddOwnerArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// The organizer's name in addresses
    pub slug: String,
    /// Email of the person's account
    pub email: String,
}

#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Create or change the events of a file, found by their external_id: all of them or none
    Import(ImportEventsArgs),
    /// Print all events of an organizer, as a file that can be imported again
    Export(ExportEventsArgs),
}

#[derive(Debug, Args)]
pub struct ImportEventsArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// The organizer's name in addresses
    #[arg(long, value_name = "SLUG")]
    pub organizer: String,
    /// A file of events, whose name ends in .csv or .json
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct ExportEventsArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// The organizer's name in addresses
    #[arg(long, value_name = "SLUG")]
    pub organizer: String,
    /// Print JSON instead of CSV
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// List jobs, oldest first, with their last errors. Jobs that are done are in no list
    List(ListJobsArgs),
    /// Let a job run again at once, with all its attempts
    Retry(RetryJobsArgs),
    /// Delete jobs. One that is running stops within ten seconds; what it has done stays
    Discard(DiscardJobsArgs),
}

#[derive(Debug, Args)]
pub struct ListJobsArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// List only jobs in this state
    #[arg(long, value_enum, value_name = "STATE")]
    pub state: Option<State>,
    /// Longest list
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub limit: u32,
}

#[derive(Debug, Args)]
pub struct RetryJobsArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// The job's id, as in the list
    #[arg(value_name = "ID", required_unless_present = "all_dead", value_parser = job_id)]
    pub id: Option<Uuid>,
    /// Retry all jobs that were given up
    #[arg(long, conflicts_with = "id")]
    pub all_dead: bool,
}

#[derive(Debug, Args)]
pub struct DiscardJobsArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// The job's id, as in the list
    #[arg(value_name = "ID", required_unless_present = "all_dead", value_parser = job_id)]
    pub id: Option<Uuid>,
    /// Discard all jobs that were given up
    #[arg(long, conflicts_with = "id")]
    pub all_dead: bool,
    /// With --all-dead, discard only jobs of this kind, such as booking_mail
    #[arg(long, value_name = "KIND", requires = "all_dead")]
    pub kind: Option<String>,
}

#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Undo this many of the newest migrations instead; the data in their tables and columns is
    /// lost
    #[arg(long, value_name = "N")]
    pub down: Option<u32>,
    /// Confirm that --down may lose data
    #[arg(long, requires = "down")]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct SeedArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Number of generated events that should exist, besides the demo events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub events: Option<u32>,
    /// Number of bookings that the generated events should have together, by generated users
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        requires = "events",
        value_parser = clap::value_parser!(u32).range(..=100_000_000)
    )]
    pub bookings: u32,
    /// Add the demo users on PostgreSQL, too
    #[arg(long)]
    pub demo_users: bool,
    /// Cancel the demo users' bookings and remove these users, and do nothing else
    #[arg(long, conflicts_with_all = ["demo_users", "events", "bookings"])]
    pub remove_demo_users: bool,
}

impl SeedArgs {
    /// Whether to add the demo users.
    pub(super) fn adds_demo_users(&self) -> bool {
        let is_embedded = matches!(self.database.database_url, DatabaseUrl::Sqlite(_));
        is_embedded || self.demo_users
    }

    /// The number of rows to generate; `None` if there is nothing to generate.
    pub(super) fn size(&self) -> Option<Size> {
        self.events.map(|events| Size { events, bookings: self.bookings })
    }
}

#[derive(Debug, Args)]
pub struct CreateUsersArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub secret: SecretArgs,
    /// Number of users to create
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub count: u32,
    /// File to write the access tokens to, one per line
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
    pub tickets: TicketArgs,
    #[command(flatten)]
    pub http: HttpArgs,
    #[command(flatten)]
    pub operations: OperationArgs,
    #[command(flatten)]
    pub clients: ClientArgs,
    #[command(flatten)]
    pub rate_limits: RateLimitArgs,
    #[command(flatten)]
    pub services: ServiceArgs,
    #[command(flatten)]
    pub telemetry: TelemetryArgs,

    /// Address and port to listen on
    #[arg(
        long,
        env,
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS:PORT",
        value_parser = socket_address
    )]
    pub listen_addr: SocketAddr,

    /// Milliseconds to keep serving after the signal to stop, while `/readyz` reports that the
    /// server is not ready. A balancer can then notice before connections are refused
    #[arg(
        long,
        env,
        default_value_t = 0,
        value_name = "MS",
        value_parser = clap::value_parser!(u64).range(..=600_000)
    )]
    pub stop_delay_ms: u64,
}

fn job_id(text: &str) -> Result<Uuid, &'static str> {
    text.parse().map_err(|_| "use an id from `rowlock jobs list`")
}

/// Parses an address and a port. Of a name's addresses, the first IPv4 one counts.
fn socket_address(text: &str) -> Result<SocketAddr, String> {
    const EXAMPLES: &str = "use an address of this machine and a port, such as 127.0.0.1:8080 or \
                            localhost:8080";
    let addresses: Vec<SocketAddr> =
        text.to_socket_addrs().map_err(|_| EXAMPLES.to_owned())?.collect();
    let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    address.copied().ok_or_else(|| EXAMPLES.to_owned())
}
