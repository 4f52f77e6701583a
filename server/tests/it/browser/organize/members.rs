//! Adding members, changing their roles, and leaving.

use super::Organizing;

#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_changed_and_removed() {
    let organizing = Organizing::start().await;
    let Organizing { browser, home, .. } = &organizing;
    browser.open(&format!("{home}/members")).await;
    browser.expect_text(".member", "Ada").await;
    browser.fill("email", "nobody@example.org").await;
    browser.click_label("Add member").await;
    browser.expect_text("#field-email-problem, .form-refusal", "account").await;
    browser.fill("email", "grace@example.org").await;
    browser.choose("#field-role", "DOOR").await;
    browser.click_label("Add member").await;
    browser.expect_text(".toast", "grace@example.org is now a member for the door.").await;
    browser.expect_text(".member", "Grace").await;

    let role = "[aria-label='Role of Grace']";
    browser.evaluate(&format!("document.querySelector({role:?}).focus()")).await;
    browser.choose(role, "MANAGER").await;
    browser.expect_text(".toast", "Grace is now a manager.").await;
    let focused = "return document.activeElement.ariaLabel";
    assert_eq!(browser.evaluate(focused).await, "Role of Grace");
    browser.click("[aria-label='Remove Grace']").await;
    browser.expect_text("dialog[open]", "Remove Grace?").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text(".toast", "Grace is no member any more.").await;
    browser.expect_none("[aria-label='Remove Grace']").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_and_others_may_leave() {
    let organizing = Organizing::start().await;
    let Organizing { browser, home, .. } = &organizing;
    browser.open(&format!("{home}/members")).await;
    browser.expect_text(".member", "Ada").await;
    // There is another owner, so Ada may become a manager, and then has no form for members.
    browser.choose("[aria-label='Role of Ada']", "MANAGER").await;
    browser.expect_none("form").await;
    browser.click_label("Leave").await;
    browser.expect_text("dialog[open]", "Leave this organizer?").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_path("/organize").await;
    browser.expect_text(".toast", "You are no member any more.").await;

    browser.fill("name", "Ada's own").await;
    browser.click_label("Create organizer").await;
    browser.expect_path("/organize/adas-own").await;
    browser.click_label("Members").await;
    browser.click_label("Leave").await;
    browser.click("dialog[open] .button-danger").await;
    browser.expect_text(".toast", "owner").await;
    browser.expect_text(".member", "Ada").await;
    organizing.browser.close().await;
}
