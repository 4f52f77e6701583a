//! The client's programs. The address decides which of them a page belongs to, so a link from one to
//! another is an ordinary one, which loads a page.

/// What the addresses of the bookings' program begin with. It also has the pages about the account, so
/// that the buyer's program stays small.
const BOOKINGS_PAGES: [&str; 5] =
    ["/bookings", "/account", "/forgot-password", "/reset-password", "/verify-email"];

/// A program of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Buyer,
    Bookings,
    Organizer,
}

impl Program {
    /// The program that has the page at this path, which may have a query.
    pub(crate) fn of(path: &str) -> Self {
        let is_below = |start: &str| {
            let rest = path.strip_prefix(start);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        };
        match path {
            _ if is_below("/organize") => Self::Organizer,
            _ if BOOKINGS_PAGES.iter().any(|start| is_below(start)) => Self::Bookings,
            _ => Self::Buyer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_the_pages_below_its_address() {
        for path in ["/organize", "/organize/", "/organize?a", "/organize/jazz/events/new"] {
            assert_eq!(Program::of(path), Program::Organizer, "{path}");
        }
        for path in ["/bookings", "/bookings/", "/bookings?page=2", "/bookings/a", "/account"] {
            assert_eq!(Program::of(path), Program::Bookings, "{path}");
        }
        for path in ["/", "/events", "/organizers/jazz", "/organized", "/events/organize"] {
            assert_eq!(Program::of(path), Program::Buyer, "{path}");
        }
    }
}
