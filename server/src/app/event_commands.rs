//! The commands that import and export an organizer's events.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use anyhow::{Context, Result, bail};
use rowlock_entities::organizer;

use super::{
    cli::{EventsCommand, ExportEventsArgs, ImportEventsArgs},
    command_database::{Access, command_services},
};
use crate::{
    managed_events::{FileFormat, ImportFile, Imported, Importer, ManagedEventsError, write_file},
    services::Services,
};

/// The largest file that is imported, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1_024 * 1_024;

/// Runs a command and returns what it prints.
pub(super) async fn run(command: EventsCommand) -> Result<String> {
    match command {
        EventsCommand::Import(args) => import(args).await,
        EventsCommand::Export(args) => export(args).await,
    }
}

async fn import(args: ImportEventsArgs) -> Result<String> {
    let format = format_of(&args.file)?;
    let text = read(&args.file)?;
    let file = ImportFile::read(format, &text);
    let file = file.map_err(|problems| nothing_imported(&problems))?;
    let services = command_services(&args.database, Access::Write).await?;
    let organizer = organizer_of(&services, &args.organizer).await?;
    let imported =
        services.managed_events.import(organizer.id, file.rows.clone(), Importer::Operator).await;
    services.db.close().await;
    match imported {
        Ok(Imported { created, updated, unchanged }) => {
            Ok(format!("{created} created, {updated} updated, {unchanged} unchanged\n"))
        }
        Err(ManagedEventsError::ImportRefused(problems)) => {
            Err(nothing_imported(&file.describe(&problems)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn export(args: ExportEventsArgs) -> Result<String> {
    let services = command_services(&args.database, Access::Read).await?;
    let organizer = organizer_of(&services, &args.organizer).await?;
    let events = services.managed_events.all_of(organizer.id).await?;
    services.db.close().await;
    let format = if args.json { FileFormat::Json } else { FileFormat::Csv };
    write_file(format, &events)
}

fn nothing_imported(problems: &str) -> anyhow::Error {
    anyhow::anyhow!("nothing was imported:\n{}", problems.trim_end())
}

fn format_of(file: &Path) -> Result<FileFormat> {
    let extension = file.extension().and_then(|extension| extension.to_str());
    match extension.map(str::to_lowercase).as_deref() {
        Some("csv") => Ok(FileFormat::Csv),
        Some("json") => Ok(FileFormat::Json),
        _ => bail!("{} must have a name that ends in .csv or .json", file.display()),
    }
}

fn read(file: &Path) -> Result<String> {
    let opening = || format!("reading {}", file.display());
    let mut text = String::new();
    let opened = fs::File::open(file).with_context(opening)?;
    let size = opened.take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    let size = size.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => anyhow::anyhow!("{} is not UTF-8", file.display()),
        _ => anyhow::Error::new(error).context(opening()),
    })?;
    if size as u64 > MAX_FILE_BYTES {
        bail!("{} has more than {MAX_FILE_BYTES} bytes", file.display());
    }
    Ok(text)
}

async fn organizer_of(services: &Services, slug: &str) -> Result<organizer::Model> {
    services.organizers.find_by_slug(slug).await?.with_context(|| {
        format!(
            "there is no organizer with the slug {slug:?}; `rowlock organizers list` shows all slugs"
        )
    })
}
