//! The members of organizers: who they are, and adding, changing and removing them.
//!
//! Each change locks its organizer first, so that they take turns. So there is an owner left even
//! if two owners leave at the same moment.

use std::collections::HashMap;

use rowlock_entities::{
    OrganizerId, UserId, organizer,
    organizer_member::{self, Role},
    user,
};
use sea_orm::DatabaseTransaction;

use super::{
    policy::Action,
    service::{Organizers, OrganizersError},
    store::{self, Membership},
};
use crate::{
    accounts::Accounts, database::within_transaction_timeout, field_problem::FieldProblem,
};

/// Maximum number of organizers that others can make one person a member of.
const MAX_MEMBERSHIPS: u64 = 100;

/// A member of an organizer.
pub(crate) struct Member {
    pub(crate) user: user::Model,
    pub(crate) role: Role,
}

impl Organizers {
    /// The members, those first who were added first.
    pub(crate) async fn members(&self, id: OrganizerId) -> Result<Vec<Member>, OrganizersError> {
        let rows = store::find_members(self.db.reads(), id).await?;
        let ids: Vec<UserId> = rows.iter().map(|row| row.user_id).collect();
        let users = self.accounts.find_users(ids).await?;
        let mut users: HashMap<UserId, user::Model> =
            users.into_iter().map(|user| (user.id, user)).collect();
        let member = |row: organizer_member::Model| {
            Some(Member { user: users.remove(&row.user_id)?, role: row.role })
        };
        Ok(rows.into_iter().filter_map(member).collect())
    }

    /// Adds the person with this email, or changes their role.
    pub(crate) async fn set_member(
        &self,
        actor: Membership,
        email: &str,
        role: Role,
    ) -> Result<organizer::Model, OrganizersError> {
        self.require(actor, Action::ManageMembers).await?;
        let user = self.accounts.find_user_by_email(email).await?.ok_or_else(no_such_email)?.id;
        within_transaction_timeout(&self.db, || async {
            let (tx, organizer) = self.begin_change(actor, Action::ManageMembers).await?;
            let max_members = Some(self.settings.max_members_per_organizer);
            self.set_role(&tx, Membership { user, ..actor }, role, max_members).await?;
            tx.commit().await?;
            Ok(organizer)
        })
        .await
    }

    /// Makes somebody an owner, whom the operator names.
    pub(crate) async fn add_owner(&self, membership: Membership) -> Result<(), OrganizersError> {
        within_transaction_timeout(&self.db, || async {
            let (tx, _) = self.begin_locked(membership.organizer).await?;
            self.set_role(&tx, membership, Role::Owner, None).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Adds a member or changes their role. `max_members` bounds additions.
    async fn set_role(
        &self,
        tx: &DatabaseTransaction,
        membership: Membership,
        role: Role,
        max_members: Option<u32>,
    ) -> Result<(), OrganizersError> {
        match store::find_role(tx, membership).await? {
            Some(before) => {
                if before == Role::Owner && role != Role::Owner {
                    keep_an_owner(tx, membership.organizer, "role").await?;
                }
                Ok(store::update_role(tx, membership, role).await?)
            }
            None => {
                // Whoever deletes their account at this moment is made a member of nothing.
                if !Accounts::lock_user(tx, membership.user).await? {
                    return Err(no_such_email());
                }
                if let Some(max) = max_members {
                    check_limits(tx, membership, max).await?;
                }
                let member = organizer_member::Model {
                    organizer_id: membership.organizer,
                    user_id: membership.user,
                    role,
                    created_at: self.clock.now(),
                };
                Ok(store::insert_member(tx, member).await?)
            }
        }
    }

    /// Removes a member. Everybody may leave. Removing somebody who is no member changes nothing.
    pub(crate) async fn remove_member(
        &self,
        actor: Membership,
        user: UserId,
    ) -> Result<organizer::Model, OrganizersError> {
        if actor.user != user {
            self.require(actor, Action::ManageMembers).await?;
        } else if self.role(actor).await?.is_none() {
            let organizer = self.find(actor.organizer).await?;
            return organizer
                .map(|organizer| organizer.as_ref().clone())
                .ok_or(OrganizersError::NoSuchOrganizer);
        }
        within_transaction_timeout(&self.db, || self.remove(actor, user)).await
    }

    async fn remove(
        &self,
        actor: Membership,
        user: UserId,
    ) -> Result<organizer::Model, OrganizersError> {
        let (tx, organizer) = match actor.user == user {
            true => self.begin_locked(actor.organizer).await?,
            false => self.begin_change(actor, Action::ManageMembers).await?,
        };
        let removed = Membership { user, ..actor };
        if store::find_role(&tx, removed).await? == Some(Role::Owner) {
            keep_an_owner(&tx, actor.organizer, "userId").await?;
        }
        store::delete_member(&tx, removed).await?;
        tx.commit().await?;
        Ok(organizer)
    }
}

/// The memberships of somebody who leaves all organizers. Their organizers are locked.
#[derive(Debug)]
pub(crate) struct Leaving(Vec<organizer_member::Model>);

impl Organizers {
    /// Locks the organizers that a user is a member of until the transaction ends.
    pub(crate) async fn lock_all_of(
        tx: &DatabaseTransaction,
        user: UserId,
    ) -> Result<Leaving, OrganizersError> {
        let mut memberships = store::find_memberships(tx, [user]).await?;
        // In one order, so that no two transactions wait for each other.
        memberships.sort_by_key(|member| member.organizer_id);
        for member in &memberships {
            store::lock_organizer(tx, member.organizer_id).await?;
        }
        Ok(Leaving(memberships))
    }

    /// Removes a user from all organizers. The caller has locked these and then the user, so that
    /// nobody adds the user any more. Returns false, and changes nothing, if somebody did in between.
    ///
    /// # Errors
    /// `LastOwner` if an organizer has no other owner, and has other members or events to come.
    pub(crate) async fn leave_all(
        &self,
        tx: &DatabaseTransaction,
        user: UserId,
        leaving: &Leaving,
    ) -> Result<bool, OrganizersError> {
        for member in store::find_memberships(tx, [user]).await? {
            let organizer = member.organizer_id;
            if !leaving.0.iter().any(|known| known.organizer_id == organizer) {
                return Ok(false);
            }
            let is_owner = |member: &&organizer_member::Model| member.role == Role::Owner;
            if is_owner(&&member) {
                let members = store::find_members(tx, organizer).await?;
                let is_last_owner = members.iter().filter(is_owner).count() <= 1;
                // Events that are over need nobody any more.
                let is_needed = members.len() > 1
                    || store::has_coming_events(tx, organizer, self.clock.now()).await?;
                if is_last_owner && is_needed {
                    return Err(OrganizersError::LastOwner);
                }
            }
            store::delete_member(tx, Membership { organizer, user }).await?;
        }
        Ok(true)
    }
}

fn no_such_email() -> OrganizersError {
    let message = "Nobody has an account with this email. Ask them to register first.";
    OrganizersError::field("email", message)
}

/// Refuses to take the role of the only owner away. The organizer is locked.
async fn keep_an_owner(
    tx: &DatabaseTransaction,
    organizer: OrganizerId,
    field: &str,
) -> Result<(), OrganizersError> {
    let members = store::find_members(tx, organizer).await?;
    match members.iter().filter(|member| member.role == Role::Owner).count() {
        0 | 1 => {
            let message = "An organizer needs an owner. Make somebody else an owner first.";
            Err(OrganizersError::field(field, message))
        }
        _ => Ok(()),
    }
}

/// Refuses a member beyond the limits of the organizer or of the person.
async fn check_limits(
    tx: &DatabaseTransaction,
    membership: Membership,
    max_members: u32,
) -> Result<(), OrganizersError> {
    let problem = if store::find_members(tx, membership.organizer).await?.len()
        >= max_members as usize
    {
        format!("An organizer has at most {max_members} members.")
    } else if store::count_memberships(tx, membership.user).await? >= MAX_MEMBERSHIPS {
        format!("This person is a member of {MAX_MEMBERSHIPS} organizers, and can't be of more.")
    } else {
        return Ok(());
    };
    Err(FieldProblem::new("email", problem).into())
}
