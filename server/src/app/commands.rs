//! The subcommands.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, Result, bail, ensure};
use clap::CommandFactory;
use clap_complete::Shell;
use rowlock_migration::Difference;

use super::{
    cli::{Cli, Command, JobsCommand, MigrateArgs, SeedArgs, ServeArgs},
    command_database::{Access, migrated_database, open_database, usable_database},
    event_commands, job_commands, organizer_commands, seed,
    server::{self, Server},
    sole_server::warn_of_another_server,
    user_commands,
};
use crate::{
    accounts::{JwtSecret, JwtSecrets},
    clock::Clock,
    database::{Database, DatabaseArgs, DatabaseUrl},
    events::renew_search_keys,
    graphql,
    inventory::{BookingArgs, audit},
    services::{ServiceArgs, Services},
    telemetry::Telemetry,
    tickets::{TicketCodes, find_kept_secret, find_or_make_kept_secret},
};

/// Runs the command that the command line names.
///
/// # Errors
/// A message for the person at the terminal.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        None => serve(cli.serve).await,
        Some(Command::Serve(args)) => serve(*args).await,
        Some(Command::Migrate(args)) => migrate(args).await,
        Some(Command::Seed(args)) => seed(args).await,
        Some(Command::Schema) => print(&graphql::sdl()),
        Some(Command::Audit(args)) => audit(args).await,
        Some(Command::Users(command)) => print(&user_commands::run(command).await?),
        Some(Command::Organizers(command)) => print(&organizer_commands::run(command).await?),
        Some(Command::Events(command)) => print(&event_commands::run(command).await?),
        Some(Command::Jobs(command)) => jobs(command).await,
        Some(Command::Completions { shell }) => print(&completions(shell)?),
        Some(Command::Man { dir }) => write_manual(&dir),
    }
}

async fn serve(args: ServeArgs) -> Result<ExitCode> {
    let telemetry = Telemetry::start(&args.telemetry)?;
    let is_embedded = matches!(args.database.database_url, DatabaseUrl::Sqlite(_));
    if !is_embedded {
        // Before anything else is waited for.
        args.secret.secrets()?;
    }
    let db = match is_embedded {
        true => usable_database(&args.database, Access::Write).await?,
        // The server waits for a PostgreSQL that is away.
        false => open_database(&args.database).await?,
    };
    if is_embedded {
        // An embedded database has no operator who would migrate it.
        db.migrate(None).await.context("migrating the database")?;
        renew_search_keys(&db).await.context("making the search keys of events")?;
    }
    let _sole_server = match &args.database.database_url {
        DatabaseUrl::Sqlite(file) => warn_of_another_server(file),
        DatabaseUrl::Postgres(_) => None,
    };
    let listener = server::listen(args.listen_addr).with_context(|| {
        format!("listening on {} (--listen-addr chooses another)", args.listen_addr)
    })?;
    let kept = kept_secret(&args, &db).await?;
    let tickets = args.tickets.codes(&args.secret, kept.clone())?;
    let secrets = match is_embedded {
        true => args.secret.secrets_or_random(kept.or_else(|| args.tickets.ticket_secret.clone())),
        // Several servers may share a PostgreSQL database, and then they must share their secrets,
        // too.
        false => args.secret.secrets()?,
    };
    let services = Services::new(db, Clock::default(), &secrets, &tickets, &args.services);
    let way_of_mails = services.postman.prepare().with_context(|| {
        let folder = args.services.mail.mail_dir.display();
        format!("MAIL_DIR: the folder {folder} can't be used for mails")
    })?;
    tracing::info!("{way_of_mails}");
    let server = Server::new(services, &args);
    tracing::info!(
        database = %args.database.database_url,
        "serving on http://{}",
        listener.local_addr()?
    );
    server.run(listener, stop_signal()).await;
    telemetry.finish().await;
    Ok(ExitCode::SUCCESS)
}

/// The secret of tickets and links that an embedded database keeps. If the operator has set none, it
/// is made now.
async fn kept_secret(args: &ServeArgs, db: &Database) -> Result<Option<JwtSecret>> {
    match args.database.database_url {
        DatabaseUrl::Sqlite(_) if args.tickets.has_secret(&args.secret) => {
            find_kept_secret(db).await
        }
        DatabaseUrl::Sqlite(_) => find_or_make_kept_secret(db).await.map(Some),
        // Every PostgreSQL server has a secret.
        DatabaseUrl::Postgres(_) => Ok(None),
    }
}

async fn migrate(args: MigrateArgs) -> Result<ExitCode> {
    let url = &args.database.database_url;
    if let Some(down) = args.down
        && !args.yes
    {
        bail!(
            "undoing {} loses the data in the tables and columns that they added to {url}; add --yes \
             to confirm",
            count(down.into(), "migration")
        );
    }
    let db = usable_database(&args.database, Access::Write).await?;
    let Difference { missing, newer } = db.compare_migrations().await?;
    let of_newer = count(newer as u64, "migration");
    ensure!(
        newer == 0 || args.down.is_none() && missing == 0,
        "{url} has {of_newer} of a newer version of Rowlock: use that version to change the schema"
    );
    let done = match args.down {
        None => {
            db.migrate(None).await?;
            renew_search_keys(&db).await?;
            match missing {
                0 if newer > 0 => {
                    format!("the schema has {of_newer} of a newer version of Rowlock, which stay")
                }
                0 => "the schema is up to date".to_owned(),
                _ => format!(
                    "applied {}; the schema is up to date",
                    count(missing as u64, "migration")
                ),
            }
        }
        Some(down) => {
            let applied = db.migrations() - missing;
            ensure!(
                down as usize <= applied,
                "there are only {}, so nothing was undone",
                count(applied as u64, "migration")
            );
            let result = db.migrate(Some(down)).await;
            let undone = db.compare_migrations().await.map(|now| now.missing - missing);
            let undid = |undone| format!("undid {}", count(undone as u64, "migration"));
            match (result, undone) {
                (Ok(()), undone) => undid(undone?),
                // Each is a transaction of its own.
                (Err(error), Ok(undone)) => {
                    let stopped = format!("{}, and stopped at the next one", undid(undone));
                    return Err(anyhow::Error::new(error).context(stopped));
                }
                (Err(error), Err(_)) => return Err(error.into()),
            }
        }
    };
    db.close().await;
    print(&format!("{url}: {done}\n"))
}

/// A number with its noun.
fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

async fn seed(args: SeedArgs) -> Result<ExitCode> {
    let (database, size) = (&args.database, args.size());
    let db = migrated_database(database, Access::Write).await?;
    let services = services_on(db, &JwtSecret::random().into(), &seed::booking_settings());
    let url = &database.database_url;
    if args.remove_demo_users {
        let removed = seed::remove_demo_users(&services).await?;
        services.db.close().await;
        return print(&format!(
            "{url}: removed {} and {}\n",
            count(removed.users, "demo user"),
            count(removed.bookings, "booking")
        ));
    }
    let seeded = seed::add_demo_events(&services.db, &services.clock).await?;
    let mut report = format!("{url}: added {}", count(seeded.events, "demo event"));
    if args.adds_demo_users() {
        let users = seed::add_demo_users(&services).await?;
        report += &format!(" and {}\n", count(users, "demo user"));
        if args.demo_users {
            report += &format!(
                "{url}: everybody knows the demo users' passwords; `rowlock seed \
                 --remove-demo-users` removes these users and their bookings\n"
            );
        }
    } else {
        report += ", but no demo users, because everybody knows their passwords; --demo-users adds \
                   them\n";
    }
    if seeded.moved > 0 {
        let moved = count(seeded.moved as u64, "demo event");
        report += &format!("{url}: gave {moved} that had passed a new date\n");
    }
    if let Some(size) = size {
        let filled = seed::fill(&services, size, |line| {
            // Whoever would read it may have closed the pipe.
            let _ = writeln!(io::stderr(), "{line}");
        })
        .await?;
        let why = match filled == seed::Filled::default() {
            true => ", because there are as many already",
            false => "",
        };
        report += &format!(
            "{url}: added {} generated events, {} users and {} bookings{why}\n",
            filled.events, filled.users, filled.bookings
        );
        if filled.unbooked > 0 {
            report += &format!(
                "{url}: {} bookings are missing, because their events are sold out or over\n",
                filled.unbooked
            );
        }
    }
    services.db.close().await;
    print(&report)
}

/// The services of a command that serves nobody.
fn services_on(db: Database, secrets: &JwtSecrets, booking: &BookingArgs) -> Services {
    let args = ServiceArgs { booking: booking.clone(), ..ServiceArgs::default() };
    Services::new(db, Clock::default(), secrets, &TicketCodes::random(), &args)
}

async fn audit(args: DatabaseArgs) -> Result<ExitCode> {
    let db = migrated_database(&args, Access::Read).await?;
    let audit = audit::audit(&db).await?;
    db.close().await;
    let mut out = std::io::stdout().lock();
    for violation in &audit.violations {
        writeln!(out, "{violation}")?;
    }
    writeln!(
        out,
        "{}: {} events and {} bookings checked, {} violations",
        args.database_url,
        audit.events,
        audit.bookings,
        audit.violations.len()
    )?;
    Ok(if audit.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn jobs(command: JobsCommand) -> Result<ExitCode> {
    let (database, access) = match &command {
        JobsCommand::List(args) => (&args.database, Access::Read),
        JobsCommand::Retry(args) => (&args.database, Access::Write),
        JobsCommand::Discard(args) => (&args.database, Access::Write),
    };
    let db = migrated_database(database, access).await?;
    let told = job_commands::run(&db, &command).await;
    db.close().await;
    print(&told?)
}

fn completions(shell: Shell) -> Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rowlock", &mut script);
    Ok(String::from_utf8(script)?)
}

fn write_manual(dir: &Path) -> Result<ExitCode> {
    // `help` repeats the other commands, and would have a page for each of them.
    let command = Cli::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, dir)
        .with_context(|| format!("writing to {}", dir.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Waits for Ctrl-C or SIGTERM. SIGHUP is left alone: who starts the server by `nohup` wants it to be
/// ignored.
async fn stop_signal() {
    use tokio::signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    };
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(error) => {
            tracing::warn!(%error, "SIGTERM can't be watched; only Ctrl-C stops the server");
            let _ = ctrl_c().await;
        }
    }
}

fn print(text: &str) -> Result<ExitCode> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
