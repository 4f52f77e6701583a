//! The download of an event's attendees as CSV.
//!
//! It is streamed, a page of the list at a time, so that its size does not matter. It reads each
//! page anew, in the order in which the bookings were made, and is not of one moment: a booking that
//! is cancelled while it runs may be in it as confirmed.

use std::io;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::stream;
use rowlock_entities::{BookingId, EventId, booking};

use super::{
    access_log::Line,
    answer::refuse,
    client_address::Peer,
    event_request::{EventRequest, status_of},
    state::App,
};
use crate::{
    bookings::{Attendee, Bookings, Reference},
    door::Door,
    events::amount,
    graphql::ApiError,
    limits::Hold,
    organizers::{Action, Membership, Organizers},
    spreadsheet,
};

/// Number of attendees that one statement reads.
const PAGE: u64 = 1_000;
/// What the server holds for a download, in bytes.
const BYTES_PER_DOWNLOAD: usize = 512 * 1_024;
/// With it, spreadsheets read the text as UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

const COLUMNS: [&str; 13] = [
    "reference",
    "status",
    "name",
    "email",
    "quantity",
    "unit_price",
    "total_price",
    "currency",
    "booked_at",
    "cancelled_at",
    "cancelled_by",
    "cancellation_reason",
    "checked_in",
];

pub(super) async fn get(
    State(app): State<App>,
    peer: Peer,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let line = Line::start();
    let mut response = match download(app, peer, &id, &headers).await {
        Ok(response) => response,
        Err(error) => refuse(status_of(&error), error),
    };
    line.finish(&mut response);
    response
}

async fn download(
    app: App,
    peer: Peer,
    id: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let requested = EventRequest::of(&app, headers, id).await?;
    requested.require(&app, Action::SeeAttendees).await?;
    let EventRequest { event, membership } = requested;
    let (event, services) = (event.id, &app.services);
    let client = app.client(app.client_address(peer, headers));
    let hold = client.held_by_request().hold(BYTES_PER_DOWNLOAD)?;

    let rows = Rows {
        bookings: services.bookings.clone(),
        door: services.door.clone(),
        organizers: services.organizers.clone(),
        membership,
        event,
        after: None,
        _hold: hold,
    };
    let name = format!("attachment; filename=\"attendees-{event}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    Ok((headers, Body::from_stream(rows.into_stream()?)).into_response())
}

/// The attendees that are still to be read.
struct Rows {
    bookings: Bookings,
    door: Door,
    organizers: Organizers,
    membership: Membership,
    event: EventId,
    after: Option<BookingId>,
    /// The download counts as held until it ends.
    _hold: Hold,
}

impl Rows {
    fn into_stream(
        self,
    ) -> Result<impl futures_util::Stream<Item = io::Result<Vec<u8>>> + Send, ApiError> {
        let mut head = BYTE_ORDER_MARK.as_bytes().to_vec();
        let columns = lines([COLUMNS.map(str::to_owned)]);
        head.extend(columns.map_err(|error| ApiError::Internal(error.to_string()))?);
        let head = stream::once(async { Ok(head) });
        Ok(futures_util::StreamExt::chain(head, stream::try_unfold(self, Self::next)))
    }

    /// Reads and writes the next page. An error ends the connection, so that nobody takes the part
    /// for the whole.
    async fn next(mut self) -> io::Result<Option<(Vec<u8>, Self)>> {
        // A member who is removed meanwhile gets no further page, however slowly they read.
        if !matches!(self.organizers.may(self.membership, Action::SeeAttendees).await, Ok(true)) {
            return Err(io::Error::other("the download is no longer permitted"));
        }
        let read = self.bookings.attendees_after(self.event, self.after, PAGE).await;
        let page = read.map_err(end_early)?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = Some(last.booking.id);
        let bookings = page.iter().map(|attendee| attendee.booking.id).collect();
        let checked_in = self.door.count_check_ins(bookings).await.map_err(end_early)?;
        let text = lines(page.iter().map(|attendee| {
            columns_of(attendee, checked_in.get(&attendee.booking.id).copied().unwrap_or_default())
        }))?;
        Ok(Some((text, self)))
    }
}

fn end_early(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    tracing::debug!(%error, "a download of attendees ends early");
    io::Error::other(error)
}

fn lines(rows: impl IntoIterator<Item = [String; COLUMNS.len()]>) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

/// `checked_in` is the number of tickets that were checked in.
fn columns_of(attendee: &Attendee, checked_in: usize) -> [String; COLUMNS.len()] {
    let Attendee { booking, name, email } = attendee;
    let total = booking.unit_price_minor.saturating_mul(booking.quantity.into());
    [
        Reference::of(booking.id).to_string(),
        match booking.status {
            booking::Status::Confirmed => "CONFIRMED".to_owned(),
            booking::Status::Cancelled => "CANCELLED".to_owned(),
        },
        spreadsheet::escaped(name),
        spreadsheet::escaped(email),
        booking.quantity.to_string(),
        amount(booking.unit_price_minor, &booking.currency).to_string(),
        amount(total, &booking.currency).to_string(),
        booking.currency.clone(),
        time(booking.created_at),
        booking.cancelled_at.map(time).unwrap_or_default(),
        match booking.cancelled_by {
            Some(booking::CancelledBy::Buyer) => "BUYER".to_owned(),
            Some(booking::CancelledBy::Organizer) => "ORGANIZER".to_owned(),
            None => String::new(),
        },
        spreadsheet::escaped(booking.cancellation_reason.as_deref().unwrap_or_default()),
        checked_in.to_string(),
    ]
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
