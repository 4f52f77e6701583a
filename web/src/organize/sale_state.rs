//! Where an event stands, as its organizer sees it.

use rowlock_web_operations::events::EventStatus;

use crate::timestamp::has_come;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SaleState {
    Draft,
    OnSale,
    SoldOut,
    /// It has begun, so nothing is sold any more.
    Over,
    Cancelled,
}

impl SaleState {
    pub(super) fn of(status: EventStatus, starts_at: &str, remaining: i32, now: &str) -> Self {
        match status {
            EventStatus::Draft => Self::Draft,
            EventStatus::Cancelled => Self::Cancelled,
            EventStatus::Published if has_come(starts_at, now) => Self::Over,
            EventStatus::Published if remaining <= 0 => Self::SoldOut,
            EventStatus::Published => Self::OnSale,
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::OnSale => "On sale",
            Self::SoldOut => "Sold out",
            Self::Over => "Over",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The badge's classes in the style sheet.
    pub(super) fn css_class(self) -> &'static str {
        match self {
            Self::Draft => "badge badge-draft",
            Self::OnSale => "badge badge-plenty",
            Self::SoldOut => "badge badge-some",
            Self::Over => "badge badge-sold-out",
            Self::Cancelled => "badge badge-few",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_event_is_on_sale_until_it_is_sold_out_or_begins() {
        let starts_at = "2026-03-15T10:00:00Z";
        let state = |status, remaining, now| SaleState::of(status, starts_at, remaining, now);
        let (before, after) = ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
        assert_eq!(state(EventStatus::Published, 3, before), SaleState::OnSale);
        assert_eq!(state(EventStatus::Published, 0, before), SaleState::SoldOut);
        assert_eq!(state(EventStatus::Published, 3, after), SaleState::Over);
        assert_eq!(state(EventStatus::Published, 0, after), SaleState::Over);
        for (remaining, now) in [(3, before), (0, before), (3, after)] {
            assert_eq!(state(EventStatus::Draft, remaining, now), SaleState::Draft);
            assert_eq!(state(EventStatus::Cancelled, remaining, now), SaleState::Cancelled);
        }
    }
}
