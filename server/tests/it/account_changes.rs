//! What people change about their account while they are signed in, and their sessions.

use chrono::Duration;
use reqwest::{RequestBuilder, header};
use rowlock_entities::session;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::{
    app::{App, code_and_fields, error_code, refresh_cookie},
    mail_files::{last_mail_to, mails_to},
    on_both_engines,
};

const REGISTER: &str =
    "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { accessToken
    user { sessions { current userAgent } } } }";
const REFRESH: &str = "mutation { refresh { accessToken } }";
const VERIFY: &str = "mutation($token: String!) { verifyEmail(token: $token) { email } }";
const REQUEST_VERIFICATION: &str = "mutation { requestEmailVerification }";
const UPDATE_PROFILE: &str =
    "mutation($input: UpdateProfileInput!) { updateProfile(input: $input) {
    name reminders } }";
const CHANGE_PASSWORD: &str =
    "mutation($input: ChangePasswordInput!) { changePassword(input: $input) }";
const CHANGE_EMAIL: &str = "mutation($input: ChangeEmailInput!) { changeEmail(input: $input) {
    email pendingEmail emailVerified } }";
const END_SESSION: &str = "mutation($id: ID!) { endSession(sessionId: $id) }";
const SESSIONS: &str = "{ me { sessions { id createdAt lastSeenAt userAgent current } } }";

on_both_engines! {
    a_person_changes_their_name_and_whether_they_are_reminded
    a_new_password_ends_all_other_sessions
    a_wrong_current_password_changes_nothing
    a_new_password_makes_a_reset_link_void
    passwords_are_tried_as_often_as_sign_ins ["--logins-per-minute-per-email", "3"]
    an_email_is_another_one_once_the_new_one_is_verified
    a_new_address_is_sent_its_link_again_however_many_the_old_one_had
    an_email_that_somebody_has_is_refused
    an_email_that_was_taken_in_between_is_refused
    a_change_of_email_is_taken_back
    a_new_password_takes_a_change_of_email_back
    a_change_of_email_makes_the_links_to_the_old_address_void
    sessions_are_listed_with_their_browsers
    a_session_is_ended_by_its_owner_alone
    ending_the_current_session_signs_out
    a_session_of_the_previous_version_is_listed
    these_mutations_need_a_signed_in_user
}

/// Somebody in one browser.
struct SignedIn {
    token: String,
    cookie: String,
}

async fn signed_in(request: RequestBuilder) -> SignedIn {
    let response = request.send().await.unwrap();
    let (cookie, _) = refresh_cookie(&response);
    let answer: Value = response.json().await.unwrap();
    let payload = answer["data"].as_object().unwrap().values().next().unwrap();
    SignedIn { token: payload["accessToken"].as_str().unwrap().to_owned(), cookie }
}

async fn register(app: &App, email: &str) -> SignedIn {
    let input = json!({ "email": email, "password": "passw0rd", "name": "Ann" });
    signed_in(app.request(None, REGISTER, json!({ "input": input }))).await
}

fn login_request(app: &App, email: &str, password: &str) -> RequestBuilder {
    let input = json!({ "email": email, "password": password });
    app.request(None, LOGIN, json!({ "input": input }))
}

async fn log_in(app: &App, email: &str, password: &str) -> SignedIn {
    signed_in(login_request(app, email, password)).await
}

async fn can_log_in(app: &App, email: &str, password: &str) -> bool {
    let response = login_request(app, email, password).send().await.unwrap();
    response.json::<Value>().await.unwrap()["data"].is_object()
}

async fn can_refresh(app: &App, person: &SignedIn) -> bool {
    let request = app.request(None, REFRESH, json!({})).header(header::COOKIE, &person.cookie);
    request.send().await.unwrap().json::<Value>().await.unwrap()["data"].is_object()
}

async fn change_password(app: &App, person: &SignedIn, current: &str, new: &str) -> Value {
    let input = json!({ "currentPassword": current, "newPassword": new });
    app.send(Some(&person.token), CHANGE_PASSWORD, json!({ "input": input })).await
}

async fn change_email(app: &App, person: &SignedIn, new: &str, password: &str) -> Value {
    let input = json!({ "newEmail": new, "password": password });
    app.send(Some(&person.token), CHANGE_EMAIL, json!({ "input": input })).await
}

fn refusal(answer: &Value) -> (&str, Vec<&str>) {
    code_and_fields(&answer["errors"][0])
}

async fn a_person_changes_their_name_and_whether_they_are_reminded(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let update = async |input: Value| {
        let data = app.send(Some(&ann.token), UPDATE_PROFILE, json!({ "input": input })).await;
        data["data"]["updateProfile"].clone()
    };
    let renamed = json!({ "name": "Anna", "reminders": true });
    assert_eq!(update(json!({ "name": " Anna " })).await, renamed);
    let quiet = json!({ "name": "Anna", "reminders": false });
    assert_eq!(update(json!({ "name": "Anna", "reminders": false })).await, quiet);
    assert_eq!(update(json!({ "name": "Anna" })).await, quiet);
    for name in ["", "1", "a\nb", &"a".repeat(101)] {
        let input = json!({ "input": { "name": name } });
        let error = app.error(Some(&ann.token), UPDATE_PROFILE, input).await;
        assert_eq!(code_and_fields(&error), ("BAD_USER_INPUT", vec!["name"]), "{name:.10}");
    }
}

async fn a_new_password_ends_all_other_sessions(app: App) {
    let here = register(&app, "ann@example.org").await;
    let elsewhere = log_in(&app, "ann@example.org", "passw0rd").await;
    let stranger = register(&app, "bob@example.org").await;
    let answer = change_password(&app, &here, "passw0rd", "n3w-password").await;
    assert_eq!(answer["data"]["changePassword"], true, "{answer}");
    assert!(!can_refresh(&app, &elsewhere).await);
    assert!(can_refresh(&app, &here).await && can_refresh(&app, &stranger).await);
    assert!(!can_log_in(&app, "ann@example.org", "passw0rd").await);
    assert!(can_log_in(&app, "ann@example.org", "n3w-password").await);
    let mail = last_mail_to(&app, "ann@example.org").await;
    assert_eq!(mail.subject, "Your password was changed");

    // A token that says no session keeps none.
    let ada = app.data(Some(&here.token), "{ me { id } }", json!({})).await;
    let id = ada["me"]["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap();
    let token = app.services.access_tokens.issue(id.into()).unwrap().token;
    let unknown = SignedIn { token, cookie: String::new() };
    let answer = change_password(&app, &unknown, "n3w-password", "n3wer-password").await;
    assert_eq!(answer["data"]["changePassword"], true, "{answer}");
    assert!(!can_refresh(&app, &here).await);
}

async fn a_wrong_current_password_changes_nothing(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let elsewhere = log_in(&app, "ann@example.org", "passw0rd").await;
    let long = "x1".repeat(20_000);
    for wrong in ["", "passw0rD", &long] {
        let answer = change_password(&app, &ann, wrong, "n3w-password").await;
        assert_eq!(refusal(&answer), ("INVALID_CREDENTIALS", vec![]), "{wrong:.10}");
    }
    for short in ["", "short", "12345678", &long] {
        let answer = change_password(&app, &ann, "passw0rd", short).await;
        assert_eq!(refusal(&answer), ("BAD_USER_INPUT", vec!["newPassword"]), "{short:.10}");
    }
    assert!(can_refresh(&app, &elsewhere).await);
    assert!(can_log_in(&app, "ann@example.org", "passw0rd").await);
    assert_eq!(mails_to(&[&app], "ann@example.org").await.len(), 1);
}

async fn a_new_password_makes_a_reset_link_void(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let request = "mutation { requestPasswordReset(email: \"ann@example.org\") }";
    app.data(None, request, json!({})).await;
    let token = last_mail_to(&app, "ann@example.org").await.token("reset-password");
    change_password(&app, &ann, "passw0rd", "n3w-password").await;
    let reset = "mutation($token: String!) {
        resetPassword(input: { token: $token, newPassword: \"stolen-passw0rd\" }) { accessToken } }";
    let error = app.error(None, reset, json!({ "token": token })).await;
    assert_eq!(error_code(&error), "INVALID_TOKEN");
}

async fn passwords_are_tried_as_often_as_sign_ins(app: App) {
    let ann = register(&app, "ann@example.org").await;
    for _ in 0..3 {
        let answer = change_password(&app, &ann, "wrong-pass-1", "n3w-password").await;
        assert_eq!(refusal(&answer).0, "INVALID_CREDENTIALS");
    }
    let answer = change_password(&app, &ann, "passw0rd", "n3w-password").await;
    assert_eq!(refusal(&answer).0, "RATE_LIMITED");
    let answer = change_email(&app, &ann, "anna@example.org", "passw0rd").await;
    assert_eq!(refusal(&answer).0, "RATE_LIMITED");
}

async fn an_email_is_another_one_once_the_new_one_is_verified(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let answer = change_email(&app, &ann, "wrong", "passw0rd").await;
    assert_eq!(refusal(&answer), ("BAD_USER_INPUT", vec!["newEmail"]));
    let answer = change_email(&app, &ann, "anna@example.com", "wrong-pass-1").await;
    assert_eq!(refusal(&answer).0, "INVALID_CREDENTIALS");

    let answer = change_email(&app, &ann, " Anna@Example.com ", "passw0rd").await;
    let waiting = json!({ "email": "ann@example.org", "pendingEmail": "anna@example.com",
        "emailVerified": false });
    assert_eq!(answer["data"]["changeEmail"], waiting);
    let notice = last_mail_to(&app, "ann@example.org").await;
    assert_eq!(notice.subject, "Your email address is to be changed");
    assert!(!notice.text.contains("anna@example.com"), "{}", notice.text);
    assert!(can_log_in(&app, "ann@example.org", "passw0rd").await);
    assert!(!can_log_in(&app, "anna@example.com", "passw0rd").await);

    let token = last_mail_to(&app, "anna@example.com").await.token("verify-email");
    let verified = app.data(None, VERIFY, json!({ "token": token })).await;
    assert_eq!(verified["verifyEmail"]["email"], "anna@example.com");
    let me = app.data(Some(&ann.token), "{ me { email pendingEmail emailVerified } }", json!({}));
    let changed = json!({ "email": "anna@example.com", "pendingEmail": null,
        "emailVerified": true });
    assert_eq!(me.await["me"], changed);
    assert!(can_log_in(&app, "anna@example.com", "passw0rd").await);
    assert!(!can_log_in(&app, "ann@example.org", "passw0rd").await);
    let told = last_mail_to(&app, "ann@example.org").await;
    assert_eq!(told.subject, "Your email address was changed");
    register(&app, "ann@example.org").await;
}

async fn a_new_address_is_sent_its_link_again_however_many_the_old_one_had(app: App) {
    let ann = register(&app, "ann@example.org").await;
    for _ in 0..2 {
        app.data(Some(&ann.token), REQUEST_VERIFICATION, json!({})).await;
    }
    let error = app.error(Some(&ann.token), REQUEST_VERIFICATION, json!({})).await;
    assert_eq!(error_code(&error), "RATE_LIMITED");
    change_email(&app, &ann, "anna@example.com", "passw0rd").await;
    for _ in 0..2 {
        last_mail_to(&app, "anna@example.com").await;
        app.data(Some(&ann.token), REQUEST_VERIFICATION, json!({})).await;
    }
    let error = app.error(Some(&ann.token), REQUEST_VERIFICATION, json!({})).await;
    assert_eq!(error_code(&error), "RATE_LIMITED");
    assert_eq!(mails_to(&[&app], "anna@example.com").await.len(), 3);
}

async fn an_email_that_somebody_has_is_refused(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let answer = change_email(&app, &ann, "ADA@example.org", "passw0rd").await;
    assert_eq!(refusal(&answer).0, "EMAIL_TAKEN");
    // Only who knows the password learns it.
    let answer = change_email(&app, &ann, "ADA@example.org", "wrong-pass-1").await;
    assert_eq!(refusal(&answer).0, "INVALID_CREDENTIALS");
    assert!(mails_to(&[&app], "ada@example.org").await.is_empty());
}

async fn an_email_that_was_taken_in_between_is_refused(app: App) {
    let ann = register(&app, "ann@example.org").await;
    change_email(&app, &ann, "anna@example.com", "passw0rd").await;
    let token = last_mail_to(&app, "anna@example.com").await.token("verify-email");
    register(&app, "anna@example.com").await;
    let error = app.error(None, VERIFY, json!({ "token": token })).await;
    assert_eq!(error_code(&error), "EMAIL_TAKEN");
    let me = app.data(Some(&ann.token), "{ me { email } }", json!({})).await;
    assert_eq!(me["me"]["email"], "ann@example.org");
}

async fn a_change_of_email_is_taken_back(app: App) {
    let ann = register(&app, "ann@example.org").await;
    change_email(&app, &ann, "anna@example.com", "passw0rd").await;
    let token = last_mail_to(&app, "anna@example.com").await.token("verify-email");
    let answer = change_email(&app, &ann, "ann@example.org", "passw0rd").await;
    assert_eq!(answer["data"]["changeEmail"]["pendingEmail"], Value::Null);
    let error = app.error(None, VERIFY, json!({ "token": token })).await;
    assert_eq!(error_code(&error), "INVALID_TOKEN");
}

/// A thief who knew the password may have asked for it.
async fn a_new_password_takes_a_change_of_email_back(app: App) {
    let ann = register(&app, "ann@example.org").await;
    for (number, is_reset) in [(1, true), (2, false)] {
        let thief = format!("thief{number}@example.com");
        let password = if is_reset { "passw0rd" } else { "passw0rd-1" };
        let answer = change_email(&app, &ann, &thief, password).await;
        assert_eq!(answer["data"]["changeEmail"]["pendingEmail"], thief.as_str(), "{answer}");
        let token = last_mail_to(&app, &thief).await.token("verify-email");
        if is_reset {
            let request = "mutation { requestPasswordReset(email: \"ann@example.org\") }";
            app.data(None, request, json!({})).await;
            let token = last_mail_to(&app, "ann@example.org").await.token("reset-password");
            let reset = "mutation($token: String!) { resetPassword(
                input: { token: $token, newPassword: \"passw0rd-1\" }) { accessToken } }";
            app.data(None, reset, json!({ "token": token })).await;
        } else {
            let answer = change_password(&app, &ann, password, "passw0rd-2").await;
            assert_eq!(answer["data"]["changePassword"], true, "{answer}");
        }
        let error = app.error(None, VERIFY, json!({ "token": token })).await;
        assert_eq!(error_code(&error), "INVALID_TOKEN");
        let me = app.data(Some(&ann.token), "{ me { email pendingEmail } }", json!({})).await;
        assert_eq!(me["me"], json!({ "email": "ann@example.org", "pendingEmail": null }));
    }
}

async fn a_change_of_email_makes_the_links_to_the_old_address_void(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let request = "mutation { requestPasswordReset(email: \"ann@example.org\") }";
    app.data(None, request, json!({})).await;
    let reset = last_mail_to(&app, "ann@example.org").await.token("reset-password");
    change_email(&app, &ann, "anna@example.com", "passw0rd").await;
    let token = last_mail_to(&app, "anna@example.com").await.token("verify-email");
    app.data(None, VERIFY, json!({ "token": token })).await;
    let query = "mutation($token: String!) {
        resetPassword(input: { token: $token, newPassword: \"n3w-password\" }) { accessToken } }";
    let error = app.error(None, query, json!({ "token": reset })).await;
    assert_eq!(error_code(&error), "INVALID_TOKEN");
}

async fn sessions_are_listed_with_their_browsers(app: App) {
    let first = register(&app, "ann@example.org").await;
    app.clock.advance(Duration::minutes(1));
    let request = login_request(&app, "ann@example.org", "passw0rd");
    let agent = format!("Firefox {}", "x".repeat(300));
    let response = request.header(header::USER_AGENT, &agent).send().await.unwrap();
    let login: Value = response.json().await.unwrap();
    let listed = json!([{ "current": true, "userAgent": agent[..200] },
        { "current": false, "userAgent": "" }]);
    assert_eq!(login["data"]["login"]["user"]["sessions"], listed);

    let sessions = app.data(Some(&first.token), SESSIONS, json!({})).await;
    let sessions = &sessions["me"]["sessions"];
    assert_eq!((&sessions[0]["current"], &sessions[1]["current"]), (&json!(false), &json!(true)));
    assert_eq!(sessions[1]["createdAt"], sessions[1]["lastSeenAt"]);
    app.clock.advance(Duration::minutes(1));
    assert!(can_refresh(&app, &first).await);
    let sessions = app.data(Some(&first.token), SESSIONS, json!({})).await;
    let seen = &sessions["me"]["sessions"][1];
    assert!(seen["createdAt"].as_str() < seen["lastSeenAt"].as_str(), "{seen}");
    app.clock.advance(Duration::days(8));
    let again = log_in(&app, "ann@example.org", "passw0rd").await;
    let sessions = app.data(Some(&again.token), SESSIONS, json!({})).await;
    assert_eq!(sessions["me"]["sessions"].as_array().unwrap().len(), 1);
}

async fn session_ids(app: &App, person: &SignedIn) -> Vec<String> {
    let sessions = app.data(Some(&person.token), SESSIONS, json!({})).await;
    let sessions = sessions["me"]["sessions"].as_array().unwrap().clone();
    sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

async fn a_session_is_ended_by_its_owner_alone(app: App) {
    let here = register(&app, "ann@example.org").await;
    let elsewhere = log_in(&app, "ann@example.org", "passw0rd").await;
    let stranger = register(&app, "bob@example.org").await;
    let id = session_ids(&app, &here).await.remove(0);
    let unknown = uuid::Uuid::now_v7().to_string();
    let not_found = app.error(Some(&stranger.token), END_SESSION, json!({ "id": unknown })).await;
    assert_eq!(error_code(&not_found), "NOT_FOUND");
    let refused = app.error(Some(&stranger.token), END_SESSION, json!({ "id": id })).await;
    assert_eq!(refused, not_found);
    assert!(can_refresh(&app, &elsewhere).await);
    for _ in 0..2 {
        let ended = app.data(Some(&here.token), END_SESSION, json!({ "id": id })).await;
        assert_eq!(ended["endSession"], true);
    }
    assert!(!can_refresh(&app, &elsewhere).await);
    assert!(can_refresh(&app, &here).await);
    assert_eq!(session_ids(&app, &here).await.len(), 1);
}

async fn ending_the_current_session_signs_out(app: App) {
    let ann = register(&app, "ann@example.org").await;
    let id = session_ids(&app, &ann).await.remove(0);
    let request = app.request(Some(&ann.token), END_SESSION, json!({ "id": id }));
    let response = request.header(header::COOKIE, &ann.cookie).send().await.unwrap();
    let (cookie, attributes) = refresh_cookie(&response);
    assert_eq!(cookie, "rowlock_refresh=");
    assert!(attributes.contains("Max-Age=0"), "{attributes}");
    assert!(!can_refresh(&app, &ann).await);
}

async fn a_session_of_the_previous_version_is_listed(app: App) {
    let ann = register(&app, "ann@example.org").await;
    app.execute_sql("UPDATE sessions SET last_seen_at = NULL, user_agent = NULL").await;
    let sessions = app.data(Some(&ann.token), SESSIONS, json!({})).await;
    let listed = &sessions["me"]["sessions"][0];
    assert_eq!(listed["lastSeenAt"], listed["createdAt"]);
    assert_eq!(listed["userAgent"], "");
    assert!(can_refresh(&app, &ann).await);
    let row = session::Entity::find().one(app.db()).await.unwrap().unwrap();
    assert!(row.last_seen_at.is_some());
}

async fn these_mutations_need_a_signed_in_user(app: App) {
    for mutation in [
        "requestEmailVerification",
        "updateProfile(input: { name: \"Ann\" }) { name }",
        "changePassword(input: { currentPassword: \"passw0rd\", newPassword: \"passw0rd2\" })",
        "changeEmail(input: { newEmail: \"a@example.org\", password: \"passw0rd\" }) { name }",
        "endSession(sessionId: \"01990000-0000-7000-8000-000000000001\")",
    ] {
        let query = format!("mutation {{ {mutation} }}");
        for token in [None, Some("wrong")] {
            let error = app.error(token, &query, json!({})).await;
            assert_eq!(error_code(&error), "UNAUTHENTICATED", "{mutation}");
        }
    }
}
