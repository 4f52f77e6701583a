//! The mutations `checkIn` and `undoCheckIn`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};
use rowlock_entities::{EventId, UserId};

use super::{
    booking::Booking, errors::ApiError, input, permission::PermissionExt, scalars::DateTime,
    ticket::Ticket, viewer::ViewerExt,
};
use crate::{
    door::{CheckInOutcome, Door, PresentedTicket, Scan},
    limits::RateLimits,
    organizers::Action,
};

/// Longest name of a scan, in characters.
const MAX_SCAN_ID_CHARS: usize = 100;

#[derive(Default)]
pub(super) struct CheckInMutation;

#[Object]
impl CheckInMutation {
    /// Checks a ticket in at the door of an event. Every member of the event's organizer may do this,
    /// also after the event has ended. Of several doors that check the same ticket in, exactly one
    /// succeeds.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`, `BAD_USER_INPUT`, `RATE_LIMITED`,
    /// `UNAVAILABLE`.
    async fn check_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ticket, and the event whose door it is presented at.")]
        input: CheckInInput,
    ) -> Result<CheckInResult, ApiError> {
        let member = ctx.signed_in_user()?;
        let scan = Box::pin(input.check(ctx, member)).await?;
        let door = ctx.data_unchecked::<Door>();
        Ok(Box::pin(door.check_in(member, scan)).await?.into())
    }

    /// Takes a check-in back. A ticket that is not in, or was taken back before, is answered in the
    /// same way. `scanId` names the scan that is taken back: if another scan has checked the ticket
    /// in, it stays in, and the answer is `AlreadyCheckedIn`. With the reference of a booking with
    /// several tickets as `code`, `scanId` says which of them is meant. Every member of the event's
    /// organizer may do this.
    ///
    /// Errors: `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND`, `BAD_USER_INPUT` (also if neither `code`
    /// nor `scanId` says which ticket is meant), `RATE_LIMITED`, `UNAVAILABLE`.
    async fn undo_check_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ticket, and the event whose door it was presented at.")]
        input: CheckInInput,
    ) -> Result<CheckInResult, ApiError> {
        let member = ctx.signed_in_user()?;
        let scan = Box::pin(input.check(ctx, member)).await?;
        let door = ctx.data_unchecked::<Door>();
        Ok(Box::pin(door.undo_check_in(member, scan)).await?.into())
    }
}

/// A ticket that is presented at the door.
#[derive(InputObject)]
struct CheckInInput {
    /// The id of the event whose door this is.
    event_id: ID,
    /// A ticket's code; or a booking's reference, in any case and with or without the hyphen, for
    /// the next of its tickets that is not in; or the reference with a number, such as
    /// 3QM72-XW43F/2, for one of them.
    code: String,
    /// The caller's own name for this scan, up to 100 characters. Repeated with the same one, the
    /// request gets the same answer, so it can be sent again if an answer was lost. To take a
    /// check-in back, send the name of its scan.
    scan_id: Option<String>,
}

impl CheckInInput {
    /// The scan, if the member may check tickets in. Counts the attempt.
    async fn check<'a>(&'a self, ctx: &Context<'_>, member: UserId) -> Result<Scan<'a>, ApiError> {
        let event: EventId = input::id("eventId", &self.event_id)?;
        if let Some(scan_id) = &self.scan_id {
            if scan_id.is_empty() {
                let message = "scanId can't be empty. Leave it out if the scan has no name.";
                return Err(ApiError::field("scanId", message));
            }
            input::text("scanId", scan_id, MAX_SCAN_ID_CHARS)?;
        }
        ctx.data_unchecked::<Arc<RateLimits>>().check_check_in(member)?;
        let found = ctx.visible_event(event).await?.ok_or(ApiError::NotFound("event"))?;
        if !ctx.may(found.organizer_id, Action::CheckIn).await? {
            return Err(ApiError::not_permitted());
        }
        Ok(Scan { event, code: &self.code, id: self.scan_id.as_deref() })
    }
}

/// The answer at the door.
#[derive(Union)]
enum CheckInResult {
    Success(CheckInSuccess),
    AlreadyCheckedIn(AlreadyCheckedIn),
    TicketCancelled(TicketCancelled),
    WrongEvent(WrongEvent),
    NotATicket(NotATicket),
}

/// The ticket was checked in or, by `undoCheckIn`, is not in.
#[derive(SimpleObject)]
struct CheckInSuccess {
    /// The ticket.
    ticket: Ticket,
    /// The ticket's booking.
    booking: Booking,
    /// The name of the person who booked.
    name: String,
}

/// Somebody has gone in with this ticket before.
#[derive(SimpleObject)]
pub(super) struct AlreadyCheckedIn {
    /// One sentence to show to the person.
    pub(super) message: String,
    /// The time when the ticket was checked in.
    at: DateTime,
    /// The name of the member who checked it in.
    by: String,
    /// The ticket.
    ticket: Ticket,
    /// The ticket's booking.
    booking: Booking,
    /// The name of the person who booked.
    name: String,
}

/// The booking or the event was cancelled, or the booking has fewer tickets now.
#[derive(SimpleObject)]
pub(super) struct TicketCancelled {
    /// One sentence to show to the person.
    pub(super) message: String,
}

/// The ticket is for another event.
#[derive(SimpleObject)]
pub(super) struct WrongEvent {
    /// One sentence to show to the person.
    pub(super) message: String,
}

/// The text is not the code of a ticket, nor the reference of a booking of this event, or it has a
/// number that none of the booking's tickets has.
#[derive(SimpleObject)]
pub(super) struct NotATicket {
    /// One sentence to show to the person.
    pub(super) message: String,
}

impl From<CheckInOutcome> for CheckInResult {
    fn from(outcome: CheckInOutcome) -> Self {
        match outcome {
            CheckInOutcome::Done(PresentedTicket { booking, number, name }) => {
                let ticket = Ticket::new(&Arc::new(booking.clone()), number);
                Self::Success(CheckInSuccess { ticket, booking: Booking(booking), name })
            }
            CheckInOutcome::AlreadyCheckedIn { ticket, at, by } => {
                let PresentedTicket { booking, number, name } = ticket;
                Self::AlreadyCheckedIn(AlreadyCheckedIn {
                    message: "This ticket was checked in before.".to_owned(),
                    at: DateTime(at),
                    by: by.unwrap_or_else(|| "a former member".to_owned()),
                    ticket: Ticket::new(&Arc::new(booking.clone()), number),
                    booking: Booking(booking),
                    name,
                })
            }
            CheckInOutcome::TicketCancelled => Self::TicketCancelled(TicketCancelled {
                message: "This ticket was cancelled and is not valid any more.".to_owned(),
            }),
            CheckInOutcome::WrongEvent => Self::WrongEvent(WrongEvent {
                message: "This ticket is for another event.".to_owned(),
            }),
            CheckInOutcome::NotATicket => Self::NotATicket(NotATicket {
                message: "This is neither the code of a ticket nor the reference of a booking of \
                          this event."
                    .to_owned(),
            }),
        }
    }
}
