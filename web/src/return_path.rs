//! Where a person goes on after signing in: the page that asked for it, named in the address.

/// The sign-in page's address that leads back to this one.
pub(crate) fn sign_in_from(path_and_query: &str) -> String {
    with_next("/sign-in", path_and_query)
}

/// The page's address with where to go on.
pub(crate) fn with_next(page: &str, next: &str) -> String {
    match next {
        "" | "/" | "/events" => page.to_owned(),
        next => {
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("{page}?next={next}")
        }
    }
}

/// Where to go on: only within this site, whatever the address says, so that no link to the sign-in
/// leads on to a look-alike of another origin.
pub(crate) fn next_page(next: Option<&str>) -> &str {
    const USUAL: &str = "/events";
    let Some(next) = next else { return USUAL };
    let elsewhere = next.starts_with("//") || next.contains(['\\', '\t', '\n', '\r']);
    let here = next.starts_with('/') && !elsewhere;
    // A form that leads to itself would be no way on.
    let is_form = ["/sign-in", "/register"].iter().any(|form| next.starts_with(form));
    if here && !is_form { next } else { USUAL }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_kept_in_the_address() {
        assert_eq!(
            sign_in_from("/events?search=a&page=2"),
            "/sign-in?next=%2Fevents%3Fsearch%3Da%26page%3D2"
        );
        assert_eq!(sign_in_from("/events"), "/sign-in");
        assert_eq!(next_page(Some("/events?search=a&page=2")), "/events?search=a&page=2");
        assert_eq!(next_page(None), "/events");
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
        ] {
            assert_eq!(next_page(Some(bad)), "/events", "{bad:?}");
        }
        assert_eq!(next_page(Some("/sign-in?next=/sign-in")), "/events");
    }
}
