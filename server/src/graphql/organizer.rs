//! The query `organizer`, and the `Organizer` type.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use rowlock_entities::{OrganizerId, organizer};

use super::{
    errors::ApiError,
    event::EventStatus,
    events::EventConnection,
    organizer_member::{OrganizerMember, OrganizerRole},
    pagination::{PageArgs, list_complexity, page_complexity},
    permission::PermissionExt,
    viewer::ViewerExt,
};
use crate::{
    events::{EventFilter, EventScope},
    organizers::{Action, Membership, Organizers},
};

#[derive(Default)]
pub(super) struct OrganizerQuery;

#[Object]
impl OrganizerQuery {
    /// The organizer with this slug, or null if there is none.
    async fn organizer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organizer's slug, as it is in addresses.")] slug: String,
    ) -> Result<Option<Organizer>, ApiError> {
        let found = Box::pin(ctx.data_unchecked::<Organizers>().find_by_slug(&slug)).await?;
        Ok(found.map(Into::into))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Organizer(pub(super) Arc<organizer::Model>);

/// A person or a group that puts events on sale.
#[Object]
impl Organizer {
    /// UUIDv7.
    pub(super) async fn id(&self) -> ID {
        self.0.id.0.into()
    }

    /// The organizer's name in addresses: letters from a to z and digits, with single hyphens in
    /// between. It can change.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// The organizer's name, as people read it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The viewer's role in this organizer; null for who is no member.
    ///
    /// Errors: `UNAUTHENTICATED` if the access token is expired or not valid.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Result<Option<OrganizerRole>, ApiError> {
        let Some(user) = ctx.viewer()? else { return Ok(None) };
        let membership = Membership { organizer: self.0.id, user };
        let role = Box::pin(ctx.data_unchecked::<Organizers>().role(membership)).await?;
        Ok(role.map(Into::into))
    }

    /// The members, in the order in which they were added; null for who is no member.
    ///
    /// Errors: `UNAUTHENTICATED` if the access token is expired or not valid.
    #[graphql(complexity = "list_complexity(child_complexity)")]
    async fn members(&self, ctx: &Context<'_>) -> Result<Option<Vec<OrganizerMember>>, ApiError> {
        if !Box::pin(ctx.may(self.0.id, Action::SeeMembers)).await? {
            return Ok(None);
        }
        let members = Box::pin(ctx.data_unchecked::<Organizers>().members(self.0.id)).await?;
        Ok(Some(members.into_iter().map(Into::into).collect()))
    }

    /// The organizer's events, also past and cancelled ones, latest start first. Members see drafts,
    /// too.
    ///
    /// Errors: `BAD_USER_INPUT` for wrong page sizes or cursors; `UNAUTHENTICATED` if the access
    /// token is expired or not valid.
    #[graphql(complexity = "page_complexity(first, last, child_complexity)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Page size, from the start or `after`; 1 to 50. 10 without `first` and `last`."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only events after this cursor.")] after: Option<String>,
        #[graphql(desc = "Page size, from the end or `before`; 1 to 50.")] last: Option<i32>,
        #[graphql(desc = "Only events before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only events of this status.")] status: Option<EventStatus>,
    ) -> Result<EventConnection, ApiError> {
        let has_drafts = Box::pin(ctx.may(self.0.id, Action::SeeDrafts)).await?;
        let scope = EventScope::of_organizer(self.0.id, has_drafts, status.map(Into::into));
        let page = PageArgs { first, after, last, before, offset: None };
        Box::pin(EventConnection::read(ctx, EventFilter::latest_first(scope), page)).await
    }
}

impl Organizer {
    /// Loads an organizer that another row refers to.
    pub(super) async fn load(ctx: &Context<'_>, id: OrganizerId) -> Result<Self, ApiError> {
        let organizer = ctx.data_unchecked::<Organizers>().find(id).await?;
        organizer.map(Self).ok_or_else(|| {
            ApiError::Internal(format!("a row refers to organizer {id}, which does not exist"))
        })
    }
}

impl From<organizer::Model> for Organizer {
    fn from(organizer: organizer::Model) -> Self {
        Self(Arc::new(organizer))
    }
}
