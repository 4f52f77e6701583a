//! Events and organizers as schema.org describes them, for search engines and assistants.

use chrono::{DateTime, SecondsFormat, Utc};
use rowlock_entities::{event, organizer};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::events::decimals;

/// Describes an event at a time: <https://schema.org/Event>. `url` is its page's address.
pub(super) fn event_data(event: &event::Model, url: Option<&str>, now: DateTime<Utc>) -> Value {
    let starts_at = event.starts_at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let price = Decimal::new(event.price_minor, decimals(&event.currency).into());
    // Tickets can be booked until the event starts.
    let availability = match event.remaining_tickets {
        _ if event.starts_at <= now => "https://schema.org/OutOfStock",
        0 => "https://schema.org/SoldOut",
        _ => "https://schema.org/InStock",
    };
    let mut data = json!({
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.title,
        "startDate": starts_at,
        "eventStatus": "https://schema.org/EventScheduled",
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": { "@type": "Place", "name": event.venue, "address": event.venue },
        "offers": {
            "@type": "Offer",
            "price": price.to_string(),
            "priceCurrency": event.currency,
            "availability": availability,
            "validThrough": starts_at,
        },
    });
    if !event.description.is_empty() {
        data["description"] = event.description.as_str().into();
    }
    if let Some(url) = url {
        data["url"] = url.into();
        data["offers"]["url"] = url.into();
    }
    data
}

/// Describes an organizer: <https://schema.org/Organization>. `origin` is that of its page.
pub(super) fn organization(organizer: &organizer::Model, origin: Option<&str>) -> Value {
    let mut data = json!({ "@type": "Organization", "name": organizer.name });
    if let Some(origin) = origin {
        data["url"] = format!("{origin}{}", organizer_path(organizer)).into();
    }
    data
}

/// The path of an organizer's page.
pub(super) fn organizer_path(organizer: &organizer::Model) -> String {
    format!("/organizers/{}", organizer.slug)
}
