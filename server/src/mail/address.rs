//! People's addresses as mail servers take them.

use lettre::{Address, message::Mailbox};

use super::Recipient;
use crate::visible_text::is_control;

/// Largest number of characters of a name in a header.
const MAX_NAME_CHARS: usize = 100;

/// The person's address, with the domain in ASCII. `None` if it is none that mail can be sent to.
pub(super) fn mailbox(to: &Recipient) -> Option<Mailbox> {
    let (local, domain) = to.email.rsplit_once('@')?;
    let domain = idna::domain_to_ascii(domain).ok()?;
    let address = Address::new(local, domain).ok()?;
    let name = one_line(to.name.as_deref().unwrap_or_default());
    let name: String = name.chars().take(MAX_NAME_CHARS).collect();
    Some(Mailbox::new((!name.is_empty()).then_some(name), address))
}

/// A text for a header: in one line, and without characters that change how others are shown.
pub(super) fn one_line(text: &str) -> String {
    let visible: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !is_control(*c))
        .collect();
    visible.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(name: &str, email: &str) -> Option<String> {
        let to = Recipient { name: Some(name.to_owned()), email: email.to_owned() };
        mailbox(&to).map(|mailbox| mailbox.email.to_string())
    }

    #[test]
    fn domains_are_in_ascii() {
        assert_eq!(to("Ada", "ada@bücher.example").unwrap(), "ada@xn--bcher-kva.example");
        assert_eq!(to("Ada", "ada@example.org").unwrap(), "ada@example.org");
        assert_eq!(to("Ada", "ada"), None);
        assert_eq!(to("Ada", "a\r\nBcc: b@c.d@example.org"), None);
    }

    #[test]
    fn no_name_adds_a_header() {
        assert_eq!(one_line("Ada\r\nBcc: eve@example.org\u{202e}"), "Ada  Bcc: eve@example.org");
    }
}
