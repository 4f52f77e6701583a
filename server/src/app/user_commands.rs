//! The operator's commands for the accounts of people. They print nothing secret.

use std::{
    fs::{self, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::TryStreamExt;
use rowlock_entities::user;

use super::{
    cli::{CreateUsersArgs, DeleteUserArgs, UserArgs, UsersCommand},
    command_database::{Access, command_services, migrated_database},
};
use crate::{
    accounts::ACCESS_TOKEN_LIFETIME,
    clock::Clock,
    personal_data::DeletionError,
    services::{ServiceArgs, Services},
    tickets::TicketCodes,
};

/// Runs a command and returns what it prints.
pub(super) async fn run(command: UsersCommand) -> Result<String> {
    match command {
        UsersCommand::Create(args) => create(args).await,
        UsersCommand::Find(args) => find(args).await,
        UsersCommand::Verify(args) => verify(args).await,
        UsersCommand::ResetPassword(args) => reset_password(args).await,
        UsersCommand::Delete(args) => delete(args).await,
        UsersCommand::Export(args) => export(args).await,
    }
}

async fn create(args: CreateUsersArgs) -> Result<String> {
    let (secrets, path) = (args.secret.secrets()?, args.tokens.display());
    let db = migrated_database(&args.database, Access::Write).await?;
    // Open the file first, so that no users are created if it can't be written.
    let file = private_file(&args.tokens).with_context(|| format!("writing {path}"))?;
    let tickets = TicketCodes::random();
    let services = Services::new(db, Clock::default(), &secrets, &tickets, &ServiceArgs::default());
    let users = services.accounts.create_load_users(args.count).await?;
    services.db.close().await;
    let tokens = users.iter().map(|user| Ok(services.access_tokens.issue(*user)?.token));
    let tokens = tokens.collect::<Result<Vec<String>>>()?;
    let count = users.len();
    write_lines(file, &tokens).with_context(|| {
        format!("{count} users were created, but their tokens could not be written to {path}")
    })?;
    Ok(format!(
        "created {count} users; their access tokens, valid for {} minutes, are in {path}\n",
        ACCESS_TOKEN_LIFETIME.num_minutes(),
    ))
}

/// Writes lines into a file in place of what it has.
fn write_lines(file: fs::File, lines: &[String]) -> io::Result<()> {
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    let mut file = BufWriter::new(file);
    lines.iter().try_for_each(|line| writeln!(file, "{line}"))?;
    file.flush()
}

async fn find(args: UserArgs) -> Result<String> {
    let (services, user) = services_and_user(&args, Access::Read).await?;
    let sessions = services.sessions.of_user(user.id).await?;
    let organizers = services.organizers.of_user(user.id).await?;
    let slugs: Vec<&str> = organizers.iter().map(|organizer| organizer.slug.as_str()).collect();
    services.db.close().await;
    let verified = match user.email_verified_at {
        Some(at) => format!("was verified at {}", time(at)),
        None => "is not verified".to_owned(),
    };
    let mut report = format!("{} ({}), id {}\n", user.email, user.name, user.id);
    report += &format!("registered at {}; the email {verified}\n", time(user.created_at));
    if let Some(pending) = user.pending_email {
        report += &format!("the email is to be {pending}, which is not verified yet\n");
    }
    report += &format!("sessions: {}\n", sessions.len());
    if !slugs.is_empty() {
        report += &format!("organizers: {}\n", slugs.join(", "));
    }
    Ok(report)
}

async fn verify(args: UserArgs) -> Result<String> {
    let (services, user) = services_and_user(&args, Access::Write).await?;
    services.accounts.verify_for_operator(user.id).await?;
    services.db.close().await;
    Ok(format!("the email {} is verified\n", user.email))
}

async fn reset_password(args: UserArgs) -> Result<String> {
    let (services, user) = services_and_user(&args, Access::Write).await?;
    services.accounts.request_password_reset(&user.email).await?;
    services.db.close().await;
    Ok(format!(
        "a mail with a link that resets the password is to be sent to {}; a running server sends it, \
         unless the account has had three in this hour\n",
        user.email
    ))
}

async fn delete(args: DeleteUserArgs) -> Result<String> {
    let (services, user) = services_and_user(&args.user, Access::Write).await?;
    if !args.yes {
        services.db.close().await;
        bail!(
            "deleting the account of {} can't be undone, and cancels the bookings of coming events; \
             add --yes to confirm",
            user.email
        );
    }
    services.personal_data().delete(&user).await.map_err(|error| match error {
        DeletionError::LastOwner => anyhow!(
            "{} is the only owner of an organizer that has other members or events to come; `rowlock \
             organizers add-owner` adds another one",
            user.email
        ),
        error => error.into(),
    })?;
    services.db.close().await;
    Ok(format!(
        "the account of {} is deleted; a running server cancels the bookings of coming events and \
         sends a mail that says so\n",
        user.email
    ))
}

async fn export(args: UserArgs) -> Result<String> {
    let (services, user) = services_and_user(&args, Access::Read).await?;
    let parts = services.personal_data().export(user).await?;
    let parts: Vec<String> = parts.try_collect().await?;
    services.db.close().await;
    Ok(parts.concat())
}

async fn services_and_user(args: &UserArgs, access: Access) -> Result<(Services, user::Model)> {
    let services = command_services(&args.database, access).await?;
    let email = &args.email;
    let user = services.accounts.find_user_by_email(email).await?;
    let user = user.with_context(|| format!("nobody has an account with the email {email:?}"))?;
    Ok((services, user))
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Opens a file for writing that its owner alone may read, and creates it if it is missing.
fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // The mode above is that of a new file only.
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}
