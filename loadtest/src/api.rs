//! A client of the API: requests over HTTP, live counts over WebSockets.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use cynic::{GraphQlError, GraphQlResponse, MutationBuilder, Operation, QueryBuilder};
use futures_util::future::try_join_all;
use hyper::Uri;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    access_tokens::expiry,
    http::{Http, Server},
    load::NO_ANSWER,
    queries::{
        BookEvent, BookEventInput, BookEventResult, BookEventVariables, Booking, CancelBooking,
        CancelBookingInput, CancelBookingResult, CancelBookingVariables, Event, EventById,
        EventVariables, EventWithBooking, Events, EventsVariables, Login, LoginInput,
        LoginVariables, Register, RegisterInput, RegisterVariables,
    },
    socket::Subscription,
};

/// For a server that is starting.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// Access tokens are renewed this long before they expire.
const TOKEN_RENEWAL_MARGIN: Duration = Duration::from_secs(5 * 60);

/// The extensions of an error from the API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Extensions {
    code: String,
    retry_after: Option<u64>,
}

type ApiError = GraphQlError<Extensions>;

/// Why a request has no data.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The API answered with an error.
    Error(ApiError),
    /// The answer did not arrive, or is not one of the API.
    NoAnswer(anyhow::Error),
}

impl Failure {
    /// One or two words, for a table.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Error(error) => match &error.extensions {
                Some(extensions) if !extensions.code.is_empty() => extensions.code.clone(),
                _ => error.message.clone(),
            },
            Self::NoAnswer(error) => format!("{NO_ANSWER}: {error:#}"),
        }
    }

    /// Whether the server may have carried out the request: the answer is missing or does not say.
    pub(crate) fn outcome_is_unknown(&self) -> bool {
        matches!(self, Self::NoAnswer(_))
            || self.has_code("UNAVAILABLE")
            || self.has_code("INTERNAL")
    }

    fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Error(error)
            if error.extensions.as_ref().is_some_and(|extensions| extensions.code == code))
    }

    /// How long the server asks the client to wait, if it does.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Error(error) if self.has_code("RATE_LIMITED") => {
                let seconds = error.extensions.as_ref()?.retry_after?;
                Some(Duration::from_secs(seconds))
            }
            _ => None,
        }
    }
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NoAnswer(error) => error,
            Failure::Error(error) => {
                let code = Failure::Error(error.clone()).kind();
                let hint = match code.as_str() {
                    "UNAUTHENTICATED" => {
                        " The access token has expired, or the server's JWT_SECRET is not the one \
                         that `rowlock users create` used."
                    }
                    _ => "",
                };
                anyhow::anyhow!("{code}: {}{hint}", error.message)
            }
        }
    }
}

/// The API of one or more servers on the same database.
#[derive(Clone)]
pub(crate) struct Api {
    http: Arc<Http>,
    /// The start of a request's body, up to the variables, by the type of the answer.
    body_starts: Arc<Mutex<HashMap<TypeId, Arc<[u8]>>>>,
}

impl Api {
    /// Each URL is a server's, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(urls: &[Uri]) -> Result<Self> {
        Ok(Self { http: Arc::new(Http::new(urls)?), body_starts: Arc::default() })
    }

    /// Waits until every server is ready.
    pub(crate) async fn wait_until_ready(&self) -> Result<()> {
        try_join_all(self.http.servers().iter().map(Self::wait_until_one_is_ready)).await.map(drop)
    }

    async fn wait_until_one_is_ready(server: &Server) -> Result<()> {
        let started = Instant::now();
        let mut is_announced = false;
        loop {
            let why = match server.get("/readyz").await {
                Ok((status, _)) if status.is_success() => return Ok(()),
                Ok((_, body)) => String::from_utf8_lossy(&body).into_owned(),
                Err(error) => format!("{error:#}"),
            };
            let server = server.authority();
            if started.elapsed() > READY_TIMEOUT {
                bail!(
                    "{server} is not ready after {} s: {}. Start a server with `cargo xtask run`, \
                     or name another one with --url.",
                    READY_TIMEOUT.as_secs(),
                    why.trim()
                );
            }
            if started.elapsed() > Duration::from_secs(1) && !is_announced {
                eprintln!(
                    "waiting up to {} s for {server}: {}",
                    READY_TIMEOUT.as_secs(),
                    why.trim()
                );
                is_announced = true;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// All events that match the search.
    pub(crate) async fn events(&self, search: Option<&str>) -> Result<Vec<Event>> {
        let (mut events, mut after) = (Vec::new(), None);
        loop {
            let variables = EventsVariables { after, search: search.map(str::to_owned) };
            let page = self.send(Events::build, variables, None).await?.events;
            events.extend(page.nodes);
            after = page.page_info.end_cursor;
            if !page.page_info.has_next_page {
                return Ok(events);
            }
        }
    }

    /// Live counts of these events from the first server, beginning with the current counts.
    pub(crate) async fn subscribe(&self, events: Vec<cynic::Id>) -> Result<Subscription> {
        Subscription::open(self.http.servers()[0].authority(), events).await
    }

    /// Sends the operation that `build` makes from the variables.
    pub(crate) async fn send<Q, V>(
        &self,
        build: fn(V) -> Operation<Q, V>,
        variables: V,
        token: Option<&str>,
    ) -> Result<Q, Failure>
    where
        Q: DeserializeOwned + 'static,
        V: Serialize,
    {
        let body =
            self.encode(build, variables).map_err(|error| Failure::NoAnswer(error.into()))?;
        let answer = self.http.post("/graphql", token, body).await;
        let (_, answer) = answer.map_err(Failure::NoAnswer)?;
        let answer: GraphQlResponse<Q, Extensions> = match serde_json::from_slice(&answer) {
            Ok(answer) => answer,
            Err(error) => {
                // An answer with errors may lack fields that the type requires.
                let refused = serde_json::from_slice::<GraphQlResponse<Value, Extensions>>(&answer)
                    .ok()
                    .and_then(|answer| answer.errors?.pop());
                return Err(refused.map_or_else(|| Failure::NoAnswer(error.into()), Failure::Error));
            }
        };
        match (answer.data, answer.errors.and_then(|mut errors| errors.pop())) {
            (_, Some(error)) => Err(Failure::Error(error)),
            (Some(data), None) => Ok(data),
            (None, None) => {
                Err(Failure::NoAnswer(anyhow::anyhow!("the answer has neither data nor errors")))
            }
        }
    }

    /// Books one ticket, without retries.
    pub(crate) async fn try_book(
        &self,
        token: &str,
        event_id: cynic::Id,
        idempotency_key: Option<String>,
    ) -> Result<BookEventResult, Failure> {
        let input = BookEventInput { event_id, quantity: 1, idempotency_key };
        let variables = BookEventVariables { input };
        Ok(self.send(BookEvent::build, variables, Some(token)).await?.book_event)
    }

    /// Cancels a booking, without retries.
    pub(crate) async fn try_cancel(
        &self,
        token: &str,
        booking_id: cynic::Id,
    ) -> Result<CancelBookingResult, Failure> {
        let input = CancelBookingInput { booking_id };
        let variables = CancelBookingVariables { input };
        Ok(self.send(CancelBooking::build, variables, Some(token)).await?.cancel_booking)
    }

    /// Sends `{ __typename }`, the smallest request.
    pub(crate) async fn ask_typename(&self) -> Result<(), Failure> {
        let body = br#"{"query":"{ __typename }"}"#.to_vec();
        let (status, answer) =
            self.http.post("/graphql", None, body).await.map_err(Failure::NoAnswer)?;
        let is_right = status.is_success() && *answer == *br#"{"data":{"__typename":"Query"}}"#;
        match is_right {
            true => Ok(()),
            false => Err(Failure::NoAnswer(anyhow::anyhow!("{status} {answer:?}"))),
        }
    }

    /// Signs in, without retries.
    pub(crate) async fn try_sign_in(&self, email: String, password: &str) -> Result<(), Failure> {
        let input = LoginInput { email, password: password.to_owned() };
        self.send(Login::build, LoginVariables { input }, None).await.map(drop)
    }

    /// An event with the booking of the token's user.
    pub(crate) async fn event(&self, token: &str, id: cynic::Id) -> Result<EventWithBooking> {
        self.send(EventById::build, EventVariables { id }, Some(token))
            .await?
            .event
            .context("there is no such event")
    }

    /// The ids of the `count` events with the most tickets left.
    pub(crate) async fn events_with_most_tickets(&self, count: usize) -> Result<Vec<cynic::Id>> {
        let mut events = self.events(None).await?;
        ensure!(events.len() >= count, "there are only {} events", events.len());
        events.sort_by_key(|event| std::cmp::Reverse(event.remaining_tickets));
        Ok(events.into_iter().take(count).map(|event| event.id).collect())
    }

    /// A request's body. The query that cynic writes is kept, as writing it takes longer than the
    /// rest of the client's work for a request.
    fn encode<Q: 'static, V: Serialize>(
        &self,
        build: fn(V) -> Operation<Q, V>,
        variables: V,
    ) -> serde_json::Result<Vec<u8>> {
        let known = self.body_starts.lock().get(&TypeId::of::<Q>()).cloned();
        let (head, variables) = match known {
            Some(head) => (head, variables),
            None => {
                let Operation { query, variables, operation_name, .. } = build(variables);
                let query = serde_json::to_string(&query)?;
                let name = serde_json::to_string(&operation_name)?;
                let head = format!(r#"{{"query":{query},"operationName":{name},"variables":"#);
                let head: Arc<[u8]> = head.into_bytes().into();
                self.body_starts.lock().insert(TypeId::of::<Q>(), Arc::clone(&head));
                (head, variables)
            }
        };
        let mut body = Vec::with_capacity(head.len() + 256);
        body.extend_from_slice(&head);
        serde_json::to_writer(&mut body, &variables)?;
        body.push(b'}');
        Ok(body)
    }
}

/// A user who is signed in.
pub(crate) struct User {
    api: Api,
    pub(crate) name: String,
    email: String,
    token: String,
    token_expiry: SystemTime,
}

impl User {
    const PASSWORD: &'static str = "load-test-1";

    /// Registers the user, or signs in if an earlier run has registered them.
    pub(crate) async fn sign_in(api: &Api, name: String) -> Result<Self> {
        let email = format!("{name}@example.test");
        loop {
            let input = RegisterInput {
                email: email.clone(),
                password: Self::PASSWORD.to_owned(),
                name: name.clone(),
            };
            let registered = api.send(Register::build, RegisterVariables { input }, None).await;
            let signed_in = match registered {
                Ok(answer) => Ok(answer.register.access_token),
                Err(failure) if failure.has_code("EMAIL_TAKEN") => Self::login(api, &email).await,
                Err(failure) => Err(failure),
            };
            match signed_in {
                Ok(token) => {
                    let token_expiry = expiry(&token)?;
                    return Ok(Self { api: api.clone(), name, email, token, token_expiry });
                }
                Err(failure) => match failure.retry_after() {
                    Some(pause) => sleep(pause).await,
                    None => {
                        return Err(
                            anyhow::Error::from(failure).context(format!("signing {name} in"))
                        );
                    }
                },
            }
        }
    }

    async fn login(api: &Api, email: &str) -> Result<String, Failure> {
        let input = LoginInput { email: email.to_owned(), password: Self::PASSWORD.to_owned() };
        Ok(api.send(Login::build, LoginVariables { input }, None).await?.login.access_token)
    }

    /// Signs in again if the access token expires soon.
    pub(crate) async fn renew_token(&mut self) -> Result<()> {
        if self.token_expiry < SystemTime::now() + TOKEN_RENEWAL_MARGIN {
            self.token = Self::login(&self.api, &self.email).await?;
            self.token_expiry = expiry(&self.token)?;
        }
        Ok(())
    }

    pub(crate) async fn book(
        &self,
        event_id: cynic::Id,
        quantity: i32,
    ) -> Result<BookEventResult, Failure> {
        let key = uuid::Uuid::now_v7().to_string();
        loop {
            let (event_id, idempotency_key) = (event_id.clone(), Some(key.clone()));
            let input = BookEventInput { event_id, quantity, idempotency_key };
            let variables = BookEventVariables { input };
            match self.api.send(BookEvent::build, variables, Some(&self.token)).await {
                Ok(answer) => return Ok(answer.book_event),
                // Many rounds in a minute exceed the limit on bookings per user.
                Err(failure) => sleep(failure.retry_after().ok_or(failure)?).await,
            }
        }
    }

    pub(crate) async fn cancel(&self, booking_id: cynic::Id) -> Result<Booking> {
        let answer = loop {
            match self.api.try_cancel(&self.token, booking_id.clone()).await {
                Ok(answer) => break answer,
                Err(failure) => sleep(failure.retry_after().ok_or(failure)?).await,
            }
        };
        match answer {
            CancelBookingResult::CancelBookingSuccess(success) => Ok(success.booking),
            CancelBookingResult::BookingClosed(closed) => bail!(closed.message),
            CancelBookingResult::Other => bail!("cancelBooking returned an unknown type"),
        }
    }

    /// An event with this user's booking.
    pub(crate) async fn event(&self, id: cynic::Id) -> Result<EventWithBooking> {
        self.api.event(&self.token, id).await
    }
}
