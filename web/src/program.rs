//! The client's two programs. The address decides which of them a page belongs to, so a link from one
//! to the other is an ordinary one, which loads a page.

/// A program of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Buyer,
    Organizer,
}

impl Program {
    /// The program that has the page at this path, which may have a query.
    pub(crate) fn of(path: &str) -> Self {
        match path.strip_prefix("/organize") {
            Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => Self::Organizer,
            _ => Self::Buyer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_organizers_program_has_the_pages_below_its_address() {
        for path in ["/organize", "/organize/", "/organize?a", "/organize/jazz/events/new"] {
            assert_eq!(Program::of(path), Program::Organizer, "{path}");
        }
        for path in ["/", "/events", "/organizers/jazz", "/organized", "/events/organize"] {
            assert_eq!(Program::of(path), Program::Buyer, "{path}");
        }
    }
}
