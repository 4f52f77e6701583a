//! The address of an event's page, which holds the number of tickets that the visitor has chosen.

/// The most that an event can let one person book.
const MAX_TICKETS_PER_BOOKING: i32 = 10;
/// The parameter with the number of tickets.
pub(crate) const QUANTITY: &str = "quantity";

/// One ticket is the default.
pub(crate) fn event_path(id: &str, quantity: i32) -> String {
    match quantity {
        1 => format!("/events/{id}"),
        quantity => format!("/events/{id}?{QUANTITY}={quantity}"),
    }
}

/// The number of tickets in the address. An invalid number counts as absent.
pub(crate) fn chosen_quantity(parameter: Option<&str>) -> i32 {
    let quantity = parameter.and_then(|quantity| quantity.parse().ok()).unwrap_or(1);
    if (1..=MAX_TICKETS_PER_BOOKING).contains(&quantity) { quantity } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_keeps_the_number_of_tickets() {
        assert_eq!(event_path("a", 1), "/events/a");
        assert_eq!(event_path("a", 3), "/events/a?quantity=3");
        assert_eq!(chosen_quantity(Some("3")), 3);
        assert_eq!(chosen_quantity(Some("10")), 10);
        assert_eq!(chosen_quantity(None), 1);
    }

    #[test]
    fn an_invalid_number_of_tickets_counts_as_absent() {
        for bad in ["", "0", "-3", "11", "3.5", "1e1", "three", " 3", "３", "99999999999", "3&3"] {
            assert_eq!(chosen_quantity(Some(bad)), 1, "{bad:?}");
        }
    }
}
