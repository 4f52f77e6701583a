//! What each subcommand does.

use std::{
    fs,
    io::{BufWriter, Write},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};

use super::{
    seed,
    server::{self, Server},
};
use crate::{
    clock::Clock,
    config::{
        BookingArgs, Cli, Command, CreateUsersArgs, DatabaseArgs, DatabaseUrl, JwtSecret,
        JwtSecrets, MigrateArgs, SeedArgs, ServeArgs, UsersCommand,
    },
    database::Database,
    graphql,
    inventory::audit,
    services::Services,
    telemetry::Telemetry,
};

/// Runs what the command line asks for.
///
/// # Errors
/// In words for the person at the terminal.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        None => serve(cli.serve).await,
        Some(Command::Serve(args)) => serve(*args).await,
        Some(Command::Migrate(args)) => migrate(args).await,
        Some(Command::Seed(args)) => seed(args).await,
        Some(Command::Schema) => print(&graphql::sdl()),
        Some(Command::Audit(args)) => audit(args).await,
        Some(Command::Users(UsersCommand::Create(args))) => create_users(args).await,
    }
}

async fn serve(args: ServeArgs) -> Result<ExitCode> {
    let telemetry = Telemetry::start(&args)?;
    let signing = args.secret.for_serving(&args.database.database_url)?;
    let secrets = JwtSecrets { signing, accepted: args.jwt_accepted_secret.clone() };
    let db = open_database(&args.database).await?;
    if matches!(args.database.database_url, DatabaseUrl::Sqlite(_)) {
        // The embedded database has no operator of its own.
        db.migrate(None).await.context("migrating the database")?;
    }
    let listener = server::listen(args.listen_addr).with_context(|| {
        format!("listening on {} (--listen-addr chooses another)", args.listen_addr)
    })?;
    let services = Services::new(db, Clock::default(), &secrets, &args.booking);
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

async fn migrate(args: MigrateArgs) -> Result<ExitCode> {
    let db = reachable_database(&args.database).await?;
    let done = match args.down {
        None => {
            db.migrate(None).await?;
            "the schema is up to date".to_owned()
        }
        Some(_) => {
            let missing = db.pending_migrations().await?;
            db.migrate(args.down).await?;
            format!("undid {} migrations", db.pending_migrations().await? - missing)
        }
    };
    db.close().await;
    print(&format!("{}: {done}\n", args.database.database_url))
}

async fn seed(args: SeedArgs) -> Result<ExitCode> {
    let (database, size) = (&args.database, args.size());
    let db = migrated_database(database).await?;
    let services =
        Services::new(db, Clock::default(), &JwtSecret::random().into(), &seed::booking_settings());
    let seeded = seed::add_demo(&services.db, &services.accounts, &services.clock).await?;
    let url = &database.database_url;
    let mut said = format!(
        "{url}: added {} demo events and {} demo users, moved {} events that were over\n",
        seeded.events, seeded.users, seeded.moved
    );
    if let Some(size) = size {
        let filled = seed::fill(&services, size, |line| eprintln!("{line}")).await?;
        said += &format!(
            "{url}: added {} generated events, {} users and {} bookings\n",
            filled.events, filled.users, filled.bookings
        );
        if filled.unbooked > 0 {
            said += &format!(
                "{url}: {} bookings are missing, because their events are sold out or over\n",
                filled.unbooked
            );
        }
    }
    services.db.close().await;
    print(&said)
}

async fn audit(args: DatabaseArgs) -> Result<ExitCode> {
    let db = migrated_database(&args).await?;
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

async fn create_users(args: CreateUsersArgs) -> Result<ExitCode> {
    let secret = args.secret.required()?;
    // Before any user is made: a file that can't be written should leave nothing behind.
    let file = fs::File::create(&args.tokens)
        .with_context(|| format!("writing {}", args.tokens.display()))?;
    let db = migrated_database(&args.database).await?;
    let services = Services::new(db, Clock::default(), &secret.into(), &BookingArgs::default());
    let tokens = services.accounts.create_load_users(args.count).await?;
    services.db.close().await;
    let mut file = BufWriter::new(file);
    for token in &tokens {
        writeln!(file, "{token}")?;
    }
    file.flush()?;
    print(&format!(
        "created {} users; their access tokens, good for 15 minutes, are in {}\n",
        tokens.len(),
        args.tokens.display()
    ))
}

async fn open_database(args: &DatabaseArgs) -> Result<Database> {
    let url = &args.database_url;
    Database::open(args).await.with_context(|| format!("opening the database {url}"))
}

/// The database, after a sign of life.
async fn reachable_database(args: &DatabaseArgs) -> Result<Database> {
    let db = open_database(args).await?;
    if let Err(cause) = db.probe().await {
        bail!("the database {} can't be reached: {cause}", args.database_url);
    }
    Ok(db)
}

/// The database, if its schema is up to date.
async fn migrated_database(args: &DatabaseArgs) -> Result<Database> {
    if let DatabaseUrl::Sqlite(file) = &args.database_url
        && !file.exists()
    {
        bail!("there is no database {}: run `rowlock migrate` first", args.database_url);
    }
    let db = reachable_database(args).await?;
    let pending = db.pending_migrations().await?;
    if pending > 0 {
        bail!(
            "the database {} misses {pending} migrations: run `rowlock migrate` first",
            args.database_url
        );
    }
    Ok(db)
}

/// Ends with Ctrl-C or SIGTERM.
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
