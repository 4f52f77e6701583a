//! The program of the organizers' pages, signing in to them, and how they look.

use serde_json::json;

use super::{
    super::{
        accessibility::{check_page, check_view},
        driver::Browser,
    },
    Organizing,
};
use crate::{app::App, database::Engine, managed_events::cancel_event};

#[tokio::test(flavor = "multi_thread")]
async fn only_organizers_download_the_program_of_their_pages() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    let programs = "return performance.getEntriesByType('resource').map(entry => entry.name)
        .filter(name => name.endsWith('.wasm')).map(name => name.match(/assets.(\\w+)/)[1])";
    browser.sign_in(&app.url, "Ada").await;
    browser.click_label("Events").await;
    browser.expect_text(".live", "Live counts").await;
    assert_eq!(browser.evaluate(programs).await, json!(["buyer"]));

    browser.click_label("Organize").await;
    browser.expect_text("h1", "Your organizers").await;
    browser.expect_path("/organize").await;
    browser.expect_text(".who", "Ada").await;
    assert_eq!(browser.evaluate(programs).await, json!(["organizer"]));
    assert_eq!(browser.evaluate("return document.title").await, "Your organizers · Rowlock");

    browser.click_label("My bookings").await;
    browser.expect_text("h1", "My bookings").await;
    assert_eq!(browser.evaluate(programs).await, json!(["bookings"]));
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_signs_in_comes_back_to_the_page_that_asked_for_it() {
    let organizing = Organizing::start().await;
    let Organizing { browser, home, app, .. } = &organizing;
    browser.open(home).await;
    browser.expect_text("h1", "My events").await;
    browser.click_label("Sign out").await;
    browser.expect_text(".notice", "Please sign in to organize events.").await;
    browser.click(".notice .button").await;
    browser.submit_sign_in("Ada").await;
    browser.expect_text("h1", "My events").await;
    browser.expect_path(home.strip_prefix(&app.url).unwrap()).await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_nothing_say_so() {
    let organizing = Organizing::start().await;
    let Organizing { browser, home, app, .. } = &organizing;
    let unknown = organizing.editor("01990000-0000-7000-8000-ffffffffffff");
    for (address, text) in [
        (format!("{}/organize/nobody", app.url), "You are no member of such an organizer."),
        (format!("{home}/nothing"), "There is no page at this address."),
        (unknown.clone(), "You can't edit such an event."),
        (format!("{unknown}/attendees"), "You can't see the attendees of such an event."),
        (organizing.editor("7"), "You can't edit such an event."),
    ] {
        browser.open(&address).await;
        browser.expect_text(".notice", text).await;
        browser.expect_text("h1", "Not found").await;
    }
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_organizers_fits_every_screen_and_is_accessible() {
    let organizing = Organizing::start().await;
    let Organizing { browser, home, app, host } = &organizing;
    let longest = json!({ "venue": "Donaudampfschifffahrtsgesellschaft".repeat(5),
        "description": "https://example.org/".repeat(100),
        "price": { "amount": "123456789.012", "currency": "KWD" } });
    let wide = organizing.event_with(&"Konzert".repeat(25), longest).await;
    app.book(&app.user().await, &wide, 2).await;
    let cancelled = organizing.event("Cancelled").await;
    cancel_event(app, &host.owner, &cancelled, "The hall burnt down.").await;
    let draft = host.draft(app, json!({ "title": "Draft" })).await;
    let path = |address: &str| address.strip_prefix(&app.url).unwrap().to_owned();
    for (name, address, selector) in [
        ("organizers", "/organize".to_owned(), ".row"),
        ("my-events", path(home), ".my-event"),
        ("new-event", path(home) + "/events/new", "form"),
        ("members", path(home) + "/members", ".member"),
        ("settings", path(home) + "/settings", "form"),
        ("edit-event", path(&organizing.editor(&wide)), "form"),
        ("edit-cancelled-event", path(&organizing.editor(&cancelled)), ".sales"),
        ("attendees", path(&organizing.editor(&wide)) + "/attendees", ".attendee"),
        ("no-organizer", "/organize/nobody".to_owned(), ".notice"),
    ] {
        check_page(browser, app, name, &address, selector).await;
    }
    browser.open(&format!("{home}/events/new")).await;
    browser.click_label("Save draft").await;
    browser.expect_text("#field-title-problem", "Please enter a title.").await;
    check_view(browser, "new-event-problems").await;
    organizing.open_editor(&wide).await;
    browser.click_label("Cancel event").await;
    browser.expect_text("dialog[open]", "Cancel this event?").await;
    check_view(browser, "cancel-event").await;
    organizing.open_editor(draft["id"].as_str().unwrap()).await;
    browser.click_label("Publish").await;
    browser.expect_text("dialog[open]", "Publish this event?").await;
    check_view(browser, "publish-event").await;
    organizing.open_editor(&wide).await;
    browser.fill("venue", &"Blaskapellenprobenraum".repeat(8)).await;
    host.edit(app, &wide, json!({ "venue": "Red Hall" })).await;
    browser.expect_text(".changed-elsewhere", "Theirs: Red Hall").await;
    check_view(browser, "changed-elsewhere").await;
    browser.open(&format!("{}/attendees", organizing.editor(&wide))).await;
    browser.click_label("Cancel booking").await;
    browser.expect_text("dialog[open]", "Cancel the booking of").await;
    check_view(browser, "cancel-attendee").await;
    browser.open(&format!("{home}/members")).await;
    browser.click_label("Remove").await;
    browser.expect_text("dialog[open]", "They will no longer see its drafts").await;
    check_view(browser, "remove-member").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizer_is_founded_and_renamed() {
    let app = App::start(Engine::Sqlite).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&app.url, "Ada").await;
    browser.open(&format!("{}/organize", app.url)).await;
    browser.fill("name", "Café Zoë & Söhne").await;
    let slug = "return document.getElementById('field-slug').value";
    browser.wait_for(slug, |slug| *slug == "cafe-zoe-soehne").await;
    browser.click_label("Create organizer").await;
    browser.expect_path("/organize/cafe-zoe-soehne").await;
    browser.expect_text(".notice", "There are no events yet.").await;

    browser.click_label("Settings").await;
    browser.fill("slug", "zoe").await;
    browser.fill("name", "Zoë").await;
    browser.click_label("Save changes").await;
    browser.expect_path("/organize/zoe/settings").await;
    browser.expect_text(".organizer-name", "Zoë").await;
    browser.fill("name", "Zoë & Co").await;
    browser.click_label("Save changes").await;
    browser.expect_text(".organizer-name", "Zoë & Co").await;
    browser.expect_path("/organize/zoe/settings").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_founds_organizers_where_the_setting_says_so() {
    let app = App::start_with(Engine::Sqlite, &["--organizers", "invited"]).await;
    let browser = Browser::start(1280, 900).await;
    for (person, text) in [("Ada", "Weber & Friends"), ("Alan", "Only the operator of this site")] {
        browser.sign_in(&app.url, person).await;
        browser.open(&format!("{}/organize", app.url)).await;
        browser.expect_text("main", text).await;
        browser.expect_none("form").await;
        browser.screenshot("organizers-by-invitation").await;
        browser.click_label("Sign out").await;
        browser.expect_text("header", "Sign in").await;
    }
    browser.close().await;
}
