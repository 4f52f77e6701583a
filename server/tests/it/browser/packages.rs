//! A person who downloads the tarball, unpacks it and runs the program.

use super::driver::Browser;
use crate::packages::Unpacked;

#[tokio::test(flavor = "multi_thread")]
async fn the_unpacked_program_alone_sells_tickets() {
    let unpacked = Unpacked::new();
    unpacked.rowlock(&["migrate"]);
    unpacked.rowlock(&["seed"]);
    let program = unpacked.serve(&[]).await;
    let browser = Browser::start(1280, 900).await;
    browser.sign_in(&program.url, "Ada").await;
    browser.open(&format!("{}/events", program.url)).await;
    browser.click_on_card("Limited Concert", "Book now").await;
    browser.expect_text(".booked", "Booked").await;
    browser.expect_text(".live", "Live counts").await;
    browser.screenshot("unpacked").await;
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    browser.close().await;
    assert!(unpacked.rowlock(&["audit"]).contains(" 0 violations"));
}
