//! The databases of commands: opened, probed, and up to date.

use anyhow::{Context, Result, bail};

use crate::{
    accounts::JwtSecret,
    clock::Clock,
    database::{Availability, Database, DatabaseArgs, DatabaseUrl},
    organizers::OrganizerArgs,
    services::{ServiceArgs, Services},
    tickets::TicketCodes,
};

/// Opens the database, which may be away.
pub(super) async fn open_database(args: &DatabaseArgs) -> Result<Database> {
    let url = &args.database_url;
    Database::open(args).await.with_context(|| format!("opening the database {url}"))
}

/// The use that a command makes of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Opens the database and probes it.
pub(super) async fn usable_database(args: &DatabaseArgs, access: Access) -> Result<Database> {
    let db = open_database(args).await?;
    let (availability, cause) = db.probe().await;
    let is_enough = match availability {
        Availability::Full => true,
        Availability::ReadOnly | Availability::Standby => access == Access::Read,
        Availability::WrongEncoding | Availability::NoSession | Availability::Unreachable => false,
    };
    if !is_enough && let Some(problem) = availability.problem() {
        let cause = if cause.is_empty() { cause } else { format!(" ({cause})") };
        bail!("the database {} {problem}{cause}", args.database_url);
    }
    Ok(db)
}

/// Opens the database and checks that its schema is up to date.
pub(super) async fn migrated_database(args: &DatabaseArgs, access: Access) -> Result<Database> {
    if let DatabaseUrl::Sqlite(file) = &args.database_url
        && !file.exists()
    {
        bail!("there is no database {}: run `rowlock migrate` first", args.database_url);
    }
    let db = usable_database(args, access).await?;
    let pending = db.compare_migrations().await?.missing;
    if pending > 0 {
        bail!(
            "the database {} lacks migrations ({pending}): run `rowlock migrate` first",
            args.database_url
        );
    }
    Ok(db)
}

/// The largest number of events of an organizer for commands. The operator knows what is sensible.
const MAX_EVENTS: u32 = 1_000_000;

/// The services of a command, with default settings, over a database that is up to date.
pub(super) async fn command_services(args: &DatabaseArgs, access: Access) -> Result<Services> {
    let db = migrated_database(args, access).await?;
    let organizers =
        OrganizerArgs { max_events_per_organizer: MAX_EVENTS, ..OrganizerArgs::default() };
    let args = ServiceArgs { organizers, ..ServiceArgs::default() };
    let (secrets, tickets) = (JwtSecret::random().into(), TicketCodes::random());
    Ok(Services::new(db, Clock::default(), &secrets, &tickets, &args))
}
