//! Creates, finds and changes organizers, and says who may do what.

use std::sync::Arc;

use futures_util::future::try_join_all;
use rowlock_entities::{
    OrganizerId, UserId, event, organizer,
    organizer_member::{self, Role},
};
use sea_orm::{DatabaseTransaction, DbErr};

use super::{
    loader::OrganizersById,
    policy::Action,
    roles::Roles,
    rules::name_problem,
    settings::{Founders, OrganizerArgs},
    slug::{self, slug_problem},
    store::{self, Membership},
};
use crate::{
    accounts::{Accounts, AccountsError},
    clock::Clock,
    coalescing::{Batcher, Bounds, Refusal},
    database::{Database, MayBeDatabaseError, within_transaction_timeout},
    field_problem::FieldProblem,
    metrics::Metrics,
};

/// The reason why an organizer was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum OrganizersError {
    #[error("there is no such organizer")]
    NoSuchOrganizer,
    #[error("the account does not exist")]
    NoSuchUser,
    #[error("the member's role does not allow this")]
    NotAllowed,
    #[error("only the operator creates organizers")]
    OnlyByInvitation,
    #[error("the person owns as many organizers as one may found")]
    TooManyOrganizers,
    #[error("the person is the only owner of an organizer")]
    LastOwner,
    #[error("the input is not valid")]
    Invalid(Vec<FieldProblem>),
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    #[error(transparent)]
    LookupRefused(#[from] Refusal),
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl OrganizersError {
    pub(super) fn field(field: &str, message: &str) -> Self {
        FieldProblem::new(field, message).into()
    }
}

impl From<FieldProblem> for OrganizersError {
    fn from(problem: FieldProblem) -> Self {
        Self::Invalid(vec![problem])
    }
}

impl MayBeDatabaseError for OrganizersError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Database(error) => Some(error),
            Self::Accounts(error) => error.database_error(),
            Self::NoSuchOrganizer
            | Self::NoSuchUser
            | Self::NotAllowed
            | Self::OnlyByInvitation
            | Self::TooManyOrganizers
            | Self::LastOwner
            | Self::Invalid(_)
            | Self::LookupRefused(_) => None,
        }
    }
}

/// Organizers. Clones share everything.
#[derive(Clone, Debug)]
pub struct Organizers {
    pub(super) db: Database,
    pub(super) clock: Clock,
    pub(super) accounts: Accounts,
    pub(super) settings: OrganizerArgs,
    by_id: Batcher<OrganizersById>,
    roles: Batcher<Roles>,
}

impl Organizers {
    pub(crate) fn new(
        db: Database,
        clock: Clock,
        accounts: Accounts,
        settings: OrganizerArgs,
        metrics: &Metrics,
    ) -> Self {
        let lookups = Bounds::FOR_LOOKUPS;
        let by_id = OrganizersById(db.clone());
        let by_id = Batcher::new(by_id, lookups, metrics.queue("organizers-by-id"));
        let roles = Batcher::new(Roles(db.clone()), lookups, metrics.queue("organizer-roles"));
        Self { db, clock, accounts, settings, by_id, roles }
    }

    pub(crate) async fn find(
        &self,
        id: OrganizerId,
    ) -> Result<Option<Arc<organizer::Model>>, OrganizersError> {
        Ok(self.by_id.ask(id).await??)
    }

    pub(crate) async fn find_by_slug(
        &self,
        slug: &str,
    ) -> Result<Option<organizer::Model>, OrganizersError> {
        // What can't be a slug is not looked up: PostgreSQL can't take NUL in a text.
        if slug_problem(slug).is_some() {
            return Ok(None);
        }
        Ok(store::find_by_slug(self.db.reads(), slug).await?)
    }

    /// Whether the user may see the event now. Nobody but members may see one that was never
    /// published.
    pub(crate) async fn may_see(
        &self,
        event: &event::Model,
        user: Option<UserId>,
    ) -> Result<bool, OrganizersError> {
        match user {
            _ if event.is_public => Ok(true),
            None => Ok(false),
            Some(user) => {
                let membership = Membership { organizer: event.organizer_id, user };
                self.may(membership, Action::SeeDrafts).await
            }
        }
    }

    /// All organizers, by their slugs.
    pub(crate) async fn find_all(&self) -> Result<Vec<organizer::Model>, OrganizersError> {
        Ok(store::find_all(self.db.reads()).await?)
    }

    /// The organizers that the user is a member of, by their names.
    pub(crate) async fn of_user(
        &self,
        user: UserId,
    ) -> Result<Vec<Arc<organizer::Model>>, OrganizersError> {
        let memberships = store::find_memberships(self.db.reads(), [user]).await?;
        let found = memberships.into_iter().map(|member| self.find(member.organizer_id));
        let mut organizers: Vec<_> = try_join_all(found).await?.into_iter().flatten().collect();
        organizers.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        Ok(organizers)
    }

    /// The user's role in the organizer, as it is now.
    pub(crate) async fn role(
        &self,
        membership: Membership,
    ) -> Result<Option<Role>, OrganizersError> {
        Ok(self.roles.ask(membership).await??)
    }

    /// Whether the user may do this for the organizer now.
    pub(crate) async fn may(
        &self,
        membership: Membership,
        action: Action,
    ) -> Result<bool, OrganizersError> {
        Ok(self.role(membership).await?.is_some_and(|role| action.is_allowed_to(role)))
    }

    /// Whether everybody who is signed in may create organizers.
    pub(crate) fn anyone_may_found(&self) -> bool {
        match self.settings.organizers {
            Founders::Anyone => true,
            Founders::Invited => false,
        }
    }

    /// Creates an organizer, whose owner is the founder. Without a slug, it gets one that is made
    /// from its name.
    pub(crate) async fn found(
        &self,
        founder: UserId,
        name: &str,
        slug: Option<String>,
    ) -> Result<organizer::Model, OrganizersError> {
        if !self.anyone_may_found() {
            return Err(OrganizersError::OnlyByInvitation);
        }
        self.create(founder, name, slug, Some(self.settings.max_organizers_per_user)).await
    }

    /// Creates an organizer for an owner whom the operator invites.
    pub(crate) async fn create_for(
        &self,
        owner: UserId,
        name: &str,
        slug: Option<String>,
    ) -> Result<organizer::Model, OrganizersError> {
        self.create(owner, name, slug, None).await
    }

    async fn create(
        &self,
        owner: UserId,
        name: &str,
        slug: Option<String>,
        max_founded: Option<u32>,
    ) -> Result<organizer::Model, OrganizersError> {
        let name = name.trim();
        check(Some(name), slug.as_deref())?;
        let slugs = slug.map_or_else(|| slug::candidates(name), |slug| vec![slug]);
        // Somebody else may take a slug after it was found to be free. The last one is free for
        // sure if it was made from the name.
        let last = slugs.len().saturating_sub(1);
        for slugs in [&slugs[..], &slugs[..], &slugs[last..]] {
            let create = || self.create_with_free_slug(owner, name, slugs, max_founded);
            if let Some(created) = within_transaction_timeout(&self.db, create).await? {
                return Ok(created);
            }
        }
        Err(slug::taken().into())
    }

    /// `None` if none of the slugs is free.
    async fn create_with_free_slug(
        &self,
        owner: UserId,
        name: &str,
        slugs: &[String],
        max_founded: Option<u32>,
    ) -> Result<Option<organizer::Model>, OrganizersError> {
        let tx = self.db.begin().await?;
        // Whoever founds several at once is counted with all of them.
        if !Accounts::lock_user(&tx, owner).await? {
            return Err(OrganizersError::NoSuchUser);
        }
        if let Some(max) = max_founded
            && store::count_founded(&tx, owner).await? >= max.into()
        {
            return Err(OrganizersError::TooManyOrganizers);
        }
        let taken = store::find_taken_slugs(&tx, slugs).await?;
        let Some(slug) = slugs.iter().find(|slug| !taken.contains(*slug)) else {
            return Ok(None);
        };
        let created_at = self.clock.now();
        let id = OrganizerId::new();
        let (slug, name) = (slug.clone(), name.to_owned());
        let founded_by = max_founded.map(|_| owner);
        let organizer = organizer::Model { id, slug, name, founded_by, created_at };
        if !store::insert_organizer(&tx, organizer.clone()).await? {
            return Ok(None);
        }
        let (organizer_id, user_id, role) = (id, owner, Role::Owner);
        let member = organizer_member::Model { organizer_id, user_id, role, created_at };
        store::insert_member(&tx, member).await?;
        tx.commit().await?;
        Ok(Some(organizer))
    }

    /// Gives an organizer another name or slug. What is `None` stays.
    pub(crate) async fn update(
        &self,
        actor: Membership,
        name: Option<&str>,
        slug: Option<&str>,
    ) -> Result<organizer::Model, OrganizersError> {
        self.require(actor, Action::EditOrganizer).await?;
        let name = name.map(str::trim);
        check(name, slug)?;
        within_transaction_timeout(&self.db, || self.rename(actor, name, slug)).await
    }

    async fn rename(
        &self,
        actor: Membership,
        name: Option<&str>,
        slug: Option<&str>,
    ) -> Result<organizer::Model, OrganizersError> {
        let (tx, mut organizer) = self.begin_change(actor, Action::EditOrganizer).await?;
        organizer.name = name.map_or(organizer.name, str::to_owned);
        organizer.slug = slug.map_or(organizer.slug, str::to_owned);
        if !store::update_organizer(&tx, &organizer).await? {
            return Err(slug::taken().into());
        }
        tx.commit().await?;
        Ok(organizer)
    }

    /// Refuses who may not do this. It is asked without a lock, so that nobody else can hold the
    /// locks of an organizer.
    pub(super) async fn require(
        &self,
        actor: Membership,
        action: Action,
    ) -> Result<(), OrganizersError> {
        if self.may(actor, action).await? {
            return Ok(());
        }
        match self.find(actor.organizer).await? {
            Some(_) => Err(OrganizersError::NotAllowed),
            None => Err(OrganizersError::NoSuchOrganizer),
        }
    }

    /// Begins a transaction that locks the organizer. A role that was taken away meanwhile counts
    /// no more.
    pub(super) async fn begin_change(
        &self,
        actor: Membership,
        action: Action,
    ) -> Result<(DatabaseTransaction, organizer::Model), OrganizersError> {
        let (tx, organizer) = self.begin_locked(actor.organizer).await?;
        let role = store::find_role(&tx, actor).await?;
        match role.is_some_and(|role| action.is_allowed_to(role)) {
            true => Ok((tx, organizer)),
            false => Err(OrganizersError::NotAllowed),
        }
    }

    /// Begins a transaction that locks the organizer, whoever asks.
    pub(super) async fn begin_locked(
        &self,
        id: OrganizerId,
    ) -> Result<(DatabaseTransaction, organizer::Model), OrganizersError> {
        let tx = self.db.begin().await?;
        let organizer = store::lock_organizer(&tx, id).await?;
        Ok((tx, organizer.ok_or(OrganizersError::NoSuchOrganizer)?))
    }
}

fn check(name: Option<&str>, slug: Option<&str>) -> Result<(), OrganizersError> {
    let problems = [name.and_then(name_problem), slug.and_then(slug_problem)];
    let problems: Vec<FieldProblem> = problems.into_iter().flatten().collect();
    if problems.is_empty() { Ok(()) } else { Err(OrganizersError::Invalid(problems)) }
}
