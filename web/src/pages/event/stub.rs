//! What the page shows to somebody who has booked.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::{
    DateTime,
    events::{Event, MyBooking},
};

use super::stepper::Stepper;
use crate::{
    api::live::LiveCounts,
    browser::{self, Shared},
    event_changes::place,
    event_path::event_path,
    money::cost,
    my_bookings::MyBookings,
    sale::Sale,
    ticket_count::tickets,
    toasts::{Toast, Toasts, Tone},
};

/// The user's booking, as the stub of a ticket.
#[component]
pub(super) fn Stub(
    event: RwSignal<Event>,
    sale: Memo<Sale>,
    held: ArcRwSignal<Option<MyBooking>>,
    /// Whether somebody has just booked on this page. The focus was on the button, which is gone.
    is_new: bool,
) -> impl IntoView {
    let toasts = Toasts::from_context();
    let share = move |_| {
        let (title, path) =
            event.with_untracked(|event| (event.title.clone(), event_path(event.id.inner(), 1)));
        spawn_local(async move {
            let toast = match browser::share(&title, &path).await {
                Shared::Offered => return,
                Shared::Copied => Toast::new(Tone::Info, "The page's address is copied."),
                Shared::Refused => {
                    let text = "Your browser doesn't let pages copy. Please copy the address \
                                from its address bar.";
                    Toast::new(Tone::Error, text)
                }
            };
            toasts.show(toast.on_this_page());
        });
    };
    if is_new {
        request_animation_frame(|| {
            if !browser::has_focus() {
                browser::focus_first("#going");
            }
        });
    }
    view! {
        <h2 id="going" tabindex="-1">
            "You're going!"
        </h2>
        {move || {
            held.get()
                .map(|held| {
                    let id = held.id.clone();
                    let calendar = move || event.with(|event| calendar_file(event, id.inner()));
                    view! {
                        <p class="yours">
                            {format!("You have {}.", tickets(held.quantity))} " Reference: "
                            <span class="reference-code">{held.reference.clone()}</span>
                        </p>
                        <p class="paid">{price_of(&held, held.quantity)}</p>
                        <Show when=move || sale.get() != Sale::Started>
                            <Change event sale held=held.clone() />
                        </Show>
                        <div class="stub-actions">
                            <a
                                class="button button-quiet"
                                href=calendar
                                download="event.ics"
                                rel="external"
                            >
                                "Add to calendar"
                            </a>
                            <button type="button" class="button button-quiet" on:click=share>
                                "Share"
                            </button>
                        </div>
                    }
                })
        }}
        <a class="button button-quiet" href="/bookings" rel="external">
            "View booking"
        </a>
    }
}

/// What so many tickets of the booking cost, for example "3 × $35.00 = $105.00".
fn price_of(held: &MyBooking, quantity: i32) -> String {
    let [one, all] = [1, u8::try_from(quantity).unwrap_or(1)]
        .map(|quantity| browser::price(&held.unit_price, quantity));
    cost(quantity, &one, &all)
}

/// The choice of another number of tickets.
#[component]
fn Change(event: RwSignal<Event>, sale: Memo<Sale>, held: MyBooking) -> impl IntoView {
    let my_bookings = MyBookings::from_context();
    let count =
        LiveCounts::from_context().count_of(&event.with_untracked(|event| event.id.clone()));
    let (before, quantity) = (held.quantity, RwSignal::new(held.quantity));
    let is_sent = RwSignal::new(false);
    let max = Signal::derive(move || match sale.get() {
        Sale::Open => {
            let possible = before.saturating_add(count.get().remaining().max(0));
            event.with(|event| event.max_per_booking).min(possible).max(before)
        }
        _ => before,
    });
    let priced = held.clone();
    let change = move |_| {
        if is_sent.get_untracked() {
            return;
        }
        is_sent.set(true);
        let held = held.clone();
        spawn_local(async move {
            let (id, title) = event.with_untracked(|event| (event.id.clone(), event.title.clone()));
            my_bookings.change(held, &id, &title, quantity.get_untracked()).await;
            is_sent.try_set(false);
            // The button is gone if the change was made, and the focus with it.
            request_animation_frame(|| {
                if !browser::has_focus() {
                    browser::focus("going");
                }
            });
        });
    };
    view! {
        <div class="order-row">
            <Stepper quantity max is_sent choose=Callback::new(move |wanted| quantity.set(wanted)) />
            {move || {
                (quantity.get() != before)
                    .then(|| {
                        view! {
                            <p class="paid">{price_of(&priced, quantity.get())}</p>
                            <button
                                type="button"
                                class="button change"
                                aria-disabled=move || is_sent.get().to_string()
                                on:click=change.clone()
                            >
                                {move || match is_sent.get() {
                                    true => "Changing…".to_owned(),
                                    false => format!("Change to {}", tickets(quantity.get())),
                                }}
                            </button>
                        }
                    })
            }}
        </div>
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
    let end = event.ends_at.as_ref().map(|end| format!("DTEND:{}\r\n", time(end)));
    let file = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Rowlock//Rowlock//EN\r\nBEGIN:VEVENT\r\n\
         UID:{booking_id}\r\nDTSTAMP:{}\r\nDTSTART:{}\r\n{}SUMMARY:{}\r\n\
         LOCATION:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        time(&DateTime(browser::now())),
        time(&event.starts_at),
        end.unwrap_or_default(),
        text(&event.title),
        text(&place(event)),
    );
    format!("data:text/calendar;charset=utf-8,{}", js_sys::encode_uri_component(&file))
}
