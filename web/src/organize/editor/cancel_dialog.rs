//! Asks before an event is cancelled, and for the reason.

use leptos::prelude::*;
use rowlock_web_operations::event_editing::ManagedEvent;

use crate::{
    api::live::LiveCounts, browser, components::confirm_dialog::ConfirmDialog,
    organize::components::ReasonField,
};

#[component]
pub(super) fn CancelDialog(
    event: RwSignal<ManagedEvent>,
    open: RwSignal<bool>,
    #[prop(into)] busy: Signal<bool>,
    /// What the server says about the reason.
    problem: RwSignal<Option<String>>,
    /// Called with the reason.
    #[prop(into)]
    on_confirm: Callback<String>,
) -> impl IntoView {
    let reason = RwSignal::new(String::new());
    let tickets = LiveCounts::from_context()
        .count_of(&event.with_untracked(|managed| managed.event.id.clone()));
    let text = Signal::derive(move || {
        let count = tickets.get();
        let sold = (count.total() - count.remaining()).max(0);
        let bookings = event
            .with(|managed| managed.sales.as_ref().map_or(0, |sales| sales.confirmed_bookings));
        consequences(bookings, sold)
    });
    let confirm = move |()| {
        let given = reason.get_untracked().trim().to_owned();
        match given.is_empty() {
            true => {
                problem.set(Some("Please enter a reason.".to_owned()));
                browser::focus("cancel-reason");
            }
            false => on_confirm.run(given),
        }
    };
    view! {
        <ConfirmDialog
            id="cancel"
            open
            title="Cancel this event?"
            text
            confirm_labels=("Cancel event", "Cancelling…")
            cancel_label="Keep it"
            busy
            on_confirm=confirm
            on_close=move |()| open.set(false)
        >
            <ReasonField id="cancel-reason" reason problem />
        </ConfirmDialog>
    }
}

/// What cancelling does, where so many people hold so many tickets.
fn consequences(bookings: i32, sold: i32) -> String {
    let end = "A cancelled event stays cancelled.";
    match (bookings, sold) {
        (_, ..=0) => format!("Nobody holds a ticket. {end}"),
        (..=1, 1) => {
            format!(
                "One person holds a ticket. Their booking is cancelled, and they get a mail with \
                 the reason. {end}"
            )
        }
        (..=1, sold) => format!(
            "One person holds {} tickets. Their booking is cancelled, and they get a mail \
             with the reason. {end}",
            browser::number(sold)
        ),
        (bookings, sold) => format!(
            "{} people hold {} tickets. Their bookings are cancelled, and they get a mail \
             with the reason. {end}",
            browser::number(bookings),
            browser::number(sold)
        ),
    }
}
