//! Random sequences of bookings and cancellations, sequential and concurrent. Their outcomes are
//! compared with those of a model that is simple enough to be plainly correct.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::join_all;
use proptest::{
    collection::vec,
    option,
    prelude::{Strategy, any},
    prop_oneof,
    test_runner::{TestCaseError, TestCaseResult},
};
use serde_json::{Value, json};

use crate::{
    app::{App, code_and_fields},
    on_both_engines,
    random_cases::run_cases,
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
} }";
const CANCEL: &str = "mutation($input: CancelBookingInput!) { cancelBooking(input: $input) {
    __typename
    ... on CancelBookingSuccess { booking { status event { remainingTickets } } }
} }";

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
}

/// Rounds of up to `max_concurrent` actions at the same time.
fn rounds(max_concurrent: usize) -> impl Strategy<Value = Vec<Vec<Action>>> {
    let book = (0..USERS, 0..TICKETS.len(), 1..=4_i64, option::weighted(0.3, 0..3_u8))
        .prop_map(|(user, event, quantity, key)| Action::Book { user, event, quantity, key });
    let cancel =
        (0..USERS, any::<usize>()).prop_map(|(user, booking)| Action::Cancel { user, booking });
    vec(vec(prop_oneof![3 => book, 2 => cancel], 1..=max_concurrent), 1..25)
}

/// An action, the booking that it refers to, and its answer.
struct Performed {
    action: Action,
    /// The id of the booking to cancel.
    booking: Option<String>,
    answer: Value,
}

/// A booking in the model.
#[derive(Clone, Debug)]
struct ModelBooking {
    id: String,
    user: usize,
    event: usize,
    quantity: i64,
    is_cancelled: bool,
}

/// The expected state when actions run one after another.
#[derive(Clone, Default)]
struct Model {
    bookings: Vec<ModelBooking>,
    /// The index in `bookings`, by user and key.
    keys: HashMap<(usize, u8), usize>,
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
    Cancelled(i64),
    NotFound,
}

impl Model {
    fn remaining_tickets(&self, event: usize) -> i64 {
        let booking =
            self.bookings.iter().filter(|booking| booking.event == event && !booking.is_cancelled);
        TICKETS[event] - booking.map(|booking| booking.quantity).sum::<i64>()
    }

    fn expected_outcome(&self, performed: &Performed) -> Outcome {
        match performed.action {
            Action::Book { user, event, quantity, key } => {
                let first = key.and_then(|key| self.keys.get(&(user, key)));
                if let Some(first) = first.map(|index| &self.bookings[*index]) {
                    let is_same = first.event == event && first.quantity == quantity;
                    return match is_same {
                        true => Outcome::Replayed(first.id.clone()),
                        false => Outcome::KeyReused,
                    };
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
                    self.keys.insert((user, key), self.bookings.len());
                }
                self.bookings.push(ModelBooking { id, user, event, quantity, is_cancelled: false });
            }
            (Action::Cancel { .. }, Outcome::Cancelled(_)) => {
                if let Some(index) = self.find(performed) {
                    self.bookings[index].is_cancelled = true;
                }
            }
            _ => {}
        }
    }

    /// Searches for an order of the actions that explains all of their answers. Returns the state
    /// after them, or `None` if no order does.
    fn explain(&self, round: &[Performed], is_explained: &mut [bool]) -> Option<Self> {
        if is_explained.iter().all(|is_explained| *is_explained) {
            return Some(self.clone());
        }
        for (index, performed) in round.iter().enumerate() {
            if is_explained[index] {
                continue;
            }
            let expected = self.expected_outcome(performed);
            let actual = actual_outcome(performed, self);
            if !actual.is_some_and(|actual| actual.matches(&expected, round.len() > 1)) {
                continue;
            }
            let mut next = self.clone();
            next.apply(performed, &expected);
            is_explained[index] = true;
            if let Some(explained) = next.explain(round, is_explained) {
                return Some(explained);
            }
            is_explained[index] = false;
        }
        None
    }
}

impl Outcome {
    /// Concurrent answers are compared without their counts: an answer reads the event after its
    /// own change, so it may see the change of another action.
    fn matches(&self, expected: &Self, is_concurrent: bool) -> bool {
        match (self, expected) {
            (Self::Booked(_), Self::Booked(_)) | (Self::Cancelled(_), Self::Cancelled(_))
                if is_concurrent =>
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
            (Action::Cancel { .. }, ("NOT_FOUND", _)) => Some(Outcome::NotFound),
            _ => None,
        };
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
        (Action::Cancel { .. }, _, Some("CancelBookingSuccess")) => {
            Some(Outcome::Cancelled(cancel["booking"]["event"]["remainingTickets"].as_i64()?))
        }
        _ => None,
    }
}

async fn play_rounds(app: &App, rounds: &[Vec<Action>]) -> TestCaseResult {
    // New users in each case, because a user's bookings per minute are limited.
    let users = app.users(u32::try_from(USERS).unwrap()).await;
    let (mut model, mut events) = (Model::default(), Vec::new());
    for tickets in TICKETS {
        events.push(app.event("Concert", i32::try_from(tickets).unwrap()).await);
    }
    for round in rounds {
        let performed =
            join_all(round.iter().map(|action| perform(app, &users, &events, &model, action)))
                .await;
        let Some(next) = model.explain(&performed, &mut vec![false; performed.len()]) else {
            let answers: Vec<_> =
                performed.iter().map(|performed| (&performed.action, &performed.answer)).collect();
            let expected: Vec<_> =
                performed.iter().map(|performed| model.expected_outcome(performed)).collect();
            return Err(TestCaseError::fail(format!(
                "{answers:#?}: expected, if each ran alone: {expected:?}"
            )));
        };
        model = next;
    }
    for (index, event) in events.iter().enumerate() {
        let (remaining, expected) =
            (app.remaining_tickets(event).await, model.remaining_tickets(index));
        if remaining != expected {
            return Err(TestCaseError::fail(format!(
                "{remaining} tickets remain instead of {expected}"
            )));
        }
    }
    Ok(())
}

async fn perform(
    app: &App,
    users: &[String],
    events: &[String],
    model: &Model,
    action: &Action,
) -> Performed {
    let (query, user, input, booking) = match action {
        Action::Book { user, event, quantity, key } => {
            let key = key.map(|key| key.to_string());
            let input = json!({
                "eventId": events[*event], "quantity": quantity, "idempotencyKey": key
            });
            (BOOK, user, input, None)
        }
        Action::Cancel { user, booking } => {
            let index = booking.checked_rem(model.bookings.len());
            let unknown = || uuid::Uuid::now_v7().to_string();
            let id = index.map_or_else(unknown, |index| model.bookings[index].id.clone());
            (CANCEL, user, json!({ "bookingId": id }), Some(id))
        }
    };
    let answer = app.send(Some(&users[*user]), query, json!({ "input": input })).await;
    Performed { action: action.clone(), booking, answer }
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
