//! The HTML of the client's pages, as it is before any script runs.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use rowlock_entities::EventId;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    app::App, database::Engine, faults::start_behind_proxy, on_both_engines, proxy::NetworkFault,
    waiting::wait_until,
};

on_both_engines! {
    every_page_answers_every_client_with_html
    an_address_without_a_page_is_not_found
    the_pages_of_organizers_have_a_program_of_their_own
    an_events_page_describes_the_event
    an_organizers_page_describes_the_organizer
    an_events_page_shows_the_event_before_any_script_runs
    no_text_of_an_event_leaves_its_place
    the_availability_of_tickets_is_told
    the_end_the_sale_and_a_cancellation_are_told
}

/// What crawlers, previews, monitors and browsers accept; `None` if they send nothing.
const ACCEPTED: [Option<&str>; 5] =
    [None, Some("*/*"), Some("text/html"), Some("image/png"), Some("application/json, */*;q=0.5")];

async fn page(app: &App, path: &str) -> String {
    app.get(path).send().await.unwrap().text().await.unwrap()
}

/// The content of the first element that begins with this.
fn content<'p>(page: &'p str, start: &str, end: &str) -> &'p str {
    let (_, rest) = page.split_once(start).unwrap_or_else(|| panic!("no {start} in {page}"));
    rest.split_once(end).unwrap().0
}

fn property<'p>(page: &'p str, name: &str) -> &'p str {
    content(page, &format!("<meta property=\"{name}\" content=\""), "\" />")
}

fn structured_data(page: &str) -> Value {
    serde_json::from_str(content(page, "<script type=\"application/ld+json\">", "</script>"))
        .unwrap()
}

async fn every_page_answers_every_client_with_html(app: App) {
    let event = format!("/events/{}", app.event("Concert", 5).await);
    for path in [
        "/",
        "/events",
        "/events?page=2",
        "/bookings",
        "/bookings/01990000-0000-7000-8000-000000000001",
        "/account",
        "/forgot-password",
        "/reset-password",
        "/verify-email",
        "/sign-in?next=x",
        "/register",
        "/organize",
        "/organize/jazz?page=2",
        &event,
    ] {
        for path in [path.to_owned(), path.split('?').next().unwrap().to_owned() + "/"] {
            if path == "//" {
                continue;
            }
            for accepted in ACCEPTED {
                for method in [Method::GET, Method::HEAD] {
                    let mut request = app.http.request(method.clone(), app.url.clone() + &path);
                    if let Some(accepted) = accepted {
                        request = request.header(header::ACCEPT, accepted);
                    }
                    let answer = request.send().await.unwrap();
                    assert_eq!(answer.status(), StatusCode::OK, "{method} {path} {accepted:?}");
                    let headers = answer.headers();
                    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
                    assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
                    let text = answer.text().await.unwrap();
                    assert_eq!(text.contains("<title>"), method == Method::GET, "{path}: {text}");
                }
            }
        }
    }
    let posted = app.http.post(format!("{}/events", app.url)).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}

async fn an_address_without_a_page_is_not_found(app: App) {
    let unknown = format!("/events/{}", EventId::new());
    for path in [
        &unknown,
        "/events/7",
        "/events/%ff",
        "/events/a%2fb",
        "/event",
        "/events/a/b",
        "/wp-login.php",
        "/index.html",
        "/bookings/1/2",
        "/account/1",
        "/organize/a/b",
        "/organize/events/1/b",
        "/organized",
    ] {
        for accepted in ACCEPTED.into_iter().flatten() {
            let answer = app.get(path).header(header::ACCEPT, accepted).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path} {accepted}");
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
            let text = answer.text().await.unwrap();
            assert!(text.contains("<title>Not found · Rowlock</title>"), "{text}");
            assert!(!text.contains("og:"), "{text}");
        }
    }
    for path in ["/assets/missing.js", "/assets/", "/ide/missing.js"] {
        let answer = app.get(path).header(header::ACCEPT, "text/html").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.text().await.unwrap(), "", "{path}");
    }
}

async fn the_pages_of_organizers_have_a_program_of_their_own(app: App) {
    let event = format!("/organize/events/{}", EventId::new());
    for (path, title) in [
        ("/organize", "Your organizers"),
        ("/organize/jazz", "My events"),
        ("/organize/jazz/events/new", "New event"),
        ("/organize/jazz/members", "Members"),
        ("/organize/jazz/settings", "Settings"),
        (&event, "Event"),
        (&format!("{event}/attendees"), "Attendees"),
        (&format!("{event}/door"), "Door"),
        ("/organize/jazz/nothing", "Not found"),
    ] {
        let page = page(&app, path).await;
        assert!(page.contains(&format!("<title>{title} · Rowlock</title>")), "{page}");
        assert!(page.contains("/assets/organizer-") && !page.contains("/assets/buyer-"), "{page}");
        let is_hidden = page.contains("<meta name=\"robots\" content=\"noindex\" />");
        assert_eq!(is_hidden, title != "Not found", "{page}");
    }
    for path in ["/events", "/sign-in", "/organizers/jazz", "/organized"] {
        let page = page(&app, path).await;
        assert!(page.contains("/assets/buyer-") && !page.contains("/assets/organizer-"), "{page}");
        assert!(!page.contains("noindex"), "{page}");
    }
}

async fn an_events_page_describes_the_event(app: App) {
    let id = app
        .event_with(|event| {
            event.title = "Jazz".to_owned();
            event.description = format!("Two\n  sets.{}", " More.".repeat(100));
            event.venue = "Blue Hall".to_owned();
            event.price_minor = 4_990;
        })
        .await;
    let url = format!("{}/events/{id}", app.url);
    // An id can be written in several ways, but the event has one address.
    for path in [format!("/events/{id}"), format!("/events/{}/", id.to_uppercase())] {
        let page = page(&app, &path).await;
        assert_eq!(page.matches("<title>").count(), 1);
        assert!(page.contains("<title>Jazz · Rowlock</title>"), "{page}");
        let description = content(&page, "<meta name=\"description\" content=\"", "\" />");
        assert!(description.starts_with("Two sets. More. More."), "{description}");
        assert!(description.ends_with('…') && description.len() < 400, "{description}");
        assert!(page.contains(&format!("<link rel=\"canonical\" href=\"{url}\" />")), "{page}");
        for (name, expected) in [
            ("og:type", "website"),
            ("og:site_name", "Rowlock"),
            ("og:title", "Jazz"),
            ("og:description", description),
            ("og:url", &url),
            ("og:image", &format!("{}/apple-touch-icon.png", app.url)),
        ] {
            assert_eq!(property(&page, name), expected);
        }
        assert!(page.contains("<meta name=\"twitter:card\" content=\"summary\" />"));
        let data = structured_data(&page);
        assert_eq!(data["@context"], "https://schema.org");
        assert_eq!(data["@type"], "Event");
        assert_eq!(data["name"], "Jazz");
        assert_eq!(data["eventStatus"], "https://schema.org/EventScheduled");
        assert_eq!(data["location"]["name"], "Blue Hall");
        assert_eq!(data["url"], url);
        let organizer = json!({ "@type": "Organization", "name": "Our events",
            "url": format!("{}/organizers/our-events", app.url) });
        assert_eq!(data["organizer"], organizer);
        assert_eq!(data["offers"]["price"], "49.90");
        assert_eq!(data["offers"]["priceCurrency"], "EUR");
        let query = "query($id: ID!) { event(id: $id) { startsAt } }";
        let read = app.data(None, query, json!({ "id": id })).await;
        assert_eq!(data["startDate"], read["event"]["startsAt"]);
        assert_eq!(data["offers"]["validThrough"], data["startDate"]);
    }
    let list = page(&app, "/").await;
    assert_eq!(property(&list, "og:url"), format!("{}/events", app.url));
    assert!(property(&list, "og:description").starts_with("Find an event"), "{list}");
    let image = app.get("/apple-touch-icon.png").send().await.unwrap();
    assert_eq!(image.headers()[header::CONTENT_TYPE], "image/png");
}

async fn an_organizers_page_describes_the_organizer(app: App) {
    let name = "Tom & <Jerry> \u{202e}";
    let renamed = format!("UPDATE organizers SET name = '{name}'");
    app.execute_sql(&renamed).await;
    let url = format!("{}/organizers/our-events", app.url);
    for path in ["/organizers/our-events", "/organizers/our-events/", "/organizers/our%2devents"] {
        let answer = app.get(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("<title>Tom &amp; &lt;Jerry&gt; · Rowlock</title>"), "{page}");
        assert!(page.contains(&format!("<link rel=\"canonical\" href=\"{url}\" />")), "{page}");
        assert_eq!(property(&page, "og:url"), url);
        assert_eq!(property(&page, "og:title"), "Tom &amp; &lt;Jerry&gt;");
        let expected = json!({ "@context": "https://schema.org", "@type": "Organization",
            "name": name, "url": url });
        assert_eq!(structured_data(&page), expected);
    }
    for path in [
        "/organizers",
        "/organizers/",
        "/organizers/nowhere",
        "/organizers/Our-Events",
        "/organizers/%00",
        "/organizers/%ff",
        "/organizers/our-events/x",
    ] {
        let answer = app.get(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().await.unwrap().contains("<title>Not found"), "{path}");
    }
}

async fn an_events_page_shows_the_event_before_any_script_runs(app: App) {
    let id = app
        .event_with(|event| {
            event.title = "Concert".to_owned();
            event.venue = "Blue Door".to_owned();
            event.city = "New York".to_owned();
            event.time_zone = "America/New_York".to_owned();
            event.description = "Doors open at seven.\nBring a friend.".to_owned();
        })
        .await;
    let page = page(&app, &format!("/events/{id}")).await;
    let (_, main) = page.split_once("<main").unwrap();
    for text in [
        "<h1>Concert</h1>",
        "<p>Blue Door, New York<a",
        "(New York)</p>",
        "Doors open at seven.\nBring a friend.",
    ] {
        assert!(main.contains(text), "{text}: {page}");
    }
}

async fn no_text_of_an_event_leaves_its_place(app: App) {
    for text in [
        "</script><script>alert(1)</script>",
        "</title><h1>",
        "\" /><base href=\"//evil.example",
        "'onload='alert(1)",
        "Tom & Jerry &lt;",
        "<!-- <script>",
        "a\u{2028}b\u{2029}c",
        "a\u{202e}cba\u{2066}",
        "🎟 👩‍👩‍👧 e\u{301}",
        "\\u003c/script\\u003e",
        "$1 {{app.js}} <!-- /about this page -->",
    ] {
        let id = app
            .event_with(|event| {
                event.title = text.to_owned();
                event.description = text.to_owned();
                event.venue = text.to_owned();
            })
            .await;
        let plain = page(&app, "/events").await;
        let page = page(&app, &format!("/events/{id}")).await;
        assert_eq!(page.matches("<script").count(), plain.matches("<script").count() + 1, "{page}");
        assert_eq!(page.matches("</title>").count(), 1, "{page}");
        let (before_data, _) = page.split_once("<script type=\"application/ld+json\">").unwrap();
        assert!(!before_data.contains(['\u{2028}', '\u{202e}', '\u{2066}']), "{page}");
        assert!(!page.contains(['\u{2028}', '\u{2029}']), "{page}");
        assert!(!page.contains("<base") && page.matches("<h1>").count() == 1, "{page}");
        let data = structured_data(&page);
        for found in [&data["name"], &data["description"], &data["location"]["name"]] {
            assert_eq!(found, text);
        }
        let (_, after_title) = page.split_once("</title>").unwrap();
        assert!(after_title.contains("rel=\"canonical\""), "{page}");
    }
}

async fn the_availability_of_tickets_is_told(app: App) {
    let id = app.event("Concert", 2).await;
    let path = format!("/events/{id}");
    let availability = async || {
        let data = structured_data(&page(&app, &path).await);
        data["offers"]["availability"].as_str().unwrap().to_owned()
    };
    assert_eq!(availability().await, "https://schema.org/InStock");
    app.book(&app.user().await, &id, 2).await;
    assert_eq!(availability().await, "https://schema.org/SoldOut");
    app.clock.advance(chrono::Duration::days(8));
    assert_eq!(availability().await, "https://schema.org/OutOfStock");
}

async fn the_end_the_sale_and_a_cancellation_are_told(app: App) {
    let time = |time: &str| time.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let id = app
        .event_with(|event| {
            event.city = "Vienna".to_owned();
            event.starts_at = time("2099-03-15T19:00:00Z");
            event.ends_at = Some(time("2099-03-15T22:00:00Z"));
            event.sales_start_at = Some(time("2099-01-01T09:00:00Z"));
            event.sales_end_at = Some(time("2099-03-15T12:00:00Z"));
        })
        .await;
    let data = structured_data(&page(&app, &format!("/events/{id}")).await);
    assert_eq!(data["location"]["address"], "Hall, Vienna");
    assert_eq!(data["endDate"], "2099-03-15T22:00:00Z");
    assert_eq!(data["offers"]["validFrom"], "2099-01-01T09:00:00Z");
    assert_eq!(data["offers"]["validThrough"], "2099-03-15T12:00:00Z");

    let cancelled = app
        .event_with(|event| {
            event.status = rowlock_entities::event::Status::Cancelled;
            event.cancellation_reason = Some("The pianist is ill.".to_owned());
        })
        .await;
    let data = structured_data(&page(&app, &format!("/events/{cancelled}")).await);
    assert_eq!(data["eventStatus"], "https://schema.org/EventCancelled");
    assert_eq!(data["offers"]["availability"], "https://schema.org/OutOfStock");
}

#[tokio::test]
async fn addresses_in_pages_have_the_origin_that_the_visitor_sees() {
    let direct = App::start(Engine::Sqlite).await;
    let flags = ["--client-address-header", "x-forwarded-for"];
    let behind_proxy = App::start_with(Engine::Sqlite, &flags).await;
    for (app, scheme) in [(&direct, "http"), (&behind_proxy, "https")] {
        let request = app.get("/").header(header::HOST, "tickets.example");
        let request = request.header("x-forwarded-proto", "https");
        let answer = request.send().await.unwrap();
        let vary: Vec<_> = answer.headers().get_all(header::VARY).iter().collect();
        assert!(vary.iter().any(|value| value.to_str().unwrap().contains("host")), "{vary:?}");
        let page = answer.text().await.unwrap();
        assert_eq!(property(&page, "og:url"), format!("{scheme}://tickets.example/events"));
    }
    // This is a host, but no name.
    let page = direct.get("/").header(header::HOST, "a'&b=(c)").send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(!page.contains("og:url") && page.contains("Events · Rowlock"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_comes_while_the_database_is_away() {
    let (app, proxy) = start_behind_proxy(true, &[]).await;
    let id = app.event("Concert", 5).await;
    let path = format!("/events/{id}");
    let assert_unavailable = async || {
        let answer = timeout(Duration::from_secs(5), app.get(&path).send()).await;
        let answer = answer.expect("the page comes soon").unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        assert!(answer.headers().contains_key(header::RETRY_AFTER));
        let page = answer.text().await.unwrap();
        assert!(page.contains("<title>Event · Rowlock</title>"), "{page}");
        assert!(page.contains("/assets/buyer-"), "{page}");
        assert_eq!(app.get("/events").send().await.unwrap().status(), StatusCode::OK);
    };
    // The connection falls silent.
    proxy.set_fault(NetworkFault::Silence(Vec::leak(
        Uuid::parse_str(&id).unwrap().into_bytes().to_vec(),
    )));
    assert_unavailable().await;
    proxy.set_open(false);
    assert_unavailable().await;
    proxy.set_open(true);
    wait_until(Duration::from_secs(20), "the event is on its page again", async || {
        page(&app, &path).await.contains("<title>Concert · Rowlock</title>")
    })
    .await;
}
