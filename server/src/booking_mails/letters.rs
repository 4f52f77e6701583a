//! What mails about bookings say.

use chrono::{DateTime, Utc};
use rowlock_entities::{booking, event};

use crate::{
    bookings::{Entry, Reference, calendar_of_mail},
    events::{Year, amount, place, time_in_words},
    inventory::{Announced, News},
    mail::{Block, Letter, Postman, Recipient},
};

/// What a letter is about.
#[derive(Clone, Debug)]
pub(super) struct Told<'a> {
    pub(super) booking: &'a booking::Model,
    pub(super) event: &'a event::Model,
    /// The name of the event's organizer.
    pub(super) organizer: &'a str,
    pub(super) to: Recipient,
    /// Whether the person's account was deleted, and the booking was cancelled with it.
    pub(super) has_left: bool,
    /// Whether a ticket was checked in, so that the person can't give any back.
    pub(super) is_checked_in: bool,
    pub(super) postman: &'a Postman,
    /// The address at which the person ends reminders.
    pub(super) unsubscribe: String,
    pub(super) now: DateTime<Utc>,
}

pub(super) fn letter(news: &News, told: &Told<'_>) -> Letter {
    let is_cancelled = told.booking.status == booking::Status::Cancelled;
    let (subject, mut blocks) = match news {
        News::Booked => booked(told),
        News::Changed => changed(told),
        News::Cancelled => cancelled(told),
        News::EventChanged(before) => event_changed(told, before),
        News::Reminder => reminder(told),
    };
    let is_about_cancellation = *news == News::Cancelled;
    if is_cancelled && !is_about_cancellation {
        blocks.push(Block::paragraph("This booking has been cancelled since."));
    }
    blocks.push(told.facts());
    if !is_cancelled {
        let url = told.postman.link(&format!("/bookings/{}", told.booking.id.0));
        blocks.push(Block::Button { label: "Show tickets", url });
    }
    // A calendar that has cancelled the entry should not get it back.
    let calendar = (!is_cancelled || is_about_cancellation).then(|| {
        let entry = Entry { booking: told.booking, event: told.event, organizer: told.organizer };
        calendar_of_mail(entry, told.postman, told.now)
    });
    Letter {
        to: told.to.clone(),
        subject,
        blocks,
        reason: "You get this mail because you booked tickets with this address.".to_owned(),
        calendar,
        unsubscribe: (*news == News::Reminder).then(|| told.unsubscribe.clone()),
    }
}

impl Told<'_> {
    fn title(&self) -> &str {
        &self.event.title
    }

    /// "1 ticket" or "3 tickets".
    fn tickets(&self) -> String {
        match self.booking.quantity {
            1 => "1 ticket".to_owned(),
            n => format!("{n} tickets"),
        }
    }

    fn facts(&self) -> Block {
        let Self { booking, event, .. } = self;
        Block::Facts(vec![
            ("Event", event.title.clone()),
            ("When", time_in_words(event, Year::Always)),
            ("Where", place(event)),
            ("Hosted by", self.organizer.to_owned()),
            ("Tickets", price(booking)),
            ("Reference", Reference::of(booking.id).to_string()),
        ])
    }
}

/// What the tickets cost, such as "3 × 35.00 USD = 105.00 USD".
fn price(booking: &booking::Model) -> String {
    let booking::Model { quantity, unit_price_minor, currency, .. } = booking;
    if *unit_price_minor == 0 {
        return format!("{quantity}, free of charge");
    }
    let one = amount(*unit_price_minor, currency);
    if *quantity == 1 {
        return format!("1, for {one} {currency}");
    }
    let all = amount(unit_price_minor.saturating_mul((*quantity).into()), currency);
    format!("{quantity} × {one} {currency} = {all} {currency}")
}

fn booked(told: &Told<'_>) -> (String, Vec<Block>) {
    let (tickets, title) = (told.tickets(), told.title());
    let blocks = vec![Block::paragraph(format!(
        "You have booked {tickets} for {title}. Bring the tickets on your telephone or on paper. Until \
         the event starts, you can change the number of tickets or cancel them."
    ))];
    (format!("Booked: {tickets} for {title}"), blocks)
}

fn changed(told: &Told<'_>) -> (String, Vec<Block>) {
    let (tickets, title) = (told.tickets(), told.title());
    let blocks = vec![Block::paragraph(format!(
        "You have changed your booking for {title}. You now have {tickets}."
    ))];
    (format!("Changed: you now have {tickets} for {title}"), blocks)
}

fn cancelled(told: &Told<'_>) -> (String, Vec<Block>) {
    let (tickets, title, organizer) = (told.tickets(), told.title(), told.organizer);
    let reason = |reason: &Option<String>| {
        let reason = reason.as_deref().filter(|reason| !reason.is_empty());
        reason.map(|reason| Block::Quote(reason.to_owned()))
    };
    match told.booking.cancelled_by {
        Some(booking::CancelledBy::Organizer) => {
            let is_event = told.event.status == event::Status::Cancelled
                && told.booking.cancellation_reason.is_none();
            if is_event {
                let text = format!(
                    "{organizer} has cancelled {title}. Your {tickets} are cancelled with it."
                );
                let text = if told.booking.quantity == 1 {
                    text.replace("1 ticket are", "1 ticket is")
                } else {
                    text
                };
                let mut blocks = vec![Block::Paragraph(text)];
                blocks.extend(reason(&told.event.cancellation_reason));
                return (format!("Cancelled: {title}"), blocks);
            }
            let mut blocks = vec![Block::paragraph(format!(
                "{organizer} has cancelled your {tickets} for {title}."
            ))];
            blocks.extend(reason(&told.booking.cancellation_reason));
            (format!("Cancelled by {organizer}: {tickets} for {title}"), blocks)
        }
        Some(booking::CancelledBy::Buyer) if told.has_left => {
            let were = if told.booking.quantity == 1 { "was" } else { "were" };
            let blocks = vec![Block::paragraph(format!(
                "Your account was deleted, so your {tickets} for {title} {were} cancelled."
            ))];
            (format!("Cancelled: {tickets} for {title}"), blocks)
        }
        Some(booking::CancelledBy::Buyer) => {
            let blocks = vec![Block::paragraph(format!(
                "You have cancelled your {tickets} for {title}. Nothing else is to be done."
            ))];
            (format!("Cancelled: {tickets} for {title}"), blocks)
        }
        None => {
            let blocks =
                vec![Block::paragraph(format!("Your {tickets} for {title} were cancelled."))];
            (format!("Cancelled: {tickets} for {title}"), blocks)
        }
    }
}

fn event_changed(told: &Told<'_>, before: &Announced) -> (String, Vec<Block>) {
    let event = told.event;
    let old = before.in_event(event);
    let (new_time, old_time) =
        (time_in_words(event, Year::Always), time_in_words(&old, Year::Always));
    let (new_place, old_place) = (place(event), place(&old));
    let mut changes = Vec::new();
    if new_time != old_time {
        changes.push(format!("It takes place {new_time}, not {old_time}."));
    }
    if new_place != old_place {
        changes.push(format!("It takes place at {new_place}, not at {old_place}."));
    }
    if event.title != old.title {
        changes.push(format!("It is called {}, not {}.", event.title, old.title));
    }
    let title = told.title();
    let subject = match (new_time != old_time, new_place != old_place) {
        (true, false) => format!("New time: {title}, {new_time}"),
        (false, true) => format!("New place: {title}, {new_place}"),
        (true, true) => format!("New time and place: {title}"),
        (false, false) => format!("Changed: {title}"),
    };
    let mut blocks = vec![Block::paragraph(format!(
        "{} has changed {title}. Your booking stays good.",
        told.organizer
    ))];
    blocks.extend(changes.into_iter().map(Block::Paragraph));
    if !told.is_checked_in {
        blocks.push(Block::paragraph(
            "If this does not suit you, you can cancel your tickets until the event starts.",
        ));
    }
    (subject, blocks)
}

fn reminder(told: &Told<'_>) -> (String, Vec<Block>) {
    let time = time_in_words(told.event, Year::IfOther(told.now));
    let title = told.title();
    let blocks = vec![Block::paragraph(format!(
        "{title} begins within a day. Have your {} at hand when you arrive.",
        told.tickets()
    ))];
    (format!("Reminder: {title}, {time}"), blocks)
}
