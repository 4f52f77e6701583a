//! The operator's commands for organizers.

use anyhow::{Context, Error, Result, anyhow};
use rowlock_entities::{organizer_member::Role, user};

use super::{
    cli::{AddOwnerArgs, CreateOrganizerArgs, OrganizersCommand},
    command_database::{Access, command_services},
};
use crate::{
    database::DatabaseArgs,
    organizers::{Membership, OrganizersError},
    services::Services,
};

/// Runs a command and returns what it prints.
pub(super) async fn run(command: OrganizersCommand) -> Result<String> {
    match command {
        OrganizersCommand::Create(args) => create(args).await,
        OrganizersCommand::List(database) => list(database).await,
        OrganizersCommand::AddOwner(args) => add_owner(args).await,
    }
}

async fn create(args: CreateOrganizerArgs) -> Result<String> {
    let services = command_services(&args.database, Access::Write).await?;
    let owner = user_of(&services, &args.owner).await?;
    let created = services.organizers.create_for(owner.id, &args.name, args.slug).await;
    let created = created.map_err(in_words)?;
    services.db.close().await;
    Ok(format!("created {} ({}); its owner is {}\n", created.slug, created.name, owner.email))
}

async fn list(database: DatabaseArgs) -> Result<String> {
    let services = command_services(&database, Access::Read).await?;
    let mut report = String::new();
    for organizer in services.organizers.find_all().await? {
        let members = services.organizers.members(organizer.id).await?;
        let owners = members.into_iter().filter(|member| member.role == Role::Owner);
        let owners: Vec<String> = owners.map(|owner| owner.user.email).collect();
        let owners = match owners.is_empty() {
            true => "no owner; `rowlock organizers add-owner` adds one".to_owned(),
            false => owners.join(", "),
        };
        report += &format!("{} ({}): {owners}\n", organizer.slug, organizer.name);
    }
    services.db.close().await;
    Ok(report)
}

async fn add_owner(args: AddOwnerArgs) -> Result<String> {
    let services = command_services(&args.database, Access::Write).await?;
    let owner = user_of(&services, &args.email).await?;
    let organizer = services.organizers.find_by_slug(&args.slug).await?.with_context(|| {
        format!(
            "there is no organizer with the slug {:?}; `rowlock organizers list` shows all slugs",
            args.slug
        )
    })?;
    let membership = Membership { organizer: organizer.id, user: owner.id };
    services.organizers.add_owner(membership).await.map_err(in_words)?;
    services.db.close().await;
    Ok(format!("{} is an owner of {} ({})\n", owner.email, organizer.slug, organizer.name))
}

async fn user_of(services: &Services, email: &str) -> Result<user::Model> {
    services.accounts.find_user_by_email(email).await?.with_context(|| {
        format!("nobody has an account with the email {email:?}; the person registers first")
    })
}

/// What is wrong with each value, for the person at the terminal.
fn in_words(error: OrganizersError) -> Error {
    match error {
        OrganizersError::Invalid(problems) => {
            let problems: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
            anyhow!(problems.join(" "))
        }
        error => error.into(),
    }
}
