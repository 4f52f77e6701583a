//! The page to return to after signing in, in the `next` parameter of the sign-in page's address.

/// The sign-in page's address that leads back to `return_to`.
pub(crate) fn sign_in_path(return_to: &str) -> String {
    path_with_next("/sign-in", return_to)
}

/// The page's address with a `next` parameter; the default needs none.
pub(crate) fn path_with_next(page: &str, next: &str) -> String {
    match next {
        "" | "/" | "/events" => page.to_owned(),
        next => {
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("{page}?next={next}")
        }
    }
}

/// The page to go to after signing in. Only this client's own pages are allowed, so a link to the
/// sign-in page can't lead to another site.
pub(crate) fn allowed_next_page(next: Option<&str>) -> &str {
    const DEFAULT: &str = "/events";
    let Some(next) = next else { return DEFAULT };
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let is_plain = |segment: &&str| {
        !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let is_page = path.starts_with('/')
        && segments.iter().all(is_plain)
        && matches!(
            segments.as_slice(),
            ["events" | "bookings"]
                | ["events" | "bookings" | "organizers", _]
                | ["account"]
                | ["organize", ..]
        );
    if is_page && !next.contains(char::is_control) { next } else { DEFAULT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_keeps_the_page_to_return_to() {
        assert_eq!(
            sign_in_path("/events?search=a&page=2"),
            "/sign-in?next=%2Fevents%3Fsearch%3Da%26page%3D2"
        );
        assert_eq!(sign_in_path("/events"), "/sign-in");
        assert_eq!(allowed_next_page(Some("/events?search=a&page=2")), "/events?search=a&page=2");
        assert_eq!(allowed_next_page(None), "/events");
    }

    #[test]
    fn other_sites_are_not_allowed() {
        for bad in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "javascript:alert(1)",
            "evil",
            "",
            "/.//evil.example",
            "/..//evil.example",
            "/./%2e//evil.example",
            "/events/..//evil.example",
            "/events//evil.example",
            "/events/\t/evil",
            "/events/a/b",
            "/bookings/a/b",
            "/account/a",
            "events",
            "/organize//evil.example",
            "/organize/../evil",
            "/organized",
            "/playground",
        ] {
            assert_eq!(allowed_next_page(Some(bad)), "/events", "{bad:?}");
        }
        assert_eq!(allowed_next_page(Some("/sign-in?next=/sign-in")), "/events");
        let event = "/events/01990000-0000-7000-8000-000000000001";
        assert_eq!(allowed_next_page(Some(event)), event);
        for page in [
            "/bookings",
            "/bookings/01990000-0000-7000-8000-000000000001",
            "/account",
            "/organizers/jazz",
            "/organize",
            "/organize/jazz/members",
            "/organize/jazz?page=2",
        ] {
            assert_eq!(allowed_next_page(Some(page)), page);
        }
    }
}
