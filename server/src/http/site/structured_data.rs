//! Events and organizers as schema.org describes them, for search engines and assistants.

use chrono::{DateTime, SecondsFormat, Utc};
use rowlock_entities::{event, organizer};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::events::{decimals, place};

/// Describes an event at a time: <https://schema.org/Event>. `url` is its page's address.
pub(super) fn event_data(event: &event::Model, url: Option<&str>, now: DateTime<Utc>) -> Value {
    let written = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let sale_ends_at = event.sales_end_at.map_or(event.starts_at, |end| end.min(event.starts_at));
    let price = Decimal::new(event.price_minor, decimals(&event.currency).into());
    let is_cancelled = event.status == event::Status::Cancelled;
    let availability = match event.remaining_tickets {
        _ if is_cancelled || sale_ends_at <= now => "https://schema.org/OutOfStock",
        0 => "https://schema.org/SoldOut",
        _ => "https://schema.org/InStock",
    };
    let status = match is_cancelled {
        true => "https://schema.org/EventCancelled",
        false => "https://schema.org/EventScheduled",
    };
    let address = place(event);
    let mut data = json!({
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.title,
        "startDate": written(event.starts_at),
        "eventStatus": status,
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": { "@type": "Place", "name": event.venue, "address": address },
        "offers": {
            "@type": "Offer",
            "price": price.to_string(),
            "priceCurrency": event.currency,
            "availability": availability,
            "validThrough": written(sale_ends_at),
        },
    });
    if let Some(ends_at) = event.ends_at {
        data["endDate"] = written(ends_at).into();
    }
    if let Some(sale_starts_at) = event.sales_start_at {
        data["offers"]["validFrom"] = written(sale_starts_at).into();
    }
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
