//! Checks a form's fields before they are sent. The rules are the server's, and the server decides.

// The server's limits.
const MAX_NAME_CHARS: usize = 100;
const MAX_EMAIL_BYTES: usize = 254;
const MAX_PASSWORD_CHARS: usize = 128;

/// A name has a letter.
pub(crate) fn name_problem(name: &str) -> Option<&'static str> {
    match name.trim().chars().count() {
        0 => Some("Please enter your name."),
        length if length > MAX_NAME_CHARS => Some("The name has at most 100 characters."),
        _ if !name.chars().any(char::is_alphabetic) => Some("The name needs a letter."),
        _ => None,
    }
}

/// An address has a name, an `@` and a domain with a dot.
pub(crate) fn email_problem(email: &str) -> Option<&'static str> {
    let email = email.trim();
    if email.is_empty() {
        return Some("Please enter your email address.");
    }
    let plausible = email.len() <= MAX_EMAIL_BYTES
        && !email.contains(char::is_whitespace)
        && email.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty()
                && !domain.contains('@')
                && domain.split('.').count() >= 2
                && domain.split('.').all(|part| !part.is_empty())
        });
    (!plausible).then_some("Please enter an email address, like ada@example.org.")
}

/// A new password has at least eight characters, with a letter and a digit.
pub(crate) fn new_password_problem(password: &str) -> Option<&'static str> {
    let length = password.chars().count();
    if length == 0 {
        Some("Please choose a password.")
    } else if length < 8 {
        Some("The password needs 8 characters or more.")
    } else if length > MAX_PASSWORD_CHARS {
        Some("The password has at most 128 characters.")
    } else if !password.chars().any(char::is_alphabetic) {
        Some("The password needs a letter.")
    } else if !password.chars().any(|c| c.is_ascii_digit()) {
        Some("The password needs a digit.")
    } else {
        None
    }
}

/// When signing in, any password may be the right one.
pub(crate) fn password_problem(password: &str) -> Option<&'static str> {
    password.is_empty().then_some("Please enter your password.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_letter() {
        for good in [" Al ", "李"] {
            assert_eq!(name_problem(good), None, "{good}");
        }
        let long = "a".repeat(101);
        for bad in ["", " ", "1", &long] {
            assert!(name_problem(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn an_email_has_a_name_and_a_domain() {
        for good in ["ada@example.org", " a+b@x.io ", "ünï@exämple.de"] {
            assert_eq!(email_problem(good), None, "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(250));
        for bad in
            ["", "ada", "@x.org", "ada@", "ada@x", "a@x..org", "a@b@x.org", "a b@x.org", &long]
        {
            assert!(email_problem(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_new_password_has_8_characters_a_letter_and_a_digit() {
        for good in ["passw0rd", "pässwörter1", &"a1".repeat(64)] {
            assert_eq!(new_password_problem(good), None, "{good}");
        }
        for bad in ["", "passw0r", "password", "12345678", &"a1".repeat(65)] {
            assert!(new_password_problem(bad).is_some(), "{bad:?}");
        }
    }
}
