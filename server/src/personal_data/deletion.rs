//! Deletes an account: the person at once, and then their bookings of coming events.
//!
//! Bookings of events that have begun stay, for the organizers' figures, and name nobody. The others
//! are cancelled by a job. The database refuses new ones, although an access token is good for some
//! minutes after its account was deleted.

use std::time::Duration;

use rowlock_entities::{BookingId, JobId, UserId, user};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::service::{DeletionError, PersonalData};
use crate::{
    accounts::ACCESS_TOKEN_LIFETIME,
    bookings::BookingsError,
    coalescing::Refusal,
    database::within_transaction_timeout,
    inventory::{CancelOutcome, FormerGuest, FormerGuestMailJob, InventoryError, Rejection},
    jobs::{self, Failure, Job, NewJob, Progress, Rest, part_id},
    mail::confirmed_name,
    organizers::Organizers,
};

/// Largest difference between the clocks of servers, by which an access token may be good for longer.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);
/// Number of times that a deletion begins anew, because somebody made the person a member of another
/// organizer meanwhile.
const MAX_ATTEMPTS: usize = 3;
/// Longest time for a part of the job.
const MAX_PART_TIME: Duration = Duration::from_secs(3);
/// Number of bookings that are read at once.
const PAGE: u64 = 100;

/// The job that cancels the bookings of coming events of an account that was deleted. Each part of it
/// first writes down which bookings it cancels, so that their mails are written even if the server
/// ends while it does so.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CancelBookingsOfAccountJob {
    user_id: Uuid,
    /// The person who is told; `None` in the later job, and in jobs of the previous version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<FormerGuest>,
    /// The last booking that was dealt with. It moves on only after `next` is done, which servers of
    /// the previous version don't know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Uuid>,
    /// The bookings that are to be cancelled next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    next: Vec<Uuid>,
}

impl Job for CancelBookingsOfAccountJob {
    const KIND: &'static str = "cancel_bookings_of_account";
    const MAX_RUNNING: usize = 1;
}

impl PersonalData {
    /// Deletes an account, which nobody else has changed since it was read.
    ///
    /// # Errors
    /// `LastOwner`; `NoSuchAccount` of accounts.
    pub(crate) async fn delete(&self, user: &user::Model) -> Result<(), DeletionError> {
        for _ in 0..MAX_ATTEMPTS {
            if within_transaction_timeout(&self.db, || self.delete_once(user)).await? {
                self.jobs.wake_workers();
                return Ok(());
            }
        }
        Err(Refusal::WaitTimeout.into())
    }

    /// Returns false, and changes nothing, if the person became a member of another organizer
    /// meanwhile.
    async fn delete_once(&self, user: &user::Model) -> Result<bool, DeletionError> {
        let tx = self.db.begin().await?;
        // Changes of members lock their organizer before the user, too.
        let leaving = Organizers::lock_all_of(&tx, user.id).await?;
        let locked = self.accounts.lock_with_same_password(&tx, user).await?;
        if !self.organizers.leave_all(&tx, user.id, &leaving).await? {
            return Ok(false);
        }
        self.accounts.remove_person(&tx, &locked).await?;
        let to = FormerGuest { email: locked.email.clone(), name: confirmed_name(&locked) };
        let job = CancelBookingsOfAccountJob {
            user_id: user.id.0,
            to: Some(to),
            after: None,
            next: Vec::new(),
        };
        // A sign-in that is under way may still begin a session. The later job deletes it.
        let until_tokens_expire =
            ACCESS_TOKEN_LIFETIME.to_std().unwrap_or_default() + CLOCK_TOLERANCE;
        // It needs no address: it cancels only what somebody could not cancel before.
        let later = CancelBookingsOfAccountJob { to: None, ..job.clone() };
        let jobs = vec![NewJob::new(&job)?, NewJob::new(&later)?.delayed_by(until_tokens_expire)];
        jobs::enqueue(&tx, jobs).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Does the next part of the job. Bookings of events that have begun stay.
    pub(crate) async fn cancel_some_bookings(
        &self,
        job: CancelBookingsOfAccountJob,
    ) -> Result<Progress, Failure> {
        match job.next.is_empty() {
            true => self.find_next_bookings(job).await,
            false => self.cancel_next_bookings(job).await,
        }
    }

    async fn find_next_bookings(
        &self,
        mut job: CancelBookingsOfAccountJob,
    ) -> Result<Progress, Failure> {
        let user = UserId(job.user_id);
        self.accounts.forget_sessions(user).await?;
        let after = job.after.map(BookingId);
        let page = self.bookings.confirmed_of_user_after(user, after, PAGE).await?;
        if page.is_empty() {
            return Ok(Progress::Done);
        }
        job.next = page.iter().map(|booking| booking.id.0).collect();
        Progress::rest(&job)
    }

    async fn cancel_next_bookings(
        &self,
        mut job: CancelBookingsOfAccountJob,
    ) -> Result<Progress, Failure> {
        let began = Instant::now();
        let (mut done, mut cancelled) = (0, Vec::new());
        for &booking in &job.next {
            if began.elapsed() > MAX_PART_TIME {
                break;
            }
            match self.bookings.cancel(UserId(job.user_id), BookingId(booking)).await {
                Ok(CancelOutcome::Cancelled(_)) => cancelled.push(booking),
                Ok(CancelOutcome::Closed(_) | CancelOutcome::TicketUsed(_)) => {}
                // Another program may have deleted it.
                Err(BookingsError::Inventory(InventoryError::Rejected(
                    Rejection::NoSuchBooking | Rejection::NoSuchEvent | Rejection::NoSuchUser,
                ))) => {}
                Err(error) => return Err(error.into()),
            }
            done += 1;
            job.after = Some(booking);
        }
        job.next.drain(..done);
        // However often a booking is dealt with, its mail is the same.
        let mail = |to: &FormerGuest, booking: &Uuid| {
            let id = part_id(JobId(job.user_id), booking.as_bytes());
            NewJob::with_id(id, &FormerGuestMailJob { to: to.clone(), booking: *booking })
        };
        let mails = job.to.iter().flat_map(|to| cancelled.iter().map(|booking| mail(to, booking)));
        let jobs = mails.collect::<Result<_, _>>()?;
        Ok(Progress::Split { jobs, rest: Some(Rest::of(&job)?) })
    }
}
