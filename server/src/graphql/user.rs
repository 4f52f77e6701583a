//! The query `me`, and the `User` type.

use async_graphql::{Context, ID, Object};
use rowlock_entities::user;

use super::{
    booking::{BookingConnection, BookingStatus},
    errors::ApiError,
    organizer::Organizer,
    pagination::{PageArgs, list_complexity, page_complexity},
    viewer::ViewerExt,
};
use crate::{accounts::Accounts, organizers::Organizers};

#[derive(Default)]
pub(super) struct MeQuery;

#[Object]
impl MeQuery {
    /// The signed-in user; null if nobody is signed in.
    ///
    /// Errors: `UNAUTHENTICATED` if the access token is expired or not valid, or if its account no
    /// longer exists.
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        let Some(id) = ctx.viewer()? else { return Ok(None) };
        match Box::pin(ctx.data_unchecked::<Accounts>().find_user(id)).await? {
            Some(user) => Ok(Some(User(user))),
            None => Err(ApiError::no_such_account()),
        }
    }
}

pub(super) struct User(pub(super) user::Model);

/// A person with an account. Only that person can see it.
#[Object]
impl User {
    /// UUIDv7.
    pub(super) async fn id(&self) -> ID {
        self.0.id.0.into()
    }

    /// Email address, in lower case.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// The name to address the person by.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The organizers that the person is a member of, by their names.
    #[graphql(complexity = "list_complexity(child_complexity)")]
    async fn organizers(&self, ctx: &Context<'_>) -> Result<Vec<Organizer>, ApiError> {
        let found = Box::pin(ctx.data_unchecked::<Organizers>().of_user(self.0.id)).await?;
        Ok(found.into_iter().map(Organizer).collect())
    }

    /// Whether the server lets this person found organizers. Otherwise only its operator does.
    async fn can_create_organizers(&self, ctx: &Context<'_>) -> bool {
        ctx.data_unchecked::<Organizers>().anyone_may_found()
    }

    /// The person's bookings, newest first.
    ///
    /// Errors: `BAD_USER_INPUT` for wrong page sizes or cursors.
    #[graphql(complexity = "page_complexity(first, last, child_complexity)")]
    async fn bookings(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Page size, from the start or `after`; 1 to 50. 10 without `first` and `last`."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only bookings after this cursor.")] after: Option<String>,
        #[graphql(desc = "Page size, from the end or `before`; 1 to 50.")] last: Option<i32>,
        #[graphql(desc = "Only bookings before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only bookings of this status.")] status: Option<BookingStatus>,
    ) -> Result<BookingConnection, ApiError> {
        let page = PageArgs { first, after, last, before, offset: None };
        Box::pin(BookingConnection::read(ctx, self.0.id, status, page)).await
    }
}
