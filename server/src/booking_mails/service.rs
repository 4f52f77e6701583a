//! Does the jobs that tell people what became of their bookings.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use governor::{RateLimiter, clock::DefaultClock, state::keyed::DefaultKeyedStateStore};
use rowlock_entities::{BookingId, JobId, UserId, booking, event, user};
use tokio::time::timeout;

use super::{
    letters::{Told, letter},
    store,
};
use crate::{
    accounts::Accounts,
    bookings::Bookings,
    clock::Clock,
    database::Database,
    inventory::{
        Announced, BookingMailJob, EventMailJob, FormerGuest, FormerGuestMailJob, GuestMailJob,
        News, TIME_BEFORE_REMINDER,
    },
    jobs::{Failure, Job, NewJob, Progress, Rest, TooEarly},
    mail::{Postman, Recipient},
    organizers::Organizers,
};

/// Tells people about their bookings. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct BookingMails {
    pub(crate) db: Database,
    pub(crate) accounts: Accounts,
    pub(crate) bookings: Bookings,
    pub(crate) organizers: Organizers,
    pub(crate) postman: Postman,
    pub(crate) clock: Clock,
    /// How many mails go to people who have not confirmed their address.
    pub(crate) unverified: Arc<PerHour>,
}

/// Counts mails by the people who get them.
pub(crate) type PerHour = RateLimiter<UserId, DefaultKeyedStateStore<UserId>, DefaultClock>;

/// For how long a mail waits for a moment in which nobody's booking runs on this server. A mail costs
/// as much as some ten bookings, and nobody needs it in the second in which a sale opens.
const LONGEST_WAIT_FOR_BOOKINGS: Duration = Duration::from_secs(1);
/// Number of people whose mails are counted, before those who got few are forgotten.
const MAX_LIMITED: usize = 10_000;
/// How long a mail waits, up to half of it less, that is one too many for now.
const UNVERIFIED_PAUSE: Duration = Duration::from_secs(10 * 60);

impl BookingMails {
    /// Sends the mail of a job about one booking. A job about several becomes one for each of them.
    pub(crate) async fn tell(&self, id: JobId, job: BookingMailJob) -> Result<Progress, Failure> {
        self.tell_buyers(id, job, |job| job).await
    }

    /// Does the same for people who have tickets of one event.
    pub(crate) async fn tell_guests(
        &self,
        id: JobId,
        GuestMailJob(job): GuestMailJob,
    ) -> Result<Progress, Failure> {
        self.tell_buyers(id, job, GuestMailJob).await
    }

    async fn tell_buyers<J: Job>(
        &self,
        id: JobId,
        job: BookingMailJob,
        of_kind: fn(BookingMailJob) -> J,
    ) -> Result<Progress, Failure> {
        match job.bookings[..] {
            [booking] => {
                // While people book, the machine is theirs, so fewer mails are sent.
                let _ = timeout(LONGEST_WAIT_FOR_BOOKINGS, self.bookings.idle()).await;
                self.send(id, &job.news, BookingId(booking)).await?;
                Ok(Progress::Done)
            }
            _ => Ok(Progress::Split { jobs: job.for_each_booking(id, of_kind)?, rest: None }),
        }
    }

    /// Begins to tell everybody who has tickets of an event.
    pub(crate) async fn tell_all(&self, id: JobId, job: EventMailJob) -> Result<Progress, Failure> {
        if let Some(gathered) = job.gathered() {
            return Ok(Progress::Split { jobs: vec![NewJob::new(&gathered)?], rest: None });
        }
        let limit = EventMailJob::BOOKINGS_PER_PART;
        let next = self.bookings.confirmed_after(job.event_id(), job.after(), limit).await?;
        if next.is_empty() {
            return Ok(Progress::Done);
        }
        let is_last = (next.len() as u64) < limit;
        let (part, rest) = job.part(id, &next)?;
        let rest = if is_last { None } else { Some(Rest::of(&rest)?) };
        Ok(Progress::Split { jobs: vec![part], rest })
    }

    async fn send(&self, id: JobId, news: &News, booking: BookingId) -> Result<(), Failure> {
        // Rows that are gone have nobody to tell.
        let found = store::find_told(self.db.reads(), booking).await?;
        let Some((booking, event, user)) = found else { return Ok(()) };
        let now = self.clock.now();
        if !is_still_news(news, &booking, &event, &user, now) {
            return Ok(());
        }
        if user.email_verified_at.is_none() {
            self.check_unverified(user.id)?;
        }
        self.send_to(Recipient::of(&user), id, news, (&booking, &event, &user)).await
    }

    /// Tells somebody whose account was deleted that a booking was cancelled with it.
    pub(crate) async fn tell_former_guest(
        &self,
        id: JobId,
        job: FormerGuestMailJob,
    ) -> Result<(), Failure> {
        let FormerGuestMailJob { to: FormerGuest { email, name }, booking } = job;
        let found = store::find_told(self.db.reads(), BookingId(booking)).await?;
        // Nothing cancels a booking back, but another program may have changed it.
        let Some((booking, event, user)) =
            found.filter(|(booking, ..)| booking.status == booking::Status::Cancelled)
        else {
            return Ok(());
        };
        if name.is_none() {
            self.check_unverified(user.id)?;
        }
        let told = (&booking, &event, &user);
        self.send_to(Recipient { name, email }, id, &News::Cancelled, told).await
    }

    async fn send_to(
        &self,
        to: Recipient,
        id: JobId,
        news: &News,
        (booking, event, user): (&booking::Model, &event::Model, &user::Model),
    ) -> Result<(), Failure> {
        let unsubscribe = format!("/unsubscribe/{}", self.accounts.unsubscribe_token(user.id));
        let organizer = self.organizers.find(event.organizer_id).await?;
        let organizer = organizer.map(|found| found.name.clone()).unwrap_or_default();
        let is_checked_in = match news {
            News::EventChanged(_) => store::is_checked_in(self.db.reads(), booking.id).await?,
            News::Booked | News::Changed | News::Cancelled | News::Reminder => false,
        };
        let told = Told {
            booking,
            event,
            organizer: &organizer,
            to,
            has_left: user.deleted_at.is_some(),
            is_checked_in,
            postman: &self.postman,
            unsubscribe: self.postman.link(&unsubscribe),
            now: self.clock.now(),
        };
        self.postman.send(id, &letter(news, &told)).await
    }
}

impl BookingMails {
    /// Defers too many mails to somebody who has not shown that the address is theirs. Otherwise,
    /// people could have strangers flooded by registering their addresses.
    fn check_unverified(&self, user: UserId) -> Result<(), Failure> {
        if self.unverified.len() > MAX_LIMITED {
            self.unverified.retain_recent();
        }
        match self.unverified.check_key(&user) {
            Ok(()) => Ok(()),
            Err(_) => Err(Box::new(TooEarly {
                reason: "the person gets many mails, and has not confirmed the address".to_owned(),
                pause: UNVERIFIED_PAUSE,
            })),
        }
    }
}

/// Whether the news is worth a mail by now. What was done to a booking always is.
fn is_still_news(
    news: &News,
    booking: &booking::Model,
    event: &event::Model,
    user: &user::Model,
    now: DateTime<Utc>,
) -> bool {
    if user.deleted_at.is_some() {
        // The address is gone. Other jobs have it, which tell of the bookings that the deletion cancels.
        return false;
    }
    match news {
        News::Booked | News::Changed | News::Cancelled => true,
        News::EventChanged(before) => {
            **before != Announced::of(event)
                && booking.status == booking::Status::Confirmed
                && event.status == event::Status::Published
        }
        News::Reminder => {
            booking.status == booking::Status::Confirmed
                && event.status == event::Status::Published
                && event.starts_at > now
                && event.starts_at <= now + TIME_BEFORE_REMINDER
                && user.reminders
        }
    }
}
