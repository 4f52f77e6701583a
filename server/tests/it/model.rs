//! Random sequences of what users do, one after another and at the same time, against a model that is simple
//! enough to be seen to be right.

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
    whatever_users_do_one_after_another_comes_out_as_in_the_model
    whatever_users_do_at_once_comes_out_as_if_they_had_done_it_in_some_order
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

/// What somebody does.
#[derive(Clone, Debug)]
enum Act {
    Book {
        user: usize,
        event: usize,
        quantity: i64,
        key: Option<u8>,
    },
    /// One of the bookings that were there before, by anybody.
    Cancel {
        user: usize,
        booking: usize,
    },
}

/// Rounds of up to so many acts at the same time.
fn rounds(together: usize) -> impl Strategy<Value = Vec<Vec<Act>>> {
    let book = (0..USERS, 0..TICKETS.len(), 1..=4_i64, option::weighted(0.3, 0..3_u8))
        .prop_map(|(user, event, quantity, key)| Act::Book { user, event, quantity, key });
    let cancel =
        (0..USERS, any::<usize>()).prop_map(|(user, booking)| Act::Cancel { user, booking });
    vec(vec(prop_oneof![3 => book, 2 => cancel], 1..=together), 1..25)
}

/// An act with the booking that it means, and what it was answered.
struct Done {
    act: Act,
    /// Of a cancellation.
    booking: Option<String>,
    answer: Value,
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
#[derive(Clone, Default)]
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

    fn expect(&self, done: &Done) -> Expected {
        match done.act {
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
            Act::Cancel { user, .. } => match self.find(done) {
                Some(at) if self.bookings[at].user == user => {
                    let held = &self.bookings[at];
                    let returned = if held.is_cancelled { 0 } else { held.quantity };
                    Expected::Cancelled(self.left(held.event) + returned)
                }
                _ => Expected::NotFound,
            },
        }
    }

    /// The place of the booking that is meant.
    fn find(&self, done: &Done) -> Option<usize> {
        self.bookings.iter().position(|held| done.booking.as_ref() == Some(&held.id))
    }

    /// Takes over what was answered.
    fn follow(&mut self, done: &Done, expected: &Expected) {
        match (&done.act, expected) {
            (&Act::Book { user, event, quantity, key }, Expected::New(_)) => {
                let id = text(&done.answer["data"]["bookEvent"]["booking"]["id"]);
                if let Some(key) = key {
                    self.keys.insert((user, key), self.bookings.len());
                }
                self.bookings.push(Held { id, user, event, quantity, is_cancelled: false });
            }
            (Act::Cancel { .. }, Expected::Cancelled(_)) => {
                if let Some(at) = self.find(done) {
                    self.bookings[at].is_cancelled = true;
                }
            }
            _ => {}
        }
    }

    /// What it comes to when these acts are done in some order that explains all of their answers; none where no
    /// order does.
    fn explain(&self, round: &[Done], is_done: &mut [bool]) -> Option<Self> {
        if is_done.iter().all(|is_done| *is_done) {
            return Some(self.clone());
        }
        for (place, done) in round.iter().enumerate() {
            if is_done[place] {
                continue;
            }
            let expected = self.expect(done);
            let found = seen(done, self);
            if !found.is_some_and(|found| found.fits(&expected, round.len() > 1)) {
                continue;
            }
            let mut next = self.clone();
            next.follow(done, &expected);
            is_done[place] = true;
            if let Some(explained) = next.explain(round, is_done) {
                return Some(explained);
            }
            is_done[place] = false;
        }
        None
    }
}

impl Expected {
    /// The event beside a booking is read after it, and then its count may be another one's.
    fn fits(&self, expected: &Self, at_once: bool) -> bool {
        match (self, expected) {
            (Self::New(_), Self::New(_)) | (Self::Cancelled(_), Self::Cancelled(_)) if at_once => {
                true
            }
            _ => self == expected,
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What an answer is, in the model's words.
fn seen(done: &Done, model: &Model) -> Option<Expected> {
    let Done { act, answer, .. } = done;
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

async fn play(app: &App, rounds: &[Vec<Act>]) -> TestCaseResult {
    // Others each time, or they would have done too much soon.
    let users = app.users(u32::try_from(USERS).unwrap()).await;
    let (mut model, mut events) = (Model::default(), Vec::new());
    for tickets in TICKETS {
        events.push(app.event("Concert", i32::try_from(tickets).unwrap()).await);
    }
    for round in rounds {
        let done =
            join_all(round.iter().map(|act| perform(app, &users, &events, &model, act))).await;
        let Some(next) = model.explain(&done, &mut vec![false; done.len()]) else {
            let told: Vec<_> = done.iter().map(|done| (&done.act, &done.answer)).collect();
            let expected: Vec<_> = done.iter().map(|done| model.expect(done)).collect();
            return Err(TestCaseError::fail(format!("{told:#?}: one alone were {expected:?}")));
        };
        model = next;
    }
    for (place, event) in events.iter().enumerate() {
        let (left, expected) = (app.remaining(event).await, model.left(place));
        if left != expected {
            return Err(TestCaseError::fail(format!("{left} left of {expected}")));
        }
    }
    Ok(())
}

async fn perform(app: &App, users: &[String], events: &[String], model: &Model, act: &Act) -> Done {
    let (query, user, input, meant) = match act {
        Act::Book { user, event, quantity, key } => {
            let key = key.map(|key| key.to_string());
            let input = json!({
                "eventId": events[*event], "quantity": quantity, "idempotencyKey": key
            });
            (BOOK, user, input, None)
        }
        Act::Cancel { user, booking } => {
            let at = booking.checked_rem(model.bookings.len());
            let unknown = || uuid::Uuid::now_v7().to_string();
            let id = at.map_or_else(unknown, |at| model.bookings[at].id.clone());
            (CANCEL, user, json!({ "bookingId": id }), Some(id))
        }
    };
    let answer = app.send(Some(&users[*user]), query, json!({ "input": input })).await;
    Done { act: act.clone(), booking: meant, answer }
}

async fn whatever_users_do_one_after_another_comes_out_as_in_the_model(app: App) {
    play_at_random(app, 1).await;
}

async fn whatever_users_do_at_once_comes_out_as_if_they_had_done_it_in_some_order(app: App) {
    play_at_random(app, 5).await;
}

async fn play_at_random(app: App, together: usize) {
    let app = Arc::new(app);
    let playing = Arc::clone(&app);
    run_cases(CASES, rounds(together), async move |rounds| play(&playing, &rounds).await).await;
    app.assert_nothing_oversold().await;
}
