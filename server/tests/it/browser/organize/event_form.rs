//! The form of an event: problems, unsaved changes, other people's changes, and what can't be undone.

use serde_json::json;

use super::{Organizing, enter_time, value_script};

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_made_in_the_zone_of_the_event_and_published() {
    let organizing = Organizing::start().await;
    let Organizing { browser, home, app, host, .. } = &organizing;
    browser.set_locale("en-GB", "Asia/Tokyo").await;
    browser.open(&format!("{home}/events/new")).await;
    // The visitor's own zone comes first.
    browser.wait_for(&value_script("timeZone"), |zone| *zone == "Asia/Tokyo").await;
    let first = "return document.querySelector('#zones option').value";
    assert_eq!(browser.evaluate(first).await, "Asia/Tokyo");
    browser.click_label("Save draft").await;
    for (field, problem) in [
        ("title", "Please enter a title."),
        ("venue", "Please enter the venue."),
        ("startsAt", "Please enter when the event starts."),
        ("price", "Please enter a price, such as 12.50, or 0."),
        ("totalTickets", "Please enter a whole number, up to 1000000."),
    ] {
        browser.expect_text(&format!("#field-{field}-problem"), problem).await;
        let invalid =
            format!("return document.getElementById('field-{field}').getAttribute('aria-invalid')");
        assert_eq!(browser.evaluate(&invalid).await, "true", "{field}");
    }
    let focused = "return document.activeElement.id";
    assert_eq!(browser.evaluate(focused).await, "field-title");

    browser.fill("title", "Jazz Night").await;
    browser.fill("venue", "Blue Hall").await;
    browser.fill("timeZone", "Europe/Berlin").await;
    enter_time(browser, "startsAt", "2035-03-25T02:30").await;
    let problem = "There is no such time: the clocks are set forward then.";
    browser.expect_text("#field-startsAt-problem", problem).await;
    enter_time(browser, "startsAt", "2035-10-28T02:30").await;
    browser.expect_text("#field-startsAt-hint", "this time comes twice").await;
    enter_time(browser, "startsAt", "2035-07-01T20:00").await;
    browser.fill("price", "12,5").await;
    browser.fill("totalTickets", "50").await;
    browser.expect_text(".preview", "€12.50 each").await;
    browser.click_label("Save draft").await;
    browser.expect_text(".toast", "The draft is saved.").await;
    browser.expect_text(".sales", "Draft").await;

    browser.click_label("Publish").await;
    browser.expect_text("dialog[open]", "50 tickets will be on sale at once.").await;
    browser.click_label("Publish event").await;
    browser.expect_text(".sales", "On sale").await;
    let path = browser.evaluate("return location.pathname").await;
    let id = path.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let query = "query($id: ID!) { event(id: $id) { status startsAt price { amount } } }";
    let saved = app.data(Some(&host.owner), query, json!({ "id": id })).await;
    assert_eq!(
        saved["event"],
        json!({ "status": "PUBLISHED", "startsAt": "2035-07-01T18:00:00Z",
            "price": { "amount": "12.50" } })
    );
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsaved_changes_survive_a_reload_and_a_sign_in() {
    let organizing = Organizing::start().await;
    let Organizing { browser, home, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    organizing.open_editor(&event).await;
    browser.fill("title", "Jazz Morning").await;
    browser.page.refresh().await.unwrap();
    browser.expect_text(".restored", "These are your changes from before.").await;
    browser.wait_for(&value_script("title"), |title| *title == "Jazz Morning").await;

    browser.click_label("Sign out").await;
    browser.click(".notice .button").await;
    browser.submit_sign_in("Ada").await;
    browser.wait_for(&value_script("title"), |title| *title == "Jazz Morning").await;
    browser.click_label("Save changes").await;
    browser.expect_text(".toast", "Your changes are saved.").await;
    browser.expect_text("h1", "Jazz Morning").await;
    let kept = "return Object.keys(sessionStorage).filter(key => key.includes('draft')).length";
    browser.wait_for(kept, |kept| *kept == 0).await;

    browser.open(&format!("{home}/events/new")).await;
    browser.fill("title", "New").await;
    browser.page.refresh().await.unwrap();
    browser.expect_text(".restored", "This is what you typed before.").await;
    browser.click_label("Discard").await;
    browser.wait_for(&value_script("title"), |title| *title == "").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_overwrites_what_somebody_else_has_changed() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, host, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    organizing.open_editor(&event).await;
    browser.fill("title", "Jazz Morning").await;
    browser.fill("totalTickets", "120").await;
    host.edit(app, &event, json!({ "venue": "Red Hall", "totalTickets": 150 })).await;
    // Whether the page learns of it by itself or by saving, nothing is saved before a choice.
    browser.click_label("Save changes").await;
    browser.expect_text(".changed-elsewhere", "Somebody else has changed this event").await;
    browser.click_label("Save changes").await;
    browser.expect_text(".form-refusal", "Please choose above what should stand.").await;
    browser.expect_text(".changed-elsewhere", "Theirs: Red Hall").await;
    browser.expect_text(".changed-elsewhere", "Yours: 120").await;
    let query = "query($id: ID!) { event(id: $id) { title venue totalTickets } }";
    let asked = async || app.data(None, query, json!({ "id": event })).await["event"].clone();
    let theirs = json!({ "title": "Jazz Night", "venue": "Red Hall", "totalTickets": 150 });
    assert_eq!(asked().await, theirs);

    // Their venue is taken over, because it was not edited here. The number is the user's choice.
    browser.wait_for(&value_script("venue"), |venue| *venue == "Red Hall").await;
    browser.wait_for(&value_script("totalTickets"), |total| *total == "120").await;
    browser.page.refresh().await.unwrap();
    browser.expect_text(".changed-elsewhere", "Yours: 120").await;
    assert_eq!(asked().await, theirs);
    browser.click("[name=choice-totalTickets][value=theirs]").await;
    browser.wait_for(&value_script("totalTickets"), |total| *total == "150").await;
    browser.click_label("Save changes").await;
    browser.expect_text(".toast", "Your changes are saved.").await;
    browser.expect_none(".changed-elsewhere").await;
    let both = json!({ "title": "Jazz Morning", "venue": "Red Hall", "totalTickets": 150 });
    assert_eq!(asked().await, both);
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_refusals_show_at_their_fields() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    app.book(&app.user().await, &event, 3).await;
    organizing.open_editor(&event).await;
    browser.fill("totalTickets", "2").await;
    browser.click_label("Save changes").await;
    let problem = "3 tickets are already taken, so there can't be fewer.";
    browser.expect_text("#field-totalTickets-problem", problem).await;
    let focused = "return document.activeElement.id";
    browser.wait_for(focused, |id| *id == "field-totalTickets").await;

    // The currency can't change while tickets are booked.
    browser.fill("totalTickets", "20").await;
    browser.choose("#field-currency", "USD").await;
    browser.click_label("Save changes").await;
    browser.expect_text("#field-price-problem, #field-currency-problem", "currency").await;
    browser.click_label("Discard changes").await;
    browser.wait_for(&value_script("totalTickets"), |total| *total == "10").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_says_what_happens_and_asks_why() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, host, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    organizing.open_editor(&event).await;
    for tickets in [3, 2] {
        app.book(&app.user().await, &event, tickets).await;
    }
    browser.expect_text(".sales", "5 of 10 sold").await;
    browser.fill("venue", "Red Door").await;
    browser.expect_text("form .hint[role=status]", "The 2 people who have booked get a mail").await;
    browser.click_label("Discard changes").await;
    browser.click_label("Cancel event").await;
    browser.expect_text("dialog[open]", "2 people hold 5 tickets.").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text("#cancel-reason-problem", "Please enter a reason.").await;
    browser.press("The hall burnt down.").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text(".sales", "Cancelled").await;
    browser.expect_text(".sales", "The hall burnt down.").await;
    browser.expect_none("form").await;
    let query = "query($id: ID!) { event(id: $id) { status cancellationReason } }";
    let saved = app.data(Some(&host.owner), query, json!({ "id": event })).await;
    let cancelled = json!({ "status": "CANCELLED", "cancellationReason": "The hall burnt down." });
    assert_eq!(saved["event"], cancelled);
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_shows_the_number_of_tickets_that_is_saved() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, host, .. } = &organizing;
    let draft = host.draft(app, json!({ "title": "Next year" })).await;
    organizing.open_editor(draft["id"].as_str().unwrap()).await;
    browser.expect_text(".sales", "0 of 10 sold").await;
    browser.fill("totalTickets", "120").await;
    browser.click_label("Save draft").await;
    browser.expect_text(".toast", "Your changes are saved.").await;
    browser.expect_text(".sales", "0 of 120 sold").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_has_the_decimals_of_its_currency_for_everybody() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    // Browsers round amounts of these currencies, as shops do.
    for (currency, amount) in [("HUF", "1999.50"), ("AFN", "10.50"), ("IQD", "1.250")] {
        let price = json!({ "price": { "amount": amount, "currency": currency } });
        let event = organizing.event_with(currency, price).await;
        browser.open(&format!("{}/events/{event}", app.url)).await;
        browser.expect_text(".one-price", amount.trim_start_matches("1999")).await;
        organizing.open_editor(&event).await;
        browser.fill("title", "Jazz Night").await;
        browser.click_label("Save changes").await;
        browser.expect_text(".toast", "Your changes are saved.").await;
        browser.fill("price", "2,25").await;
        browser.expect_text(".preview", "2.25").await;
        browser.click_label("Save changes").await;
        browser.wait_for(&value_script("price"), |price| price.as_str() != Some("2,25")).await;
    }
    organizing.browser.close().await;
}
