//! The jobs that tell people what became of their bookings. They are written with what they tell, so
//! each committed change has its mail.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rowlock_entities::{BookingId, EventId, JobId, event};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::jobs::{Job, NewJob, part_id};

/// How long before its start people are reminded of an event.
pub(crate) const TIME_BEFORE_REMINDER: TimeDelta = TimeDelta::days(1);

/// Largest number of bookings that one job names, so that what it says fits into its column.
const MAX_BOOKINGS: usize = 256;

/// What happened to a booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum News {
    Booked,
    /// It has another number of tickets.
    Changed,
    /// The buyer or the organizer cancelled it. The booking says who did.
    Cancelled,
    /// Its event was edited. Before, the event was this.
    EventChanged(Box<Announced>),
    /// Its event begins within a day.
    Reminder,
}

/// What people were told about an event when they booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announced {
    pub(crate) title: String,
    pub(crate) venue: String,
    pub(crate) city: String,
    pub(crate) time_zone: String,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: Option<DateTime<Utc>>,
}

impl Announced {
    pub(crate) fn of(event: &event::Model) -> Self {
        Self {
            title: event.title.clone(),
            venue: event.venue.clone(),
            city: event.city.clone(),
            time_zone: event.time_zone.clone(),
            starts_at: event.starts_at,
            ends_at: event.ends_at,
        }
    }

    /// The event as it was.
    pub(crate) fn in_event(&self, event: &event::Model) -> event::Model {
        event::Model {
            title: self.title.clone(),
            venue: self.venue.clone(),
            city: self.city.clone(),
            time_zone: self.time_zone.clone(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            ..event.clone()
        }
    }
}

/// The job that tells the buyers of these bookings the same news. A transaction of many bookings
/// writes one such job, which then becomes one for each mail, at the pace at which mails are sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BookingMailJob {
    pub(crate) news: News,
    #[serde(with = "ids_in_one_text")]
    pub(crate) bookings: Vec<Uuid>,
}

impl Job for BookingMailJob {
    const KIND: &'static str = "booking_mail";
    const MAX_RUNNING: usize = 2;
}

/// The same for people who are told what an organizer did, or that their event begins. These jobs are
/// a kind of their own, so that the mails of a large event leave room to those of new bookings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct GuestMailJob(pub(crate) BookingMailJob);

impl Job for GuestMailJob {
    const KIND: &'static str = "guest_mail";
    const MAX_RUNNING: usize = 2;
}

/// The job that tells somebody whose account was deleted that a booking was cancelled with it. The
/// account does not know the address any more, so the job has it until the mail is sent.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct FormerGuestMailJob {
    pub(crate) to: FormerGuest,
    pub(crate) booking: Uuid,
}

/// Somebody whose account was deleted.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct FormerGuest {
    pub(crate) email: String,
    /// `None` if nobody had shown that the address is theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

impl Job for FormerGuestMailJob {
    const KIND: &'static str = "former_guest_mail";
    const MAX_RUNNING: usize = 1;
}

/// Writes ids as one text of 22 characters an id: the job of a batch is written in the transaction
/// that books, so what it says is short. Jobs that were written before have a list of ids.
mod ids_in_one_text {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use uuid::Uuid;

    const ID_BYTES: usize = 16;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Ids {
        Text(String),
        List(Vec<Uuid>),
    }

    pub(super) fn serialize<S: Serializer>(ids: &[Uuid], to: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
        to.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Uuid>, D::Error> {
        let text = match Ids::deserialize(from)? {
            Ids::Text(text) => text,
            Ids::List(ids) => return Ok(ids),
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(D::Error::custom)?;
        bytes.chunks(ID_BYTES).map(|id| Uuid::from_slice(id).map_err(D::Error::custom)).collect()
    }
}

impl BookingMailJob {
    /// The jobs of a kind that tell the buyers of these bookings.
    pub(super) fn about<J: Job>(
        news: &News,
        bookings: impl IntoIterator<Item = BookingId>,
        of_kind: fn(Self) -> J,
    ) -> Result<Vec<NewJob>, DbErr> {
        let bookings: Vec<Uuid> = bookings.into_iter().map(|booking| booking.0).collect();
        let part = |bookings: &[Uuid]| {
            NewJob::new(&of_kind(Self { news: news.clone(), bookings: bookings.to_vec() }))
        };
        bookings.chunks(MAX_BOOKINGS).map(part).collect()
    }

    /// The job of each mail, of the same kind as this one.
    pub(crate) fn for_each_booking<J: Job>(
        &self,
        id: JobId,
        of_kind: fn(Self) -> J,
    ) -> Result<Vec<NewJob>, DbErr> {
        let part = |booking: &Uuid| {
            let job = Self { news: self.news.clone(), bookings: vec![*booking] };
            NewJob::with_id(part_id(id, booking.as_bytes()), &of_kind(job))
        };
        self.bookings.iter().map(part).collect()
    }
}

/// Edits of an event that follow each other within this time are told together.
const GATHERING_TIME: Duration = Duration::from_secs(5);

/// The job that tells everybody who has tickets of an event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventMailJob {
    event_id: Uuid,
    news: News,
    /// Whether later edits of the event are told by this job, too, because it is not due yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_gathering: bool,
    /// The last booking whose buyer is being told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Uuid>,
}

impl Job for EventMailJob {
    const KIND: &'static str = "event_mail";
    const MAX_RUNNING: usize = 1;
}

impl EventMailJob {
    /// Number of bookings that [`EventMailJob::part`] takes.
    pub(crate) const BOOKINGS_PER_PART: u64 = MAX_BOOKINGS as u64;

    pub(crate) fn new(event_id: EventId, news: News) -> Self {
        Self { event_id: event_id.0, news, is_gathering: false, after: None }
    }

    /// The job that tells of an edit. If an earlier edit is still to be told, that job tells of this
    /// one, because what it says is compared with the event as it then is.
    pub(super) fn about_edit(event_id: EventId, before: &Announced) -> Result<NewJob, DbErr> {
        let news = News::EventChanged(Box::new(before.clone()));
        let job = Self { is_gathering: true, ..Self::new(event_id, news) };
        let id = part_id(JobId(event_id.0), b"edits");
        Ok(NewJob::with_id(id, &job)?.delayed_by(GATHERING_TIME))
    }

    /// The job that tells what was gathered. Edits from now on need another one.
    pub(crate) fn gathered(&self) -> Option<Self> {
        self.is_gathering.then(|| Self { is_gathering: false, ..self.clone() })
    }

    pub(crate) fn event_id(&self) -> EventId {
        EventId(self.event_id)
    }

    pub(crate) fn after(&self) -> Option<BookingId> {
        self.after.map(BookingId)
    }

    /// The job about the next bookings, and what is left of this one after them.
    pub(crate) fn part(&self, id: JobId, next: &[BookingId]) -> Result<(NewJob, Self), DbErr> {
        let bookings: Vec<Uuid> = next.iter().map(|booking| booking.0).collect();
        let after = bookings.last().copied().or(self.after);
        let first = bookings.first().copied().unwrap_or_default();
        let job = GuestMailJob(BookingMailJob { news: self.news.clone(), bookings });
        let job = NewJob::with_id(part_id(id, first.as_bytes()), &job)?;
        Ok((job, Self { after, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_about_the_most_bookings_is_read_as_it_was_written_and_fits_its_column() {
        let bookings: Vec<Uuid> = (0..MAX_BOOKINGS).map(|_| Uuid::now_v7()).collect();
        let ids = bookings.iter().copied().map(BookingId);
        let jobs = BookingMailJob::about(&News::Booked, ids, |job| job).unwrap();
        assert_eq!(jobs.len(), 1);
        let job = BookingMailJob { news: News::Booked, bookings: bookings.clone() };
        let payload = serde_json::to_string(&GuestMailJob(job)).unwrap();
        assert!(payload.len() < 6_000, "{} bytes", payload.len());
        let read: BookingMailJob = serde_json::from_str(&payload).unwrap();
        assert_eq!((read.news, read.bookings), (News::Booked, bookings.clone()));
        let earlier = serde_json::json!({ "news": "Booked", "bookings": bookings }).to_string();
        let read: BookingMailJob = serde_json::from_str(&earlier).unwrap();
        assert_eq!(read.bookings, bookings);
        for wrong in
            [r#"{"news":"Booked","bookings":"AAAA"}"#, r#"{"news":"Booked","bookings":"?"}"#]
        {
            assert!(serde_json::from_str::<BookingMailJob>(wrong).is_err(), "{wrong}");
        }
    }
}
