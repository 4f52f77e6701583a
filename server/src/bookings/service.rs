//! Makes, changes, cancels, finds and lists bookings.

use std::{sync::Arc, time::Duration};

use rowlock_entities::{BookingId, EventId, UserId, booking};
use sea_orm::DbErr;
use tokio::{sync::Semaphore, time::timeout};
use tracing::Instrument;

use super::{
    attendees::{self, Attendee, AttendeeFilter},
    loader::ConfirmedBookings,
    reference::Reference,
    sales::{self, Sales, SalesOfEvents},
    store::{self, BookingFilter, UserAtEvent},
};
use crate::{
    coalescing::{Batcher, Bounds, Refusal},
    database::Database,
    events::Price,
    inventory::{
        Book, BookOutcome, Cancel, CancelOutcome, Canceller, Change, ChangeOutcome, Inventory,
        InventoryError, Rejection,
    },
    metrics::Metrics,
    pagination::{Page, PageRequest},
};

/// Number of searches for attendees that one server runs at a time. Each may read all bookings of an
/// event, for half a second if there are 300,000. The other connections are left to people who book.
const MAX_SEARCHES: usize = 2;
/// Longest wait of a search for its turn.
const MAX_SEARCH_WAIT: Duration = Duration::from_secs(5);

/// The reason why a booking was not made, changed, cancelled or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BookingsError {
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    #[error(transparent)]
    LookupRefused(#[from] Refusal),
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<Rejection> for BookingsError {
    fn from(rejection: Rejection) -> Self {
        Self::Inventory(rejection.into())
    }
}

/// Bookings. Clones share everything.
#[derive(Clone, Debug)]
pub struct Bookings {
    db: Database,
    inventory: Inventory,
    confirmed: Batcher<ConfirmedBookings>,
    sales: Batcher<SalesOfEvents>,
    searches: Arc<Semaphore>,
}

impl Bookings {
    pub(crate) fn new(db: Database, inventory: Inventory, metrics: &Metrics) -> Self {
        let confirmed = ConfirmedBookings(db.clone());
        let queue = metrics.queue("confirmed-bookings");
        let confirmed = Batcher::new(confirmed, Bounds::FOR_LOOKUPS, queue);
        let sales = SalesOfEvents(db.clone());
        let sales = Batcher::new(sales, sales::BOUNDS, metrics.queue("sales"));
        let searches = Arc::new(Semaphore::new(MAX_SEARCHES));
        Self { db, inventory, confirmed, sales, searches }
    }

    /// Books `quantity` tickets: all of them or none, and only at the expected price if there is
    /// one.
    pub(crate) async fn book(
        &self,
        user_id: UserId,
        event_id: EventId,
        quantity: i32,
        expected_price: Option<Price>,
        idempotency_key: Option<String>,
    ) -> Result<BookOutcome, BookingsError> {
        let booking_id = BookingId::new();
        let command =
            Book { booking_id, user_id, event_id, quantity, expected_price, idempotency_key };
        Ok(self.inventory.carry_out(command).await?)
    }

    /// Cancels a booking and frees its tickets. A second cancellation returns the same booking.
    pub(crate) async fn cancel(
        &self,
        user_id: UserId,
        booking_id: BookingId,
    ) -> Result<CancelOutcome, BookingsError> {
        let event_id = self.event_of(user_id, booking_id).await?;
        let command = Cancel { booking_id, event_id, by: Canceller::Buyer(user_id) };
        Ok(self.inventory.carry_out(command).await?)
    }

    /// Sets the number of a booking's tickets. A second change to the same number returns the same
    /// booking.
    pub(crate) async fn change(
        &self,
        user_id: UserId,
        booking_id: BookingId,
        quantity: i32,
    ) -> Result<ChangeOutcome, BookingsError> {
        let event_id = self.event_of(user_id, booking_id).await?;
        Ok(self.inventory.carry_out(Change { booking_id, event_id, user_id, quantity }).await?)
    }

    /// The event of a user's booking, for a command. The command checks again whose booking it is.
    /// This look refuses another user's booking in the time that an unknown id takes, so nobody can
    /// tell the two apart.
    async fn event_of(
        &self,
        user_id: UserId,
        booking_id: BookingId,
    ) -> Result<EventId, BookingsError> {
        let booking = self.find(user_id, booking_id).await?.ok_or(Rejection::NoSuchBooking)?;
        Ok(booking.event_id)
    }

    /// Cancels all bookings of a user, also those of events that have started, and deletes them;
    /// returns their number. Bookings that the user makes in the meantime may be left.
    pub(crate) async fn remove_all_of(&self, user_id: UserId) -> Result<u64, BookingsError> {
        for booking in store::find_confirmed_of(self.db.reads(), user_id).await? {
            let booking::Model { id: booking_id, event_id, .. } = booking;
            let command = Cancel { booking_id, event_id, by: Canceller::RemovedBuyer(user_id) };
            self.inventory.carry_out(command).await?;
        }
        Ok(store::delete_cancelled_of(self.db.writer()?, user_id).await?)
    }

    /// The user's next confirmed bookings, oldest first.
    pub(crate) async fn confirmed_of_user_after(
        &self,
        user: UserId,
        after: Option<BookingId>,
        limit: u64,
    ) -> Result<Vec<booking::Model>, BookingsError> {
        Ok(store::find_confirmed_of_user_after(self.db.reads(), user, after, limit).await?)
    }

    /// Cancels a buyer's booking for the event's organizer. The caller has checked the permission.
    pub(crate) async fn cancel_for_organizer(
        &self,
        booking: &booking::Model,
        reason: String,
    ) -> Result<CancelOutcome, BookingsError> {
        let by = Canceller::Organizer { reason };
        let command = Cancel { booking_id: booking.id, event_id: booking.event_id, by };
        Ok(self.inventory.carry_out(command).await?)
    }

    /// The booking with this id, whoever made it.
    pub(crate) async fn find_of_anybody(
        &self,
        id: BookingId,
    ) -> Result<Option<booking::Model>, BookingsError> {
        Ok(store::find_booking(self.db.reads(), id).await?)
    }

    /// A page of an event's attendees. The caller has checked the permission, here and below.
    pub(crate) async fn attendees(
        &self,
        filter: &AttendeeFilter,
        request: &PageRequest<BookingId>,
    ) -> Result<Page<Attendee>, BookingsError> {
        let (db, filter, page) = (self.db.clone(), filter.clone(), request.clone());
        let rows = match filter.is_search() {
            true => {
                let found = async move { attendees::find_page(db.reads(), &filter, &page).await };
                self.search(found).await?
            }
            false => attendees::find_page(db.reads(), &filter, &page).await?,
        };
        Ok(Page::of(rows, request))
    }

    /// The booking of an event that has this reference. It may take reading all of them.
    pub(crate) async fn find_by_reference(
        &self,
        event: EventId,
        reference: Reference,
    ) -> Result<Option<BookingId>, BookingsError> {
        let db = self.db.clone();
        let found = async move { attendees::find_by_reference(db.reads(), event, reference).await };
        self.search(found).await
    }

    /// Runs a search when few enough others run. It keeps its turn if its caller goes away, because
    /// the database goes on with it, too.
    async fn search<T: Send + 'static>(
        &self,
        search: impl Future<Output = Result<T, DbErr>> + Send + 'static,
    ) -> Result<T, BookingsError> {
        let turn = timeout(MAX_SEARCH_WAIT, Arc::clone(&self.searches).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(Refusal::WaitTimeout)?;
        let search = async move {
            let _turn = turn;
            search.await
        };
        let found = tokio::spawn(search.in_current_span()).await;
        Ok(found.map_err(|_| Refusal::BatchPanicked)??)
    }

    /// The next attendees of an event in the order in which they booked.
    pub(crate) async fn attendees_after(
        &self,
        event: EventId,
        after: Option<BookingId>,
        limit: u64,
    ) -> Result<Vec<Attendee>, BookingsError> {
        Ok(attendees::find_after(self.db.lists(), event, after, limit).await?)
    }

    /// The next confirmed bookings of an event in the order of their ids.
    pub(crate) async fn confirmed_after(
        &self,
        event: EventId,
        after: Option<BookingId>,
        limit: u64,
    ) -> Result<Vec<BookingId>, BookingsError> {
        Ok(store::find_confirmed_after(self.db.reads(), event, after, limit).await?)
    }

    pub(crate) async fn count_attendees(
        &self,
        filter: &AttendeeFilter,
    ) -> Result<u64, BookingsError> {
        if !filter.has_words() {
            let bookings = self.sales(filter.event).await?.bookings(filter.status);
            return Ok(bookings.unsigned_abs());
        }
        let (db, filter) = (self.db.clone(), filter.clone());
        self.search(async move { attendees::count(db.reads(), &filter).await }).await
    }

    /// Sums up an event's bookings.
    pub(crate) async fn sales(&self, event: EventId) -> Result<Sales, BookingsError> {
        Ok(self.sales.ask(event).await??)
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

    /// The user's confirmed booking of the event.
    pub(crate) async fn find_confirmed(
        &self,
        user_at_event: UserAtEvent,
    ) -> Result<Option<booking::Model>, BookingsError> {
        Ok(self.confirmed.ask(user_at_event).await??)
    }

    pub(crate) async fn page(
        &self,
        filter: &BookingFilter,
        request: &PageRequest<BookingId>,
    ) -> Result<Page<booking::Model>, BookingsError> {
        let rows = store::find_page(self.db.reads(), filter, request).await?;
        // Nobody may miss one of their own bookings without being told.
        let bookings = rows.into_iter().map(|row| row.read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(bookings, request))
    }

    pub(crate) async fn count(&self, filter: &BookingFilter) -> Result<u64, BookingsError> {
        Ok(store::count(self.db.reads(), filter).await?)
    }

    /// Waits until every booking and cancellation is done.
    pub(crate) async fn idle(&self) {
        self.inventory.idle().await;
    }
}
