//! What became of a scan, in words.

use rowlock_web_operations::door::{AlreadyCheckedIn, CheckInResult, CheckInSuccess};

use super::action::{Action, Scan};
use crate::{api::Failure, dates};

/// How urgent the words are. Each kind has a colour and an icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The person may go in.
    Welcome,
    /// Somebody should look at it.
    Attention,
    /// The ticket is not good.
    Refused,
}

/// The server's answer to a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// A few big words.
    pub(super) title: String,
    pub(super) details: String,
    /// The scan to take back if the check-in was a mistake.
    pub(super) scan_to_undo: Option<Scan>,
}

impl Outcome {
    /// `zone` is the event's time zone.
    pub(super) fn of(
        action: Action,
        scan_id: &str,
        answer: Result<CheckInResult, Failure>,
        zone: &str,
    ) -> Self {
        let plain = |verdict, title: &str, details: &str| Self {
            verdict,
            title: title.to_owned(),
            details: details.to_owned(),
            scan_to_undo: None,
        };
        let failed = match action {
            Action::CheckIn => "Not checked in",
            Action::Undo => "Not taken back",
        };
        match answer {
            Ok(CheckInResult::CheckInSuccess(success)) => match action {
                Action::CheckIn => Self {
                    verdict: Verdict::Welcome,
                    title: format!("Welcome, {}", success.name),
                    details: ticket_of(&success),
                    scan_to_undo: Some(Scan { code: success.ticket.code, id: scan_id.to_owned() }),
                },
                Action::Undo => {
                    let CheckInSuccess { name, .. } = &success;
                    let title = format!("{name} is not in any more");
                    plain(Verdict::Attention, &title, &ticket_of(&success))
                }
            },
            Ok(CheckInResult::AlreadyCheckedIn(earlier)) => {
                let AlreadyCheckedIn { at, by, name, ticket, booking } = earlier;
                let time = dates::time_of_today_in(&at, zone);
                let whose = format!("{name}, ticket {} of {}", ticket.number, booking.quantity);
                let (title, details) = match action {
                    Action::CheckIn => {
                        (format!("Already checked in at {time}"), format!("By {by} · {whose}"))
                    }
                    // Only another scan's check-in stays.
                    Action::Undo => (
                        "Somebody else has checked it in since".to_owned(),
                        format!("At {time} by {by} · {whose}"),
                    ),
                };
                plain(Verdict::Attention, &title, &details)
            }
            Ok(CheckInResult::TicketCancelled(refusal)) => {
                plain(Verdict::Refused, "Cancelled", &refusal.message)
            }
            Ok(CheckInResult::WrongEvent(refusal)) => {
                plain(Verdict::Refused, "Other event", &refusal.message)
            }
            Ok(CheckInResult::NotATicket(refusal)) => {
                plain(Verdict::Refused, "No ticket found", &refusal.message)
            }
            Ok(CheckInResult::Other) => plain(Verdict::Refused, failed, "Please reload this page."),
            Err(failure) => plain(Verdict::Refused, failed, &failure.message()),
        }
    }
}

/// For example "Ticket 1 of 2 · 3QM72-XW43F".
fn ticket_of(success: &CheckInSuccess) -> String {
    let CheckInSuccess { ticket, booking, .. } = success;
    format!("Ticket {} of {} · {}", ticket.number, booking.quantity, booking.reference)
}
