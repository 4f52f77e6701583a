//! Random sequences of what users do, against a model that is simple enough to be seen to be right.

use std::collections::HashMap;

use proptest::{
    collection::vec,
    option,
    prelude::{Strategy, any},
    prop_oneof,
    test_runner::{Config, TestCaseError, TestCaseResult, TestRunner},
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::{
    app::{App, code_and_fields},
    on_both_engines,
};

on_both_engines! {
    whatever_users_do_one_after_another_comes_out_as_in_the_model
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

const USERS: usize = 3;
const TICKETS: [i64; 2] = [3, 7];

/// What somebody does.
#[derive(Clone, Debug)]
enum Act {
    Book {
        user: usize,
        event: usize,
        quantity: i64,
        key: Option<u8>,
    },
    /// One of the bookings so far, in the order they were made, by anybody.
    Cancel {
        user: usize,
        booking: usize,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let book = (0..USERS, 0..TICKETS.len(), 1..=4_i64, option::weighted(0.3, 0..3_u8))
        .prop_map(|(user, event, quantity, key)| Act::Book { user, event, quantity, key });
    let cancel =
        (0..USERS, any::<usize>()).prop_map(|(user, booking)| Act::Cancel { user, booking });
    vec(prop_oneof![3 => book, 2 => cancel], 1..25)
}

/// A booking as the model knows it.
#[derive(Clone, Debug)]
struct Held {
    id: String,
    user: usize,
    event: usize,
    quantity: i64,
    is_cancelled: bool,
}

/// What the world looks like when acts come one after another.
#[derive(Default)]
struct Model {
    bookings: Vec<Held>,
    /// By user and key: the booking's place.
    keys: HashMap<(usize, u8), usize>,
}

/// What an answer must be.
#[derive(Debug, PartialEq)]
enum Expected {
    /// A new booking, with so many tickets left.
    New(i64),
    /// The one that was made with this key.
    Again(String),
    Already(String),
    SoldOut(i64),
    KeyReused,
    Cancelled(i64),
    NotFound,
}

impl Model {
    fn left(&self, event: usize) -> i64 {
        let held = self.bookings.iter().filter(|held| held.event == event && !held.is_cancelled);
        TICKETS[event] - held.map(|held| held.quantity).sum::<i64>()
    }

    fn expect(&self, act: &Act) -> Expected {
        match *act {
            Act::Book { user, event, quantity, key } => {
                let first = key.and_then(|key| self.keys.get(&(user, key)));
                if let Some(first) = first.map(|at| &self.bookings[*at]) {
                    let is_same = first.event == event && first.quantity == quantity;
                    return match is_same {
                        true => Expected::Again(first.id.clone()),
                        false => Expected::KeyReused,
                    };
                }
                let is_this = |held: &&Held| held.user == user && held.event == event;
                let mut own = self.bookings.iter().filter(is_this);
                if let Some(held) = own.find(|held| !held.is_cancelled) {
                    return Expected::Already(held.id.clone());
                }
                match self.left(event) {
                    left if left < quantity => Expected::SoldOut(left),
                    left => Expected::New(left - quantity),
                }
            }
            Act::Cancel { user, booking } => match self.chosen(booking) {
                Some(at) if self.bookings[at].user == user => {
                    let held = &self.bookings[at];
                    let returned = if held.is_cancelled { 0 } else { held.quantity };
                    Expected::Cancelled(self.left(held.event) + returned)
                }
                _ => Expected::NotFound,
            },
        }
    }

    fn chosen(&self, booking: usize) -> Option<usize> {
        booking.checked_rem(self.bookings.len())
    }

    /// Takes over what was answered.
    fn follow(&mut self, act: &Act, expected: &Expected, answer: &Value) {
        match (act, expected) {
            (&Act::Book { user, event, quantity, key }, Expected::New(_)) => {
                let id = text(&answer["data"]["bookEvent"]["booking"]["id"]);
                if let Some(key) = key {
                    self.keys.insert((user, key), self.bookings.len());
                }
                self.bookings.push(Held { id, user, event, quantity, is_cancelled: false });
            }
            (Act::Cancel { booking, .. }, Expected::Cancelled(_)) => {
                if let Some(at) = self.chosen(*booking) {
                    self.bookings[at].is_cancelled = true;
                }
            }
            _ => {}
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What an answer is, in the model's words.
fn seen(act: &Act, model: &Model, answer: &Value) -> Option<Expected> {
    if let Some(error) = answer["errors"].get(0) {
        return match (act, code_and_fields(error)) {
            (Act::Book { .. }, ("BAD_USER_INPUT", fields)) if fields == ["idempotencyKey"] => {
                Some(Expected::KeyReused)
            }
            (Act::Cancel { .. }, ("NOT_FOUND", _)) => Some(Expected::NotFound),
            _ => None,
        };
    }
    let (book, cancel) = (&answer["data"]["bookEvent"], &answer["data"]["cancelBooking"]);
    let booking = &book["booking"];
    match (act, book["__typename"].as_str(), cancel["__typename"].as_str()) {
        (Act::Book { .. }, Some("BookEventSuccess"), _) => {
            let id = text(&booking["id"]);
            let is_known = model.bookings.iter().any(|held| held.id == id);
            Some(match is_known {
                true => Expected::Again(id),
                false => Expected::New(booking["event"]["remainingTickets"].as_i64()?),
            })
        }
        (Act::Book { .. }, Some("AlreadyBooked"), _) => {
            Some(Expected::Already(text(&booking["id"])))
        }
        (Act::Book { .. }, Some("SoldOut"), _) => {
            Some(Expected::SoldOut(book["remainingTickets"].as_i64()?))
        }
        (Act::Cancel { .. }, _, Some("CancelBookingSuccess")) => {
            Some(Expected::Cancelled(cancel["booking"]["event"]["remainingTickets"].as_i64()?))
        }
        _ => None,
    }
}

async fn play(app: &App, users: &[String], acts: &[Act]) -> TestCaseResult {
    let (mut model, mut events) = (Model::default(), Vec::new());
    for tickets in TICKETS {
        events.push(app.event("Concert", i32::try_from(tickets).unwrap()).await);
    }
    // Keys are a user's for ever, and each sequence begins without any.
    let world = &events[0];
    for act in acts {
        let expected = model.expect(act);
        let answer = match act {
            Act::Book { user, event, quantity, key } => {
                let key = key.map(|key| format!("{key}-{world}"));
                let input = json!({
                    "eventId": events[*event], "quantity": quantity, "idempotencyKey": key
                });
                app.send(Some(&users[*user]), BOOK, json!({ "input": input })).await
            }
            Act::Cancel { user, booking } => {
                let unknown = || uuid::Uuid::now_v7().to_string();
                let id = model.chosen(*booking).map(|at| model.bookings[at].id.clone());
                let input = json!({ "bookingId": id.unwrap_or_else(unknown) });
                app.send(Some(&users[*user]), CANCEL, json!({ "input": input })).await
            }
        };
        let found = seen(act, &model, &answer);
        if found.as_ref() != Some(&expected) {
            let reason = format!("{act:?} should be {expected:?} and is {found:?}: {answer}");
            return Err(TestCaseError::fail(reason));
        }
        model.follow(act, &expected, &answer);
    }
    for (place, event) in events.iter().enumerate() {
        let (left, expected) = (app.remaining(event).await, model.left(place));
        if left != expected {
            return Err(TestCaseError::fail(format!("{left} left of {expected}")));
        }
    }
    Ok(())
}

async fn whatever_users_do_one_after_another_comes_out_as_in_the_model(app: App) {
    let users = app.users(u32::try_from(USERS).unwrap()).await;
    let handle = Handle::current();
    let app = tokio::task::spawn_blocking(move || {
        let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
        let played =
            TestRunner::new(config).run(&acts(), |acts| handle.block_on(play(&app, &users, &acts)));
        if let Err(error) = played {
            panic!("{error}");
        }
        app
    });
    app.await.unwrap().assert_nothing_oversold().await;
}
