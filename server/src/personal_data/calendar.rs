//! A person's bookings as a calendar.

use futures_util::future::try_join_all;
use rowlock_entities::BookingId;

use super::{export::ExportError, service::PersonalData};
use crate::{
    bookings::{BookingFilter, Entry, calendar_file},
    mail::{Method, Postman},
    pagination::PageRequest,
};

/// Number of bookings in a calendar, the newest ones.
const MAX_BOOKINGS: u64 = 200;

impl PersonalData {
    /// The calendar with this token, as a file of the type text/calendar. `None` if there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn calendar(
        &self,
        token: &str,
        postman: &Postman,
    ) -> Result<Option<String>, ExportError> {
        let Some(user) = self.accounts.find_by_calendar_token(token).await? else {
            return Ok(None);
        };
        let newest: PageRequest<BookingId> = PageRequest {
            size: MAX_BOOKINGS,
            is_backwards: false,
            after: None,
            before: None,
            offset: 0,
        };
        let filter = BookingFilter { user: user.id, status: None };
        let bookings = self.bookings.page(&filter, &newest).await?.rows;
        let events =
            try_join_all(bookings.iter().map(|booking| self.events.find(booking.event_id))).await?;
        let organizers = events.iter().map(async |event| match event {
            Some(event) => self.organizers.find(event.organizer_id).await,
            None => Ok(None),
        });
        let organizers = try_join_all(organizers).await?;
        let rows = bookings.iter().zip(&events).zip(&organizers);
        let entries = rows.filter_map(|((booking, event), organizer)| {
            let organizer = organizer.as_ref().map_or("", |organizer| &organizer.name);
            Some(Entry { booking, event: event.as_deref()?, organizer })
        });
        Ok(Some(calendar_file(entries, Method::Publish, postman, self.clock.now())))
    }
}
