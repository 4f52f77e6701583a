//! Creates, edits, publishes and cancels events.

use std::time::Duration;

use rowlock_entities::{EventId, OrganizerId, event};
use tokio::time::{Instant, sleep};

use super::{
    error::{ManagedEventsError, is_unique_violation},
    import::{Import, ImportRow, Imported, Importer},
    store,
};
use crate::{
    clock::Clock,
    covers::NewCover,
    database::Database,
    events::{EventChanges, draft, external_id_problem, problems},
    field_problem::FieldProblem,
    inventory::{
        BookingsCancelled, CancelBookingsJob, CancelEvent, CreateEvent, Edit, EditEvent,
        EditOutcome, EventCreated, Inventory, InventoryError, Rejection, SetCover,
    },
    jobs::{Failure, Progress},
};

/// Number of bookings that one transaction cancels.
const BOOKINGS_PER_PART: u32 = 500;
/// After each part, this many times as long is left to others, so that their bookings are slowed by
/// less than a tenth, also by what the database does afterwards. No two events' bookings are
/// cancelled at the same time, on all servers together, so this holds however many events were
/// cancelled.
const PAUSE_FACTOR: u32 = 14;
/// A part that had to wait says little about its own work, so no pause is longer.
const MAX_PAUSE: Duration = Duration::from_millis(200);
/// No part begins after this time. Another server may go on then.
const MAX_PART_TIME: Duration = Duration::from_secs(3);

/// Events as their organizers manage them. Clones share everything.
#[derive(Clone, Debug)]
pub struct ManagedEvents {
    db: Database,
    clock: Clock,
    inventory: Inventory,
    max_events: u32,
}

impl ManagedEvents {
    /// `max_events` is the largest number of events of one organizer.
    pub(crate) fn new(db: Database, clock: Clock, inventory: Inventory, max_events: u32) -> Self {
        Self { db, clock, inventory, max_events }
    }

    /// Creates a draft.
    pub(crate) async fn create(
        &self,
        organizer: OrganizerId,
        values: EventChanges,
        external_id: Option<String>,
    ) -> Result<event::Model, ManagedEventsError> {
        let external_id = external_id.map(|name| name.trim().to_owned());
        let of_name = external_id.as_deref().and_then(external_id_problem);
        let values = match (values.check(), of_name) {
            (Ok(values), None) => values,
            (values, of_name) => {
                let of_values = values.err().unwrap_or_default();
                return Err(ManagedEventsError::Invalid(
                    of_values.into_iter().chain(of_name).collect(),
                ));
            }
        };
        let now = self.clock.now();
        let draft = draft(organizer, external_id, &values, now);
        let problems = problems(None, &draft, now);
        if !problems.is_empty() {
            let problems = problems.into_iter().map(|problem| problem.to_field_problem());
            return Err(ManagedEventsError::Invalid(problems.collect()));
        }
        self.check_number(organizer, 1).await?;
        match self.inventory.carry_out(CreateEvent(Box::new(draft.clone()))).await {
            Ok(EventCreated) => Ok(draft),
            Err(InventoryError::Database(error)) if is_unique_violation(&error) => {
                Err(FieldProblem::new("externalId", "Another event has this externalId.").into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Edits or publishes an event.
    pub(crate) async fn edit(
        &self,
        event_id: EventId,
        revision: i32,
        edit: Edit,
    ) -> Result<EditOutcome, ManagedEventsError> {
        let edit = match edit {
            Edit::Values(changes) => {
                Edit::Values(Box::new(changes.check().map_err(ManagedEventsError::Invalid)?))
            }
            Edit::Publish => Edit::Publish,
        };
        let command = EditEvent { event_id, revision, edit };
        Ok(self.inventory.carry_out(command).await?)
    }

    /// Gives an event another cover, or takes it away.
    pub(crate) async fn set_cover(
        &self,
        event_id: EventId,
        cover: Option<NewCover>,
    ) -> Result<EditOutcome, ManagedEventsError> {
        Ok(self.inventory.carry_out(SetCover { event_id, cover }).await?)
    }

    /// Cancels an event for good. Nobody can book it from then on, and a job cancels its bookings.
    pub(crate) async fn cancel(
        &self,
        event_id: EventId,
        reason: String,
    ) -> Result<EditOutcome, ManagedEventsError> {
        Ok(self.inventory.carry_out(CancelEvent { event_id, reason }).await?)
    }

    /// Cancels bookings of an event that was cancelled, for some seconds. Others book meanwhile: most
    /// of the time is left to them. The answer says where to go on.
    pub(crate) async fn cancel_some_bookings(
        &self,
        job: CancelBookingsJob,
    ) -> Result<Progress, Failure> {
        if job.is_at_start() {
            // The last bookings of another event may have been cancelled a moment ago.
            sleep(MAX_PAUSE).await;
        }
        let (began, mut job) = (Instant::now(), job);
        while began.elapsed() < MAX_PART_TIME {
            let part_began = Instant::now();
            match self.inventory.carry_out(job.next_part(BOOKINGS_PER_PART)).await {
                Ok(BookingsCancelled { are_more_booked: false, .. }) => return Ok(Progress::Done),
                Ok(BookingsCancelled { last: None, .. }) if job.is_at_start() => {
                    return Ok(Progress::Done);
                }
                // After the last booking, another look from the start finds those that another
                // program has confirmed again.
                Ok(BookingsCancelled { last, .. }) => job = job.going_on_after(last),
                // Somebody has deleted the event, which has no bookings then.
                Err(InventoryError::Rejected(Rejection::NoSuchEvent)) => return Ok(Progress::Done),
                Err(error) => return Err(error.into()),
            }
            let pause = part_began.elapsed() * PAUSE_FACTOR;
            sleep(pause.min(MAX_PAUSE)).await;
        }
        Progress::rest(&job)
    }

    /// Adds and edits events by the organizer's own names for them: all or none.
    pub(crate) async fn import(
        &self,
        organizer: OrganizerId,
        rows: Vec<ImportRow>,
        importer: Importer,
    ) -> Result<Imported, ManagedEventsError> {
        let now = self.clock.now();
        let import = Import::check(&self.db, organizer, rows, now).await?;
        self.check_number(organizer, import.new_events()).await?;
        import.carry_out(&self.inventory, importer).await
    }

    /// All events of an organizer, in the order in which they start.
    pub(crate) async fn all_of(
        &self,
        organizer: OrganizerId,
    ) -> Result<Vec<event::Model>, ManagedEventsError> {
        Ok(store::find_all_of(self.db.lists(), organizer).await?)
    }

    /// Refuses `more` events if the organizer would have too many. Creations at the same moment may
    /// exceed the limit by their number.
    async fn check_number(
        &self,
        organizer: OrganizerId,
        more: usize,
    ) -> Result<(), ManagedEventsError> {
        if more == 0 {
            return Ok(());
        }
        let number = store::count_of(self.db.reads(), organizer).await?;
        match number.saturating_add(more as u64) > self.max_events.into() {
            true => Err(ManagedEventsError::TooManyEvents { max: self.max_events }),
            false => Ok(()),
        }
    }
}
