//! The panel that says in big words whether somebody may go in, and the scans before.

use leptos::prelude::*;

use super::{
    action::{Action, Scan},
    checking::{Checking, Shown},
    outcome::Verdict,
};
use crate::{
    components::icons::{Check, Clock, Close, Ticket, Warning},
    repetition::Missing,
};

#[component]
pub(super) fn Panel(checking: Checking) -> impl IntoView {
    view! {
        <div class="verdicts" aria-live="assertive" aria-atomic="true">
            {move || panel(&checking.shown.get()).into_any()}
        </div>
        <div class="verdict-action">{move || buttons(checking)}</div>
    }
}

fn panel(shown: &Shown) -> impl IntoView + use<> {
    let (class, icon, title, details) = match shown {
        Shown::Ready => (
            "verdict",
            Ticket().into_any(),
            "Ready".to_owned(),
            "Scan or type a ticket.".to_owned(),
        ),
        Shown::Waiting(action) => {
            let title = match action {
                Action::CheckIn => "Checking…",
                Action::Undo => "Taking it back…",
            };
            ("verdict", Clock().into_any(), title.to_owned(), String::new())
        }
        Shown::NoAnswer(action, Missing::Late) => (
            "verdict verdict-attention",
            Clock().into_any(),
            "Please wait".to_owned(),
            format!("The answer takes long. {}", not_known_yet(*action)),
        ),
        Shown::NoAnswer(action, Missing::Lost) => {
            let is_online = window().navigator().on_line();
            let title = if is_online { "No answer" } else { "No network" };
            (
                "verdict verdict-attention",
                Warning().into_any(),
                title.to_owned(),
                format!("{} The page goes on asking.", not_known_yet(*action)),
            )
        }
        Shown::GivenUp(action) => {
            let details = match action {
                Action::CheckIn => {
                    "This ticket may be checked in or not. Scan it again to find out."
                }
                // A scan would check it in again.
                Action::Undo => {
                    "The check-in may be taken back or not. Search for the name to find out."
                }
            };
            (
                "verdict verdict-attention",
                Warning().into_any(),
                "Not known".to_owned(),
                details.to_owned(),
            )
        }
        Shown::Outcome(outcome) => {
            let (class, icon) = match outcome.verdict {
                Verdict::Welcome => ("verdict verdict-welcome", Check().into_any()),
                Verdict::Attention => ("verdict verdict-attention", Warning().into_any()),
                Verdict::Refused => ("verdict verdict-refused", Close().into_any()),
            };
            (class, icon, outcome.title.clone(), outcome.details.clone())
        }
    };
    view! {
        <div class=class>
            {icon} <p class="verdict-title" dir="auto">
                {title}
            </p> <p class="verdict-details" dir="auto">
                {details}
            </p>
        </div>
    }
}

fn not_known_yet(action: Action) -> &'static str {
    match action {
        Action::CheckIn => "It is not known yet whether this ticket is good.",
        Action::Undo => "It is not known yet whether the check-in was taken back.",
    }
}

/// What can be done about what the panel shows.
fn buttons(checking: Checking) -> Option<AnyView> {
    match checking.shown.get() {
        Shown::NoAnswer(..) => Some(
            view! {
                <button
                    type="button"
                    class="button button-quiet"
                    on:click=move |_| checking.give_up()
                >
                    "Stop asking"
                </button>
            }
            .into_any(),
        ),
        Shown::Outcome(outcome) => {
            let scan = outcome.scan_to_undo?;
            let undo = move |_| checking.undo(scan.clone());
            Some(
                view! {
                    <button type="button" class="button button-quiet" on:click=undo>
                        "Undo"
                    </button>
                }
                .into_any(),
            )
        }
        Shown::Ready | Shown::Waiting(_) | Shown::GivenUp(_) => None,
    }
}

/// The button that takes an earlier scan back, unless the panel has it.
fn undo_button(checking: Checking, scan: Scan) -> Option<impl IntoView> {
    (!checking.is_undo_shown(&scan)).then(|| {
        view! {
            <button
                type="button"
                class="link-button"
                on:click=move |_| checking.undo(scan.clone())
            >
                "Undo"
            </button>
        }
    })
}

/// The outcomes before, the newest first.
#[component]
pub(super) fn RecentScans(checking: Checking) -> impl IntoView {
    move || {
        let recent = checking.recent.get();
        (!recent.is_empty()).then(|| {
            view! {
                <section class="section">
                    <h2>"Last scans"</h2>
                    <ol class="recent" reversed>
                        <For
                            each=move || recent.clone()
                            key=|(number, _)| *number
                            children=move |(_, outcome)| {
                                let icon = match outcome.verdict {
                                    Verdict::Welcome => Check().into_any(),
                                    Verdict::Attention => Warning().into_any(),
                                    Verdict::Refused => Close().into_any(),
                                };
                                let scan = outcome.scan_to_undo;
                                view! {
                                    <li>
                                        {icon} <span dir="auto">
                                            <strong>{outcome.title}</strong>
                                            " "
                                            {outcome.details}
                                        </span>
                                        {move || scan.clone().map(|scan| undo_button(checking, scan))}
                                    </li>
                                }
                            }
                        />
                    </ol>
                </section>
            }
        })
    }
}
