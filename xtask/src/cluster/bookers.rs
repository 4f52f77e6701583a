//! Programs that book and cancel at each server all the time, so that it is known when people can
//! book again.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::server::post;

/// Number of people at each server. While answers take long, they ask at different moments.
const PEOPLE: usize = 4;
/// Time between two requests of one of them.
const PAUSE: Duration = Duration::from_millis(25);
/// A person who has no answer by then asks again.
const PATIENCE: Duration = Duration::from_millis(500);

const BOOK: &str = "mutation($event: ID!) { bookEvent(input: { eventId: $event, quantity: 1 }) {
    __typename ... on BookEventSuccess { booking { id } }
    ... on AlreadyBooked { booking { id } } } }";
const CANCEL: &str = "mutation($booking: ID!) { cancelBooking(input: { bookingId: $booking }) {
    __typename } }";

/// People who book. They stop when this is dropped.
pub(crate) struct Bookers {
    is_stopped: Arc<AtomicBool>,
    /// By server: the moments at which something was booked or cancelled.
    done: Vec<Arc<Mutex<Vec<Instant>>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Bookers {
    /// Number of people for so many servers, each of whom needs a token.
    pub(crate) fn people(servers: usize) -> usize {
        servers * PEOPLE
    }

    /// They book the event at these servers.
    pub(crate) fn start(servers: &[&str], event: &str, tokens: &[String]) -> Self {
        let is_stopped = Arc::<AtomicBool>::default();
        let done: Vec<Arc<Mutex<Vec<Instant>>>> = servers.iter().map(|_| Arc::default()).collect();
        let mut threads = Vec::new();
        for (index, token) in tokens.iter().take(Self::people(servers.len())).enumerate() {
            let server = index % servers.len();
            let person = Person {
                server: servers[server].to_owned(),
                authorization: format!("authorization: Bearer {token}"),
                event: event.to_owned(),
                done: Arc::clone(&done[server]),
            };
            let is_stopped = Arc::clone(&is_stopped);
            threads.push(thread::spawn(move || {
                while !is_stopped.load(Ordering::Relaxed) {
                    // Without an answer, or refused: the person asks again.
                    let _ = person.book_and_cancel();
                    sleep(PAUSE);
                }
            }));
        }
        Self { is_stopped, done, threads }
    }

    /// By server: the moments at which somebody could book or cancel, in their order.
    pub(crate) fn done(&self) -> Vec<Vec<Instant>> {
        let times = |server: &Arc<Mutex<Vec<Instant>>>| {
            let mut times = server.lock().unwrap_or_else(PoisonError::into_inner).clone();
            times.sort();
            times
        };
        self.done.iter().map(times).collect()
    }
}

impl Drop for Bookers {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

struct Person {
    server: String,
    authorization: String,
    event: String,
    done: Arc<Mutex<Vec<Instant>>>,
}

impl Person {
    fn book_and_cancel(&self) -> Result<()> {
        let booked = self.ask(BOOK, &json!({ "event": self.event }), "bookEvent")?;
        let booking = booked["booking"]["id"].as_str().context("nothing is booked")?;
        self.ask(CANCEL, &json!({ "booking": booking }), "cancelBooking").map(drop)
    }

    fn ask(&self, query: &str, variables: &Value, field: &str) -> Result<Value> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let headers = [self.authorization.as_str()];
        let answer = post(&self.server, "/graphql", &headers, &body, PATIENCE)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("the answer has no body")?;
        let answer: Value = serde_json::from_str(body)?;
        let answer = answer["data"][field].clone();
        if answer["__typename"].as_str().is_some_and(|name| name.ends_with("Success")) {
            self.done.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        }
        Ok(answer)
    }
}
