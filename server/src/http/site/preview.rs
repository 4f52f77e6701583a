//! What an event's page shows until the client has drawn it: the event's texts and its picture, for
//! people with a slow connection, and for whoever runs no script.

use chrono::{DateTime, Utc};
use rowlock_entities::{event, organizer};

use super::head::{shortened, without_direction};
use crate::{
    covers::Cover,
    events::{Year, place, time_in_words},
    html::escaped,
    visible_text::is_bidi_control,
};

/// How much of the description is written, in characters. More does not fit on a screen.
const MAX_DESCRIPTION_CHARS: usize = 1_500;

/// An icon's place, which the client fills.
const NO_ICON: &str = "<svg class=\"icon\"></svg>";

/// The inside of the page's main part. It has the classes that the client's own has, so that the two
/// look alike, and the client keeps what is in `.hero` and `.about` until it has read the event.
pub(super) fn event_preview(
    event: &event::Model,
    organizer: Option<&organizer::Model>,
    cover: Option<&Cover>,
    now: DateTime<Utc>,
) -> String {
    let title = escaped(&without_direction(&event.title));
    let picture = cover.map(picture).unwrap_or_default();
    let place = place(event);
    let map: String = url::form_urlencoded::byte_serialize(place.as_bytes()).collect();
    let map = format!(
        "<a class=\"aside\" href=\"https://www.openstreetmap.org/search?query={map}\" \
         target=\"_blank\" rel=\"noopener noreferrer\">Show on a map</a>"
    );
    let words = |text: &str| escaped(&without_direction(text));
    let is_cancelled = event.status == event::Status::Cancelled;
    let rows = [
        is_cancelled.then(|| "This event was cancelled.".to_owned()),
        Some(words(&time_in_words(event, Year::IfOther(now)))),
        Some(words(&place) + &map),
        organizer.map(|organizer| words(&format!("Hosted by {}", organizer.name))),
        (!is_cancelled && event.starts_at > now)
            .then(|| "Cancel free of charge until it starts.".to_owned()),
    ];
    let row = |text: &String| format!("<div class=\"row\">{NO_ICON}<p>{text}</p></div>");
    let rows: String = rows.iter().flatten().map(row).collect();
    let description = event.description.chars().filter(|char| !is_bidi_control(*char));
    // The page breaks lines at these as well.
    let description = description.map(|char| match char {
        '\u{2028}' | '\u{2029}' => '\n',
        char => char,
    });
    let description: String = description.collect();
    let description = escaped(&shortened(&description, MAX_DESCRIPTION_CHARS));
    format!(
        "<div class=\"above\"><nav class=\"crumbs\" aria-label=\"Breadcrumb\">\
         <a href=\"/events\">All events</a></nav></div>\
         <div class=\"picture hero\"><div class=\"poster\">{picture}</div></div>\
         <div class=\"page-head\"><h1>{title}</h1></div>\
         <div class=\"event\"><section class=\"about\" aria-label=\"About the event\">{rows}\
         <p class=\"description\">{description}</p></section>\
         <div class=\"panel skeleton\" aria-hidden=\"true\"><div class=\"line line-badge\"></div>\
         <div class=\"line line-button\"></div></div></div>"
    )
}

/// The picture as the client shows it.
fn picture(cover: &Cover) -> String {
    let [small, medium, large] = [400, 800, 1600].map(|width| cover.path(width));
    let alt = escaped(&cover.alt);
    format!(
        "<img src=\"{medium}\" \
         srcset=\"{small} 400w, {medium} 800w, {large} 1600w\" \
         sizes=\"(width &lt; 56rem) 100vw, 47rem\" alt=\"{alt}\" width=\"1600\" height=\"900\" />"
    )
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone};
    use rowlock_entities::OrganizerId;

    use super::*;
    use crate::events::{EventChanges, draft, published};

    fn jazz_night() -> (event::Model, DateTime<Utc>) {
        let now = Utc.with_ymd_and_hms(2026, 11, 26, 12, 0, 0).unwrap();
        let values = EventChanges {
            title: Some("Jazz <b>Night</b>".into()),
            venue: Some("Blue \"Door\"".into()),
            city: Some("New York".into()),
            time_zone: Some("America/New_York".into()),
            starts_at: Some(now + Duration::hours(250)),
            total_tickets: Some(80),
            ..EventChanges::default()
        };
        (published(draft(OrganizerId::new(), None, &values, now)), now)
    }

    #[test]
    fn no_text_becomes_an_element() {
        let (mut event, now) = jazz_night();
        event.description = "<script>alert(1)</script> & more".repeat(100);
        let html = event_preview(&event, None, None, now);
        assert!(html.contains("<h1>Jazz &lt;b&gt;Night&lt;/b&gt;</h1>"), "{html}");
        assert!(html.contains("Blue &quot;Door&quot;, New York"), "{html}");
        assert!(!html.contains("<script"), "{html}");
        assert!(html.chars().count() < 4_000, "{html}");
    }
}
