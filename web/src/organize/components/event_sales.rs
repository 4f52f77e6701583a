//! How an event sells, as its organizer sees it: its state and how many tickets are sold.

use leptos::prelude::*;
use rowlock_web_operations::events::Event;

use crate::{browser, components::sale_state::sale_of, sale::Sale, ticket_count::TicketCount};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SalesState {
    Draft,
    NotYetOnSale,
    OnSale,
    SoldOut,
    SaleEnded,
    /// It has begun, so nothing is sold any more.
    Over,
    Cancelled,
}

impl SalesState {
    fn of(sale: Sale, remaining: i32) -> Self {
        match sale {
            Sale::Draft => Self::Draft,
            Sale::Cancelled => Self::Cancelled,
            Sale::Started => Self::Over,
            Sale::Ended => Self::SaleEnded,
            Sale::NotYetOpen => Self::NotYetOnSale,
            Sale::Open if remaining <= 0 => Self::SoldOut,
            Sale::Open => Self::OnSale,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::NotYetOnSale => "Not on sale yet",
            Self::OnSale => "On sale",
            Self::SoldOut => "Sold out",
            Self::SaleEnded => "Sale ended",
            Self::Over => "Over",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The badge's classes in the style sheet.
    fn css_class(self) -> &'static str {
        match self {
            Self::Draft | Self::NotYetOnSale => "badge badge-draft",
            Self::OnSale => "badge badge-plenty",
            Self::SoldOut => "badge badge-some",
            Self::SaleEnded | Self::Over => "badge badge-sold-out",
            Self::Cancelled => "badge badge-few",
        }
    }
}

/// The state of the event's sale. It changes with the time, with edits and with the count.
#[component]
pub(crate) fn SalesBadge(
    event: RwSignal<Event>,
    tickets: ArcRwSignal<TicketCount>,
) -> impl IntoView {
    let sale = sale_of(event);
    let state = Memo::new(move |_| SalesState::of(sale.get(), tickets.get().remaining()));
    view! { <span class=move || state.get().css_class()>{move || state.get().label()}</span> }
}

/// For example "4 of 10 sold".
pub(crate) fn sold_of(tickets: TicketCount) -> String {
    let sold = (tickets.total() - tickets.remaining()).max(0);
    format!("{} of {} sold", browser::number(sold), browser::number(tickets.total()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_on_sale_only_within_its_sale_and_while_tickets_are_left() {
        for (sale, remaining, label) in [
            (Sale::NotYetOpen, 3, "Not on sale yet"),
            (Sale::NotYetOpen, 0, "Not on sale yet"),
            (Sale::Open, 3, "On sale"),
            (Sale::Open, 0, "Sold out"),
            (Sale::Ended, 3, "Sale ended"),
            (Sale::Started, 3, "Over"),
            (Sale::Started, 0, "Over"),
            (Sale::Cancelled, 3, "Cancelled"),
            (Sale::Draft, 3, "Draft"),
        ] {
            assert_eq!(SalesState::of(sale, remaining).label(), label, "{sale:?} {remaining}");
        }
    }
}
