//! Everything about one person as JSON, which is read and written a page of bookings at a time.

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::{Stream, StreamExt, future::try_join_all, stream};
use rowlock_entities::{booking, organizer_member::Role, user};
use serde_json::{Value, json};

use super::service::PersonalData;
use crate::{
    accounts::{AccountsError, SessionsError},
    bookings::{BookingFilter, BookingsError, Reference},
    door::DoorError,
    events::{EventsError, amount},
    organizers::{Membership, OrganizersError},
    pagination::PageRequest,
};

/// Number of bookings that are read at once.
const PAGE: u64 = 100;

/// The reason why an export ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    #[error(transparent)]
    Organizers(#[from] OrganizersError),
    #[error(transparent)]
    Events(#[from] EventsError),
    #[error(transparent)]
    Bookings(#[from] BookingsError),
    #[error(transparent)]
    Door(#[from] DoorError),
}

/// What is still to be written.
struct Rest {
    data: PersonalData,
    bookings: PageRequest<rowlock_entities::BookingId>,
    filter: BookingFilter,
    is_first: bool,
    is_over: bool,
}

impl PersonalData {
    /// Everything about this person, in parts that form one JSON object.
    ///
    /// # Errors
    /// When the database fails before the first part is made.
    pub(crate) async fn export(
        &self,
        user: user::Model,
    ) -> Result<impl Stream<Item = Result<String, ExportError>> + Send + use<>, ExportError> {
        let head = self.head(&user).await?;
        let rest = Rest {
            data: self.clone(),
            bookings: PageRequest {
                size: PAGE,
                is_backwards: false,
                after: None,
                before: None,
                offset: 0,
            },
            filter: BookingFilter { user: user.id, status: None },
            is_first: true,
            is_over: false,
        };
        let head = stream::once(async move { Ok(head) });
        Ok(head.chain(stream::try_unfold(rest, Rest::next)))
    }

    /// All but the bookings.
    async fn head(&self, user: &user::Model) -> Result<String, ExportError> {
        let sessions = self.sessions.of_user(user.id).await?;
        let sessions: Vec<Value> = sessions
            .into_iter()
            .map(|session| {
                json!({
                    "createdAt": time(session.created_at),
                    "lastSeenAt": time(session.last_seen_at.unwrap_or(session.created_at)),
                    "userAgent": session.user_agent,
                })
            })
            .collect();
        let mut organizers = Vec::new();
        for organizer in self.organizers.of_user(user.id).await? {
            let membership = Membership { organizer: organizer.id, user: user.id };
            let role = self.organizers.role(membership).await?.map(|role| match role {
                Role::Owner => "OWNER",
                Role::Manager => "MANAGER",
                Role::Door => "DOOR",
            });
            let (name, slug) = (&organizer.name, &organizer.slug);
            organizers.push(json!({ "name": name, "slug": slug, "role": role }));
        }
        let profile = json!({
            "id": user.id.0,
            "email": user.email,
            "emailVerifiedAt": user.email_verified_at.map(time),
            "pendingEmail": user.pending_email,
            "name": user.name,
            "reminders": user.reminders,
            "hasCalendarFeed": user.calendar_token.is_some(),
            "createdAt": time(user.created_at),
        });
        let exported_at = json!(time(self.clock.now()));
        let (sessions, organizers) = (json!(sessions), json!(organizers));
        Ok(format!(
            "{{\"exportedAt\":{exported_at},\n\"profile\":{profile},\n\"sessions\":{sessions},\n\
             \"organizers\":{organizers},\n\"bookings\":["
        ))
    }

    async fn booking(&self, booking: booking::Model) -> Result<String, ExportError> {
        let event = self.events.find(booking.event_id).await?;
        let event = event.map(|event| {
            json!({
                "id": event.id.0,
                "title": event.title,
                "venue": event.venue,
                "city": event.city,
                "startsAt": time(event.starts_at),
                "timeZone": event.time_zone,
            })
        });
        let total = booking.unit_price_minor.saturating_mul(booking.quantity.into());
        let price = |minor| {
            let amount = amount(minor, &booking.currency).to_string();
            json!({ "amount": amount, "currency": booking.currency })
        };
        let check_ins = self.door.check_in_times(booking.id).await?.into_iter();
        let check_ins: Vec<Value> = check_ins
            .map(|(number, at)| json!({ "ticket": number, "checkedInAt": time(at) }))
            .collect();
        let exported = json!({
            "id": booking.id.0,
            "reference": Reference::of(booking.id).to_string(),
            "event": event,
            "quantity": booking.quantity,
            "unitPrice": price(booking.unit_price_minor),
            "totalPrice": price(total),
            "status": match booking.status {
                booking::Status::Confirmed => "CONFIRMED",
                booking::Status::Cancelled => "CANCELLED",
            },
            "createdAt": time(booking.created_at),
            "cancelledAt": booking.cancelled_at.map(time),
            "cancelledBy": booking.cancelled_by.map(|by| match by {
                booking::CancelledBy::Buyer => "BUYER",
                booking::CancelledBy::Organizer => "ORGANIZER",
            }),
            "cancellationReason": booking.cancellation_reason,
            "checkIns": check_ins,
        });
        Ok(exported.to_string())
    }
}

impl Rest {
    /// Reads and writes the next page, or the end.
    async fn next(mut self) -> Result<Option<(String, Self)>, ExportError> {
        if self.is_over {
            return Ok(None);
        }
        let page = self.data.bookings.page(&self.filter, &self.bookings).await?;
        self.bookings.after = page.rows.last().map(|booking| booking.id);
        let bookings = page.rows.into_iter().map(|booking| self.data.booking(booking));
        let mut text = String::new();
        for booking in try_join_all(bookings).await? {
            text.push_str(if self.is_first { "\n" } else { ",\n" });
            text.push_str(&booking);
            self.is_first = false;
        }
        if !page.has_next {
            text.push_str("]}\n");
            self.is_over = true;
        }
        Ok(Some((text, self)))
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
