//! What an organizer does while others book: edits, imports and cancellations. Afterwards, it checks
//! that the database agrees with the answers.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use cynic::{MutationBuilder, QueryBuilder};
use parking_lot::Mutex;
use rand::{Rng, RngExt};
use tokio::{
    sync::Mutex as AsyncMutex,
    time::{Instant, sleep},
};

use crate::{
    api::Failure,
    queries::{
        BookEventResult, CancelEvent, CancelEventInput, CancelEventVariables, CreateOrganizer,
        CreateOrganizerInput, CreateOrganizerVariables, DateTime, Decimal, EventStatus,
        EventVariables, EventsOfOrganizer, EventsOfOrganizerVariables, ImportEvents,
        ImportEventsInput, ImportEventsVariables, ImportedEventInput, ManagedEvent, MoneyInput,
        SalesOfEvent, UpdateEvent, UpdateEventInput, UpdateEventResult, UpdateEventVariables,
    },
    report::Check,
    sale::Sale,
};

/// Number of events that are edited again and again.
const EDITED: usize = 4;
/// Number of events that can be cancelled, one after another.
const TO_CANCEL: usize = 40;
/// Number of events that each import adds.
const IMPORTED: usize = 3;
/// Longest time until a job that a killed server had is done by another one, with a margin.
const JOB_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

const IMPORTED_ONCE: &str = "Imported";
const IMPORTED_AGAIN: &str = "Imported again";

/// An organizer with events on sale, and the answers to what was done with them.
pub(crate) struct Organizer {
    sale: Arc<Sale>,
    id: cynic::Id,
    slug: String,
    edited: Vec<EditedEvent>,
    to_cancel: Vec<cynic::Id>,
    /// The place in `to_cancel` of the event that is cancelled next.
    next_to_cancel: AtomicUsize,
    /// Places of events whose cancellation was acknowledged.
    cancelled: Mutex<HashSet<usize>>,
    imports: AsyncMutex<Imports>,
    /// Acknowledged bookings of edited events: the user, the event and the booking.
    bookings: Mutex<Vec<(usize, cynic::Id, cynic::Id)>>,
    booked_after_cancellation: AtomicUsize,
    refused_without_reason: AtomicUsize,
}

struct EditedEvent {
    id: cynic::Id,
    /// Only one edit is under way.
    edits: AsyncMutex<Edits>,
}

/// All values of an edit follow from its number.
struct Edits {
    /// The number of the last one that was sent.
    sent: u32,
    /// The revision that the next one is made from.
    revision: i32,
    /// The number and the revision of the last one that was acknowledged.
    acknowledged: (u32, i32),
    /// Whether one may have been made without an answer.
    is_in_doubt: bool,
}

#[derive(Default)]
struct Imports {
    sent: usize,
    /// Numbers of imports that were acknowledged.
    acknowledged: Vec<usize>,
    /// Numbers of those whose events a later one has changed, which was acknowledged too.
    changed: HashSet<usize>,
}

impl Organizer {
    /// Founds an organizer, whose owner is the first user, and puts events on sale.
    pub(crate) async fn found(sale: &Arc<Sale>) -> Result<Self> {
        let owner = sale.users.tokens.first().context("there are no users")?;
        let input = CreateOrganizerInput { name: "Load test".to_owned() };
        let founded =
            sale.api.send(CreateOrganizer::build, CreateOrganizerVariables { input }, Some(owner));
        let founded = founded.await?.create_organizer;
        let mut organizer = Self {
            sale: Arc::clone(sale),
            id: founded.id,
            slug: founded.slug,
            edited: Vec::new(),
            to_cancel: Vec::new(),
            next_to_cancel: AtomicUsize::new(0),
            cancelled: Mutex::default(),
            imports: AsyncMutex::default(),
            bookings: Mutex::default(),
            booked_after_cancellation: AtomicUsize::new(0),
            refused_without_reason: AtomicUsize::new(0),
        };
        let edited =
            (0..EDITED).map(|place| imported(&format!("edited-{place}"), &edited_title(0)));
        let to_cancel =
            (0..TO_CANCEL).map(|place| imported(&format!("cancelled-{place}"), "Cancelled"));
        let created = organizer.import_events(edited.chain(to_cancel).collect()).await?;
        ensure!(created == EDITED + TO_CANCEL, "{created} events were created");
        for (name, event) in organizer.events().await? {
            if name.starts_with("edited-") {
                let edits = Edits {
                    sent: 0,
                    revision: event.revision,
                    acknowledged: (0, event.revision),
                    is_in_doubt: false,
                };
                organizer.edited.push(EditedEvent { id: event.id, edits: AsyncMutex::new(edits) });
            } else {
                organizer.to_cancel.push(event.id);
            }
        }
        Ok(organizer)
    }

    /// Sends one request of the organizer, or of somebody who books one of its events. Returns the
    /// kind of the answer.
    pub(crate) async fn send(&self, mut random: impl Rng) -> String {
        let event = random.random_range(0..EDITED);
        match random.random_range(0..16) {
            0..5 => {
                if let Ok(mut edits) = self.edited[event].edits.try_lock() {
                    return self.edit(&self.edited[event].id, &mut edits).await;
                }
            }
            5..7 => {
                if let Ok(mut imports) = self.imports.try_lock() {
                    return self.import(&mut imports).await;
                }
            }
            7 => return self.cancel_next().await,
            _ => {}
        }
        let user = random.random_range(0..self.sale.users.tokens.len());
        let next = self.next_to_cancel.load(Ordering::Relaxed);
        match random.random_range(0..6) {
            0..2 => self.book_edited(user, event).await,
            2 => self.book_to_cancel(user, next.saturating_sub(1)).await,
            _ => self.book_to_cancel(user, next.min(TO_CANCEL - 1)).await,
        }
    }

    async fn edit(&self, event: &cynic::Id, edits: &mut Edits) -> String {
        edits.sent += 1;
        let (number, revision) = (edits.sent, edits.revision);
        let input = UpdateEventInput {
            event_id: event.clone(),
            revision,
            title: edited_title(number),
            price: MoneyInput { amount: edited_price(number), currency: "EUR".to_owned() },
            total_tickets: edited_capacity(number),
        };
        let variables = UpdateEventVariables { input };
        let answer = self.sale.api.send(UpdateEvent::build, variables, Some(self.owner())).await;
        match answer.map(|answer| answer.update_event) {
            Ok(UpdateEventResult::UpdateEventSuccess(success)) => {
                edits.revision = success.event.revision;
                edits.acknowledged = (number, edits.revision);
                edits.is_in_doubt = false;
                "edited".to_owned()
            }
            Ok(UpdateEventResult::EventChanged(changed)) => {
                if !edits.is_in_doubt {
                    self.refused_without_reason.fetch_add(1, Ordering::Relaxed);
                }
                edits.revision = changed.event.revision;
                "event changed".to_owned()
            }
            Ok(UpdateEventResult::Other(refusal)) => refusal,
            Err(failure) => {
                edits.is_in_doubt |= failure.outcome_is_unknown();
                failure.kind()
            }
        }
    }

    /// Adds events, and changes those of the last import that was acknowledged.
    async fn import(&self, imports: &mut Imports) -> String {
        let number = imports.sent;
        imports.sent += 1;
        let changed = imports.acknowledged.last().copied();
        let events = import_of(number, IMPORTED_ONCE)
            .chain(changed.into_iter().flat_map(|number| import_of(number, IMPORTED_AGAIN)));
        match self.import_events(events.collect()).await {
            Ok(_) => {
                imports.acknowledged.push(number);
                imports.changed.extend(changed);
                "imported".to_owned()
            }
            Err(failure) => failure.kind(),
        }
    }

    /// Returns how many were created.
    async fn import_events(&self, events: Vec<ImportedEventInput>) -> Result<usize, Failure> {
        let input = ImportEventsInput { organizer_id: self.id.clone(), events };
        let variables = ImportEventsVariables { input };
        let answer = self.sale.api.send(ImportEvents::build, variables, Some(self.owner())).await?;
        Ok(usize::try_from(answer.import_events.created).unwrap_or_default())
    }

    async fn cancel_next(&self) -> String {
        let place = self.next_to_cancel.load(Ordering::Relaxed);
        let Some(event) = self.to_cancel.get(place) else {
            return self.book_to_cancel(0, TO_CANCEL - 1).await;
        };
        let input = CancelEventInput { event_id: event.clone(), reason: "Rain".to_owned() };
        let variables = CancelEventVariables { input };
        let answer = self.sale.api.send(CancelEvent::build, variables, Some(self.owner())).await;
        match answer.map(|answer| answer.cancel_event) {
            Ok(UpdateEventResult::UpdateEventSuccess(_)) => {
                self.cancelled.lock().insert(place);
                self.next_to_cancel.fetch_max(place + 1, Ordering::Relaxed);
                "event cancelled".to_owned()
            }
            Ok(UpdateEventResult::EventChanged(_)) => "event changed".to_owned(),
            Ok(UpdateEventResult::Other(refusal)) => refusal,
            Err(failure) => failure.kind(),
        }
    }

    async fn book_edited(&self, user: usize, place: usize) -> String {
        let event = &self.edited[place].id;
        match self.sale.api.try_book(&self.sale.users.tokens[user], event.clone(), None).await {
            Ok(answer) => {
                let kind = answer.kind();
                if let BookEventResult::BookEventSuccess(success) = answer {
                    self.bookings.lock().push((user, event.clone(), success.booking.id));
                }
                kind.to_owned()
            }
            Err(failure) => failure.kind(),
        }
    }

    async fn book_to_cancel(&self, user: usize, place: usize) -> String {
        let is_cancelled = self.cancelled.lock().contains(&place);
        let event = self.to_cancel[place].clone();
        match self.sale.api.try_book(&self.sale.users.tokens[user], event, None).await {
            Ok(answer) => {
                let is_booked = matches!(answer, BookEventResult::BookEventSuccess(_));
                let is_wrong = usize::from(is_cancelled && is_booked);
                self.booked_after_cancellation.fetch_add(is_wrong, Ordering::Relaxed);
                answer.kind().to_owned()
            }
            Err(failure) => failure.kind(),
        }
    }

    fn owner(&self) -> &str {
        &self.sale.users.tokens[0]
    }

    /// The organizer's events, by the names that imports gave them.
    async fn events(&self) -> Result<BTreeMap<String, ManagedEvent>> {
        let (mut events, mut after) = (BTreeMap::new(), None);
        loop {
            let variables = EventsOfOrganizerVariables { slug: self.slug.clone(), after };
            let page = self.sale.api.send(EventsOfOrganizer::build, variables, Some(self.owner()));
            let page = page.await?.organizer.context("the organizer is gone")?.events;
            let named = page.nodes.into_iter().filter_map(|event| {
                let name = event.external_id.clone()?;
                Some((name, event))
            });
            events.extend(named);
            after = page.page_info.end_cursor;
            if !page.page_info.has_next_page {
                return Ok(events);
            }
        }
    }

    /// Checks that the database has what was acknowledged, and that no booking of a cancelled event
    /// is left once its job has ended.
    pub(crate) async fn checks(&self) -> Result<Vec<Check>> {
        let events = self.events().await?;
        let mut checks = self.checks_of_edits(&events).await?;
        checks.extend(self.checks_of_cancellations(&events).await?);
        checks.extend(checks_of_imports(&*self.imports.lock().await, &events));
        Ok(checks)
    }

    async fn checks_of_edits(&self, events: &BTreeMap<String, ManagedEvent>) -> Result<Vec<Check>> {
        let (mut kept, mut acknowledged, mut mixed) = (0, 0, 0);
        for edited in &self.edited {
            let edits = edited.edits.lock().await;
            let is_acknowledged = edits.acknowledged.0 > 0;
            acknowledged += usize::from(is_acknowledged);
            let Some(event) = events.values().find(|event| event.id == edited.id) else { continue };
            let number = event.title.strip_prefix(EDITED_TITLE).and_then(|n| n.parse().ok());
            let number: u32 = number.context("an edited event has another title")?;
            let is_kept = (number, event.revision) >= edits.acknowledged;
            kept += usize::from(is_acknowledged && is_kept);
            let is_whole = event.price.amount == edited_price(number)
                && event.total_tickets == edited_capacity(number);
            mixed += usize::from(!is_whole);
        }
        let bookings = self.bookings.lock().clone();
        let mut found = 0;
        for (user, event, booking) in &bookings {
            let event = self.sale.api.event(&self.sale.users.tokens[*user], event.clone()).await?;
            found += usize::from(event.my_booking.is_some_and(|held| held.id == *booking));
        }
        let refused = self.refused_without_reason.load(Ordering::Relaxed);
        Ok(vec![
            Check::new("acknowledged edits found, or later ones", &kept, &acknowledged),
            Check::new("events were edited", &(acknowledged > 0), &true),
            Check::new("events with values of two edits", &mixed, &0),
            Check::new("edits refused though nobody else edits", &refused, &0),
            Check::new("bookings of edited events found", &found, &bookings.len()),
        ])
    }

    async fn checks_of_cancellations(
        &self,
        events: &BTreeMap<String, ManagedEvent>,
    ) -> Result<Vec<Check>> {
        let of_status = |event: &&ManagedEvent| event.status == EventStatus::Cancelled;
        let cancelled: Vec<&ManagedEvent> = events.values().filter(of_status).collect();
        let acknowledged = self.cancelled.lock().clone();
        let found = acknowledged
            .iter()
            .filter(|place| cancelled.iter().any(|event| event.id == self.to_cancel[**place]));
        let started = Instant::now();
        let mut left = usize::MAX;
        while left > 0 && started.elapsed() < JOB_TIMEOUT {
            left = 0;
            for event in &cancelled {
                let variables = EventVariables { id: event.id.clone() };
                let sold =
                    self.sale.api.send(SalesOfEvent::build, variables, Some(self.owner())).await?;
                let sales = sold.event.and_then(|event| event.sales).context("no sales")?;
                left += usize::try_from(sales.confirmed_bookings)?;
            }
            if left > 0 {
                sleep(POLL_INTERVAL).await;
            }
        }
        let booked = self.booked_after_cancellation.load(Ordering::Relaxed);
        Ok(vec![
            Check::new("acknowledged cancellations found", &found.count(), &acknowledged.len()),
            Check::new("events were cancelled", &!acknowledged.is_empty(), &true),
            Check::new("bookings made after a cancellation", &booked, &0),
            Check::new("bookings left of cancelled events", &left, &0),
        ])
    }
}

fn checks_of_imports(imports: &Imports, events: &BTreeMap<String, ManagedEvent>) -> Vec<Check> {
    let titles = |number: usize| -> Vec<&str> {
        let names = (0..IMPORTED).map(|place| imported_name(number, place));
        names.filter_map(|name| Some(events.get(&name)?.title.as_str())).collect()
    };
    let found = imports.acknowledged.iter().filter(|number| {
        let titles = titles(**number);
        titles.len() == IMPORTED
            && (!imports.changed.contains(number) || titles[0] == IMPORTED_AGAIN)
    });
    let in_part = (0..imports.sent).filter(|number| {
        let titles = titles(*number);
        !titles.is_empty() && titles != vec![titles[0]; IMPORTED]
    });
    vec![
        Check::new("acknowledged imports found", &found.count(), &imports.acknowledged.len()),
        Check::new("events were imported", &!imports.acknowledged.is_empty(), &true),
        Check::new("imports stored in part", &in_part.count(), &0),
    ]
}

fn imported_name(number: usize, place: usize) -> String {
    format!("import-{number}-{place}")
}

/// The events of an import.
fn import_of(number: usize, title: &str) -> impl Iterator<Item = ImportedEventInput> {
    (0..IMPORTED).map(move |place| imported(&imported_name(number, place), title))
}

fn imported(external_id: &str, title: &str) -> ImportedEventInput {
    ImportedEventInput {
        external_id: external_id.to_owned(),
        title: title.to_owned(),
        venue: "Hall".to_owned(),
        time_zone: "UTC".to_owned(),
        starts_at: DateTime("2090-01-01T20:00:00Z".to_owned()),
        price: MoneyInput { amount: edited_price(0), currency: "EUR".to_owned() },
        total_tickets: edited_capacity(0),
        publish: true,
    }
}

const EDITED_TITLE: &str = "Edited ";

fn edited_title(number: u32) -> String {
    format!("{EDITED_TITLE}{number}")
}

fn edited_price(number: u32) -> Decimal {
    Decimal(format!("{}.{:02}", 10 + number / 100, number % 100))
}

/// Sometimes more than there are bookings, and sometimes less.
fn edited_capacity(number: u32) -> i32 {
    40 + i32::try_from(number * 7 % 40).unwrap_or_default()
}
