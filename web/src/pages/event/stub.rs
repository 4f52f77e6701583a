//! What the page shows to somebody who has booked.

use leptos::prelude::*;
use rowlock_web_operations::{
    DateTime,
    events::{Event, MyBooking},
};

use super::tickets;
use crate::{
    browser,
    event_changes::place,
    toasts::{Toast, Toasts, Tone},
};

/// The user's booking, as the stub of a ticket.
#[component]
pub(super) fn Stub(event: RwSignal<Event>, held: ArcRwSignal<Option<MyBooking>>) -> impl IntoView {
    let toasts = Toasts::from_context();
    let share = move |_| {
        let title = event.with_untracked(|event| event.title.clone());
        if !browser::share(&title) {
            toasts.show(Toast::new(Tone::Info, "The page's address is copied.").on_this_page());
        }
    };
    // The focus was on the button, which is gone.
    request_animation_frame(|| {
        if !browser::has_focus() {
            browser::focus("going");
        }
    });
    view! {
        <h2 id="going" tabindex="-1">
            "You're going!"
        </h2>
        {move || {
            held.get()
                .map(|held| {
                    let calendar = event.with(|event| calendar_file(event, held.id.inner()));
                    view! {
                        <p class="yours">
                            {format!("You have {}.", tickets(held.quantity))} " Reference: "
                            <span class="reference-code">{held.reference}</span>
                        </p>
                        <a
                            class="button button-quiet"
                            href=calendar
                            download="event.ics"
                            rel="external"
                        >
                            "Add to calendar"
                        </a>
                    }
                })
        }}
        <button type="button" class="button button-quiet" on:click=share>
            "Share"
        </button>
        <a class="button" href="/bookings" rel="external">
            "View booking"
        </a>
    }
}

/// The address of a file for calendars, which holds the whole file.
fn calendar_file(event: &Event, booking_id: &str) -> String {
    let time = |time: &DateTime| -> String {
        // From "2026-12-05T18:30:00Z" in whatever form.
        browser::utc_of(&time.0).chars().filter(|c| !matches!(c, '-' | ':')).collect()
    };
    let text = |text: &str| {
        let escaped = text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,");
        escaped.replace('\n', "\\n")
    };
    let end = event.ends_at.as_ref().unwrap_or(&event.starts_at);
    let file = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Rowlock//Rowlock//EN\r\nBEGIN:VEVENT\r\n\
         UID:{booking_id}\r\nDTSTAMP:{}\r\nDTSTART:{}\r\nDTEND:{}\r\nSUMMARY:{}\r\n\
         LOCATION:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        time(&DateTime(browser::now())),
        time(&event.starts_at),
        time(end),
        text(&event.title),
        text(&place(event)),
    );
    format!("data:text/calendar;charset=utf-8,{}", js_sys::encode_uri_component(&file))
}
