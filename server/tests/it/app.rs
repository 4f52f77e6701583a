//! A server for one test, with the requests that many tests send.

use std::path::PathBuf;

use chrono::Utc;
use clap::Parser;
use reqwest::{RequestBuilder, Response, header::SET_COOKIE};
use rowlock::{
    app::{
        cli::{Cli, ServeArgs},
        server::Server,
    },
    clock::Clock,
    database::Database,
    inventory::audit::{self, Audit},
    services::Services,
};
use rowlock_entities::{EventId, event, organizer::FIRST_ORGANIZER};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, EntityTrait,
    IntoActiveModel, TransactionTrait,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::database::{Engine, new_database};

pub(crate) const JWT_SECRET: &str = "only-for-tests-and-known-to-everybody";

/// Runs each test once on SQLite and once on PostgreSQL. The flags after a test's name are passed
/// to its server.
#[macro_export]
macro_rules! on_both_engines {
    ($($test:ident $([$($flag:literal),*])?)*) => {
        mod on_sqlite {
            use $crate::{app::App, database::Engine};

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(App::start_with(Engine::Sqlite, &[$($($flag),*)?]).await).await;
            })*
        }
        mod on_postgres {
            use $crate::{app::App, database::Engine};

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(App::start_with(Engine::Postgres, &[$($($flag),*)?]).await).await;
            })*
        }
    };
}

/// A running server. Its database is its own and has the demo data.
pub(crate) struct App {
    pub(crate) url: String,
    pub(crate) services: Services,
    pub(crate) clock: Clock,
    pub(crate) database_url: String,
    pub(crate) http: reqwest::Client,
    server_task: JoinHandle<()>,
    folder: TempDir,
}

impl App {
    pub(crate) async fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[]).await
    }

    /// Starts a server with more flags for `rowlock serve`.
    pub(crate) async fn start_with(engine: Engine, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let url = new_database(engine, &folder).await;
        Self::start_on(url, folder, flags).await
    }

    /// Starts a server on a database at a given URL, which may lead through a proxy.
    pub(crate) async fn start_on(database_url: String, folder: TempDir, flags: &[&str]) -> Self {
        let mut args = serve_args(&database_url, flags);
        if !flags.contains(&"--mail-dir") {
            args.services.mail.mail_dir = folder.path().join("mail");
            args.services.mail.mails_per_second = 1_000;
        }
        let clock = Clock::default();
        let db = Database::open(&args.database).await.unwrap();
        let secrets = args.secret.secrets().unwrap();
        let tickets = args.tickets.codes(&args.secret, None).unwrap();
        let services = Services::new(db, clock.clone(), &secrets, &tickets, &args.services);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::new(services.clone(), &args);
        let server_task = tokio::spawn(async move {
            server.run(listener, std::future::pending()).await;
        });
        let http = http_client();
        Self { url, services, clock, database_url, http, server_task, folder }
    }

    /// Starts a second server on the same database.
    pub(crate) async fn start_second_server(&self) -> Self {
        Self::start_on(self.database_url.clone(), TempDir::new().unwrap(), &[]).await
    }

    /// Ends the server with its background tasks. The services go on.
    pub(crate) fn stop_server(&self) {
        self.server_task.abort();
    }

    /// The folder that mails are written to.
    pub(crate) fn mail_folder(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    pub(crate) fn engine(&self) -> Engine {
        match self.db().get_database_backend() {
            DbBackend::Sqlite => Engine::Sqlite,
            _ => Engine::Postgres,
        }
    }

    /// The host and port that the server listens on.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    /// The text of `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        self.get("/metrics").send().await.unwrap().text().await.unwrap()
    }

    /// Sends an operation and returns the whole answer.
    pub(crate) async fn send(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let response = self.request(token, query, variables).send().await.unwrap();
        response.json().await.unwrap()
    }

    /// Sends an operation that must succeed and returns its data.
    pub(crate) async fn data(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let answer = self.send(token, query, variables).await;
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].clone()
    }

    /// Sends an operation that must fail and returns its only error.
    pub(crate) async fn error(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let mut answer = self.send(token, query, variables).await;
        let errors = answer["errors"].take();
        assert_eq!(errors.as_array().map(Vec::len), Some(1), "{query}: {errors}");
        errors[0].clone()
    }

    pub(crate) fn request(
        &self,
        token: Option<&str>,
        query: &str,
        variables: Value,
    ) -> RequestBuilder {
        graphql_request(&self.http, &self.url, token, query, variables)
    }

    /// Creates `count` users and returns their access tokens.
    pub(crate) async fn users(&self, count: u32) -> Vec<String> {
        let users = self.services.accounts.create_load_users(count).await.unwrap();
        let token = |user| self.services.access_tokens.issue(user).unwrap().token;
        users.into_iter().map(token).collect()
    }

    /// Creates a user and returns an access token.
    pub(crate) async fn user(&self) -> String {
        self.users(1).await.remove(0)
    }

    /// Creates an event that starts in a week and returns its id.
    pub(crate) async fn event(&self, title: &str, tickets: i32) -> String {
        self.event_with(|event| {
            event.title = title.to_owned();
            event.title_key = title.to_lowercase();
            event.total_tickets = tickets;
            event.remaining_tickets = tickets;
        })
        .await
    }

    pub(crate) async fn event_with(&self, change: impl FnOnce(&mut event::Model)) -> String {
        let mut event = event::Model {
            id: EventId::new(),
            organizer_id: FIRST_ORGANIZER,
            status: event::Status::Published,
            is_public: true,
            revision: 1,
            title: "Concert".to_owned(),
            title_key: "concert".to_owned(),
            description: "Music.".to_owned(),
            venue: "Hall".to_owned(),
            city: String::new(),
            time_zone: "UTC".to_owned(),
            ends_at: None,
            sales_start_at: None,
            sales_end_at: None,
            max_per_booking: 10,
            starts_at: Utc::now() + chrono::Duration::days(7),
            total_tickets: 10,
            remaining_tickets: 10,
            count_version: 0,
            price_minor: 1_000,
            currency: "EUR".to_owned(),
            external_id: None,
            cancellation_reason: None,
            created_at: Utc::now(),
        };
        change(&mut event);
        let id = event.id.to_string();
        event::Entity::insert(event.into_active_model())
            .exec_without_returning(self.db())
            .await
            .unwrap();
        id
    }

    /// The database, for reads and writes that the API does not offer.
    pub(crate) fn db(&self) -> &DatabaseConnection {
        self.services.db.reads().pool()
    }

    /// Runs a statement, for changes that the API does not offer.
    pub(crate) async fn execute_sql(&self, sql: &str) {
        self.db().execute_unprepared(sql).await.unwrap();
    }

    /// Runs a statement as a program that keeps counts itself, and so may make them wrong.
    pub(crate) async fn execute_sql_keeping_counts(&self, sql: &str) {
        let (begin, end) = match self.engine() {
            Engine::Sqlite => ("INSERT INTO count_keeping VALUES (1)", "DELETE FROM count_keeping"),
            Engine::Postgres => ("SET LOCAL rowlock.keeps_counts = 'on'", "SELECT 1"),
        };
        let transaction = self.db().begin().await.unwrap();
        for statement in [begin, sql, end] {
            transaction.execute_unprepared(statement).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    /// Locks an event's row, as another program might, until the transaction ends.
    pub(crate) async fn lock_event(&self, event: &str) -> DatabaseTransaction {
        let transaction = self.db().begin().await.unwrap();
        let lock = format!("SELECT 1 FROM events WHERE id = '{event}' FOR UPDATE");
        transaction.execute_unprepared(&lock).await.unwrap();
        transaction
    }

    pub(crate) async fn remaining_tickets(&self, event: &str) -> i64 {
        let query = "query($id: ID!) { event(id: $id) { remainingTickets } }";
        let data = self.data(None, query, json!({ "id": event })).await;
        data["event"]["remainingTickets"].as_i64().unwrap()
    }

    /// Books and returns `bookEvent`'s answer.
    pub(crate) async fn book(&self, token: &str, event: &str, quantity: i64) -> Value {
        let input = json!({ "eventId": event, "quantity": quantity });
        self.data(Some(token), BOOK, json!({ "input": input })).await["bookEvent"].take()
    }

    /// Cancels and returns `cancelBooking`'s answer.
    pub(crate) async fn cancel(&self, token: &str, booking: &str) -> Value {
        let input = json!({ "bookingId": booking });
        self.data(Some(token), CANCEL, json!({ "input": input })).await["cancelBooking"].take()
    }

    /// Changes the number of a booking's tickets and returns `changeBooking`'s answer.
    pub(crate) async fn change(&self, token: &str, booking: &str, quantity: i64) -> Value {
        let input = json!({ "bookingId": booking, "quantity": quantity });
        self.data(Some(token), CHANGE, json!({ "input": input })).await["changeBooking"].take()
    }

    pub(crate) async fn audit(&self) -> Audit {
        audit::audit(&self.services.db).await.unwrap()
    }

    /// Asserts that every count matches its bookings.
    pub(crate) async fn assert_nothing_oversold(&self) {
        let violations = self.audit().await.violations;
        assert!(violations.is_empty(), "{violations:?}");
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop_server();
    }
}

pub(crate) const BOOK: &str = "mutation($input: BookEventInput!) { bookEvent(input: $input) {
    __typename
    ... on BookEventSuccess { booking { id quantity status createdAt cancelledAt event { id } } }
    ... on SoldOut { message remainingTickets event { id } }
    ... on AlreadyBooked { message booking { id quantity status } }
    ... on BookingClosed { message event { id } }
} }";

pub(crate) const CANCEL: &str =
    "mutation($input: CancelBookingInput!) { cancelBooking(input: $input) {
    __typename
    ... on CancelBookingSuccess { booking { id quantity status cancelledAt } }
    ... on BookingClosed { message event { id } }
} }";

pub(crate) const CHANGE: &str =
    "mutation($input: ChangeBookingInput!) { changeBooking(input: $input) {
    __typename
    ... on Problem { message }
    ... on ChangeBookingSuccess { booking { id quantity status totalPrice { amount } } }
    ... on SoldOut { remainingTickets event { id } }
    ... on BookingClosed { reason opensAt event { id } }
    ... on PriceChanged { price { amount currency } }
    ... on BookingCancelled { booking { id quantity status } }
} }";

/// An HTTP client that ignores the proxy settings of the environment.
pub(crate) fn http_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Builds a request that sends an operation to the server at `url`.
pub(crate) fn graphql_request(
    http: &reqwest::Client,
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> RequestBuilder {
    let body = json!({ "query": query, "variables": variables });
    let request = http.post(format!("{url}/graphql")).json(&body);
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// A selection with `count` copies of `field`, each under its own alias.
pub(crate) fn aliased(count: usize, field: &str) -> String {
    let fields: String = (0..count).map(|number| format!("a{number}: {field} ")).collect();
    format!("{{ {fields} }}")
}

/// The settings of `rowlock serve` with these flags.
pub(crate) fn serve_args(database_url: &str, flags: &[&str]) -> ServeArgs {
    let required =
        ["rowlock", "--database-url", database_url, "--jwt-secret", JWT_SECRET].into_iter();
    let web_dir = ["--web-dir", WEB_DIR].into_iter().filter(|_| !flags.contains(&"--web-dir"));
    let flags = flags.iter().copied();
    Cli::try_parse_from(required.chain(web_dir).chain(flags)).unwrap().serve
}

/// The built web client, relative to the server's folder, where cargo runs the tests.
pub(crate) const WEB_DIR: &str = "../web/dist";

/// The refresh cookie that a response sets, as a browser would send it back, and its attributes in
/// alphabetical order.
pub(crate) fn refresh_cookie(response: &Response) -> (String, String) {
    let header = response.headers().get(SET_COOKIE).expect("the response sets a cookie");
    let (pair, attributes) = header.to_str().unwrap().split_once("; ").unwrap();
    // The order of attributes means nothing.
    let mut attributes: Vec<&str> = attributes.split("; ").collect();
    attributes.sort_unstable();
    (pair.to_owned(), attributes.join("; "))
}

pub(crate) fn error_code(error: &Value) -> &str {
    error["extensions"]["code"].as_str().unwrap_or("none")
}

/// The code of an error and the input fields that it names.
pub(crate) fn code_and_fields(error: &Value) -> (&str, Vec<&str>) {
    let fields = error["extensions"]["fields"].as_array();
    let fields = fields.map(|fields| fields.iter().filter_map(|f| f["field"].as_str()).collect());
    (error_code(error), fields.unwrap_or_default())
}
