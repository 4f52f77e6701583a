//! Verifying an email and resetting a password by links from mails.

use std::time::Duration as StdDuration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Duration;
use futures_util::future::join_all;
use reqwest::{Response, header};
use rowlock_entities::{account_token, job};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    app::{App, code_and_fields, error_code, refresh_cookie},
    database::Engine,
    mail_files::{last_mail_to, mails_to},
    on_both_engines,
    waiting::wait_until,
};

const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) {
    accessToken user { emailVerified } } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
const REFRESH: &str = "mutation { refresh { accessToken } }";
const VERIFY: &str =
    "mutation($token: String!) { verifyEmail(token: $token) { email emailVerified } }";
const REQUEST_VERIFICATION: &str = "mutation { requestEmailVerification }";
const REQUEST_RESET: &str = "mutation($email: String!) { requestPasswordReset(email: $email) }";
const RESET: &str = "mutation($input: ResetPasswordInput!) { resetPassword(input: $input) {
    accessToken user { name emailVerified sessions { current } } } }";
const ME: &str = "{ me { email emailVerified } }";

on_both_engines! {
    a_new_account_is_verified_by_the_link_of_its_mail
    a_link_is_good_once_even_if_it_is_opened_twice_at_once
    verifying_without_a_sign_in_shows_nothing_private
    a_newer_link_makes_the_ones_before_it_void
    an_account_gets_three_links_an_hour
    a_forgotten_password_is_reset_and_all_sessions_end
    a_reset_link_is_good_once_even_on_two_servers
    a_reset_link_is_good_for_an_hour
    a_link_is_good_for_its_purpose_alone
    nobody_learns_whether_an_email_has_an_account
    an_account_gets_three_reset_mails_an_hour
    a_refused_new_password_leaves_the_link_good
    a_mail_that_waited_has_a_link_that_is_good_for_an_hour
    a_mail_is_sent_with_a_good_link_after_the_secret_was_replaced
    tokens_are_stored_hashed_and_removed_when_they_expire
    requests_for_mails_are_rate_limited ["--sign-ins-per-minute-per-address", "5"]
}

async fn register(app: &App, email: &str) -> Response {
    let input = json!({ "email": email, "password": "passw0rd", "name": "Ann" });
    app.request(None, REGISTER, json!({ "input": input })).send().await.unwrap()
}

/// Registers a user and returns an access token.
async fn registered(app: &App, email: &str) -> String {
    let answer: Value = register(app, email).await.json().await.unwrap();
    answer["data"]["register"]["accessToken"].as_str().unwrap().to_owned()
}

async fn verify(app: &App, token: &str) -> Value {
    app.send(None, VERIFY, json!({ "token": token })).await
}

async fn request_reset(app: &App, email: &str) -> Value {
    app.send(None, REQUEST_RESET, json!({ "email": email })).await
}

async fn reset(app: &App, token: &str, password: &str) -> Value {
    let input = json!({ "token": token, "newPassword": password });
    app.send(None, RESET, json!({ "input": input })).await
}

/// The token of a reset link that this address was sent just now.
async fn reset_token(app: &App, email: &str) -> String {
    request_reset(app, email).await;
    last_mail_to(app, email).await.token("reset-password")
}

async fn log_in(app: &App, email: &str, password: &str) -> Value {
    let input = json!({ "email": email, "password": password });
    app.send(None, LOGIN, json!({ "input": input })).await
}

fn code(answer: &Value) -> &str {
    error_code(&answer["errors"][0])
}

async fn refreshed(app: &App, cookie: &str) -> Value {
    let request = app.request(None, REFRESH, json!({})).header(header::COOKIE, cookie);
    request.send().await.unwrap().json().await.unwrap()
}

async fn a_new_account_is_verified_by_the_link_of_its_mail(app: App) {
    let token = registered(&app, "ann@example.org").await;
    assert_eq!(app.data(Some(&token), ME, json!({})).await["me"]["emailVerified"], false);
    let mail = last_mail_to(&app, "ann@example.org").await;
    assert_eq!(mail.subject, "Confirm your email address");
    // Strangers could be sent any text as the name of an account with their address.
    assert!(mail.text.contains("Hello,") && !mail.text.contains("Ann"), "{}", mail.text);
    let answer = verify(&app, &mail.token("verify-email")).await;
    let verified = json!({ "email": "ann@example.org", "emailVerified": true });
    assert_eq!(answer["data"]["verifyEmail"], verified);
    assert_eq!(app.data(Some(&token), ME, json!({})).await["me"]["emailVerified"], true);
    // There is nothing more to verify, so nothing is sent.
    let asked = app.data(Some(&token), REQUEST_VERIFICATION, json!({})).await;
    assert_eq!(asked["requestEmailVerification"], true);
    assert_eq!(mails_to(&[&app], "ann@example.org").await.len(), 1);
}

async fn a_link_is_good_once_even_if_it_is_opened_twice_at_once(app: App) {
    registered(&app, "ann@example.org").await;
    let token = last_mail_to(&app, "ann@example.org").await.token("verify-email");
    let other = app.start_second_server().await;
    let answers = join_all((0..6).map(|number| {
        let server = if number % 2 == 0 { &app } else { &other };
        verify(server, &token)
    }))
    .await;
    let verified = answers.iter().filter(|answer| answer["data"]["verifyEmail"].is_object());
    assert_eq!(verified.count(), 1, "{answers:?}");
    let refused = answers.iter().filter(|answer| code(answer) == "INVALID_TOKEN");
    assert_eq!(refused.count(), 5, "{answers:?}");
}

async fn verifying_without_a_sign_in_shows_nothing_private(app: App) {
    let access_token = registered(&app, "ann@example.org").await;
    let private =
        ["pendingEmail", "bookings { totalCount }", "organizers { id }", "sessions { id }"];
    for field in private {
        app.data(Some(&access_token), REQUEST_VERIFICATION, json!({})).await;
        let token = last_mail_to(&app, "ann@example.org").await.token("verify-email");
        let query = format!("mutation($t: String!) {{ verifyEmail(token: $t) {{ {field} }} }}");
        let stranger = app.user().await;
        for viewer in [None, Some(&*stranger)] {
            let error = app.error(viewer, &query, json!({ "t": token })).await;
            let expected = if viewer.is_none() { "UNAUTHENTICATED" } else { "INVALID_TOKEN" };
            assert_eq!(error_code(&error), expected, "{field}");
        }
        app.execute_sql("UPDATE users SET email_verified_at = NULL").await;
        app.execute_sql("DELETE FROM account_tokens").await;
    }
    app.data(Some(&access_token), REQUEST_VERIFICATION, json!({})).await;
    let token = last_mail_to(&app, "ann@example.org").await.token("verify-email");
    let query = "mutation($t: String!) { verifyEmail(token: $t) { bookings { totalCount } } }";
    let own = app.data(Some(&access_token), query, json!({ "t": token })).await;
    assert_eq!(own["verifyEmail"]["bookings"]["totalCount"], 0);
}

async fn a_newer_link_makes_the_ones_before_it_void(app: App) {
    let access_token = registered(&app, "ann@example.org").await;
    let first = last_mail_to(&app, "ann@example.org").await.token("verify-email");
    app.data(Some(&access_token), REQUEST_VERIFICATION, json!({})).await;
    let second = last_mail_to(&app, "ann@example.org").await.token("verify-email");
    assert_ne!(first, second);
    assert_eq!(code(&verify(&app, &first).await), "INVALID_TOKEN");
    assert_eq!(verify(&app, &second).await["data"]["verifyEmail"]["emailVerified"], true);
    for wrong in ["", "abc", &"A".repeat(43), &first[1..], &second] {
        assert_eq!(code(&verify(&app, wrong).await), "INVALID_TOKEN", "{wrong}");
    }
}

async fn an_account_gets_three_links_an_hour(app: App) {
    let access_token = registered(&app, "ann@example.org").await;
    for _ in 0..2 {
        last_mail_to(&app, "ann@example.org").await;
        app.clock.advance(Duration::minutes(5));
        app.data(Some(&access_token), REQUEST_VERIFICATION, json!({})).await;
    }
    assert_eq!(mails_to(&[&app], "ann@example.org").await.len(), 3);
    let error = app.error(Some(&access_token), REQUEST_VERIFICATION, json!({})).await;
    assert_eq!(error_code(&error), "RATE_LIMITED");
    let wait = error["extensions"]["retryAfter"].as_i64().unwrap();
    assert!((2_990..=3_001).contains(&wait), "{wait}");
    app.clock.advance(Duration::minutes(51));
    let access_token = log_in(&app, "ann@example.org", "passw0rd").await;
    let access_token = access_token["data"]["login"]["accessToken"].as_str();
    app.data(access_token, REQUEST_VERIFICATION, json!({})).await;
    assert_eq!(mails_to(&[&app], "ann@example.org").await.len(), 4);
}

async fn a_forgotten_password_is_reset_and_all_sessions_end(app: App) {
    let (cookie, _) = refresh_cookie(&register(&app, "ann@example.org").await);
    // However the address is typed.
    let token = {
        request_reset(&app, " ANN@Example.org ").await;
        let mail = last_mail_to(&app, "ann@example.org").await;
        assert_eq!(mail.subject, "Choose a new password");
        mail.token("reset-password")
    };
    let answer = reset(&app, &token, "n3w-password").await;
    let payload = &answer["data"]["resetPassword"];
    let user = json!({ "name": "Ann", "emailVerified": true, "sessions": [{ "current": true }] });
    assert_eq!(payload["user"], user, "{answer}");
    let me = app.data(payload["accessToken"].as_str(), ME, json!({})).await;
    assert_eq!(me["me"]["email"], "ann@example.org");
    assert_eq!(code(&refreshed(&app, &cookie).await), "UNAUTHENTICATED");
    assert_eq!(code(&log_in(&app, "ann@example.org", "passw0rd").await), "INVALID_CREDENTIALS");
    assert!(log_in(&app, "ann@example.org", "n3w-password").await["data"].is_object());
    let subject = last_mail_to(&app, "ann@example.org").await.subject;
    assert_eq!(subject, "Your password was changed");
}

async fn a_reset_link_is_good_once_even_on_two_servers(app: App) {
    registered(&app, "ann@example.org").await;
    let token = reset_token(&app, "ann@example.org").await;
    let other = app.start_second_server().await;
    let answers = join_all((0..4).map(|number| {
        let server = if number % 2 == 0 { &app } else { &other };
        let (token, password) = (&token, format!("passw0rd-{number}"));
        async move { (reset(server, token, &password).await, password) }
    }))
    .await;
    let done = answers.iter().filter(|(answer, _)| answer["data"]["resetPassword"].is_object());
    let done: Vec<_> = done.collect();
    assert_eq!(done.len(), 1, "{answers:?}");
    let refused = answers.iter().filter(|(answer, _)| code(answer) == "INVALID_TOKEN");
    assert_eq!(refused.count(), 3, "{answers:?}");
    let answer = log_in(&app, "ann@example.org", &done[0].1).await;
    assert!(answer["data"].is_object(), "{answer}");
}

async fn a_reset_link_is_good_for_an_hour(app: App) {
    registered(&app, "ann@example.org").await;
    let token = reset_token(&app, "ann@example.org").await;
    app.clock.advance(Duration::minutes(61));
    assert_eq!(code(&reset(&app, &token, "n3w-password").await), "INVALID_TOKEN");
    let token = reset_token(&app, "ann@example.org").await;
    app.clock.advance(Duration::minutes(59));
    assert!(reset(&app, &token, "n3w-password").await["data"].is_object());
}

async fn a_link_is_good_for_its_purpose_alone(app: App) {
    registered(&app, "ann@example.org").await;
    let to_verify = last_mail_to(&app, "ann@example.org").await.token("verify-email");
    let to_reset = reset_token(&app, "ann@example.org").await;
    assert_eq!(code(&reset(&app, &to_verify, "n3w-password").await), "INVALID_TOKEN");
    assert_eq!(code(&verify(&app, &to_reset).await), "INVALID_TOKEN");
    assert!(verify(&app, &to_verify).await["data"].is_object());
    assert!(reset(&app, &to_reset, "n3w-password").await["data"].is_object());
}

async fn nobody_learns_whether_an_email_has_an_account(app: App) {
    registered(&app, "ann@example.org").await;
    last_mail_to(&app, "ann@example.org").await;
    let known = request_reset(&app, "ann@example.org").await;
    let long = format!("{}@example.org", "x".repeat(5_000));
    for email in ["nobody@example.org", "ann", "", "a\0@example.org", &long] {
        assert_eq!(request_reset(&app, email).await, known, "{email:.30}");
    }
    assert_eq!(known, json!({ "data": { "requestPasswordReset": true } }));
    assert!(mails_to(&[&app], "nobody@example.org").await.is_empty());
    assert_eq!(mails_to(&[&app], "ann@example.org").await.len(), 2);
    // Nothing about those who asked is left.
    assert_eq!(job::Entity::find().count(app.db()).await.unwrap(), 0);
}

async fn an_account_gets_three_reset_mails_an_hour(app: App) {
    registered(&app, "ann@example.org").await;
    for _ in 0..5 {
        request_reset(&app, "ann@example.org").await;
    }
    let resets = async || {
        let mails = mails_to(&[&app], "ann@example.org").await;
        mails.into_iter().filter(|mail| mail.subject == "Choose a new password").count()
    };
    // Those that a newer request has overtaken are not sent.
    let sent = resets().await;
    assert!((1..=3).contains(&sent), "{sent}");
    let tokens = account_token::Entity::find()
        .filter(account_token::Column::Purpose.eq(account_token::Purpose::ResetPassword));
    assert_eq!(tokens.count(app.db()).await.unwrap(), 3);
    app.clock.advance(Duration::minutes(61));
    request_reset(&app, "ann@example.org").await;
    assert_eq!(resets().await, sent + 1);
}

async fn a_refused_new_password_leaves_the_link_good(app: App) {
    registered(&app, "ann@example.org").await;
    let token = reset_token(&app, "ann@example.org").await;
    let input = json!({ "token": token, "newPassword": "short" });
    let error = app.error(None, RESET, json!({ "input": input })).await;
    assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["newPassword"]));
    assert!(reset(&app, &token, "n3w-password").await["data"].is_object());
}

/// The mail server may have been away for hours.
async fn a_mail_that_waited_has_a_link_that_is_good_for_an_hour(app: App) {
    registered(&app, "ann@example.org").await;
    last_mail_to(&app, "ann@example.org").await;
    // A file is where the folder should be, so no mail can be written.
    let folder = app.mail_folder();
    let aside = folder.with_extension("aside");
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, "").unwrap();
    request_reset(&app, "ann@example.org").await;
    wait_until(StdDuration::from_secs(20), "an attempt failed", async || {
        let jobs = job::Entity::find().all(app.db()).await.unwrap();
        jobs.iter().any(|job| job.last_error.is_some())
    })
    .await;
    app.clock.advance(Duration::hours(3));
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    let token = last_mail_to(&app, "ann@example.org").await.token("reset-password");
    app.clock.advance(Duration::minutes(59));
    let answer = reset(&app, &token, "n3w-password").await;
    assert!(answer["data"].is_object(), "{answer}");
}

async fn a_mail_is_sent_with_a_good_link_after_the_secret_was_replaced(app: App) {
    registered(&app, "ann@example.org").await;
    let token = last_mail_to(&app, "ann@example.org").await.token("verify-email");
    // As if another secret had made the row.
    let row = account_token::Entity::find().one(app.db()).await.unwrap().unwrap();
    let other_hash = match app.engine() {
        Engine::Sqlite => format!("x'{}'", "ab".repeat(32)),
        Engine::Postgres => format!("'\\x{}'", "ab".repeat(32)),
    };
    app.execute_sql(&format!("UPDATE account_tokens SET token_hash = {other_hash}")).await;
    assert_eq!(code(&verify(&app, &token).await), "INVALID_TOKEN");
    let payload = json!({ "mail": "verify_email", "token_id": row.id.0 });
    let id = match app.engine() {
        Engine::Sqlite => format!("x'{}'", uuid::Uuid::now_v7().simple()),
        Engine::Postgres => format!("'{}'", uuid::Uuid::now_v7()),
    };
    app.execute_sql(&format!(
        "INSERT INTO jobs (id, kind, payload, attempts, run_at, created_at) VALUES ({id}, \
         'account_mail', '{payload}', 0, '2026-01-01T00:00:00.000+00:00', \
         '2026-01-01T00:00:00.000+00:00')"
    ))
    .await;
    let again = last_mail_to(&app, "ann@example.org").await.token("verify-email");
    assert_eq!(again, token);
    assert!(verify(&app, &again).await["data"].is_object());
}

async fn tokens_are_stored_hashed_and_removed_when_they_expire(app: App) {
    registered(&app, "ann@example.org").await;
    let token = last_mail_to(&app, "ann@example.org").await.token("verify-email");
    let row = account_token::Entity::find().one(app.db()).await.unwrap().unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    assert_eq!(row.token_hash, Sha256::digest(&bytes).to_vec());
    app.clock.advance(Duration::days(8));
    assert_eq!(code(&verify(&app, &token).await), "INVALID_TOKEN");
    let removal = tokio::spawn(app.services.sessions.clone().remove_expired_sessions());
    wait_until(StdDuration::from_secs(20), "it is removed", async || {
        account_token::Entity::find().count(app.db()).await.unwrap() == 0
    })
    .await;
    removal.abort();
}

async fn requests_for_mails_are_rate_limited(app: App) {
    for _ in 0..5 {
        assert_eq!(
            request_reset(&app, "ann@example.org").await["data"]["requestPasswordReset"],
            true
        );
    }
    assert_eq!(code(&request_reset(&app, "ann@example.org").await), "RATE_LIMITED");
    assert_eq!(code(&verify(&app, "abc").await), "RATE_LIMITED");
    assert_eq!(code(&reset(&app, "abc", "passw0rd").await), "RATE_LIMITED");
}
