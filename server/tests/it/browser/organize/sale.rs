//! A whole sale, from an organizer's registration to the cancellation of their event, in the browsers
//! of the organizer and of a buyer.
//!
//! The pictures in `docs/organizers.md` are its screenshots, copied from `target/screenshots`.

use std::{fs, path::Path, time::Duration};

use chrono::{Days, Utc};
use serde_json::json;
use tempfile::TempDir;

use super::{super::driver::Browser, enter_time};
use crate::{app::App, database::Engine, waiting::wait_until};

const OWNER: (&str, &str) = ("Nadia", "nadia@example.org");
const BUYER: (&str, &str) = ("Ben", "ben@example.org");
const PASSWORD: &str = "passw0rd";
const TITLE: &str = "String Quartet";
const REASON: &str = "The cellist is ill.";
/// The longest time until a job has cancelled the bookings of a small event.
const CANCELLATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens a browser in the light theme, in the time zone of the event.
async fn browser() -> Browser {
    let browser = Browser::start(1280, 900).await;
    browser.set_theme("light").await;
    browser.set_locale("en-GB", "Europe/Zurich").await;
    browser
}

/// Fills in the form for a new account and submits it.
async fn register(browser: &Browser, (name, email): (&str, &str)) {
    for (field, text) in [("name", name), ("email", email), ("password", PASSWORD)] {
        browser.fill(field, text).await;
    }
    browser.click("button[type=submit]").await;
}

async fn dismiss_messages(browser: &Browser) {
    let dismiss = "document.querySelectorAll('[aria-label=Dismiss]').forEach(b => b.click())";
    browser.evaluate(dismiss).await;
    browser.expect_none(".toast").await;
}

/// Takes a picture of the top of the page, without messages.
async fn picture(browser: &Browser, name: &str) {
    dismiss_messages(browser).await;
    browser.evaluate("document.activeElement.blur(); scrollTo(0, 0)").await;
    browser.screenshot(name).await;
}

/// The start of the event, as the form has it: at 19:30 after some days.
fn start_in(days: u64) -> String {
    (Utc::now() + Days::new(days)).format("%Y-%m-%dT19:30").to_string()
}

/// Creates an organizer and saves a draft. Returns the event's id.
async fn save_draft(owner: &Browser) -> String {
    owner.fill("name", "Blue Door").await;
    owner.click_label("Create organizer").await;
    owner.expect_path("/organize/blue-door").await;
    owner.expect_text(".notice", "There are no events yet.").await;
    owner.click_label("New event").await;
    owner.expect_path("/organize/blue-door/events/new").await;
    for (field, text) in [
        ("title", TITLE),
        ("description", "Haydn, Ravel and one surprise.\nDoors open at seven."),
        ("venue", "Blue Door"),
        ("city", "Zürich"),
        ("price", "25"),
        ("totalTickets", "4"),
    ] {
        owner.fill(field, text).await;
    }
    owner.choose("#field-currency", "CHF").await;
    enter_time(owner, "startsAt", &start_in(30)).await;
    owner.expect_text(".preview", "CHF 25.00 each").await;
    picture(owner, "organizer-new-event").await;
    owner.click_label("Save draft").await;
    owner.expect_text(".toast", "The draft is saved.").await;
    owner.expect_text(".sales", "Draft").await;
    let path = owner.evaluate("return location.pathname").await;
    path.as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// Books two tickets on the page of the event, after a registration.
async fn book_two(buyer: &Browser, event: &str) {
    buyer.click_label(TITLE).await;
    buyer.expect_path(&format!("/events/{event}")).await;
    buyer.expect_text(".description", "Doors open at seven.").await;
    buyer.expect_text(".row", "Hosted by Blue Door").await;
    buyer.choose("#quantity", "2").await;
    buyer.expect_text(".total", "CHF 50.00").await;
    buyer.click_book().await;
    buyer.click_label("Create account").await;
    register(buyer, BUYER).await;
    buyer.expect_text(".who", BUYER.0).await;
    buyer.expect_text(".total", "CHF 50.00").await;
    buyer.click_book().await;
    buyer.expect_text(".toast", "Successfully booked String Quartet!").await;
    buyer.expect_text(".yours", "You have 2 tickets.").await;
    buyer.expect_text(".badge", "2 tickets left").await;
}

/// Registers another buyer without a browser. Returns their access token.
async fn other_buyer(app: &App) -> String {
    let register = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
    let input = json!({ "name": "Mara", "email": "mara@example.org", "password": PASSWORD });
    let data = app.data(None, register, json!({ "input": input })).await;
    data["register"]["accessToken"].as_str().unwrap().to_owned()
}

/// Lets the browser save files in this folder.
async fn save_downloads_in(browser: &Browser, folder: &Path) {
    let parameters = json!({ "behavior": "allow", "downloadPath": folder });
    browser.devtools("Browser.setDownloadBehavior", parameters).await;
}

/// The text of the file that the browser has saved as `*.csv`.
async fn downloaded_csv(folder: &Path) -> String {
    let saved = || {
        let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let file =
            files.find(|path| path.extension().is_some_and(|extension| extension == "csv"))?;
        // The browser makes the file a moment before it has its content.
        fs::read_to_string(file).ok().filter(|csv| !csv.is_empty())
    };
    wait_until(Duration::from_secs(20), "the file is saved", async || saved().is_some()).await;
    saved().unwrap()
}

/// Waits until the buyer has no confirmed booking any more.
async fn wait_for_cancelled_booking(app: &App) {
    let login = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
    let input = json!({ "input": { "email": BUYER.1, "password": PASSWORD } });
    let data = app.data(None, login, input).await;
    let token = data["login"]["accessToken"].as_str().unwrap().to_owned();
    let query = "{ me { bookings(first: 1) { nodes { status cancelledBy cancellationReason } } } }";
    let expected =
        json!({ "status": "CANCELLED", "cancelledBy": "ORGANIZER", "cancellationReason": REASON });
    wait_until(CANCELLATION_TIMEOUT, "the booking is cancelled", async || {
        app.data(Some(&token), query, json!({})).await["me"]["bookings"]["nodes"][0] == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizer_sells_an_event_and_the_buyer_sees_all_that_happens_to_it() {
    let app = App::start(Engine::Sqlite).await;
    let (owner, buyer) = tokio::join!(browser(), browser());

    owner.open(&format!("{}/organize", app.url)).await;
    owner.click_label("Create account").await;
    register(&owner, OWNER).await;
    owner.expect_text("h1", "Your organizers").await;
    let event = save_draft(&owner).await;
    buyer.open(&format!("{}/events?search=quartet", app.url)).await;
    buyer.expect_text(".notice", "No events match “quartet”.").await;
    owner.click_label("Publish").await;
    owner.expect_text("dialog[open]", "4 tickets will be on sale at once.").await;
    owner.click_label("Publish event").await;
    owner.expect_text(".sales", "On sale").await;
    // The button that opened the dialog is gone.
    owner.wait_for("return document.activeElement.id", |id| *id == "sales").await;

    buyer.page.refresh().await.unwrap();
    buyer.expect_text(".card .badge", "4 tickets left").await;
    book_two(&buyer, &event).await;
    owner.expect_text(".sales", "2 of 4 sold").await;
    owner.expect_text(".sales", "CHF 50.00 taken").await;
    app.book(&other_buyer(&app).await, &event, 2).await;
    buyer.expect_text(".badge", "Sold out").await;
    owner.expect_text(".sales", "4 of 4 sold").await;

    owner.fill("totalTickets", "40").await;
    owner.click_label("Save changes").await;
    owner.expect_text(".sales", "4 of 40 sold").await;
    buyer.expect_text(".badge", "36 tickets left").await;
    picture(&owner, "organizer-edit-event").await;
    dismiss_messages(&buyer).await;
    enter_time(&owner, "startsAt", &start_in(31)).await;
    owner.click_label("Save changes").await;
    buyer.expect_text(".toast", "String Quartet: The start was moved to").await;
    buyer.expect_text(".row", "19:30").await;
    let is_still = "return document.getAnimations().length";
    buyer.wait_for(is_still, |running| *running == 0).await;
    buyer.screenshot("buyer-start-moved").await;
    owner.click_label("Your organizers").await;
    owner.click_label("Blue Door").await;
    owner.expect_text(".my-event", "4 of 40 sold").await;
    owner.expect_text(".my-event", "CHF 100.00 taken").await;
    picture(&owner, "organizer-my-events").await;

    owner.click("[aria-label='Attendees of String Quartet']").await;
    owner.expect_text(".found", "2 bookings").await;
    owner.expect_text(".attendee", BUYER.1).await;
    picture(&owner, "organizer-attendees").await;
    let folder = TempDir::new().unwrap();
    save_downloads_in(&owner, folder.path()).await;
    owner.click_label("Download CSV").await;
    let csv = downloaded_csv(folder.path()).await;
    assert!(csv.contains("CONFIRMED,Ben,ben@example.org,2,25.00,50.00,CHF"), "{csv}");

    owner.open(&format!("{}/organize/events/{event}", app.url)).await;
    owner.click_label("Cancel event").await;
    owner.expect_text("dialog[open]", "2 people hold 4 tickets.").await;
    owner.fill("cancel-reason", REASON).await;
    owner.click("dialog[open] .button-danger").await;
    owner.expect_text(".sales", REASON).await;
    owner.wait_for("return document.activeElement.id", |id| *id == "sales").await;
    buyer.expect_text(".badge", "Cancelled").await;
    buyer.expect_text(".book", "Cancelled").await;
    buyer.expect_text(".sale-note", "This event was cancelled: The cellist is ill.").await;
    buyer.click_label("My bookings").await;
    buyer.expect_text(".booking .badge", "Cancelled").await;
    let words = "Cancelled by the organizer: The cellist is ill.";
    buyer.expect_text(".booking .sale-note", words).await;
    buyer.screenshot("buyer-cancelled-booking").await;
    wait_for_cancelled_booking(&app).await;
    app.assert_nothing_oversold().await;
    owner.close().await;
    buyer.close().await;
}
