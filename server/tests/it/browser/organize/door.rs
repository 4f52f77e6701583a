//! Letting people in at the door.

use serde_json::{Value, json};

use super::Organizing;
use crate::{
    app::App,
    browser::{accessibility::check_view, driver::ENTER, lost_answers::LET_A_MINUTE_PASS},
    demo::JAZZ_NIGHT,
    managed_events::cancel_event,
};

/// A browser that finds in each picture the codes in `window.seenCodes`, because the one for tests
/// finds none. If a page sets `window.requests` to a list, the browser asks for permission to use the
/// camera each time, and a test answers by calling `allow` or `refuse` of each request.
const DETECT_CODES: &str = "window.seenCodes = []; window.pictures = 0;
    window.BarcodeDetector = class {
        async detect() {
            window.pictures += 1;
            return window.seenCodes.map(rawValue => ({ rawValue }));
        }
    };
    const canvas = document.createElement('canvas');
    canvas.getContext('2d');
    Object.defineProperty(navigator, 'mediaDevices', {
        value: { getUserMedia: () => {
            const stream = canvas.captureStream();
            if (!window.requests) return Promise.resolve(stream);
            return new Promise((allow, refuse) => {
                window.requests.push({ stream, allow: () => allow(stream), refuse });
            });
        } },
    });";

/// The state of the camera that each request has opened.
const CAMERAS: &str =
    "return window.requests.map(({ stream }) => stream.getTracks()[0].readyState)";

/// Somebody's tickets: the reference of the booking and the codes.
struct Tickets {
    reference: String,
    codes: Vec<String>,
}

async fn tickets(app: &App, buyer: &str, event: &str, quantity: i64) -> Tickets {
    let booked = app.book(buyer, event, quantity).await;
    let query = "query($id: ID!) { node(id: $id) { ... on Booking {
        reference tickets { code } } } }";
    let found = app.data(Some(buyer), query, json!({ "id": booked["booking"]["id"] })).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Tickets {
        reference: text(&found["node"]["reference"]),
        codes: found["node"]["tickets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| text(&t["code"]))
            .collect(),
    }
}

impl Organizing {
    /// Opens the door of an event.
    async fn open_door(&self, event: &str, arrivals: &str) {
        self.browser.open(&format!("{}/door", self.editor(event))).await;
        self.browser.expect_text(".arrivals", arrivals).await;
    }

    /// Types a code, a reference or a name, and sends it.
    async fn enter(&self, text: &str) {
        self.browser.fill("code", text).await;
        self.browser.press(ENTER).await;
    }

    /// The number of tickets that are in.
    async fn arrived(&self, event: &str) -> Value {
        let query = "query($id: ID!) { event(id: $id) { arrivals { arrived } } }";
        let data = self.app.data(Some(&self.host.owner), query, json!({ "id": event })).await;
        data["event"]["arrivals"]["arrived"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_at_the_door_has_its_own_words_and_colour() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, host, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let (buyer, other) = (app.user().await, app.user().await);
    let Tickets { codes, .. } = tickets(app, &buyer, &event, 2).await;
    let elsewhere = tickets(app, &buyer, JAZZ_NIGHT, 1).await;
    let returned = tickets(app, &other, &event, 1).await;
    let cancel =
        "mutation($input: CancelBookingInput!) { cancelBooking(input: $input) { __typename } }";
    let mine = "{ me { bookings(first: 1) { nodes { id } } } }";
    let mine = app.data(Some(&other), mine, json!({})).await;
    let id = &mine["me"]["bookings"]["nodes"][0]["id"];
    app.data(Some(&other), cancel, json!({ "input": { "bookingId": id } })).await;

    organizing.open_door(&event, "0 of 2 are in").await;
    for (code, class, words) in [
        (&codes[0], "welcome", "Welcome, Load user 1"),
        (&codes[0], "attention", "Already checked in at"),
        (&elsewhere.codes[0], "refused", "Other event"),
        (&returned.codes[0], "refused", "Cancelled"),
        (&"7".repeat(10), "refused", "No ticket found"),
        (&codes[1], "welcome", "Ticket 2 of 2"),
    ] {
        organizing.enter(code).await;
        browser.expect_text(&format!("[aria-live=assertive] .verdict-{class}"), words).await;
    }
    browser.expect_text(".arrivals", "2 of 2 are in").await;
    browser.expect_text(".recent li:first-child", "Welcome, Load user 1").await;
    assert_eq!(organizing.arrived(&event).await, 2);

    // A mistake is taken back.
    browser.click_label("Undo").await;
    browser.expect_text(".verdict", "Load user 1 is not in any more").await;
    browser.expect_text(".arrivals", "1 of 2 are in").await;

    cancel_event(app, &host.owner, &event, "The pianist is ill.").await;
    organizing.enter(&codes[1]).await;
    browser.expect_text(".verdict-refused", "Cancelled").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_without_a_ticket_are_found_by_their_name_or_reference() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let (buyer, other) = (app.user().await, app.user().await);
    let Tickets { reference, .. } = tickets(app, &buyer, &event, 2).await;
    tickets(app, &other, &event, 1).await;
    organizing.open_door(&event, "0 of 3 are in").await;
    organizing.enter("load user").await;
    browser.expect_text(".found", "2 bookings match.").await;
    let check_in = format!("//li[.//*[text()='{reference}']]//button");
    browser.click_path(&check_in).await;
    browser.expect_text(".verdict-welcome", "Ticket 1 of 2").await;
    browser.expect_text(".guest", "1 of 2 in").await;
    browser.click_path(&check_in).await;
    browser.expect_text(".verdict-welcome", "Ticket 2 of 2").await;
    browser.expect_text(".guest", "2 of 2 in").await;
    browser.expect_text(".arrivals", "2 of 3 are in").await;
    organizing.enter("nobody at all").await;
    browser.expect_text(".found", "Nobody with that name has booked.").await;
    // The verdict was about somebody else. It can still be taken back.
    browser.expect_text(".verdict", "Ready").await;
    browser.click_label("Undo").await;
    browser.expect_text(".arrivals", "1 of 3 are in").await;
    browser.open(&format!("{}/attendees?search={reference}", organizing.editor(&event))).await;
    browser.expect_text(".attendee", "1 of 2 checked in").await;
    organizing.open_door(&event, "1 of 3 are in").await;
    // A reference may be typed as it is read out.
    organizing.enter(&reference.replace('-', " ").to_lowercase()).await;
    browser.expect_text(".verdict-welcome", "Ticket 2 of 2").await;
    assert_eq!(organizing.arrived(&event).await, 2);
    browser.open(&format!("{}/attendees", organizing.editor(&event))).await;
    browser.expect_text(".attendee .badge + .badge", "Checked in").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_count_is_live_over_all_doors() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, host, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let Tickets { codes, .. } = tickets(app, &app.user().await, &event, 2).await;
    organizing.open_door(&event, "0 of 2 are in").await;
    let check_in = "mutation($input: CheckInInput!) { checkIn(input: $input) { __typename } }";
    let input = json!({ "eventId": event, "code": codes[0] });
    app.data(Some(&host.owner), check_in, json!({ "input": input })).await;
    browser.expect_text(".arrivals", "1 of 2 are in").await;
    tickets(app, &app.user().await, &event, 3).await;
    browser.expect_text(".arrivals", "1 of 5 are in").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_welcome_until_the_server_has_said_so() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let Tickets { codes, .. } = tickets(app, &app.user().await, &event, 2).await;
    organizing.open_door(&event, "0 of 2 are in").await;

    // The ticket is checked in, and the answer is lost.
    browser
        .evaluate(
            "const send = window.fetch; window.scans = []; window.isAway = true;
             window.fetch = async (request, ...rest) => {
                 const body = await request.clone().text();
                 const answer = await send(request, ...rest);
                 if (!body.includes('CheckIn')) return answer;
                 window.scans.push(JSON.parse(body).variables.input.scanId);
                 if (window.isAway) throw new TypeError('Failed to fetch');
                 return answer;
             }",
        )
        .await;
    organizing.enter(&codes[0]).await;
    browser.expect_text(".verdict-attention", "No answer").await;
    browser.expect_none(".verdict-welcome").await;
    browser.wait_for("return window.scans.length", |scans| scans.as_i64() > Some(1)).await;
    browser.expect_none(".verdict-welcome").await;
    browser.evaluate("window.isAway = false; window.dispatchEvent(new Event('online'))").await;
    browser.expect_text(".verdict-welcome", "Ticket 1 of 2").await;
    let scans = browser.evaluate("return new Set(window.scans).size").await;
    assert_eq!(scans, 1, "each repetition has the id of its scan");
    assert_eq!(organizing.arrived(&event).await, 1);

    // The page goes on asking for as long as it takes.
    browser.set_online(false).await;
    organizing.enter(&codes[1]).await;
    browser.expect_text(".verdict-attention", "No network").await;
    browser.evaluate(LET_A_MINUTE_PASS).await;
    browser.expect_text(".verdict-attention", "No network").await;
    check_view(browser, "door-without-network").await;
    browser.set_online(true).await;
    browser.expect_text(".verdict-welcome", "Ticket 2 of 2").await;
    assert_eq!(organizing.arrived(&event).await, 2);
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_camera_checks_a_ticket_in_once_while_it_is_in_view() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let Tickets { codes, .. } = tickets(app, &app.user().await, &event, 2).await;
    organizing.open_door(&event, "0 of 2 are in").await;
    browser.expect_text(".hint", "This browser can't scan codes.").await;

    let source = json!({ "source": DETECT_CODES });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    organizing.open_door(&event, "0 of 2 are in").await;
    browser.click_label("Scan with the camera").await;
    browser.evaluate(&format!("window.seenCodes = ['{}']", codes[0])).await;
    browser.expect_text(".verdict-welcome", "Ticket 1 of 2").await;
    let pictures = browser.evaluate("return window.pictures").await.as_i64();
    browser.wait_for("return window.pictures", |now| now.as_i64() > pictures.map(|p| p + 5)).await;
    browser.expect_text(".verdict-welcome", "Ticket 1 of 2").await;
    browser.evaluate(&format!("window.seenCodes = ['{}']", codes[1])).await;
    browser.expect_text(".verdict-welcome", "Ticket 2 of 2").await;
    browser.click_label("Turn the camera off").await;
    browser.expect_none("video:not([hidden])").await;
    browser.expect_text(".arrivals", "2 of 2 are in").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_latest_start_of_the_camera_scans() {
    let organizing = Organizing::start().await;
    let Organizing { browser, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let source = json!({ "source": DETECT_CODES });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    organizing.open_door(&event, "0 of 0 are in").await;
    browser.evaluate("window.requests = []").await;
    for label in [
        "Scan with the camera",
        "Turn the camera off",
        "Scan with the camera",
        "Turn the camera off",
        "Scan with the camera",
    ] {
        browser.click_label(label).await;
    }
    browser.wait_for("return window.requests.length", |requests| *requests == 3).await;
    browser.evaluate("window.requests[2].allow()").await;
    browser.wait_for("return window.pictures", |pictures| pictures.as_i64() > Some(0)).await;
    browser.evaluate("window.requests[0].allow(); window.requests[1].refuse()").await;
    browser.wait_for(CAMERAS, |cameras| cameras[0] == "ended").await;
    let shown = "return document.querySelector('video').srcObject === window.requests[2].stream";
    assert_eq!(browser.evaluate(shown).await, true);
    assert_eq!(browser.evaluate(CAMERAS).await[2], "live");
    browser.expect_none(".camera .problem:not(:empty)").await;
    browser.click_label("Turn the camera off").await;
    browser.wait_for(CAMERAS, |cameras| cameras[2] == "ended").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_may_be_used_after_the_page_was_left_is_turned_off() {
    let organizing = Organizing::start().await;
    let Organizing { browser, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let source = json!({ "source": DETECT_CODES });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    organizing.open_door(&event, "0 of 0 are in").await;
    browser.evaluate("window.requests = []").await;
    browser.click_label("Scan with the camera").await;
    browser.wait_for("return window.requests.length", |requests| *requests == 1).await;
    browser.click_label("Attendees").await;
    browser.expect_path(&format!("/organize/events/{event}/attendees")).await;
    browser.expect_none(".camera").await;
    browser.evaluate("window.requests[0].allow()").await;
    browser.wait_for(CAMERAS, |cameras| cameras[0] == "ended").await;
    organizing.browser.close().await;
}

/// Keeps the name and the scan of each mutation at the door in `window.sent`.
const KEEP_SCANS: &str = "window.sent = []; window.networkFetch = window.fetch;
    window.fetch = async (request, ...rest) => {
        const body = await request.clone().text();
        const [mutation] = body.match(/undoCheckIn|checkIn\\(/) ?? [];
        if (mutation) {
            window.sent.push([mutation, JSON.parse(body).variables.input.scanId]);
        }
        return window.networkFetch(request, ...rest);
    }";

/// Answers that the ticket is in by the scan of another door.
const TAKEN_BY_ANOTHER_DOOR: &str = "window.fetch = async (request, ...rest) => {
    const body = await request.clone().text();
    if (!body.includes('undoCheckIn')) return window.networkFetch(request, ...rest);
    return new Response(JSON.stringify({ data: { undoCheckIn: {
        __typename: 'AlreadyCheckedIn', at: new Date().toISOString(), by: 'Grace', name: 'Ada',
        ticket: { number: 1, code: '3QM72-XW43F/1', checkedInAt: null },
        booking: { quantity: 2, reference: '3QM72-XW43F' },
    } } }));
}";

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_takes_back_the_check_in_of_its_own_scan() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let Tickets { codes, .. } = tickets(app, &app.user().await, &event, 2).await;
    organizing.open_door(&event, "0 of 2 are in").await;
    browser.evaluate(KEEP_SCANS).await;
    organizing.enter(&codes[0]).await;
    browser.expect_text(".verdict-welcome", "Ticket 1 of 2").await;
    browser.click_label("Undo").await;
    browser.expect_text(".verdict", "Load user 1 is not in any more").await;
    let sent = browser.evaluate("return window.sent").await;
    assert_eq!((&sent[0][0], &sent[1][0]), (&json!("checkIn("), &json!("undoCheckIn")), "{sent}");
    assert_eq!(sent[0][1], sent[1][1], "{sent}");

    // Another scan has another name.
    organizing.enter(&codes[0]).await;
    browser.expect_text(".verdict-welcome", "Ticket 1 of 2").await;
    let sent = browser.evaluate("return window.sent").await;
    assert_ne!(sent[2][1], sent[1][1], "{sent}");

    browser.evaluate(TAKEN_BY_ANOTHER_DOOR).await;
    browser.click_label("Undo").await;
    browser.expect_text(".verdict-attention", "Somebody else has checked it in since").await;
    browser.expect_text(".verdict-details", "by Grace · Ada, ticket 1 of 2").await;
    browser.expect_none(".verdict-action button").await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_without_an_answer_says_that_it_is_about_the_check_in() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, .. } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let Tickets { codes, .. } = tickets(app, &app.user().await, &event, 1).await;
    organizing.open_door(&event, "0 of 1 are in").await;
    organizing.enter(&codes[0]).await;
    browser.expect_text(".verdict-welcome", "Ticket 1 of 1").await;
    browser.set_online(false).await;
    browser.click_label("Undo").await;
    browser.expect_text(".verdict-attention", "No network").await;
    let asking =
        "It is not known yet whether the check-in was taken back. The page goes on asking.";
    browser.expect_text(".verdict-details", asking).await;
    browser.click_label("Stop asking").await;
    let given_up = "The check-in may be taken back or not. Search for the name to find out.";
    browser.expect_text(".verdict-details", given_up).await;
    browser.set_online(true).await;
    organizing.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_is_open_to_every_member_and_to_nobody_else() {
    let organizing = Organizing::start().await;
    let Organizing { browser, app, host, home } = &organizing;
    let event = organizing.event("Jazz Night").await;
    let set_role = "mutation($input: SetOrganizerMemberInput!) {
        setOrganizerMember(input: $input) { id } }";
    let input =
        json!({ "organizerId": host.organizer.0, "email": "ada@example.org", "role": "DOOR" });
    app.data(Some(&host.owner), set_role, json!({ "input": input })).await;
    browser.open(home).await;
    browser.click_label("Door").await;
    browser.expect_path(&format!("/organize/events/{event}/door")).await;
    browser.expect_text(".arrivals", "0 of 0 are in").await;
    browser.expect_text("h1", "Door: Jazz Night").await;
    check_view(browser, "door").await;
    browser.open(&format!("{}/organize/events/nothing/door", app.url)).await;
    browser.expect_text(".notice", "You can't let people in at such an event.").await;
    browser.click_label("Sign out").await;
    browser.sign_in(&app.url, "Grace").await;
    browser.open(&format!("{}/organize/events/{event}/door", app.url)).await;
    browser.expect_text(".notice", "You can't let people in at such an event.").await;
    organizing.browser.close().await;
}
