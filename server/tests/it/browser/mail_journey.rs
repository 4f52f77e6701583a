//! One person's whole way, with mails read from an SMTP server: from the registration, through a
//! ticket that is checked in and a lost password, to the end of the account.

use std::time::Duration;

use rowlock_entities::organizer_member::Role;
use serde_json::json;

use super::driver::{Browser, ENTER};
use crate::{
    app::App,
    database::Engine,
    demo::LOG_IN_AS_ADA,
    managed_events::Host,
    smtp::{Mail, SmtpServer, with_smtp},
    waiting::wait_until,
};

const EMAIL: &str = "nadia@example.org";

/// The address in a mail's text that begins so, on the server of the test.
fn link(app: &App, mail: &Mail, path: &str) -> String {
    let start = format!("https://tickets.example{path}");
    let found = mail.text.split_whitespace().find(|word| word.starts_with(&start));
    let found = found.unwrap_or_else(|| panic!("no {path} in {}", mail.text));
    found.replace("https://tickets.example", &app.url)
}

async fn mail_with(smtp: &SmtpServer, path: &str) -> Mail {
    let find = || smtp.taken().into_iter().rev().find(|mail| mail.text.contains(path));
    wait_until(Duration::from_secs(30), path, async || find().is_some()).await;
    find().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_registration_to_the_end_of_the_account() {
    let (app, smtp) = with_smtp(&App::start(Engine::Postgres).await).await;
    let host = Host::found(&app).await;
    let login = app.data(None, LOG_IN_AS_ADA, json!({})).await;
    host.add(&app, login["login"]["accessToken"].as_str().unwrap(), Role::Door).await;
    let event = host.event(&app, json!({ "startsAt": "2030-12-06T22:00:00Z" })).await;
    let browser = Browser::start(375, 812).await;

    browser.open(&format!("{}/register?next=/events/{event}", app.url)).await;
    browser.fill("name", "Nadia").await;
    browser.fill("email", EMAIL).await;
    browser.fill("password", "passw0rd").await;
    browser.press(ENTER).await;
    browser.expect_path(&format!("/events/{event}")).await;
    let confirm = link(&app, &mail_with(&smtp, "/verify-email#").await, "/verify-email#");
    browser.open(&confirm).await;
    browser.expect_text(".notice", "Your address is confirmed.").await;

    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.click_book().await;
    browser.expect_text(".yours", "You have 1 ticket.").await;
    let booked = smtp.wait_for_subject("Booked: 1 ticket for Jazz").await;
    assert_eq!((booked.to.len(), booked.to[0].as_str()), (1, EMAIL));
    let ticket = link(&app, &booked, "/bookings/");
    browser.open(&ticket).await;
    browser.expect_text(".ticket", "Ticket 1 of 1").await;
    browser.screenshot("ticket-from-a-mail").await;

    // At the door, a member with the smallest role scans what the ticket says.
    let sign_in =
        "mutation { login(input: { email: \"nadia@example.org\", password: \"passw0rd\" })
        { accessToken } }";
    let nadia = app.data(None, sign_in, json!({})).await;
    let codes = "{ me { bookings { nodes { tickets { code } } } } }";
    let found = app.data(nadia["login"]["accessToken"].as_str(), codes, json!({})).await;
    let code = &found["me"]["bookings"]["nodes"][0]["tickets"][0]["code"];
    let door = Browser::start(375, 812).await;
    door.sign_in(&app.url, "Ada").await;
    door.open(&format!("{}/organize/events/{event}/door", app.url)).await;
    door.expect_text(".arrivals", "0 of 1 are in").await;
    door.fill("code", code.as_str().unwrap()).await;
    door.press(ENTER).await;
    door.expect_text("[aria-live=assertive] .verdict-welcome", "Welcome, Nadia").await;
    door.expect_text(".arrivals", "1 of 1 are in").await;
    door.screenshot("door-after-a-scan").await;
    door.close().await;
    browser.open(&ticket).await;
    browser.expect_text(".ticket", "Checked in at").await;

    host.edit(&app, &event, json!({ "startsAt": "2030-12-07T23:00:00Z" })).await;
    let moved = smtp.wait_for_subject("New time: Jazz, Sat, Dec 7, 2030").await;
    assert_eq!(moved.calendar["uid"], booked.calendar["uid"]);

    // On another device, the password is forgotten.
    let forgotten = Browser::start(375, 812).await;
    forgotten.open(&format!("{}/forgot-password", app.url)).await;
    forgotten.fill("email", EMAIL).await;
    forgotten.press(ENTER).await;
    forgotten.expect_text(".notice", "a mail with a link is on its way").await;
    let reset = link(&app, &mail_with(&smtp, "/reset-password#").await, "/reset-password#");
    forgotten.open(&reset).await;
    forgotten.fill("newPassword", "another-1").await;
    forgotten.press(ENTER).await;
    forgotten.expect_path("/bookings").await;
    forgotten.click_label("Show tickets").await;
    forgotten.expect_text(".ticket", "Ticket 1 of 1").await;

    forgotten.open(&format!("{}/account", app.url)).await;
    forgotten.click_label("Delete my account…").await;
    forgotten.fill("passwordToDelete", "another-1").await;
    forgotten.click("dialog[open] .button-danger").await;
    forgotten.expect_text(".toast", "Your account is deleted.").await;
    let last = smtp.wait_for_subject("Your account was deleted").await;
    assert_eq!(last.to, [EMAIL]);
    // The ticket was used, so the organizer's figures keep it, without a name.
    let attendees = "query($id: ID!) { event(id: $id) { arrivals { arrived expected }
        attendees { nodes { name email } } } }";
    let seen = app.data(Some(&host.owner), attendees, json!({ "id": event })).await;
    assert_eq!(seen["event"]["arrivals"], json!({ "arrived": 1, "expected": 1 }));
    let person = &seen["event"]["attendees"]["nodes"][0];
    assert_eq!(person, &json!({ "name": "Deleted account", "email": "" }));
    let to_nadia = smtp.taken().iter().filter(|mail| mail.to == [EMAIL]).count();
    assert_eq!(to_nadia, smtp.taken().len());
    for browser in [browser, forgotten] {
        browser.close().await;
    }
}
