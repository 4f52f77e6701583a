//! Registering, signing in, and sessions.

use std::time::{Duration as StdDuration, Instant};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, phc},
};
use chrono::Duration;
use reqwest::{Response, header};
use rowlock_entities::{refresh_token, session, user};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use crate::{
    app::{App, aliased, code_and_fields, error_code, refresh_cookie},
    database::Engine,
    demo::LOG_IN_AS_ADA,
    on_both_engines,
    socket::{MODERN_PROTOCOL, Socket},
    waiting::wait_until,
};

const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) {
    accessToken accessTokenExpiresAt user { id email name } } }";
const LOGIN: &str =
    "mutation($input: LoginInput!) { login(input: $input) { accessToken user { name } } }";
const REFRESH: &str = "mutation { refresh { accessToken user { name } } }";
const LOGOUT: &str = "mutation { logout }";
const LOGOUT_EVERYWHERE: &str = "mutation { logoutEverywhere }";
const ME: &str = "{ me { name email } }";

on_both_engines! {
    a_registered_user_is_signed_in
    each_invalid_field_of_a_registration_is_named
    an_email_is_unique_regardless_of_case
    concurrent_registrations_of_one_email_create_one_account
    login_ignores_the_case_of_the_email
    a_wrong_password_and_an_unknown_email_get_the_same_error
    me_is_null_without_a_token
    the_refresh_cookie_is_out_of_reach_of_scripts_and_other_sites
    refreshing_rotates_the_cookie_and_returns_a_valid_token
    tabs_that_refresh_at_once_all_stay_signed_in
    a_refresh_whose_answer_was_lost_can_be_tried_again
    a_refresh_token_whose_successor_was_used_ends_its_session
    a_refresh_token_that_another_replaced_ends_its_session
    a_thief_and_the_owner_cannot_both_go_on
    the_oldest_refresh_token_still_ends_its_session
    a_session_keeps_few_refresh_tokens ["--sign-ins-per-minute-per-address", "1000000"]
    sessions_of_the_previous_version_go_on
    logging_out_with_an_earlier_cookie_ends_the_session
    a_session_expires_a_week_after_its_last_refresh
    logging_out_ends_the_session_and_clears_the_cookie
    logging_out_everywhere_ends_all_sessions_of_only_this_user
    an_invalid_token_is_refused_only_where_a_user_is_needed
    many_expired_sessions_are_removed_between_other_work
    an_access_token_expires_after_15_minutes
    the_token_of_a_deleted_user_is_refused
    refresh_tokens_are_stored_hashed
    session_mutations_are_forbidden_on_a_socket
    logins_for_one_email_are_rate_limited
    a_password_is_the_same_in_every_composition ["--sign-ins-per-minute-per-address", "1000000", "--logins-per-minute-per-email", "1000000"]
    the_length_of_a_password_is_counted_in_composed_characters ["--sign-ins-per-minute-per-address", "1000000", "--logins-per-minute-per-email", "1000000"]
    a_password_that_was_stored_as_it_was_typed_still_opens_its_account ["--sign-ins-per-minute-per-address", "1000000", "--logins-per-minute-per-email", "1000000"]
    an_email_is_the_same_in_every_composition_and_form_of_its_domain ["--sign-ins-per-minute-per-address", "1000000", "--logins-per-minute-per-email", "1000000"]
    an_email_that_was_stored_in_another_form_still_signs_in ["--sign-ins-per-minute-per-address", "1000000", "--logins-per-minute-per-email", "1000000"]
    two_accounts_whose_emails_are_the_same_by_now_both_sign_in ["--sign-ins-per-minute-per-address", "1000000", "--logins-per-minute-per-email", "1000000"]
    logins_for_one_email_in_many_forms_are_rate_limited ["--sign-ins-per-minute-per-address", "1000000"]
}

async fn register(app: &App, email: &str) -> Response {
    let input = json!({ "email": email, "password": "passw0rd", "name": "Ann" });
    app.request(None, REGISTER, json!({ "input": input })).send().await.unwrap()
}

async fn send_with_cookie(app: &App, query: &str, cookie: &str) -> Response {
    app.request(None, query, json!({})).header(header::COOKIE, cookie).send().await.unwrap()
}

/// Registers a user and returns their refresh cookie.
async fn session_cookie(app: &App) -> String {
    refresh_cookie(&register(app, "ann@example.org").await).0
}

async fn response_error_code(response: Response) -> Value {
    response.json::<Value>().await.unwrap()["errors"][0]["extensions"]["code"].take()
}

/// Returns the error code of a refresh with this cookie.
async fn refresh_error_code(app: &App, cookie: &str) -> Value {
    response_error_code(send_with_cookie(app, REFRESH, cookie).await).await
}

async fn a_registered_user_is_signed_in(app: App) {
    let input = json!({ "email": " Ann@Example.org", "password": "passw0rd", "name": " Ann " });
    let data = app.data(None, REGISTER, json!({ "input": input })).await;
    let registered = &data["register"];
    assert_eq!(registered["user"]["email"], "ann@example.org");
    assert_eq!(registered["user"]["name"], "Ann");
    let token = registered["accessToken"].as_str();
    let me = app.data(token, ME, json!({})).await;
    assert_eq!(me["me"]["email"], "ann@example.org");
}

async fn each_invalid_field_of_a_registration_is_named(app: App) {
    let valid = json!({ "email": "ann@example.org", "password": "passw0rd", "name": "Ann" });
    let long = "a1".repeat(30_000);
    for (field, invalid) in [
        ("email", ""),
        ("email", "ann"),
        ("email", "ann@"),
        ("email", &long),
        ("email", "a\0@example.org"),
        ("password", "passw0r"),
        ("password", "password"),
        ("password", "12345678"),
        ("password", &long),
        ("name", "1"),
        ("name", "   "),
        ("name", &long),
        ("name", "A\0B"),
    ] {
        let mut input = valid.clone();
        input[field] = invalid.into();
        let error = app.error(None, REGISTER, json!({ "input": input })).await;
        assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec![field]), "{invalid:.20}");
    }
    let input = json!({ "email": "", "password": "", "name": "" });
    let error = app.error(None, REGISTER, json!({ "input": input })).await;
    assert_eq!(code_and_fields(&error).1, ["email", "password", "name"]);
    assert!(
        register(&app, "ann@example.org").await.status().is_success(),
        "an invalid registration stores nothing"
    );
}

async fn an_email_is_unique_regardless_of_case(app: App) {
    register(&app, "ann@example.org").await;
    assert_eq!(response_error_code(register(&app, "ANN@example.org").await).await, "EMAIL_TAKEN");
}

async fn concurrent_registrations_of_one_email_create_one_account(app: App) {
    let answers =
        futures_util::future::join_all((0..6).map(|_| async {
            register(&app, "ann@example.org").await.json::<Value>().await.unwrap()
        }))
        .await;
    let registered = answers.iter().filter(|answer| answer["data"]["register"].is_object()).count();
    let taken = answers
        .iter()
        .filter(|answer| answer["errors"][0]["extensions"]["code"] == "EMAIL_TAKEN")
        .count();
    assert_eq!((registered, taken), (1, 5), "{answers:?}");
}

async fn login_ignores_the_case_of_the_email(app: App) {
    let input = json!({ "email": "ADA@Example.Org ", "password": "ada-demo-1" });
    let data = app.data(None, LOGIN, json!({ "input": input })).await;
    assert_eq!(data["login"]["user"]["name"], "Ada");
}

async fn a_wrong_password_and_an_unknown_email_get_the_same_error(app: App) {
    let long = "x".repeat(50_000);
    let attempt = async |email: &str, password: &str| {
        let input = json!({ "email": email, "password": password });
        app.error(None, LOGIN, json!({ "input": input })).await
    };
    let wrong = attempt("ada@example.org", "wrong-pass-1").await;
    assert_eq!(error_code(&wrong), "INVALID_CREDENTIALS");
    assert_eq!(attempt("nobody@example.org", "wrong-pass-1").await, wrong);
    for (email, password) in [(&*long, "x"), ("ada@example.org", &long), ("a\0@b", "x"), ("", "")] {
        assert_eq!(attempt(email, password).await, wrong, "{email:.10}");
    }
}

/// The Mann-Whitney test checks whether one kind of attempt tends to take longer than the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_email_take_the_same_time() {
    const PAIRS: usize = 60;
    let app = App::start_with(Engine::Sqlite, &["--logins-per-minute-per-email", "1000"]).await;
    let attempt = async |email: &str| {
        let input = json!({ "email": email, "password": "wrong-pass-1" });
        let start = Instant::now();
        app.error(None, LOGIN, json!({ "input": input })).await;
        start.elapsed()
    };
    attempt("ada@example.org").await;
    let mut times = Vec::new();
    for pair in 0..PAIRS {
        // The order alternates, because the load from other tests varies.
        for known in [pair % 2 == 0, pair % 2 == 1] {
            let email = if known { "ada@example.org" } else { "nobody@example.org" };
            times.push((attempt(email).await, known));
        }
    }
    times.sort();
    let ranks = times.iter().enumerate().filter(|(_, (_, known))| *known).map(|(rank, _)| rank + 1);
    let (count, sum) = (PAIRS as f64, ranks.sum::<usize>() as f64);
    let u = sum - count * (count + 1.0) / 2.0;
    let z = (u - count * count / 2.0) / (count * count * (2.0 * count + 1.0) / 12.0).sqrt();
    // Equal times exceed this by chance once in 16,000 runs.
    assert!(z.abs() < 4.0, "{z}");
}

async fn me_is_null_without_a_token(app: App) {
    assert_eq!(app.data(None, ME, json!({})).await["me"], Value::Null);
}

async fn the_refresh_cookie_is_out_of_reach_of_scripts_and_other_sites(app: App) {
    let (_, attributes) = refresh_cookie(&register(&app, "ann@example.org").await);
    assert_eq!(attributes, "HttpOnly; Max-Age=604800; Path=/graphql; SameSite=Strict");
    let input = json!({ "email": "ann@example.org", "password": "passw0rd" });
    let login = app.request(None, LOGIN, json!({ "input": input }));
    let login = login.header(header::HOST, "tickets.example.org").send().await.unwrap();
    let (cookie, attributes) = refresh_cookie(&login);
    assert!(attributes.ends_with("; Secure"), "{attributes}");

    // If a browser ever sent the cookie from another origin, it would be of no use there.
    let foreign = app.request(None, REFRESH, json!({})).header(header::COOKIE, &cookie);
    let foreign = foreign.header(header::ORIGIN, "https://evil.example").send().await.unwrap();
    assert_eq!(response_error_code(foreign).await, "UNAUTHENTICATED");
}

async fn refreshing_rotates_the_cookie_and_returns_a_valid_token(app: App) {
    let first = session_cookie(&app).await;
    let response = send_with_cookie(&app, REFRESH, &first).await;
    let (second, _) = refresh_cookie(&response);
    assert_ne!(first, second);
    let answer: Value = response.json().await.unwrap();
    let token = answer["data"]["refresh"]["accessToken"].as_str();
    assert_eq!(app.data(token, ME, json!({})).await["me"]["name"], "Ann");
    let (third, _) = refresh_cookie(&send_with_cookie(&app, REFRESH, &second).await);
    assert_ne!(second, third);

    for cookie in ["rowlock_refresh=", "rowlock_refresh=abc", "other=1", &first[..first.len() - 1]]
    {
        assert_eq!(refresh_error_code(&app, cookie).await, "UNAUTHENTICATED");
    }
}

/// Returns the next cookie.
async fn refreshed_cookie(app: &App, cookie: &str) -> String {
    refresh_cookie(&send_with_cookie(app, REFRESH, cookie).await).0
}

async fn tabs_that_refresh_at_once_all_stay_signed_in(app: App) {
    let mut cookie = session_cookie(&app).await;
    for tabs in [2, 3, 8] {
        let answers =
            futures_util::future::join_all((0..tabs).map(|_| refreshed_cookie(&app, &cookie)))
                .await;
        // So it does not matter which answer arrives last.
        assert!(answers.iter().all(|answer| *answer == answers[0] && *answer != cookie));
        // A tab goes on before another one's request arrives.
        let next = refreshed_cookie(&app, &answers[0]).await;
        for late in [&cookie, &answers[0]] {
            assert_eq!(refreshed_cookie(&app, late).await, next);
        }
        app.clock.advance(Duration::minutes(15));
        cookie = refreshed_cookie(&app, &next).await;
        app.clock.advance(Duration::minutes(15));
    }
}

async fn a_refresh_whose_answer_was_lost_can_be_tried_again(app: App) {
    let cookie = session_cookie(&app).await;
    for seconds in [11, 86_400] {
        refreshed_cookie(&app, &cookie).await;
        app.clock.advance(Duration::seconds(seconds));
    }
    let next = refreshed_cookie(&app, &cookie).await;
    app.clock.advance(Duration::days(6));
    refreshed_cookie(&app, &next).await;
}

async fn a_refresh_token_whose_successor_was_used_ends_its_session(app: App) {
    let stolen = session_cookie(&app).await;
    let next = refreshed_cookie(&app, &stolen).await;
    let current = refreshed_cookie(&app, &next).await;
    app.clock.advance(Duration::seconds(11));
    assert_eq!(refresh_error_code(&app, &stolen).await, "UNAUTHENTICATED");
    assert_eq!(refresh_error_code(&app, &current).await, "UNAUTHENTICATED");

    // Another session of the same user continues.
    let input = json!({ "email": "ann@example.org", "password": "passw0rd" });
    let login = app.request(None, LOGIN, json!({ "input": input })).send().await.unwrap();
    refreshed_cookie(&app, &refresh_cookie(&login).0).await;
}

async fn a_refresh_token_that_another_replaced_ends_its_session(app: App) {
    let shared = session_cookie(&app).await;
    let thief = refreshed_cookie(&app, &shared).await;
    app.clock.advance(Duration::minutes(5));
    let owner = refreshed_cookie(&app, &shared).await;
    assert_ne!(thief, owner);
    app.clock.advance(Duration::minutes(5));
    assert_eq!(refresh_error_code(&app, &thief).await, "UNAUTHENTICATED");
    assert_eq!(refresh_error_code(&app, &owner).await, "UNAUTHENTICATED");
}

async fn a_thief_and_the_owner_cannot_both_go_on(app: App) {
    let cookie = session_cookie(&app).await;
    // At first, both send the same cookie at the same time.
    let (mut thief, mut owner) =
        tokio::join!(refreshed_cookie(&app, &cookie), refreshed_cookie(&app, &cookie));
    let mut exchanges = 0;
    'session: loop {
        for holder in [&mut thief, &mut owner] {
            app.clock.advance(Duration::minutes(7));
            let response = send_with_cookie(&app, REFRESH, holder).await;
            match response.headers().contains_key(header::SET_COOKIE) {
                true => *holder = refresh_cookie(&response).0,
                false => break 'session,
            }
            exchanges += 1;
        }
    }
    assert!(exchanges <= 3, "{exchanges}");
    for cookie in [cookie, thief, owner] {
        assert_eq!(refresh_error_code(&app, &cookie).await, "UNAUTHENTICATED");
    }
}

async fn the_oldest_refresh_token_still_ends_its_session(app: App) {
    let stolen = session_cookie(&app).await;
    let mut cookie = stolen.clone();
    for _ in 0..20 {
        cookie = refreshed_cookie(&app, &cookie).await;
        app.clock.advance(Duration::minutes(15));
    }
    // A token that nobody ever had ends nothing.
    let unknown = format!("rowlock_refresh={}", "A".repeat(43));
    assert_eq!(refresh_error_code(&app, &unknown).await, "UNAUTHENTICATED");
    cookie = refreshed_cookie(&app, &cookie).await;
    assert_eq!(refresh_error_code(&app, &stolen).await, "UNAUTHENTICATED");
    assert_eq!(refresh_error_code(&app, &cookie).await, "UNAUTHENTICATED");
}

async fn a_session_keeps_few_refresh_tokens(app: App) {
    const EXCHANGES: usize = 1_000;
    const MOST_TOKENS: u64 = 10;
    let count = async || refresh_token::Entity::find().count(app.db()).await.unwrap();
    let one = session_cookie(&app).await;
    // The first half of the requests comes in crowds, and the others after a while each.
    for _ in 0..EXCHANGES / 40 {
        futures_util::future::join_all((0..20).map(|_| refreshed_cookie(&app, &one))).await;
        app.clock.advance(Duration::seconds(3));
        assert!(count().await <= MOST_TOKENS);
    }
    let mut cookie = one.clone();
    for _ in 0..EXCHANGES / 2 {
        app.clock.advance(Duration::seconds(11));
        cookie = refreshed_cookie(&app, &one).await;
    }
    assert!(count().await <= MOST_TOKENS);
    // A chain, first as fast as it can grow.
    for exchange in 0..EXCHANGES {
        cookie = refreshed_cookie(&app, &cookie).await;
        if exchange >= EXCHANGES / 2 {
            app.clock.advance(Duration::seconds(11));
        }
        if exchange % 100 == 0 {
            assert!(count().await <= MOST_TOKENS);
        }
    }
    assert!(count().await <= MOST_TOKENS);
    assert_eq!(session::Entity::find().count(app.db()).await.unwrap(), 1);
}

async fn sessions_of_the_previous_version_go_on(app: App) {
    let cookie = session_cookie(&app).await;
    app.execute_sql("UPDATE sessions SET series_hash = NULL").await;
    app.execute_sql("UPDATE refresh_tokens SET nonce = NULL").await;
    let answers =
        futures_util::future::join_all((0..3).map(|_| refreshed_cookie(&app, &cookie))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    app.clock.advance(Duration::minutes(15));
    let next = refreshed_cookie(&app, &answers[0]).await;
    app.clock.advance(Duration::minutes(15));
    assert_eq!(refresh_error_code(&app, &cookie).await, "UNAUTHENTICATED");
    assert_eq!(refresh_error_code(&app, &next).await, "UNAUTHENTICATED");
}

async fn logging_out_with_an_earlier_cookie_ends_the_session(app: App) {
    let first = session_cookie(&app).await;
    let mut cookie = first.clone();
    for _ in 0..3 {
        cookie = refreshed_cookie(&app, &cookie).await;
        app.clock.advance(Duration::minutes(15));
    }
    send_with_cookie(&app, LOGOUT, &first).await;
    assert_eq!(refresh_error_code(&app, &cookie).await, "UNAUTHENTICATED");
}

async fn a_session_expires_a_week_after_its_last_refresh(app: App) {
    let cookie = session_cookie(&app).await;
    app.clock.advance(Duration::days(6));
    let (cookie, _) = refresh_cookie(&send_with_cookie(&app, REFRESH, &cookie).await);
    app.clock.advance(Duration::days(6));
    let (cookie, _) = refresh_cookie(&send_with_cookie(&app, REFRESH, &cookie).await);
    app.clock.advance(Duration::days(7));
    assert_eq!(refresh_error_code(&app, &cookie).await, "UNAUTHENTICATED");
}

async fn logging_out_ends_the_session_and_clears_the_cookie(app: App) {
    let cookie = session_cookie(&app).await;
    let response = send_with_cookie(&app, LOGOUT, &cookie).await;
    let (cleared, attributes) = refresh_cookie(&response);
    assert_eq!(cleared, "rowlock_refresh=");
    assert!(attributes.contains("Max-Age=0"), "{attributes}");
    assert_eq!(response.json::<Value>().await.unwrap()["data"]["logout"], true);
    assert_eq!(refresh_error_code(&app, &cookie).await, "UNAUTHENTICATED");
    assert_eq!(
        app.data(None, LOGOUT, json!({})).await["logout"],
        true,
        "logging out works without a session, too"
    );
}

async fn logging_out_everywhere_ends_all_sessions_of_only_this_user(app: App) {
    let laptop = session_cookie(&app).await;
    let input = json!({ "email": "ann@example.org", "password": "passw0rd" });
    let login = app.request(None, LOGIN, json!({ "input": input })).send().await.unwrap();
    let phone = refresh_cookie(&login).0;
    let token = login.json::<Value>().await.unwrap()["data"]["login"]["accessToken"].take();
    let other_user = refresh_cookie(&register(&app, "bob@example.org").await).0;

    let error = app.error(None, LOGOUT_EVERYWHERE, json!({})).await;
    assert_eq!(error_code(&error), "UNAUTHENTICATED", "an access token is needed");
    let request = app.request(token.as_str(), LOGOUT_EVERYWHERE, json!({}));
    let response = request.send().await.unwrap();
    assert_eq!(refresh_cookie(&response).0, "rowlock_refresh=");
    assert_eq!(response.json::<Value>().await.unwrap()["data"]["logoutEverywhere"], true);
    for cookie in [laptop, phone] {
        assert_eq!(refresh_error_code(&app, &cookie).await, "UNAUTHENTICATED");
    }
    let refreshed =
        send_with_cookie(&app, REFRESH, &other_user).await.json::<Value>().await.unwrap();
    assert!(refreshed["data"]["refresh"].is_object(), "{refreshed}");
    // The user can sign in again with the password.
    let login = app.request(None, LOGIN, json!({ "input": input })).send().await.unwrap();
    let new_cookie = refresh_cookie(&login).0;
    let refreshed =
        send_with_cookie(&app, REFRESH, &new_cookie).await.json::<Value>().await.unwrap();
    assert!(refreshed["data"]["refresh"].is_object(), "{refreshed}");
}

async fn an_invalid_token_is_refused_only_where_a_user_is_needed(app: App) {
    let event = app.event("Concert", 5).await;
    let huge_token = "x".repeat(6_000);
    for token in ["x", "eyJ.eyJ.x", "", "ä", &huge_token] {
        let me = app.error(Some(token), ME, json!({})).await;
        assert_eq!(error_code(&me), "UNAUTHENTICATED", "{token:.10}");
        let input = json!({ "input": { "eventId": event } });
        let book = app.error(Some(token), crate::app::BOOK, input).await;
        assert_eq!(error_code(&book), "UNAUTHENTICATED");
        let cancel = json!({ "input": { "bookingId": event } });
        let cancel = app.error(Some(token), crate::app::CANCEL, cancel).await;
        assert_eq!(error_code(&cancel), "UNAUTHENTICATED");
        app.data(Some(token), "{ events { nodes { title } } }", json!({})).await;
    }
    assert_eq!(app.remaining_tickets(&event).await, 5);
}

/// Adds sessions that have expired, each with a token.
async fn add_expired_sessions(app: &App, count: u64) {
    let (id, hash) = match app.engine() {
        Engine::Sqlite => ("randomblob(16)", "randomblob(32)"),
        Engine::Postgres => ("gen_random_uuid()", "sha256(convert_to(id::text, 'UTF8'))"),
    };
    let time = "'2026-01-01T00:00:00+00:00'";
    app.execute_sql(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO sessions (id, user_id, created_at, expires_at)
         SELECT {id}, (SELECT id FROM users LIMIT 1), {time}, {time} FROM n"
    ))
    .await;
    app.execute_sql(&format!(
        "INSERT INTO refresh_tokens (id, session_id, token_hash, created_at, expires_at)
         SELECT {id}, id, {hash}, {time}, {time} FROM sessions WHERE expires_at = {time}"
    ))
    .await;
}

async fn many_expired_sessions_are_removed_between_other_work(app: App) {
    const EXPIRED: u64 = 20_000;
    let cookie = session_cookie(&app).await;
    let (buyer, event) = (app.user().await, app.event("Concert", 5).await);
    add_expired_sessions(&app, EXPIRED).await;
    let kept = session::Entity::find().count(app.db()).await.unwrap() - EXPIRED;
    let expired_tokens = async || {
        let now = app.clock.now();
        let expired = refresh_token::Column::ExpiresAt.lt(now);
        refresh_token::Entity::find().filter(expired).count(app.db()).await.unwrap()
    };
    let removal = tokio::spawn(app.services.sessions.clone().remove_expired_sessions());
    wait_until(StdDuration::from_secs(30), "some are removed", async || {
        expired_tokens().await < EXPIRED
    })
    .await;
    assert!(expired_tokens().await > 0, "each batch counts by itself");
    assert_eq!(app.book(&buyer, &event, 1).await["__typename"], "BookEventSuccess");
    removal.abort();

    let removal = tokio::spawn(app.services.sessions.clone().remove_expired_sessions());
    wait_until(StdDuration::from_secs(60), "all are removed", async || {
        session::Entity::find().count(app.db()).await.unwrap() == kept
    })
    .await;
    removal.abort();
    assert_eq!(expired_tokens().await, 0);
    let refreshed = send_with_cookie(&app, REFRESH, &cookie).await;
    assert_eq!(refreshed.json::<Value>().await.unwrap()["errors"], Value::Null);
}

async fn an_access_token_expires_after_15_minutes(app: App) {
    let token = app.user().await;
    app.clock.advance(Duration::seconds(14 * 60));
    app.data(Some(&token), ME, json!({})).await;
    app.clock.advance(Duration::seconds(61));
    let error = app.error(Some(&token), ME, json!({})).await;
    assert_eq!(error_code(&error), "UNAUTHENTICATED");
    let query = "{ events { nodes { title myBooking { id } } } }";
    let answer = app.send(Some(&token), query, json!({})).await;
    assert!(
        answer["data"]["events"]["nodes"][0]["title"].is_string(),
        "public fields are answered"
    );
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

async fn the_token_of_a_deleted_user_is_refused(app: App) {
    let event = app.event("Concert", 5).await;
    let token = app.user().await;
    app.execute_sql("DELETE FROM users").await;
    let error = app.error(Some(&token), ME, json!({})).await;
    assert_eq!(error_code(&error), "UNAUTHENTICATED");
    let input = json!({ "input": { "eventId": event } });
    let error = app.error(Some(&token), crate::app::BOOK, input).await;
    assert_eq!(error_code(&error), "UNAUTHENTICATED");
    assert_eq!(app.remaining_tickets(&event).await, 5);
}

async fn refresh_tokens_are_stored_hashed(app: App) {
    use rowlock_entities::refresh_token;
    use sea_orm::EntityTrait;

    let cookie = session_cookie(&app).await;
    let token = cookie.strip_prefix("rowlock_refresh=").unwrap();
    assert_eq!(token.len(), 43, "the token has 256 bits in base64");
    let rows = refresh_token::Entity::find().all(app.db()).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].token_hash.len(), 32);
    assert!(!format!("{rows:?}").contains(token));
}

async fn session_mutations_are_forbidden_on_a_socket(app: App) {
    let mut socket = Socket::open(&app.url, MODERN_PROTOCOL, json!({})).await;
    for mutation in [REFRESH, LOGOUT, LOG_IN_AS_ADA] {
        let answer = socket.run(mutation, json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer}");
    }
}

async fn logins_for_one_email_are_rate_limited(app: App) {
    let input = json!({ "email": "ada@example.org", "password": "wrong-pass-1" });
    // Several aliases in one request must count like several requests.
    let selection = aliased(5, "login(input: $input) { accessToken }");
    let mutation = format!("mutation($input: LoginInput!) {selection}");
    let mut codes = Vec::new();
    for _ in 0..25 {
        let answer = app.send(None, &mutation, json!({ "input": input })).await;
        let error = &answer["errors"][0];
        codes.push(error["extensions"]["code"].clone());
        if error["extensions"]["code"] == "RATE_LIMITED" {
            assert!(error["extensions"]["retryAfter"].as_i64().unwrap() >= 1);
            return;
        }
    }
    panic!("logins were never rate limited: {codes:?}");
}

const TRUSTING_PROXY: [&str; 2] = ["--client-address-header", "x-forwarded-for"];

/// The cookie by which the response's receiver is known as a device, as a browser sends it back.
fn device_cookie(response: &Response) -> Option<&str> {
    let cookies = response.headers().get_all(header::SET_COOKIE).iter();
    let mut cookies = cookies.map(|cookie| cookie.to_str().unwrap());
    let cookie = cookies.find(|cookie| cookie.starts_with("rowlock_device="))?;
    cookie.split("; ").next()
}

/// The code of a response's first error, or null.
async fn code_or_null(response: Response) -> Value {
    let answer: Value = response.json().await.unwrap();
    answer.pointer("/errors/0/extensions/code").cloned().unwrap_or_default()
}

/// Signs in to Ada's account from an address that a proxy names.
async fn log_in_as_ada(app: &App, address: &str, cookie: &str, password: &str) -> Response {
    let input = json!({ "email": "ada@example.org", "password": password });
    let login = app.request(None, LOGIN, json!({ "input": input }));
    let login = login.header("x-forwarded-for", address).header(header::COOKIE, cookie);
    login.send().await.unwrap()
}

/// Guesses Ada's password from 60 addresses in turn.
struct Strangers<'a> {
    app: &'a App,
    guesses: usize,
}

impl<'a> Strangers<'a> {
    fn new(app: &'a App) -> Self {
        Self { app, guesses: 0 }
    }

    /// Guesses until the account has no attempt left.
    async fn use_up_all_attempts(&mut self) {
        for _ in 0..1_000 {
            let address = format!("192.0.2.{}", self.guesses % 60);
            self.guesses += 1;
            let response = log_in_as_ada(self.app, &address, "", "wrong-pass-1").await;
            if response_error_code(response).await == "RATE_LIMITED" {
                return;
            }
        }
        panic!("the attempts were never used up");
    }

    /// Whether somebody with this address and cookie is refused once the attempts are used up.
    async fn lock_out(&mut self, address: &str, cookie: &str) -> bool {
        // On a busy machine, an attempt may become available in between.
        for _ in 0..10 {
            self.use_up_all_attempts().await;
            let response = log_in_as_ada(self.app, address, cookie, "wrong-pass-1").await;
            if response_error_code(response).await == "RATE_LIMITED" {
                return true;
            }
        }
        false
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_cannot_keep_the_owner_of_an_account_from_signing_in() {
    const RIGHT: &str = "ada-demo-1";
    let app = App::start_with(Engine::Sqlite, &TRUSTING_PROXY).await;
    let signed_in = log_in_as_ada(&app, "203.0.113.1", "", RIGHT).await;
    let mut cookie = device_cookie(&signed_in).unwrap().to_owned();
    let foreign = register(&app, "bob@example.org").await;
    let foreign = device_cookie(&foreign).unwrap().to_owned();

    let mut strangers = Strangers::new(&app);
    for attempt in 0..20 {
        strangers.use_up_all_attempts().await;
        // The owner has moved to another address.
        let response = log_in_as_ada(&app, "203.0.113.2", &cookie, RIGHT).await;
        cookie = device_cookie(&response).unwrap_or_default().to_owned();
        assert_eq!(code_or_null(response).await, Value::Null, "{attempt}");
    }
    let forged = cookie.replacen(|c: char| c.is_ascii_uppercase(), "x", 1);
    for cookie in ["", &foreign, &forged, "rowlock_device=", "rowlock_device=x.y"] {
        assert!(strangers.lock_out("203.0.113.3", cookie).await, "{cookie:.40}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_cookies_is_known_by_its_address() {
    let app = App::start_with(Engine::Sqlite, &TRUSTING_PROXY).await;
    let mut strangers = Strangers::new(&app);
    for _ in 0..5 {
        let response = log_in_as_ada(&app, "203.0.113.1", "", "ada-demo-1").await;
        assert_eq!(code_or_null(response).await, Value::Null);
        strangers.use_up_all_attempts().await;
    }
    assert!(strangers.lock_out("203.0.113.2", "").await);
    // A known address has no more guesses than another.
    let mut guesses = 0;
    for _ in 0..60 {
        let response = log_in_as_ada(&app, "203.0.113.1", "", "wrong-pass-1").await;
        match response_error_code(response).await.as_str() {
            Some("INVALID_CREDENTIALS") => guesses += 1,
            code => assert_eq!(code, Some("RATE_LIMITED")),
        }
    }
    assert!((15..=25).contains(&guesses), "{guesses}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_device_cookie_is_one_of_a_stranger() {
    let app = App::start_with(Engine::Sqlite, &TRUSTING_PROXY).await;
    let signed_in = log_in_as_ada(&app, "203.0.113.1", "", "ada-demo-1").await;
    let cookie = device_cookie(&signed_in).unwrap();
    app.clock.advance(Duration::days(399));
    assert!(!Strangers::new(&app).lock_out("203.0.113.2", cookie).await);
    app.clock.advance(Duration::days(2));
    assert!(Strangers::new(&app).lock_out("203.0.113.3", cookie).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_from_a_known_device_are_limited_and_count_for_it_alone() {
    let app = App::start_with(Engine::Sqlite, &TRUSTING_PROXY).await;
    let [stolen, other] = [
        log_in_as_ada(&app, "203.0.113.1", "", "ada-demo-1").await,
        log_in_as_ada(&app, "203.0.113.1", "", "ada-demo-1").await,
    ];
    let [stolen, other] = [&stolen, &other].map(|response| device_cookie(response).unwrap());
    let mut guesses = 0;
    for address in 0..60 {
        let address = format!("192.0.2.{address}");
        let response = log_in_as_ada(&app, &address, stolen, "wrong-pass-1").await;
        assert_eq!(device_cookie(&response), None, "a wrong password makes no device known");
        match code_or_null(response).await.as_str() {
            Some("INVALID_CREDENTIALS") => guesses += 1,
            code => assert_eq!(code, Some("RATE_LIMITED")),
        }
    }
    // During the test, a few more may have become available.
    assert!((20..=30).contains(&guesses), "{guesses}");
    for (address, cookie) in [("203.0.113.2", other), ("203.0.113.3", "")] {
        let response = log_in_as_ada(&app, address, cookie, "ada-demo-1").await;
        assert!(device_cookie(&response).is_some(), "others are not concerned");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_device_cookie_is_out_of_reach_of_scripts_and_stays_after_a_sign_out() {
    let app = App::start(Engine::Sqlite).await;
    // A shorter name could be in a random text by chance.
    let registered = register(&app, "annabella@example.org").await;
    let set = registered.headers().get_all(header::SET_COOKIE).iter().nth(1).unwrap();
    let set = set.to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/graphql", "Max-Age=34560000"] {
        assert!(set.contains(&format!("; {attribute}")), "{set}");
    }
    assert!(!set.contains("annabella"), "{set}");
    let session = refresh_cookie(&registered).0;
    for operation in [REFRESH, LOGOUT] {
        let response = send_with_cookie(&app, operation, &session).await;
        assert_eq!(device_cookie(&response), None, "{operation}");
    }
    // Somebody else signs in in the same browser, and both are known there.
    let device = device_cookie(&registered).unwrap();
    let input = json!({ "email": "ada@example.org", "password": "ada-demo-1" });
    let login = app.request(None, LOGIN, json!({ "input": input }));
    let login = login.header(header::COOKIE, device).header(header::HOST, "tickets.example.org");
    let login = login.send().await.unwrap();
    let set = login.headers().get_all(header::SET_COOKIE).iter().nth(1).unwrap().to_str().unwrap();
    let both = set.strip_prefix("__Host-rowlock_device=").unwrap().split(';').next().unwrap();
    assert!(both.ends_with(device.strip_prefix("rowlock_device=").unwrap()));
    let is_secure = |cookie: &header::HeaderValue| cookie.to_str().unwrap().contains("; Secure");
    assert!(login.headers().get_all(header::SET_COOKIE).iter().all(is_secure));
}

/// Registers an account with this password.
async fn register_with_password(app: &App, email: &str, password: &str) -> Value {
    let input = json!({ "email": email, "password": password, "name": "Ann" });
    let answer = app.send(None, REGISTER, json!({ "input": input })).await;
    match answer.get("errors") {
        None => Value::Null,
        Some(errors) => errors[0]["extensions"]["code"].clone(),
    }
}

/// The name of the account that a sign-in opens, or the code of its error.
async fn name_or_code(app: &App, email: &str, password: &str) -> Value {
    let input = json!({ "email": email, "password": password });
    let mut answer = app.send(None, LOGIN, json!({ "input": input })).await;
    match answer.get("errors") {
        None => answer["data"]["login"]["user"]["name"].take(),
        Some(errors) => errors[0]["extensions"]["code"].clone(),
    }
}

/// Stores a password as a server did that did not prepare it.
async fn store_password_as_typed(app: &App, email: &str, password: &str) {
    let hash: phc::PasswordHash = Argon2::default().hash_password(password.as_bytes()).unwrap();
    app.execute_sql(&format!("UPDATE users SET password_hash = '{hash}' WHERE email = '{email}'"))
        .await;
}

async fn password_hash(app: &App, email: &str) -> String {
    let user =
        user::Entity::find().filter(user::Column::Email.eq(email)).one(app.db()).await.unwrap();
    user.unwrap().password_hash.0
}

const COMPOSED: &str = "p\u{e4}ssw\u{f6}rter1";
const DECOMPOSED: &str = "pa\u{308}sswo\u{308}rter1";

async fn a_password_is_the_same_in_every_composition(app: App) {
    for (number, (first, second)) in [
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        (COMPOSED, "p\u{e4}sswo\u{308}rter1"),
        ("\u{212b}ngstr\u{f6}m 1", "A\u{30a}ngstro\u{308}m 1"),
        (
            "\u{ac00}\u{b098}\u{b2e4}\u{b77c}\u{b9c8}\u{bc14}\u{c0ac}1",
            "\u{1100}\u{1161}\u{b098}\u{b2e4}\u{b77c}\u{b9c8}\u{bc14}\u{c0ac}1",
        ),
        ("two words 1", "two\u{a0}words\u{3000}1"),
        ("two\u{2003}words 1", "two words 1"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("ann{number}@example.org");
        assert_eq!(register_with_password(&app, &email, first).await, Value::Null, "{first}");
        assert_eq!(name_or_code(&app, &email, second).await, "Ann", "{second}");
        assert_eq!(name_or_code(&app, &email, first).await, "Ann", "{first}");
    }
    // Case and width stay different.
    register_with_password(&app, "wide@example.org", "pass word 1").await;
    for other in ["Pass word 1", "\u{ff50}ass word 1", "pass word \u{ff11}", "password1"] {
        let code = name_or_code(&app, "wide@example.org", other).await;
        assert_eq!(code, "INVALID_CREDENTIALS", "{other}");
    }
}

async fn the_length_of_a_password_is_counted_in_composed_characters(app: App) {
    // Seven characters, however they are typed.
    let short = "a\u{308}o\u{308}u\u{308}bcd1";
    assert_eq!(register_with_password(&app, "a@example.org", short).await, "BAD_USER_INPUT");
    let long = format!("{}1", "u\u{308}\u{304}".repeat(127));
    assert_eq!(register_with_password(&app, "b@example.org", &long).await, Value::Null);
    assert_eq!(name_or_code(&app, "b@example.org", &long).await, "Ann");
    let composed = format!("{}1", "\u{1d6}".repeat(127));
    assert_eq!(name_or_code(&app, "b@example.org", &composed).await, "Ann");
    let too_long = format!("{}1", "u\u{308}".repeat(128));
    assert_eq!(register_with_password(&app, "c@example.org", &too_long).await, "BAD_USER_INPUT");
}

async fn a_password_that_was_stored_as_it_was_typed_still_opens_its_account(app: App) {
    let mixed = "p\u{e4}sswo\u{308}rter1";
    for (number, (stored, typed)) in [
        (DECOMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        (COMPOSED, DECOMPOSED),
        (mixed, mixed),
        ("two\u{a0}words 1", "two\u{a0}words 1"),
        ("two\u{3000}w\u{f6}rter 1", "two\u{3000}w\u{f6}rter 1"),
        ("abcd\u{308}1\u{308}", "abcd\u{308}1\u{308}"),
        ("\u{958}\u{958}\u{958}1", "\u{958}\u{958}\u{958}1"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("ann{number}@example.org");
        register_with_password(&app, &email, "passw0rd").await;
        store_password_as_typed(&app, &email, stored).await;
        let old = password_hash(&app, &email).await;
        assert_eq!(name_or_code(&app, &email, "wr\u{f6}ng pass 1").await, "INVALID_CREDENTIALS");
        assert_eq!(password_hash(&app, &email).await, old, "a wrong password changes nothing");
        assert_eq!(name_or_code(&app, &email, typed).await, "Ann", "{stored:?} {typed:?}");
        // From then on, each form is enough.
        assert_eq!(name_or_code(&app, &email, typed).await, "Ann", "{stored:?} {typed:?}");
        if [DECOMPOSED, mixed].contains(&stored) {
            assert_ne!(password_hash(&app, &email).await, old);
            assert_eq!(name_or_code(&app, &email, COMPOSED).await, "Ann");
        }
    }
}

async fn an_email_is_the_same_in_every_composition_and_form_of_its_domain(app: App) {
    let forms = [
        "m\u{fc}ller@b\u{fc}cher.example",
        "mu\u{308}ller@bu\u{308}cher.example",
        "m\u{fc}ller@xn--bcher-kva.example",
        "mu\u{308}ller@XN--BCHER-KVA.example",
        "M\u{dc}LLER@B\u{dc}CHER.EXAMPLE",
        " MU\u{308}LLER@b\u{fc}cher.example ",
    ];
    for registered in forms {
        assert_eq!(register_with_password(&app, registered, "passw0rd").await, Value::Null);
        for other in forms {
            assert_eq!(name_or_code(&app, other, "passw0rd").await, "Ann", "{other}");
            let again = register_with_password(&app, other, "passw0rd").await;
            assert_eq!(again, "EMAIL_TAKEN", "{other}");
        }
        app.execute_sql("DELETE FROM users WHERE name = 'Ann'").await;
    }
    register_with_password(&app, forms[3], "passw0rd").await;
    for other in ["muller@b\u{fc}cher.example", "m\u{fc}ller@bucher.example"] {
        assert_eq!(name_or_code(&app, other, "passw0rd").await, "INVALID_CREDENTIALS", "{other}");
    }
}

async fn an_email_that_was_stored_in_another_form_still_signs_in(app: App) {
    let forms = [
        "m\u{fc}ller@b\u{fc}cher.example",
        "mu\u{308}ller@bu\u{308}cher.example",
        "m\u{fc}ller@xn--bcher-kva.example",
        "mu\u{308}ller@xn--bcher-kva.example",
        "mu\u{308}ller@b\u{fc}cher.example",
        "m\u{fc}ller@bu\u{308}cher.example",
    ];
    register_with_password(&app, "ann@example.org", "passw0rd").await;
    let mut stored = "ann@example.org";
    for form in forms {
        app.execute_sql(&format!("UPDATE users SET email = '{form}' WHERE email = '{stored}'"))
            .await;
        stored = form;
        for typed in forms {
            assert_eq!(name_or_code(&app, typed, "passw0rd").await, "Ann", "{stored} {typed}");
            let again = register_with_password(&app, typed, "passw0rd").await;
            assert_eq!(again, "EMAIL_TAKEN", "{stored} {typed}");
        }
    }
}

async fn two_accounts_whose_emails_are_the_same_by_now_both_sign_in(app: App) {
    let forms = ["m\u{fc}ller@example.org", "mu\u{308}ller@example.org"];
    for (number, form) in forms.iter().enumerate() {
        let email = format!("{number}@example.org");
        register_with_password(&app, &email, &format!("passw0rd {number}")).await;
        app.execute_sql(&format!(
            "UPDATE users SET email = '{form}', name = 'Number {number}' WHERE email = '{email}'"
        ))
        .await;
    }
    for (number, form) in forms.iter().enumerate() {
        let password = format!("passw0rd {number}");
        assert_eq!(name_or_code(&app, form, &password).await, format!("Number {number}"));
    }
}

async fn logins_for_one_email_in_many_forms_are_rate_limited(app: App) {
    let forms = [
        "m\u{fc}ller@b\u{fc}cher.example",
        "mu\u{308}ller@b\u{fc}cher.example",
        "m\u{fc}ller@xn--bcher-kva.example",
    ];
    let mut codes = Vec::new();
    for number in 0..60 {
        codes.push(name_or_code(&app, forms[number % 3], "wrong pass 1").await);
    }
    let checked = codes.iter().filter(|code| *code == "INVALID_CREDENTIALS").count();
    assert!(checked <= 25, "{checked} passwords were checked");
}
