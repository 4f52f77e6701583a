//! Checks tickets in, and takes that back.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use rowlock_entities::{BookingId, EventId, UserId, booking, check_in, event};
use sea_orm::{DatabaseTransaction, DbErr};

use super::{
    arrivals::Arrivals,
    counts::{self, ArrivalsOfEvents},
    followed::FollowedEvents,
    loader::CheckInsOfBookings,
    presented::Presented,
    store,
};
use crate::{
    bookings::{Bookings, BookingsError},
    clock::Clock,
    coalescing::{Batcher, Bounds, Refusal},
    database::{Database, MayBeDatabaseError, within_transaction_timeout},
    live::Hub,
    metrics::Metrics,
    tickets::TicketCodes,
};

/// The reason why a ticket was neither checked in nor refused.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error("the reference does not say which of several tickets is meant")]
    NumberMissing,
    #[error(transparent)]
    Bookings(#[from] BookingsError),
    #[error(transparent)]
    LookupRefused(#[from] Refusal),
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl MayBeDatabaseError for DoorError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Database(error) => Some(error),
            Self::NumberMissing | Self::Bookings(_) | Self::LookupRefused(_) => None,
        }
    }
}

/// A ticket that somebody presents at the door of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a> {
    pub(crate) event: EventId,
    /// A ticket's code, or a booking's reference with or without the number of a ticket.
    pub(crate) code: &'a str,
    /// The caller's name for this scan.
    pub(crate) id: Option<&'a str>,
}

/// A ticket with its booking and the name of the person who booked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PresentedTicket {
    pub(crate) booking: booking::Model,
    pub(crate) number: i32,
    pub(crate) name: String,
}

/// The answer at the door.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CheckInOutcome {
    /// The ticket is in, now or by the same scan before. When it is taken back: it is not in.
    Done(PresentedTicket),
    /// Another scan has checked the ticket in.
    AlreadyCheckedIn {
        ticket: PresentedTicket,
        at: DateTime<Utc>,
        /// The member's name. `None` if that account was deleted.
        by: Option<String>,
    },
    /// The booking or the event was cancelled, or the booking has fewer tickets now.
    TicketCancelled,
    WrongEvent,
    NotATicket,
}

/// The booking or ticket that a presented text stands for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    booking: BookingId,
    /// The ticket's number, if the text says it.
    number: Option<i32>,
    /// Whether a key has signed the number, so that the booking has had this ticket. Others are
    /// typed.
    is_signed: bool,
}

/// What a transaction found out, before it writes.
enum Found {
    Refused(CheckInOutcome),
    Booked { booking: booking::Model, check_ins: Vec<check_in::Model> },
}

/// The door of all events. Clones share everything.
#[derive(Clone, Debug)]
pub struct Door {
    db: Database,
    clock: Clock,
    hub: Hub,
    bookings: Bookings,
    codes: TicketCodes,
    check_ins: Batcher<CheckInsOfBookings>,
    arrivals: Batcher<ArrivalsOfEvents>,
    followed: FollowedEvents,
}

impl Door {
    pub(crate) fn new(
        db: Database,
        clock: Clock,
        hub: &Hub,
        bookings: Bookings,
        codes: &TicketCodes,
        metrics: &Metrics,
    ) -> Self {
        let check_ins = CheckInsOfBookings(db.clone());
        let queue = metrics.queue("check-ins-by-booking");
        let check_ins = Batcher::new(check_ins, Bounds::FOR_LOOKUPS, queue);
        let arrivals = ArrivalsOfEvents(db.clone());
        let arrivals = Batcher::new(arrivals, counts::BOUNDS, metrics.queue("arrivals"));
        let followed = FollowedEvents::new(hub.clone(), arrivals.clone());
        let (hub, codes) = (hub.clone(), codes.clone());
        Self { db, clock, hub, bookings, codes, check_ins, arrivals, followed }
    }

    /// Checks a ticket in for a member. A repeated scan gets the same answer. A reference without a
    /// number stands for the next ticket of its booking that is not in.
    pub(crate) async fn check_in(
        &self,
        member: UserId,
        scan: Scan<'_>,
    ) -> Result<CheckInOutcome, DoorError> {
        let Some(wanted) = self.find_presented(scan).await? else {
            return Ok(CheckInOutcome::NotATicket);
        };
        let check_in = || self.check_in_locked(member, scan, wanted);
        let (outcome, has_changed) = within_transaction_timeout(&self.db, check_in).await?;
        if has_changed {
            self.hub.check_ins_changed(scan.event);
        }
        Ok(outcome)
    }

    /// Takes a check-in back. Repeated, it changes nothing. A named scan takes back only what it has
    /// checked in. Where a reference does not say which of several tickets is meant, the scan does.
    pub(crate) async fn undo_check_in(
        &self,
        member: UserId,
        scan: Scan<'_>,
    ) -> Result<CheckInOutcome, DoorError> {
        let Some(wanted) = self.find_presented(scan).await? else {
            return Ok(CheckInOutcome::NotATicket);
        };
        let undo = || self.undo_locked(member, scan, wanted);
        let (outcome, has_changed) = within_transaction_timeout(&self.db, undo).await?;
        if has_changed {
            self.hub.check_ins_changed(scan.event);
        }
        Ok(outcome)
    }

    /// When a ticket was checked in, if it was.
    pub(crate) async fn checked_in_at(
        &self,
        booking: BookingId,
        number: i32,
    ) -> Result<Option<DateTime<Utc>>, DoorError> {
        let times = self.check_ins.ask(booking).await??;
        Ok(times.get(&number).copied())
    }

    /// When tickets of a booking were checked in, by their numbers.
    pub(crate) async fn check_in_times(
        &self,
        booking: BookingId,
    ) -> Result<BTreeMap<i32, DateTime<Utc>>, DoorError> {
        let times = self.check_ins.ask(booking).await??;
        Ok(times.iter().map(|(number, at)| (*number, *at)).collect())
    }

    /// The number of tickets that were checked in, of the bookings that have any.
    pub(crate) async fn count_check_ins(
        &self,
        bookings: Vec<BookingId>,
    ) -> Result<HashMap<BookingId, usize>, DoorError> {
        let mut numbers = HashMap::new();
        for check_in in store::find_check_ins_of(self.db.reads(), bookings).await? {
            *numbers.entry(check_in.booking_id).or_default() += 1;
        }
        Ok(numbers)
    }

    /// How many people are in, and how many are expected.
    pub(crate) async fn arrivals(&self, event: EventId) -> Result<Arrivals, DoorError> {
        Ok(self.arrivals.ask(event).await??)
    }

    /// Streams the arrivals now and after each later change.
    pub(crate) fn watch_arrivals(&self, event: EventId) -> BoxStream<'static, Arrivals> {
        self.followed.watch(event)
    }

    /// The booking that is presented, and the number of the ticket if the text says it. Only the
    /// bookings of the event have references here.
    async fn find_presented(&self, scan: Scan<'_>) -> Result<Option<Wanted>, DoorError> {
        Ok(match Presented::read(&self.codes, scan.code) {
            None => None,
            Some(Presented::Ticket { booking, number }) => {
                Some(Wanted { booking, number: Some(number), is_signed: true })
            }
            Some(Presented::Reference { reference, number }) => {
                let booking = self.bookings.find_by_reference(scan.event, reference).await?;
                booking.map(|booking| Wanted { booking, number, is_signed: false })
            }
        })
    }

    /// Locks the booking and looks at it. Nobody checks in another of its tickets until the
    /// transaction ends, and its buyer neither cancels nor changes it.
    async fn lock(
        &self,
        tx: &DatabaseTransaction,
        event: EventId,
        Wanted { booking, number, is_signed }: Wanted,
    ) -> Result<Found, DbErr> {
        let Some(booking) = store::lock_booking(tx, booking).await? else {
            return Ok(Found::Refused(CheckInOutcome::NotATicket));
        };
        if booking.event_id != event {
            return Ok(Found::Refused(CheckInOutcome::WrongEvent));
        }
        // The numbers that it had between its first and its present number of tickets are not kept.
        let most_tickets = booking.quantity.max(booking.requested_quantity());
        if !is_signed && number.is_some_and(|number| number > most_tickets) {
            return Ok(Found::Refused(CheckInOutcome::NotATicket));
        }
        let is_event_cancelled =
            store::find_event_status(tx, event).await? == Some(event::Status::Cancelled);
        let is_one_of_its_tickets = number.is_none_or(|number| number <= booking.quantity);
        match booking.status {
            booking::Status::Confirmed if !is_event_cancelled && is_one_of_its_tickets => {
                let check_ins = store::find_check_ins(tx, booking.id).await?;
                Ok(Found::Booked { booking, check_ins })
            }
            booking::Status::Confirmed | booking::Status::Cancelled => {
                Ok(Found::Refused(CheckInOutcome::TicketCancelled))
            }
        }
    }

    /// Returns whether it has checked the ticket in now, with the outcome.
    async fn check_in_locked(
        &self,
        member: UserId,
        scan: Scan<'_>,
        wanted: Wanted,
    ) -> Result<(CheckInOutcome, bool), DoorError> {
        let tx = self.db.begin().await?;
        let (booking, check_ins) = match self.lock(&tx, scan.event, wanted).await? {
            Found::Refused(outcome) => return Ok((outcome, false)),
            Found::Booked { booking, check_ins } => (booking, check_ins),
        };
        let name = store::find_name(&tx, booking.user_id).await?.unwrap_or_default();
        let number = wanted
            .number
            .or_else(|| checked_in_by_scan(&check_ins, member, scan.id))
            .or_else(|| next_number(&booking, &check_ins))
            .or_else(|| last_number(&check_ins))
            .unwrap_or(booking.quantity);
        let ticket = PresentedTicket { booking, number, name };
        if let Some(known) = check_ins.iter().find(|known| known.number == number) {
            if is_by_scan(known, member, scan.id) {
                return Ok((CheckInOutcome::Done(ticket), false));
            }
            return Ok((already_checked_in(&tx, ticket, known).await?, false));
        }
        let check_in = check_in::Model {
            booking_id: ticket.booking.id,
            number,
            event_id: scan.event,
            checked_in_at: self.clock.now(),
            checked_in_by: Some(member),
            scan_id: scan.id.map(str::to_owned),
        };
        store::insert(&tx, check_in).await?;
        tx.commit().await?;
        Ok((CheckInOutcome::Done(ticket), true))
    }

    /// Returns whether it has taken a check-in back now, with the outcome.
    async fn undo_locked(
        &self,
        member: UserId,
        scan: Scan<'_>,
        wanted: Wanted,
    ) -> Result<(CheckInOutcome, bool), DoorError> {
        let tx = self.db.begin().await?;
        let (booking, check_ins) = match self.lock(&tx, scan.event, wanted).await? {
            Found::Refused(outcome) => return Ok((outcome, false)),
            Found::Booked { booking, check_ins } => (booking, check_ins),
        };
        // A scan that has checked nothing in, or was taken back before, stands for a ticket that is
        // not in or, if all are in, for the last one.
        let number = match wanted.number {
            Some(number) => number,
            None if booking.quantity == 1 => 1,
            None if scan.id.is_some() => checked_in_by_scan(&check_ins, member, scan.id)
                .or_else(|| next_number(&booking, &check_ins))
                .or_else(|| last_number(&check_ins))
                .unwrap_or(booking.quantity),
            None => return Err(DoorError::NumberMissing),
        };
        let name = store::find_name(&tx, booking.user_id).await?.unwrap_or_default();
        let found = check_ins.iter().find(|known| known.number == number);
        let is_by_other_scan =
            |known: &&check_in::Model| scan.id.is_some() && !is_by_scan(known, member, scan.id);
        if let Some(other) = found.filter(is_by_other_scan) {
            let ticket = PresentedTicket { booking, number: other.number, name };
            return Ok((already_checked_in(&tx, ticket, other).await?, false));
        }
        let is_in = found.is_some();
        if is_in {
            store::delete(&tx, booking.id, number).await?;
            tx.commit().await?;
        }
        Ok((CheckInOutcome::Done(PresentedTicket { booking, number, name }), is_in))
    }
}

/// The answer about a ticket that is in.
async fn already_checked_in(
    tx: &DatabaseTransaction,
    ticket: PresentedTicket,
    known: &check_in::Model,
) -> Result<CheckInOutcome, DbErr> {
    let by = match known.checked_in_by {
        Some(member) => store::find_name(tx, member).await?,
        None => None,
    };
    Ok(CheckInOutcome::AlreadyCheckedIn { ticket, at: known.checked_in_at, by })
}

/// Whether a ticket was checked in by this scan. Each member chooses the names of their own scans, so
/// two doors may have used the same one.
fn is_by_scan(known: &check_in::Model, member: UserId, scan: Option<&str>) -> bool {
    scan.is_some() && known.scan_id.as_deref() == scan && known.checked_in_by == Some(member)
}

/// The ticket that this scan has checked in.
fn checked_in_by_scan(
    check_ins: &[check_in::Model],
    member: UserId,
    scan: Option<&str>,
) -> Option<i32> {
    let found = check_ins.iter().find(|known| is_by_scan(known, member, scan));
    found.map(|known| known.number)
}

/// The first ticket of a booking that is not in.
fn next_number(booking: &booking::Model, check_ins: &[check_in::Model]) -> Option<i32> {
    let is_in = |number: i32| check_ins.iter().any(|known| known.number == number);
    (1..=booking.quantity).find(|number| !is_in(*number))
}

/// The ticket of a booking that was checked in last.
fn last_number(check_ins: &[check_in::Model]) -> Option<i32> {
    let last = check_ins.iter().max_by_key(|known| (known.checked_in_at, known.number));
    last.map(|known| known.number)
}
