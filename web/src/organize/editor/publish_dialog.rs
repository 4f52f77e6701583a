//! Asks before an event is published.

use leptos::prelude::*;

use super::form_state::FormState;
use crate::{browser, components::confirm_dialog::ConfirmDialog, dates};

#[component]
pub(super) fn PublishDialog(
    state: FormState,
    open: RwSignal<bool>,
    #[prop(into)] busy: Signal<bool>,
    #[prop(into)] on_confirm: Callback<()>,
) -> impl IntoView {
    let text = Signal::derive(move || {
        let Some(values) = state.values() else { return String::new() };
        let tickets = match values.total_tickets {
            1 => "1 ticket".to_owned(),
            count => format!("{} tickets", browser::number(count)),
        };
        let begins = match &values.sales_start_at {
            Some(time) if browser::millis_until(&time.0) > 0.0 => {
                let when = dates::time_in(time, &values.time_zone);
                format!("{tickets} will be on sale from {when}.")
            }
            _ => format!("{tickets} will be on sale at once."),
        };
        let saved = if state.is_changed().get() { " Your changes are saved, too." } else { "" };
        format!(
            "Everybody will see the event in the list. {begins} A published event can't become a \
             draft again.{saved}"
        )
    });
    view! {
        <ConfirmDialog
            id="publish"
            is_danger=false
            open
            title="Publish this event?"
            text
            confirm_labels=("Publish event", "Publishing…")
            cancel_label="Not yet"
            busy
            on_confirm
            on_close=move |()| open.set(false)
        />
    }
}
