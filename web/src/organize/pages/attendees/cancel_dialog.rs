//! Cancelling a booking for a buyer: the reason and the outcome.

use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::attendees::{
    Attendee, CancelAttendeeBookingResult, cancel_attendee_booking,
};

use super::{attendee_row::row_id, found::Found, reread::reread};
use crate::{
    api::{ErrorCode, Failure, http::ApiError},
    browser,
    components::confirm_dialog::ConfirmDialog,
    organize::components::ReasonField,
    query::Query,
    repetition::{History, Repeated, repeat_until_answered},
    session::Session,
    toasts::{Toast, Toasts, Tone},
};

/// Asks for the reason, and cancels a booking.
#[component]
pub(super) fn CancelDialog(
    /// The booking to cancel. The dialog is open while there is one.
    to_cancel: RwSignal<Option<Attendee>>,
    attendees: Query<Option<Found>>,
) -> impl IntoView {
    let session = Session::from_context();
    let toasts = Toasts::from_context();
    let busy = RwSignal::new(false);
    let reason = RwSignal::new(String::new());
    let problem = RwSignal::new(None);
    // A reason for one person must not reach another.
    Effect::watch(
        move || to_cancel.with(|to_cancel| to_cancel.as_ref().map(|a| a.booking.id.clone())),
        move |asked, before, _| {
            if asked.is_some() && before != Some(asked) {
                reason.set(String::new());
                problem.set(None);
            }
        },
        false,
    );
    // Keeps the texts while the dialog closes.
    let asked = Memo::new(move |before: Option<&(String, i32)>| {
        to_cancel.with(|to_cancel| match to_cancel {
            Some(attendee) => (attendee.name.clone(), attendee.booking.quantity),
            None => before.cloned().unwrap_or_default(),
        })
    });
    let title = Signal::derive(move || format!("Cancel the booking of {}?", asked.get().0));
    let text = Signal::derive(move || {
        let tickets = match asked.get().1 {
            1 => "The ticket goes".to_owned(),
            count => format!("The {count} tickets go"),
        };
        format!("{tickets} back on sale at once, and the buyer gets a mail with the reason.")
    });
    let cancel = move |()| {
        let Some(attendee) = to_cancel.get_untracked() else { return };
        let given = reason.get_untracked().trim().to_owned();
        if given.is_empty() {
            problem.set(Some("Please enter a reason.".to_owned()));
            browser::focus("reason");
            return;
        }
        busy.set(true);
        let viewer = session.viewer_untracked();
        spawn_local(async move {
            let id = &attendee.booking.id;
            let send = async || {
                let operation = cancel_attendee_booking(id.clone(), given.clone());
                session.run_repeatable(&operation).await
            };
            let is_wanted = || session.viewer_untracked() == viewer;
            let on_missing = |_| {
                let text = "We are checking whether the booking was cancelled…";
                toasts.show(
                    Toast::new(Tone::Waiting, text).about_booking(id.inner()).until_replaced(),
                );
            };
            let answer = repeat_until_answered(send, History::New, is_wanted, on_missing).await;
            busy.try_set(false);
            let problem_found = match answer {
                Repeated::Unwanted => {
                    to_cancel.try_set(None);
                    return toasts.dismiss_about(id.inner());
                }
                Repeated::Unknown => "We couldn't find out whether the booking was cancelled. You \
                                      can cancel it again."
                    .to_owned(),
                Repeated::Answered(Err(Failure::Api(ApiError {
                    code: ErrorCode::BadUserInput,
                    message,
                    ..
                }))) => {
                    problem.try_set(Some(message));
                    return;
                }
                Repeated::Answered(Err(failure)) => {
                    format!("Failed to cancel the booking. {}", failure.message())
                }
                Repeated::Answered(Ok(data)) => match data.cancel_attendee_booking {
                    CancelAttendeeBookingResult::CancelBookingSuccess(success) => {
                        to_cancel.try_set(None);
                        reason.try_set(String::new());
                        let text = format!("The booking of {} is cancelled.", attendee.name);
                        toasts.show(Toast::new(Tone::Success, text).about_booking(id.inner()));
                        attendees.update(|found| {
                            let shown = found.iter_mut().flat_map(|found| {
                                found.event.attendees.iter_mut().flat_map(|list| &mut list.nodes)
                            });
                            for attendee in shown.filter(|shown| shown.booking.id == *id) {
                                attendee.booking = success.booking.clone();
                            }
                        });
                        // The page may be gone by now.
                        if !busy.is_disposed() {
                            reread(session, attendees);
                        }
                        let row = row_id(id.inner());
                        // The focus was on the row's button, which is gone.
                        return request_animation_frame(move || browser::focus(&row));
                    }
                    CancelAttendeeBookingResult::BookingClosed(refusal) => refusal.message,
                    CancelAttendeeBookingResult::Other => {
                        "This booking can't be cancelled.".to_owned()
                    }
                },
            };
            to_cancel.try_set(None);
            let toast = Toast::new(Tone::Error, problem_found).about_booking(id.inner());
            toasts.show(toast.on_this_page());
        });
    };
    view! {
        <ConfirmDialog
            open=Signal::derive(move || to_cancel.with(Option::is_some))
            title
            text
            confirm_labels=("Cancel booking", "Cancelling…")
            cancel_label="Keep it"
            busy
            on_confirm=cancel
            on_close=move |()| to_cancel.set(None)
        >
            <ReasonField id="reason" reason problem />
        </ConfirmDialog>
    }
}
