//! Tells people what an organizer has changed about an event on the page.

use leptos::prelude::*;

use crate::{
    api::details::{Edit, LiveDetails},
    browser,
    event_changes::{Audience, sentences},
    formats::FORMATS,
    my_bookings::{BookingState, MyBookings},
    toasts::{Toast, Toasts, Tone},
};

/// Tells of each edit from now on.
pub(crate) fn tell_edits(details: LiveDetails, my_bookings: MyBookings, toasts: Toasts) {
    details.on_edit(move |edit| {
        my_bookings.reopen(&edit.after.id);
        let text = text(edit, audience(edit, my_bookings));
        if let Some(text) = text {
            let toast = Toast::new(Tone::Change, text).about_edit_of(edit.after.id.inner());
            toasts.show(toast.on_this_page().until_replaced());
        }
    });
}

fn audience(edit: Edit<'_>, my_bookings: MyBookings) -> Audience {
    let state = my_bookings.state_of(&edit.after.id);
    let is_booked = matches!(state.get_untracked(), BookingState::Booked { .. });
    match is_booked || browser::path() == "/bookings" {
        true => Audience::Holder,
        false => Audience::Buyer,
    }
}

/// All changes of an edit in one text; `None` if people see no difference.
fn text(edit: Edit<'_>, audience: Audience) -> Option<String> {
    let mut said = sentences(edit.before, edit.after, audience, FORMATS);
    if edit.is_description_changed {
        said.push("The description was changed.".to_owned());
    }
    (!said.is_empty()).then(|| format!("{}: {}", edit.before.title, said.join(" ")))
}
