//! Where a person goes on after signing in: the page that asked for it, named in the address.

/// The sign-in page's address that leads back to this one.
pub(crate) fn sign_in_path(path_and_query: &str) -> String {
    path_with_next("/sign-in", path_and_query)
}

/// The page's address with where to go on.
pub(crate) fn path_with_next(page: &str, next: &str) -> String {
    match next {
        "" | "/" | "/events" => page.to_owned(),
        next => {
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("{page}?next={next}")
        }
    }
}

/// Where to go on: to one of this client's own pages, whatever the address says, so that no link to the
/// sign-in leads on to a look-alike of another origin.
pub(crate) fn allowed_next_page(next: Option<&str>) -> &str {
    const DEFAULT: &str = "/events";
    let Some(next) = next else { return DEFAULT };
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let is_page = match path.strip_prefix("/events/") {
        Some(id) => !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
        None => matches!(path, "/events" | "/bookings"),
    };
    if is_page && !next.contains(char::is_control) { next } else { DEFAULT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_kept_in_the_address() {
        assert_eq!(
            sign_in_path("/events?search=a&page=2"),
            "/sign-in?next=%2Fevents%3Fsearch%3Da%26page%3D2"
        );
        assert_eq!(sign_in_path("/events"), "/sign-in");
        assert_eq!(allowed_next_page(Some("/events?search=a&page=2")), "/events?search=a&page=2");
        assert_eq!(allowed_next_page(None), "/events");
    }

    #[test]
    fn nobody_is_led_to_another_site() {
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
            "/playground",
        ] {
            assert_eq!(allowed_next_page(Some(bad)), "/events", "{bad:?}");
        }
        assert_eq!(allowed_next_page(Some("/sign-in?next=/sign-in")), "/events");
        let event = "/events/01990000-0000-7000-8000-000000000001";
        assert_eq!(allowed_next_page(Some(event)), event);
        assert_eq!(allowed_next_page(Some("/bookings")), "/bookings");
    }
}
