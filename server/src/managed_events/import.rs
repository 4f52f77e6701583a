//! Imports many events of one organizer: all of them or none.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rowlock_entities::{EventId, OrganizerId};

use super::{
    error::{ImportProblem, ManagedEventsError, is_unique_violation},
    store,
};
use crate::{
    database::Database,
    events::{self, EventChanges, external_id_problem},
    field_problem::FieldProblem,
    inventory::{
        EditOutcome, ImportEvents, ImportOutcome, ImportedEvent, Inventory, InventoryError,
    },
};

/// Number of attempts, if others import or create the same events at the same time.
const MAX_ATTEMPTS: u32 = 3;

/// One event to import.
#[derive(Clone, Debug)]
pub(crate) struct ImportRow {
    /// The organizer's own name for the event. An event that has it is edited.
    pub(crate) external_id: String,
    /// All values, or those to change: what is `None` gets a new event's default.
    pub(crate) values: EventChanges,
    /// Whether a draft is published.
    pub(crate) is_published: bool,
}

/// The one who imports events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Importer {
    /// A member of the organizer, whose permission was checked.
    Member,
    /// The operator, also for an organizer that has no members.
    Operator,
}

/// What an import has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    pub(crate) created: usize,
    pub(crate) updated: usize,
    pub(crate) unchanged: usize,
}

/// An import whose values have been checked one by one.
#[derive(Debug)]
pub(super) struct Import<'a> {
    db: &'a Database,
    organizer: OrganizerId,
    rows: Vec<ImportRow>,
    /// The organizer's events that have the names of the rows.
    known: HashMap<String, EventId>,
    now: DateTime<Utc>,
}

impl<'a> Import<'a> {
    pub(super) async fn check(
        db: &'a Database,
        organizer: OrganizerId,
        rows: Vec<ImportRow>,
        now: DateTime<Utc>,
    ) -> Result<Self, ManagedEventsError> {
        let rows = check(rows).map_err(ManagedEventsError::ImportRefused)?;
        let known = store::find_known(db.reads(), organizer, names(&rows)).await?;
        Ok(Self { db, organizer, rows, known, now })
    }

    /// The number of events that it adds.
    pub(super) fn new_events(&self) -> usize {
        self.rows.iter().filter(|row| !self.known.contains_key(&row.external_id)).count()
    }

    pub(super) async fn carry_out(
        mut self,
        inventory: &Inventory,
        importer: Importer,
    ) -> Result<Imported, ManagedEventsError> {
        if self.rows.is_empty() {
            return Ok(Imported::default());
        }
        let by_member_of = match importer {
            Importer::Member => Some(self.organizer),
            Importer::Operator => None,
        };
        let mut attempt = 1;
        loop {
            let events = self.rows.iter().map(|row| self.imported_event(row)).collect();
            match inventory.carry_out(ImportEvents { by_member_of, events }).await {
                Ok(ImportOutcome::Imported { created, updated, unchanged }) => {
                    return Ok(Imported { created, updated, unchanged });
                }
                Ok(ImportOutcome::Refused(refused)) => {
                    let problems = refused.into_iter().flat_map(|(place, outcome)| {
                        let problems = problems_of(&outcome);
                        problems.into_iter().map(move |problem| ImportProblem { place, problem })
                    });
                    return Err(ManagedEventsError::ImportRefused(problems.collect()));
                }
                // Somebody else has just created an event with one of these names.
                Err(InventoryError::Database(error))
                    if is_unique_violation(&error) && attempt < MAX_ATTEMPTS =>
                {
                    attempt += 1;
                    let names = names(&self.rows);
                    self.known = store::find_known(self.db.reads(), self.organizer, names).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn imported_event(&self, row: &ImportRow) -> ImportedEvent {
        let ImportRow { external_id, values, is_published } = row;
        match self.known.get(external_id) {
            Some(event_id) => ImportedEvent::Changed {
                event_id: *event_id,
                changes: Box::new(values.clone()),
                is_published: *is_published,
            },
            None => {
                let name = Some(external_id.clone());
                let draft = events::draft(self.organizer, name, values, self.now);
                ImportedEvent::New(Box::new(match is_published {
                    true => events::published(draft),
                    false => draft,
                }))
            }
        }
    }
}

/// Checks each value by itself.
fn check(rows: Vec<ImportRow>) -> Result<Vec<ImportRow>, Vec<ImportProblem>> {
    let mut problems = Vec::new();
    let mut checked = Vec::with_capacity(rows.len());
    let mut names = HashSet::new();
    for (place, row) in rows.into_iter().enumerate() {
        let mut add = |problem| problems.push(ImportProblem { place, problem });
        let external_id = row.external_id.trim().to_owned();
        external_id_problem(&external_id).into_iter().for_each(&mut add);
        if !external_id.is_empty() && !names.insert(external_id.clone()) {
            add(FieldProblem::new("externalId", "Another event before has the same externalId."));
        }
        match row.values.check() {
            Ok(values) => checked.push(ImportRow { external_id, values, ..row }),
            Err(of_values) => of_values.into_iter().for_each(&mut add),
        }
    }
    if problems.is_empty() { Ok(checked) } else { Err(problems) }
}

fn names(rows: &[ImportRow]) -> Vec<&str> {
    rows.iter().map(|row| row.external_id.as_str()).collect()
}

fn problems_of(outcome: &EditOutcome) -> Vec<FieldProblem> {
    match outcome {
        EditOutcome::Invalid(problems) => {
            problems.iter().map(|problem| problem.to_field_problem()).collect()
        }
        EditOutcome::CapacityTooLow(event) => {
            let taken = event.total_tickets - event.remaining_tickets;
            let message = format!("{taken} tickets are taken, so there must be at least as many.");
            vec![FieldProblem::new("totalTickets", message)]
        }
        EditOutcome::Cancelled(_) => {
            vec![FieldProblem::new("externalId", "This event was cancelled and stays so.")]
        }
        // An import names no revision, so nothing is edited in between.
        EditOutcome::Edited(_) | EditOutcome::EditedByAnother(_) => Vec::new(),
    }
}
