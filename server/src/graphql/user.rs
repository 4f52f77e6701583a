//! The query `me`, and the `User` type.

use async_graphql::{Context, ID, Object};
use rowlock_entities::{SessionId, user};

use super::{
    booking::{BookingConnection, BookingStatus},
    errors::ApiError,
    organizer::Organizer,
    pagination::{PageArgs, list_complexity, page_complexity},
    session::Session,
    viewer::ViewerExt,
};
use crate::{
    accounts::{Accounts, Sessions, SignedIn},
    mail::Postman,
    organizers::Organizers,
};

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
            Some(user) => Ok(Some(User::of_viewer(ctx, user))),
            None => Err(ApiError::no_such_account()),
        }
    }
}

/// A person, and what the request has shown of who sent it.
pub(super) struct User {
    account: user::Model,
    shown: Shown,
}

/// What a request has shown of who sent it.
enum Shown {
    /// It is the person, in this session if it is known.
    Person(Option<SessionId>),
    /// It has a link from a mail to the person, and is not signed in.
    Link,
}

impl User {
    /// The signed-in user.
    pub(super) fn of_viewer(ctx: &Context<'_>, account: user::Model) -> Self {
        Self { account, shown: Shown::Person(ctx.session()) }
    }

    /// Somebody who has signed in by this request.
    pub(super) fn signed_in(signed_in: &SignedIn) -> Self {
        let shown = Shown::Person(Some(signed_in.session));
        Self { account: signed_in.user.clone(), shown }
    }

    /// Whoever sends a link that was sent to this user. It may be the signed-in user.
    pub(super) fn of_link(ctx: &Context<'_>, account: user::Model) -> Self {
        let is_viewer = matches!(ctx.viewer(), Ok(Some(viewer)) if viewer == account.id);
        match is_viewer {
            true => Self::of_viewer(ctx, account),
            false => Self { account, shown: Shown::Link },
        }
    }

    /// The account and the session of whoever may see what is the person's alone.
    fn private(&self) -> Result<(&user::Model, Option<SessionId>), ApiError> {
        match self.shown {
            Shown::Person(session) => Ok((&self.account, session)),
            Shown::Link => Err(ApiError::Unauthenticated("Please sign in first.")),
        }
    }
}

/// A person with an account. Only that person can see it.
#[Object]
impl User {
    /// UUIDv7.
    pub(super) async fn id(&self) -> ID {
        self.account.id.0.into()
    }

    /// Email address, in lower case.
    async fn email(&self) -> &str {
        &self.account.email
    }

    /// The name to address the person by.
    async fn name(&self) -> &str {
        &self.account.name
    }

    /// Whether the person has shown that they get mail at `email`, by opening a link from one.
    async fn email_verified(&self) -> bool {
        self.account.email_verified_at.is_some()
    }

    /// The address that a change of email waits for; null if none does.
    ///
    /// Errors: `UNAUTHENTICATED` in the answer of `verifyEmail` to whoever is not signed in.
    async fn pending_email(&self) -> Result<Option<&str>, ApiError> {
        let (account, _) = self.private()?;
        Ok(account.pending_email.as_deref())
    }

    /// Whether a reminder is sent a day before an event.
    async fn reminders(&self) -> bool {
        self.account.reminders
    }

    /// The sign-ins that are still good, newest first; up to 100.
    ///
    /// Errors: `UNAUTHENTICATED` in the answer of `verifyEmail` to whoever is not signed in.
    #[graphql(complexity = "list_complexity(child_complexity)")]
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Vec<Session>, ApiError> {
        let (account, current) = self.private()?;
        let found = Box::pin(ctx.data_unchecked::<Sessions>().of_user(account.id)).await?;
        Ok(found.into_iter().map(|session| Session::of(session, current)).collect())
    }

    /// The private address of the person's bookings, for calendar programs; null without one. Whoever
    /// has it sees the bookings.
    ///
    /// Errors: `UNAUTHENTICATED` in the answer of `verifyEmail` to whoever is not signed in.
    async fn calendar_url(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let (account, _) = self.private()?;
        let link = |token: &String| {
            ctx.data_unchecked::<Postman>().link(&format!("/calendar/{token}.ics"))
        };
        Ok(account.calendar_token.as_ref().map(link))
    }

    /// The organizers that the person is a member of, by their names.
    ///
    /// Errors: `UNAUTHENTICATED` in the answer of `verifyEmail` to whoever is not signed in.
    #[graphql(complexity = "list_complexity(child_complexity)")]
    async fn organizers(&self, ctx: &Context<'_>) -> Result<Vec<Organizer>, ApiError> {
        let (account, _) = self.private()?;
        let found = Box::pin(ctx.data_unchecked::<Organizers>().of_user(account.id)).await?;
        Ok(found.into_iter().map(Organizer).collect())
    }

    /// Whether the server lets this person create organizers. Otherwise only its operator does.
    async fn can_create_organizers(&self, ctx: &Context<'_>) -> bool {
        ctx.data_unchecked::<Organizers>().anyone_may_found()
    }

    /// The person's bookings, newest first.
    ///
    /// Errors: `BAD_USER_INPUT` for wrong page sizes or cursors; `UNAUTHENTICATED` in the answer of
    /// `verifyEmail` to whoever is not signed in.
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
        let (account, _) = self.private()?;
        let page = PageArgs { first, after, last, before, offset: None };
        Box::pin(BookingConnection::read(ctx, account.id, status, page)).await
    }
}
