//! What people do with their own account, for the statements that this takes.

use std::{path::Path, time::Duration};

use rowlock_entities::job;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use super::player::Player;
use crate::{
    app::{App, BOOK},
    mail_files::mails_in,
    program::Program,
    waiting::wait_until,
};

const EMAIL: &str = "q@example.test";
const NEW_EMAIL: &str = "r@example.test";

/// Runs every kind of operation on an account at least once.
pub(super) async fn run_every_operation(app: &App, server: &Program, player: &Player<'_>) {
    let folder = server.file("data/mail");
    let token_sent_to = async |email: &str, page: &str| token_in(app, &folder, email, page).await;
    let register = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
    let account = json!({ "email": EMAIL, "password": "planned-1", "name": "Quin" });
    let registered = player.send(register, json!({ "input": account })).await;
    let token = registered["register"]["accessToken"].as_str().unwrap().to_owned();
    let person = Player::new(server, token);
    let send = async |query: &str, variables: Value| {
        player.note(query);
        person.send(query, variables).await
    };
    send("mutation { requestEmailVerification }", json!({})).await;
    let verify = "mutation($token: String!) { verifyEmail(token: $token) { emailVerified } }";
    let token = token_sent_to(EMAIL, "verify-email").await;
    send(verify, json!({ "token": token })).await;
    let request = "mutation($email: String!) { requestPasswordReset(email: $email) }";
    for email in [EMAIL, "nobody@example.test"] {
        send(request, json!({ "email": email })).await;
    }
    let reset = "mutation($token: String!) {
        resetPassword(input: { token: $token, newPassword: \"planned-2\" }) { accessToken } }";
    let token = token_sent_to(EMAIL, "reset-password").await;
    send(reset, json!({ "token": token })).await;
    let profile = "mutation { updateProfile(input: { name: \"Quincy\", reminders: false }) {
        reminders } }";
    send(profile, json!({})).await;
    let password = "mutation { changePassword(
        input: { currentPassword: \"planned-2\", newPassword: \"planned-3\" }) }";
    send(password, json!({})).await;
    let email = "mutation($email: String!) { changeEmail(
        input: { newEmail: $email, password: \"planned-3\" }) { pendingEmail } }";
    send(email, json!({ "email": NEW_EMAIL })).await;
    let token = token_sent_to(NEW_EMAIL, "verify-email").await;
    send(verify, json!({ "token": token })).await;
    send(email, json!({ "email": NEW_EMAIL })).await;

    let login = "mutation($email: String!) { login(
        input: { email: $email, password: \"planned-3\" }) { user { sessions { id } } } }";
    let signed_in = send(login, json!({ "email": NEW_EMAIL })).await;
    let session = &signed_in["login"]["user"]["sessions"][0]["id"];
    let end = "mutation($id: ID!) { endSession(sessionId: $id) }";
    send(end, json!({ "id": session })).await;
    send("mutation { createCalendarFeed { calendarUrl } }", json!({})).await;
    send("mutation { removeCalendarFeed { calendarUrl } }", json!({})).await;
    let event = app.event("Quiet evening", 5).await;
    send(BOOK, json!({ "input": { "eventId": event } })).await;
    let data: Value = serde_json::from_str(&person.download("/account/data.json").await).unwrap();
    assert_eq!(data["bookings"].as_array().unwrap().len(), 1);
    send("mutation { deleteAccount(input: { password: \"planned-3\" }) }", json!({})).await;
    wait_until(Duration::from_secs(20), "the booking is cancelled", async || {
        let left = job::Entity::find().filter(job::Column::Kind.eq("cancel_bookings_of_account"));
        // The second look is due later.
        left.count(app.db()).await.unwrap() == 1
    })
    .await;
}

async fn token_in(app: &App, folder: &Path, email: &str, page: &str) -> String {
    let mails = mails_in(app.db(), &[folder.to_owned()], email).await;
    mails.last().unwrap_or_else(|| panic!("no mail to {email}")).token(page)
}
