//! The picture of an event, in the organizer's form and on the buyer's pages.

use fantoccini::Locator;
use tempfile::TempDir;

use super::Organizing;
use crate::covers::jpeg;

/// What the server says of half a file.
const BROKEN: &str = "The picture is incomplete or broken. Save it anew and send it again.";

#[tokio::test(flavor = "multi_thread")]
async fn an_organizer_gives_an_event_a_picture_and_takes_it_away() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("String Quartet").await;
    let folder = TempDir::new().unwrap();
    let (picture, broken) = (folder.path().join("quartet.jpg"), folder.path().join("broken.jpg"));
    std::fs::write(&picture, jpeg(1600, 1200)).unwrap();
    std::fs::write(&broken, &jpeg(1600, 1200)[..400]).unwrap();

    organizing.open_editor(&event).await;
    browser.expect_none(".cover-form img").await;
    browser.click_label("Save picture").await;
    browser.expect_text(".cover-form .form-refusal", "Please choose a picture.").await;
    let choose = async |file: &std::path::Path| {
        let input = browser.page.find(Locator::Css("#cover-file")).await.unwrap();
        input.send_keys(file.to_str().unwrap()).await.unwrap();
    };
    choose(&broken).await;
    browser.click_label("Save picture").await;
    browser.expect_text(".cover-form .form-refusal", "Please say what the picture shows").await;
    browser.fill("cover-alt", "Four people with \"strings\"").await;
    browser.click_label("Save picture").await;
    browser.expect_text(".cover-form .form-refusal", BROKEN).await;
    browser.expect_none(".cover-form img").await;

    choose(&picture).await;
    browser.click_label("Save picture").await;
    browser.expect_text(".toast", "The picture is saved.").await;
    let shown = "const image = document.querySelector('.picture img');
        return image?.complete && image.naturalWidth > 0 ? image.alt : null";
    browser.wait_for(shown, |alt| *alt == "Four people with \"strings\"").await;
    browser.screenshot("organizer-cover").await;
    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.wait_for(shown, |alt| *alt == "Four people with \"strings\"").await;

    organizing.open_editor(&event).await;
    browser.click_label("Remove picture").await;
    browser.expect_text(".toast", "The picture is gone.").await;
    browser.expect_none(".picture img").await;
    browser.open(&format!("{}/events/{event}", app.url)).await;
    browser.expect_text("h1", "String Quartet").await;
    browser.expect_none(".picture img").await;
    organizing.browser.close().await;
}
