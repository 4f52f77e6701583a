//! Leaving a page while its request is on the way: the outcome is told on the page where the user is.

use super::{Organizing, enter_time, value_script};

const KEPT_DRAFTS: &str =
    "return Object.keys(sessionStorage).filter(key => key.includes('draft')).length";

/// Leaves the page for the list of organizers, and lets the answer arrive there.
async fn leave_before_the_answer(organizing: &Organizing) {
    let Organizing { browser, .. } = organizing;
    browser.click_label("Your organizers").await;
    browser.expect_text("h1", "Your organizers").await;
    browser.release_answers(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_is_saved_after_its_page_was_left_is_not_offered_again() {
    let organizing = Organizing::start().await;
    let Organizing { browser, home, .. } = &organizing;
    browser.open(&format!("{home}/events/new")).await;
    for (field, text) in
        [("title", "Jazz Night"), ("venue", "Blue Hall"), ("price", "12"), ("totalTickets", "50")]
    {
        browser.fill(field, text).await;
    }
    enter_time(browser, "startsAt", "2035-07-01T20:00").await;
    browser.hold_answers("createEvent").await;
    browser.click_label("Save draft").await;
    leave_before_the_answer(&organizing).await;
    browser.expect_text(".toast", "The draft is saved.").await;
    browser.expect_path("/organize").await;
    assert_eq!(browser.evaluate(KEPT_DRAFTS).await, 0);
    browser.click_label("Host").await;
    browser.expect_text(".my-event", "Jazz Night").await;
    browser.click_label("New event").await;
    browser.wait_for(&value_script("title"), |title| *title == "").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_saved_or_refused_after_its_page_was_left_is_told() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    app.book(&app.user().await, &event, 3).await;
    organizing.open_editor(&event).await;
    browser.fill("title", "Jazz Morning").await;
    browser.hold_answers("updateEvent").await;
    browser.click_label("Save changes").await;
    leave_before_the_answer(&organizing).await;
    browser.expect_text(".toast", "Your changes are saved.").await;
    assert_eq!(browser.evaluate(KEPT_DRAFTS).await, 0);

    organizing.open_editor(&event).await;
    browser.fill("totalTickets", "2").await;
    browser.hold_answers("updateEvent").await;
    browser.click_label("Save changes").await;
    leave_before_the_answer(&organizing).await;
    let refusal = "Jazz Morning: 3 tickets are already taken, so there can't be fewer.";
    browser.expect_text(".toast", refusal).await;
    // What was typed is there again, because it is not saved.
    organizing.open_editor(&event).await;
    browser.wait_for(&value_script("totalTickets"), |total| *total == "2").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn founding_an_organizer_leads_nobody_away_from_another_page() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, home, .. } = &organizing;
    browser.open(&format!("{}/organize", app.url)).await;
    browser.fill("name", "Blue Hall").await;
    browser.hold_answers("createOrganizer").await;
    browser.click_label("Create organizer").await;
    browser.click_label("Host").await;
    browser.expect_text("h1", "My events").await;
    browser.release_answers(1).await;
    browser.expect_text(".toast", "Blue Hall is created.").await;
    browser.expect_path(home.strip_prefix(&app.url).unwrap()).await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    organizing.browser.close().await;
}
