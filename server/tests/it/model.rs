//! Random sequences of bookings, their changes and cancellations, and edits of their events, sequential and concurrent.
//! Their outcomes are compared with those of a model that is simple enough to be plainly correct.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any},
    prop_oneof,
    test_runner::{TestCaseError, TestCaseResult},
};
use rowlock_entities::{EventId, booking};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::{
    app::{App, code_and_fields},
    managed_events::Host,
    on_both_engines,
    random_cases::run_cases,
    waiting::wait_until,
};

on_both_engines! {
    sequential_actions_have_the_outcomes_of_the_model
    concurrent_actions_have_the_outcomes_of_some_sequential_order
}

const BOOK: &str = "mutation($input: BookEventInput!) { bookEvent(input: $input) {
    __typename
    ... on BookEventSuccess { booking { id event { remainingTickets } } }
    ... on SoldOut { remainingTickets }
    ... on AlreadyBooked { booking { id } }
    ... on BookingClosed { reason }
} }";
const CANCEL: &str = "mutation($input: CancelBookingInput!) { cancelBooking(input: $input) {
    __typename
    ... on CancelBookingSuccess { booking { status event { remainingTickets } } }
} }";

const CHANGE: &str = "mutation($input: ChangeBookingInput!) { changeBooking(input: $input) {
    __typename
    ... on ChangeBookingSuccess { booking { quantity event { remainingTickets } } }
    ... on SoldOut { remainingTickets }
    ... on BookingClosed { reason }
    ... on BookingCancelled { booking { id } }
} }";

const UPDATE: &str = "mutation($input: UpdateEventInput!) { updateEvent(input: $input) {
    __typename
    ... on CapacityTooLow { taken }
} }";
const PUBLISH: &str =
    "mutation($input: PublishEventInput!) { publishEvent(input: $input) { __typename } }";
const CANCEL_EVENT: &str =
    "mutation($input: CancelEventInput!) { cancelEvent(input: $input) { __typename } }";

/// Longest time until a job has cancelled the bookings of a cancelled event.
const JOB_TIMEOUT: Duration = Duration::from_secs(60);
const CASES: u32 = 40;
const USERS: usize = 3;
const TICKETS: [i64; 2] = [3, 7];

/// One request of a user.
#[derive(Clone, Debug)]
enum Action {
    Book {
        user: usize,
        event: usize,
        quantity: i64,
        key: Option<u8>,
    },
    /// Cancels a booking of an earlier round, which may be another user's.
    Cancel {
        user: usize,
        booking: usize,
    },
    /// Changes a booking of an earlier round, which may be another user's.
    Change {
        user: usize,
        booking: usize,
        quantity: i64,
    },
    /// The organizer edits an event, from its revision before this round or from an older one.
    Edit {
        event: usize,
        edit: Edit,
        is_outdated: bool,
    },
    CancelEvent {
        event: usize,
    },
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    Total(i64),
    /// The sale goes on or ends.
    Sale(bool),
    Publish,
}

/// Rounds of up to `max_concurrent` actions at the same time.
fn rounds(max_concurrent: usize) -> impl Strategy<Value = Vec<Vec<Action>>> {
    let book = (0..USERS, 0..TICKETS.len(), 1..=4_i64, option::weighted(0.3, 0..3_u8))
        .prop_map(|(user, event, quantity, key)| Action::Book { user, event, quantity, key });
    let cancel =
        (0..USERS, any::<usize>()).prop_map(|(user, booking)| Action::Cancel { user, booking });
    let change = (0..USERS, any::<usize>(), 1..=4_i64)
        .prop_map(|(user, booking, quantity)| Action::Change { user, booking, quantity });
    let event = 0..TICKETS.len();
    let edit = prop_oneof![
        5 => (0..=9_i64).prop_map(Edit::Total),
        2 => any::<bool>().prop_map(Edit::Sale),
        3 => Just(Edit::Publish),
    ];
    let edit = (event.clone(), edit, any::<u8>().prop_map(|byte| byte % 8 == 0))
        .prop_map(|(event, edit, is_outdated)| Action::Edit { event, edit, is_outdated });
    let cancel_event = event.prop_map(|event| Action::CancelEvent { event });
    let action = prop_oneof![60 => book, 40 => change, 40 => cancel, 30 => edit, 1 => cancel_event];
    vec(vec(action, 1..=max_concurrent), 1..25)
}

/// An action, the booking that it refers to, and its answer.
struct Performed {
    action: Action,
    /// The id of the booking to change or to cancel.
    booking: Option<String>,
    /// The revision that an edit was made from.
    revision: i64,
    answer: Value,
}

/// A booking in the model.
#[derive(Clone, Debug)]
struct ModelBooking {
    id: String,
    user: usize,
    event: usize,
    quantity: i64,
    /// The quantity that was booked at first.
    booked_quantity: i64,
    is_cancelled: bool,
}

/// An event in the model.
#[derive(Clone, Debug, PartialEq)]
struct ModelEvent {
    total: i64,
    is_published: bool,
    is_cancelled: bool,
    is_on_sale: bool,
}

/// The expected state when actions run one after another.
#[derive(Clone)]
struct Model {
    events: Vec<ModelEvent>,
    revisions: Vec<i64>,
    bookings: Vec<ModelBooking>,
    /// The index in `bookings`, by user and key.
    keys: HashMap<(usize, usize, u8), usize>,
}

/// The outcome of an action.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// A new booking, with the tickets that remain after it.
    Booked(i64),
    /// The booking that was made earlier with this key.
    Replayed(String),
    AlreadyBooked(String),
    SoldOut(i64),
    KeyReused,
    /// With the tickets that remain after it.
    Changed(i64),
    /// The cancelled booking.
    ChangedTooLate(String),
    Cancelled(i64),
    NotFound,
    Closed(&'static str),
    Edited,
    EditedByAnother,
    CapacityTooLow(i64),
    EventCancelled,
}

impl ModelEvent {
    fn after(&self, edit: Edit) -> Self {
        let mut event = self.clone();
        match edit {
            Edit::Total(total) => event.total = total,
            Edit::Sale(is_on_sale) => event.is_on_sale = is_on_sale,
            Edit::Publish => event.is_published = true,
        }
        event
    }
}

impl Model {
    /// The first event is published, and the others are drafts.
    fn new() -> Self {
        let event = |(index, total): (usize, &i64)| ModelEvent {
            total: *total,
            is_published: index == 0,
            is_cancelled: false,
            is_on_sale: true,
        };
        let events: Vec<ModelEvent> = TICKETS.iter().enumerate().map(event).collect();
        let revisions = events.iter().map(|event| if event.is_published { 2 } else { 1 }).collect();
        Self { events, revisions, bookings: Vec::new(), keys: HashMap::new() }
    }

    fn taken_tickets(&self, event: usize) -> i64 {
        let booking =
            self.bookings.iter().filter(|booking| booking.event == event && !booking.is_cancelled);
        booking.map(|booking| booking.quantity).sum()
    }

    fn remaining_tickets(&self, event: usize) -> i64 {
        self.events[event].total - self.taken_tickets(event)
    }

    fn edit_outcome(&self, event: usize, edit: Edit, revision: i64) -> Outcome {
        let (before, present) = (&self.events[event], self.revisions[event]);
        let after = before.after(edit);
        if before.is_cancelled {
            Outcome::EventCancelled
        } else if revision != present {
            // An edit that is made already may be the caller's own, sent once more.
            let is_made_already = revision + 1 == present && after == *before;
            if is_made_already { Outcome::Edited } else { Outcome::EditedByAnother }
        } else if after.total < self.taken_tickets(event) {
            Outcome::CapacityTooLow(self.taken_tickets(event))
        } else {
            Outcome::Edited
        }
    }

    fn change_outcome(&self, booking: &ModelBooking, quantity: i64) -> Outcome {
        let event = &self.events[booking.event];
        let (more, remaining) =
            (quantity - booking.quantity, self.remaining_tickets(booking.event));
        if event.is_cancelled {
            Outcome::Closed("CANCELLED")
        } else if booking.is_cancelled {
            Outcome::ChangedTooLate(booking.id.clone())
        } else if more == 0 {
            Outcome::Changed(remaining)
        } else if more > 0 && !event.is_on_sale {
            Outcome::Closed("SALE_ENDED")
        } else if more > remaining {
            Outcome::SoldOut(remaining)
        } else {
            Outcome::Changed(remaining - more)
        }
    }

    fn expected_outcome(&self, performed: &Performed) -> Outcome {
        match performed.action {
            Action::Book { user, event, quantity, key } => {
                let first = key.and_then(|key| self.keys.get(&(user, event, key)));
                if let Some(first) = first.map(|index| &self.bookings[*index]) {
                    return match first.booked_quantity == quantity {
                        true => Outcome::Replayed(first.id.clone()),
                        false => Outcome::KeyReused,
                    };
                }
                match &self.events[event] {
                    ModelEvent { is_cancelled: true, .. } => return Outcome::Closed("CANCELLED"),
                    ModelEvent { is_published: false, .. } => return Outcome::NotFound,
                    ModelEvent { is_on_sale: false, .. } => return Outcome::Closed("SALE_ENDED"),
                    _ => {}
                }
                let is_of_user_and_event =
                    |booking: &&ModelBooking| booking.user == user && booking.event == event;
                let mut own = self.bookings.iter().filter(is_of_user_and_event);
                if let Some(booking) = own.find(|booking| !booking.is_cancelled) {
                    return Outcome::AlreadyBooked(booking.id.clone());
                }
                match self.remaining_tickets(event) {
                    remaining if remaining < quantity => Outcome::SoldOut(remaining),
                    remaining => Outcome::Booked(remaining - quantity),
                }
            }
            Action::Cancel { user, .. } => match self.find(performed) {
                Some(index) if self.bookings[index].user == user => {
                    let booking = &self.bookings[index];
                    let returned = if booking.is_cancelled { 0 } else { booking.quantity };
                    Outcome::Cancelled(self.remaining_tickets(booking.event) + returned)
                }
                _ => Outcome::NotFound,
            },
            Action::Change { user, quantity, .. } => match self.find(performed) {
                Some(index) if self.bookings[index].user == user => {
                    self.change_outcome(&self.bookings[index], quantity)
                }
                _ => Outcome::NotFound,
            },
            Action::Edit { event, edit, .. } => self.edit_outcome(event, edit, performed.revision),
            Action::CancelEvent { .. } => Outcome::Edited,
        }
    }

    /// The index of the booking that the action refers to.
    fn find(&self, performed: &Performed) -> Option<usize> {
        self.bookings.iter().position(|booking| performed.booking.as_ref() == Some(&booking.id))
    }

    /// Applies an answered action to the model.
    fn apply(&mut self, performed: &Performed, expected: &Outcome) {
        match (&performed.action, expected) {
            (&Action::Book { user, event, quantity, key }, Outcome::Booked(_)) => {
                let id = text(&performed.answer["data"]["bookEvent"]["booking"]["id"]);
                if let Some(key) = key {
                    self.keys.insert((user, event, key), self.bookings.len());
                }
                self.bookings.push(ModelBooking {
                    id,
                    user,
                    event,
                    quantity,
                    booked_quantity: quantity,
                    is_cancelled: false,
                });
            }
            (&Action::Change { quantity, .. }, Outcome::Changed(_)) => {
                if let Some(index) = self.find(performed) {
                    self.bookings[index].quantity = quantity;
                }
            }
            (Action::Cancel { .. }, Outcome::Cancelled(_)) => {
                if let Some(index) = self.find(performed) {
                    self.bookings[index].is_cancelled = true;
                }
            }
            (&Action::Edit { event, edit, .. }, Outcome::Edited) => {
                let after = self.events[event].after(edit);
                if after != self.events[event] {
                    self.events[event] = after;
                    self.revisions[event] += 1;
                }
            }
            (&Action::CancelEvent { event }, Outcome::Edited) => {
                self.events[event].is_cancelled = true;
            }
            _ => {}
        }
    }

    fn is_any_cancelled(&self) -> bool {
        self.events.iter().any(|event| event.is_cancelled)
    }

    /// Searches for an order of the actions that explains all of their answers and the tickets that
    /// bookings have then. The answers alone do not tell which of two changes came last. Returns the
    /// state after them, or `None` if no order explains them.
    fn explain(
        &self,
        round: &[Performed],
        quantities: &HashMap<String, i64>,
        is_explained: &mut [bool],
    ) -> Option<Self> {
        if is_explained.iter().all(|is_explained| *is_explained) {
            let mut bookings = self.bookings.iter();
            let is_stored = bookings.all(|booking| quantities[&booking.id] == booking.quantity);
            return is_stored.then(|| self.clone());
        }
        for (index, performed) in round.iter().enumerate() {
            if is_explained[index] {
                continue;
            }
            let expected = self.expected_outcome(performed);
            let actual = actual_outcome(performed, self);
            let are_counts_certain = round.len() == 1 && !self.is_any_cancelled();
            if !actual.is_some_and(|actual| actual.matches(&expected, are_counts_certain)) {
                continue;
            }
            let mut next = self.clone();
            next.apply(performed, &expected);
            is_explained[index] = true;
            if let Some(explained) = next.explain(round, quantities, is_explained) {
                return Some(explained);
            }
            is_explained[index] = false;
        }
        None
    }
}

impl Outcome {
    /// Concurrent answers are compared without their counts: an answer reads the event after its
    /// own change, so it may see the change of another action, or of the job that cancels bookings.
    fn matches(&self, expected: &Self, are_counts_certain: bool) -> bool {
        match (self, expected) {
            (Self::Booked(_), Self::Booked(_))
            | (Self::Changed(_), Self::Changed(_))
            | (Self::Cancelled(_), Self::Cancelled(_))
                if !are_counts_certain =>
            {
                true
            }
            _ => self == expected,
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Converts an answer to an outcome. Returns `None` for an answer that no action may get.
fn actual_outcome(performed: &Performed, model: &Model) -> Option<Outcome> {
    let Performed { action, answer, .. } = performed;
    if let Some(error) = answer["errors"].get(0) {
        return match (action, code_and_fields(error)) {
            (Action::Book { .. }, ("BAD_USER_INPUT", fields)) if fields == ["idempotencyKey"] => {
                Some(Outcome::KeyReused)
            }
            (
                Action::Book { .. } | Action::Change { .. } | Action::Cancel { .. },
                ("NOT_FOUND", _),
            ) => Some(Outcome::NotFound),
            _ => None,
        };
    }
    if let Action::Edit { .. } | Action::CancelEvent { .. } = action {
        return edit_outcome(&answer["data"]);
    }
    if let Action::Change { .. } = action {
        let outcome = change_outcome(&answer["data"]["changeBooking"])?;
        let booking = model.find(performed).map(|index| &model.bookings[index]);
        let is_of_cancelled_event =
            booking.is_some_and(|booking| model.events[booking.event].is_cancelled);
        return Some(match outcome {
            // The job that cancels the booking runs at any time, and the booking may have had this
            // number of tickets.
            Outcome::Changed(_) | Outcome::ChangedTooLate(_) if is_of_cancelled_event => {
                Outcome::Closed("CANCELLED")
            }
            outcome => outcome,
        });
    }
    let (book, cancel) = (&answer["data"]["bookEvent"], &answer["data"]["cancelBooking"]);
    let booking = &book["booking"];
    match (action, book["__typename"].as_str(), cancel["__typename"].as_str()) {
        (Action::Book { .. }, Some("BookEventSuccess"), _) => {
            let id = text(&booking["id"]);
            let is_known = model.bookings.iter().any(|booking| booking.id == id);
            Some(match is_known {
                true => Outcome::Replayed(id),
                false => Outcome::Booked(booking["event"]["remainingTickets"].as_i64()?),
            })
        }
        (Action::Book { .. }, Some("AlreadyBooked"), _) => {
            Some(Outcome::AlreadyBooked(text(&booking["id"])))
        }
        (Action::Book { .. }, Some("SoldOut"), _) => {
            Some(Outcome::SoldOut(book["remainingTickets"].as_i64()?))
        }
        (Action::Book { .. }, Some("BookingClosed"), _) => closed(book),
        (Action::Cancel { .. }, _, Some("CancelBookingSuccess")) => {
            Some(Outcome::Cancelled(cancel["booking"]["event"]["remainingTickets"].as_i64()?))
        }
        _ => None,
    }
}

fn closed(refusal: &Value) -> Option<Outcome> {
    match refusal["reason"].as_str()? {
        "CANCELLED" => Some(Outcome::Closed("CANCELLED")),
        "SALE_ENDED" => Some(Outcome::Closed("SALE_ENDED")),
        _ => None,
    }
}

fn change_outcome(answer: &Value) -> Option<Outcome> {
    let booking = &answer["booking"];
    match answer["__typename"].as_str()? {
        "ChangeBookingSuccess" => {
            Some(Outcome::Changed(booking["event"]["remainingTickets"].as_i64()?))
        }
        "SoldOut" => Some(Outcome::SoldOut(answer["remainingTickets"].as_i64()?)),
        "BookingClosed" => closed(answer),
        "BookingCancelled" => Some(Outcome::ChangedTooLate(text(&booking["id"]))),
        _ => None,
    }
}

fn edit_outcome(data: &Value) -> Option<Outcome> {
    let result = ["updateEvent", "publishEvent", "cancelEvent"]
        .iter()
        .map(|field| &data[*field])
        .find(|result| result.is_object())?;
    match result["__typename"].as_str()? {
        "UpdateEventSuccess" => Some(Outcome::Edited),
        "EventChanged" => Some(Outcome::EditedByAnother),
        "CapacityTooLow" => Some(Outcome::CapacityTooLow(result["taken"].as_i64()?)),
        "EventCancelled" => Some(Outcome::EventCancelled),
        _ => None,
    }
}

async fn play_rounds(app: &App, rounds: &[Vec<Action>]) -> TestCaseResult {
    // New users in each case, because a user's bookings per minute are limited.
    let users = app.users(u32::try_from(USERS).unwrap()).await;
    let host = Host::found(app).await;
    let (mut model, mut events) = (Model::new(), Vec::new());
    for (event, tickets) in model.events.iter().zip(TICKETS) {
        let values = json!({ "totalTickets": tickets });
        events.push(match event.is_published {
            true => host.event(app, values).await,
            false => host.draft(app, values).await["id"].as_str().unwrap().to_owned(),
        });
    }
    let people = People { users, owner: host.owner };
    for round in rounds {
        let performed =
            join_all(round.iter().map(|action| perform(app, &people, &events, &model, action)))
                .await;
        let (quantities, mut is_explained) =
            (quantities(app, &events).await, vec![false; performed.len()]);
        let Some(next) = model.explain(&performed, &quantities, &mut is_explained) else {
            let answers: Vec<_> =
                performed.iter().map(|performed| (&performed.action, &performed.answer)).collect();
            let expected: Vec<_> =
                performed.iter().map(|performed| model.expected_outcome(performed)).collect();
            return Err(TestCaseError::fail(format!(
                "{answers:#?}: expected, if each ran alone: {expected:?}; bookings have \
                 {quantities:?}"
            )));
        };
        model = next;
    }
    for (index, event) in events.iter().enumerate() {
        if model.events[index].is_cancelled {
            let total = model.events[index].total;
            wait_until(JOB_TIMEOUT, "the bookings are cancelled", async || {
                remaining_tickets(app, &people.owner, event).await == total
            })
            .await;
            continue;
        }
        let (remaining, expected) =
            (remaining_tickets(app, &people.owner, event).await, model.remaining_tickets(index));
        if remaining != expected {
            return Err(TestCaseError::fail(format!(
                "{remaining} tickets remain instead of {expected}"
            )));
        }
    }
    Ok(())
}

/// The tickets of each booking of these events.
async fn quantities(app: &App, events: &[String]) -> HashMap<String, i64> {
    let events = events.iter().map(|event| EventId(event.parse().unwrap()));
    let bookings = booking::Entity::find().filter(booking::Column::EventId.is_in(events));
    let bookings = bookings.all(app.db()).await.unwrap();
    bookings.iter().map(|booking| (booking.id.to_string(), booking.quantity.into())).collect()
}

/// The access tokens of buyers and of the organizer.
struct People {
    users: Vec<String>,
    owner: String,
}

/// The tickets that are left of an event, which may be a draft.
async fn remaining_tickets(app: &App, owner: &str, event: &str) -> i64 {
    let query = "query($id: ID!) { event(id: $id) { remainingTickets } }";
    let data = app.data(Some(owner), query, json!({ "id": event })).await;
    data["event"]["remainingTickets"].as_i64().unwrap()
}

/// The id of one of the bookings, or an unknown one while there is none.
fn booking_id(model: &Model, number: usize) -> String {
    let index = number.checked_rem(model.bookings.len());
    let unknown = || uuid::Uuid::now_v7().to_string();
    index.map_or_else(unknown, |index| model.bookings[index].id.clone())
}

async fn perform(
    app: &App,
    people: &People,
    events: &[String],
    model: &Model,
    action: &Action,
) -> Performed {
    let mut revision = 0;
    let (query, token, input, booking) = match action {
        Action::Book { user, event, quantity, key } => {
            let key = key.map(|key| key.to_string());
            let input = json!({
                "eventId": events[*event], "quantity": quantity, "idempotencyKey": key
            });
            (BOOK, &people.users[*user], input, None)
        }
        Action::Change { user, booking, quantity } => {
            let id = booking_id(model, *booking);
            let input = json!({ "bookingId": id, "quantity": quantity });
            (CHANGE, &people.users[*user], input, Some(id))
        }
        Action::Cancel { user, booking } => {
            let id = booking_id(model, *booking);
            (CANCEL, &people.users[*user], json!({ "bookingId": id }), Some(id))
        }
        Action::Edit { event, edit, is_outdated } => {
            let present = model.revisions[*event];
            revision = if *is_outdated { (present - 1).max(1) } else { present };
            let id = &events[*event];
            let (query, input) = match edit {
                Edit::Total(total) => {
                    (UPDATE, json!({ "eventId": id, "revision": revision, "totalTickets": total }))
                }
                Edit::Sale(is_on_sale) => {
                    let end = Some("2020-01-01T00:00:00Z").filter(|_| !is_on_sale);
                    (UPDATE, json!({ "eventId": id, "revision": revision, "salesEndAt": end }))
                }
                Edit::Publish => (PUBLISH, json!({ "eventId": id, "revision": revision })),
            };
            (query, &people.owner, input, None)
        }
        Action::CancelEvent { event } => {
            let input = json!({ "eventId": events[*event], "reason": "Rain." });
            (CANCEL_EVENT, &people.owner, input, None)
        }
    };
    let answer = app.send(Some(token), query, json!({ "input": input })).await;
    Performed { action: action.clone(), booking, revision, answer }
}

async fn sequential_actions_have_the_outcomes_of_the_model(app: App) {
    play_at_random(app, 1).await;
}

async fn concurrent_actions_have_the_outcomes_of_some_sequential_order(app: App) {
    play_at_random(app, 5).await;
}

async fn play_at_random(app: App, max_concurrent: usize) {
    let app = Arc::new(app);
    let shared_app = Arc::clone(&app);
    run_cases(CASES, rounds(max_concurrent), async move |rounds| {
        play_rounds(&shared_app, &rounds).await
    })
    .await;
    app.assert_nothing_oversold().await;
}
