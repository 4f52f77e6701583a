//! The rules for an account's email, password and name.

use email_address::EmailAddress;

use super::emails::{MAX_EMAIL_BYTES, is_of_deleted_account};
use crate::{
    field_problem::FieldProblem,
    visible_text::{is_control, is_visible},
};

const MAX_NAME_CHARS: usize = 100;
const MIN_PASSWORD_CHARS: usize = 8;
pub(super) const MAX_PASSWORD_CHARS: usize = 128;

/// `email` is in its normalised form.
pub(super) fn email_problem(email: &str) -> Option<FieldProblem> {
    let is_valid = email.len() <= MAX_EMAIL_BYTES
        && EmailAddress::parse_with_options(
            email,
            // Nobody has an address at [127.0.0.1], and mail programs can't write to it.
            email_address::Options::default().without_display_text().without_domain_literal(),
        )
        .is_ok()
        && !email.contains(|c: char| c.is_control() || c == '"')
        && !is_of_deleted_account(email);
    (!is_valid)
        .then(|| FieldProblem::new("email", "Please enter an email address, like ada@example.org."))
}

/// `password` is in its prepared form.
pub(super) fn password_problem(password: &str) -> Option<FieldProblem> {
    let length = password.chars().count();
    let message = if length < MIN_PASSWORD_CHARS {
        format!("The password needs {MIN_PASSWORD_CHARS} characters or more.")
    } else if length > MAX_PASSWORD_CHARS {
        format!("The password has at most {MAX_PASSWORD_CHARS} characters.")
    } else if !password.chars().any(char::is_alphabetic) {
        "The password needs a letter.".to_owned()
    } else if !password.chars().any(|c| c.is_ascii_digit()) {
        "The password needs a digit.".to_owned()
    } else {
        return None;
    };
    Some(FieldProblem::new("password", message))
}

pub(super) fn name_problem(name: &str) -> Option<FieldProblem> {
    let length = name.chars().count();
    let message = if length > MAX_NAME_CHARS {
        format!("The name has at most {MAX_NAME_CHARS} characters.")
    } else if name.contains(is_control) {
        "The name has a character that can't be shown.".to_owned()
    } else if !name.chars().any(|c| c.is_alphabetic() && is_visible(c)) {
        "The name needs a letter.".to_owned()
    } else {
        return None;
    };
    Some(FieldProblem::new("name", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_are_plausible() {
        for good in ["ada@example.org", "a+b@x.io", "ünï@exämple.de"] {
            assert_eq!(email_problem(good), None, "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(250));
        for bad in
            ["", "ada", "@example.org", "ada@", "a b@x.org", "Ada <a@x.org>", "a\0@x.org", &long]
                .into_iter()
                .chain(["a@deleted.invalid", "a@[127.0.0.1]", "a@[IPv6:::1]"])
        {
            assert!(email_problem(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_has_8_characters_a_letter_and_a_digit() {
        for good in ["passw0rd", "pässwörter1", &"a1".repeat(64)] {
            assert_eq!(password_problem(good), None, "{good}");
        }
        for bad in ["", "passw0r", "password", "12345678", &"a1".repeat(65)] {
            assert!(password_problem(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_has_a_letter_and_no_character_that_cannot_be_shown() {
        for good in ["Al", "李", "O'Brien-Łęcki 3rd", "陈小明", "می‌خواهم"] {
            assert_eq!(name_problem(good), None, "{good}");
        }
        for bad in [
            "",
            "1",
            "a\nb",
            "Ann\u{202e}",
            "a\u{2029}b",
            "\u{200b}",
            "\u{3164}",
            "--",
            &"a".repeat(101),
        ] {
            assert!(name_problem(bad).is_some(), "{bad:?}");
        }
    }
}
