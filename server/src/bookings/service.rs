//! What may be done with bookings: made and cancelled through the [`Lanes`], and listed.

use std::sync::Arc;

use rowlock_entities::{BookingId, EventId, UserId, booking, event};
use sea_orm::DbErr;

use super::{
    loader::{ConfirmedBookings, Seat},
    store::{self, BookingFilter},
};
use crate::inventory::{
    lanes::Lanes,
    ledger::{BookRequest, CancelRequest, Outcome, Request},
};
use crate::{
    coalescing::batches::{Batcher, Bounds},
    database::Database,
    graphql::errors::ApiError,
    metrics::Metrics,
    pagination::{Page, PageRequest},
};

/// Why a booking or cancellation could not be decided.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BookingsError {
    #[error("no such event")]
    NoSuchEvent,
    #[error("no such booking")]
    NoSuchBooking,
    #[error("the user is gone")]
    NoSuchUser,
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    #[error("the connection was lost at commit and the outcome could not be looked up in time")]
    InDoubt,
    #[error("too many ask for the same at once")]
    Crowded,
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error("{0}")]
    Internal(String),
}

impl From<BookingsError> for ApiError {
    fn from(error: BookingsError) -> Self {
        match error {
            BookingsError::NoSuchEvent => Self::NotFound("event"),
            BookingsError::NoSuchBooking => Self::NotFound("booking"),
            BookingsError::NoSuchUser => Self::no_such_account(),
            BookingsError::KeyReused => Self::field(
                "idempotencyKey",
                "This idempotencyKey was used for another event or quantity. Use a new one for each \
                 new booking, and the same one only to repeat a request.",
            ),
            BookingsError::InDoubt => Self::Unavailable {
                message: "The connection to the database broke while this was being stored. It may \
                          or may not have happened: look at your bookings, or repeat the request \
                          with the same idempotencyKey.",
                retry_after_seconds: 5,
            },
            BookingsError::Crowded => Self::busy(),
            BookingsError::Database(error) => error.into(),
            BookingsError::Internal(cause) => Self::Internal(cause),
        }
    }
}

/// An answer to `bookEvent`.
#[derive(Clone, Debug)]
pub(crate) enum BookAnswer {
    Success(booking::Model),
    SoldOut(Arc<event::Model>),
    AlreadyBooked(booking::Model),
    Closed(Arc<event::Model>),
}

/// An answer to `cancelBooking`.
#[derive(Clone, Debug)]
pub(crate) enum CancelAnswer {
    Success(booking::Model),
    Closed(Arc<event::Model>),
}

/// Books and cancels. Clones share everything.
#[derive(Clone, Debug)]
pub struct Bookings {
    db: Database,
    lanes: Lanes,
    confirmed: Batcher<ConfirmedBookings>,
    metrics: Metrics,
}

impl Bookings {
    pub(crate) fn new(db: Database, lanes: Lanes, metrics: &Metrics) -> Self {
        let confirmed = ConfirmedBookings(db.clone());
        let queue = metrics.queue("confirmed-bookings");
        let confirmed = Batcher::new(confirmed, Bounds::FOR_LOOKUPS, queue);
        Self { db, lanes, confirmed, metrics: metrics.clone() }
    }

    /// Books tickets, all of them or none.
    pub(crate) async fn book(
        &self,
        user_id: UserId,
        event_id: EventId,
        quantity: i32,
        idempotency_key: Option<String>,
    ) -> Result<BookAnswer, BookingsError> {
        let booking_id = BookingId::new();
        let request = BookRequest { booking_id, user_id, event_id, quantity, idempotency_key };
        match self.settle(Request::Book(request)).await? {
            Outcome::Booked(booking) => Ok(BookAnswer::Success(booking)),
            Outcome::SoldOut(event) => Ok(BookAnswer::SoldOut(event)),
            Outcome::AlreadyBooked(booking) => Ok(BookAnswer::AlreadyBooked(booking)),
            Outcome::Closed(event) => Ok(BookAnswer::Closed(event)),
            other => Err(refusal(other)),
        }
    }

    /// Cancels a booking and returns its tickets; again, gives the same cancelled booking.
    pub(crate) async fn cancel(
        &self,
        user_id: UserId,
        booking_id: BookingId,
    ) -> Result<CancelAnswer, BookingsError> {
        // Only to find its lane; whose it is and whether it can be cancelled is decided there.
        let booking = store::find_booking(self.db.reads(), booking_id).await?;
        let event_id = booking.ok_or(BookingsError::NoSuchBooking)?.event_id;
        let request = CancelRequest { booking_id, event_id, user_id };
        match self.settle(Request::Cancel(request)).await? {
            Outcome::Cancelled(booking) => Ok(CancelAnswer::Success(booking)),
            Outcome::Closed(event) => Ok(CancelAnswer::Closed(event)),
            other => Err(refusal(other)),
        }
    }

    async fn settle(&self, request: Request) -> Result<Outcome, BookingsError> {
        let outcome = self.lanes.settle(request).await;
        self.metrics.booking(match &outcome {
            Ok(Outcome::Booked(_)) => "booked",
            Ok(Outcome::SoldOut(_)) => "sold_out",
            Ok(Outcome::AlreadyBooked(_)) => "already_booked",
            Ok(Outcome::Closed(_)) => "closed",
            Ok(Outcome::Cancelled(_)) => "cancelled",
            Ok(Outcome::NoSuchEvent | Outcome::NoSuchBooking | Outcome::NoSuchUser) => "not_found",
            Ok(Outcome::KeyReused) => "key_reused",
            Err(BookingsError::InDoubt) => "in_doubt",
            Err(BookingsError::Crowded) => "crowded",
            Err(_) => "failed",
        });
        outcome
    }

    /// The user's booking with this id.
    pub(crate) async fn find(
        &self,
        user: UserId,
        id: BookingId,
    ) -> Result<Option<booking::Model>, BookingsError> {
        let found = store::find_booking(self.db.reads(), id).await?;
        Ok(found.filter(|booking| booking.user_id == user))
    }

    /// The confirmed booking in this seat.
    pub(crate) async fn find_confirmed(
        &self,
        seat: Seat,
    ) -> Result<Option<booking::Model>, BookingsError> {
        let found = self.confirmed.call(seat).await.map_err(DbErr::from)?;
        Ok(found?)
    }

    pub(crate) async fn page(
        &self,
        filter: &BookingFilter,
        request: &PageRequest<BookingId>,
    ) -> Result<Page<booking::Model>, BookingsError> {
        let rows = store::find_page(self.db.reads(), filter, request).await?;
        Ok(Page::of(rows, request))
    }

    pub(crate) async fn count(&self, filter: &BookingFilter) -> Result<u64, BookingsError> {
        Ok(store::count(self.db.reads(), filter).await?)
    }

    /// Ends when every booking and cancellation that was begun is done.
    pub(crate) async fn idle(&self) {
        self.lanes.idle().await;
    }
}

/// The outcomes that are errors for whoever asked; the others are answers.
fn refusal(outcome: Outcome) -> BookingsError {
    match outcome {
        Outcome::NoSuchEvent => BookingsError::NoSuchEvent,
        Outcome::NoSuchBooking => BookingsError::NoSuchBooking,
        Outcome::NoSuchUser => BookingsError::NoSuchUser,
        Outcome::KeyReused => BookingsError::KeyReused,
        Outcome::Booked(_)
        | Outcome::SoldOut(_)
        | Outcome::AlreadyBooked(_)
        | Outcome::Closed(_)
        | Outcome::Cancelled(_) => {
            BookingsError::Internal("the outcome of another kind of request".to_owned())
        }
    }
}
