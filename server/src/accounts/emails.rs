//! Emails as they are compared: in lower case, composed, with the domain in its own letters.
//!
//! Earlier versions stored an email in lower case as it was typed. Such an email is found by the
//! forms that people type.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

pub(super) const MAX_EMAIL_BYTES: usize = 254;
/// A longer text is longer than [`MAX_EMAIL_BYTES`] in every form, and is not worth the work.
const MAX_TYPED_BYTES: usize = 4 * MAX_EMAIL_BYTES;

/// The domain of the emails of deleted accounts. Nobody else can have one there, so the email of a
/// deleted account is always free, and says what it is.
pub(super) const DELETED_DOMAIN: &str = "deleted.invalid";

/// The form in which emails are stored and compared.
pub(crate) fn normalised_email(email: &str) -> String {
    let email = email.trim();
    let (local, domain) = match email.rsplit_once('@') {
        Some(parts) if email.len() <= MAX_TYPED_BYTES => parts,
        _ => return email.to_lowercase(),
    };
    format!("{}@{}", lower_case(local), domain_in_its_letters(domain))
}

/// Whether this is the email of a deleted account.
pub(crate) fn is_of_deleted_account(email: &str) -> bool {
    email.rsplit_once('@').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(DELETED_DOMAIN))
}

/// The forms in which this email may be stored, best first: as earlier versions would have stored
/// it, as it is stored now, and the others. Of two accounts from before whose emails are the same by
/// now, each is found by its own.
pub(super) fn stored_forms(email: &str) -> Vec<String> {
    let current = normalised_email(email);
    let mut forms = vec![email.trim().to_lowercase(), current.clone()];
    if let Some((local, domain)) = current.rsplit_once('@') {
        let nfd = DecomposingNormalizerBorrowed::new_nfd();
        let mut domains = vec![domain.to_owned(), nfd.normalize(domain).into_owned()];
        domains.extend(idna::domain_to_ascii(domain));
        for local in [local, &nfd.normalize(local)] {
            forms.extend(domains.iter().map(|domain| format!("{local}@{domain}")));
        }
    }
    let mut known = std::collections::HashSet::new();
    forms.retain(|form| known.insert(form.clone()));
    forms
}

fn lower_case(text: &str) -> String {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    nfc.normalize(&nfc.normalize(text).to_lowercase()).into_owned()
}

/// A domain in the letters that its punycode stands for. One that is no domain, such as an address
/// in brackets, stays as it is.
fn domain_in_its_letters(domain: &str) -> String {
    match idna::domain_to_unicode(domain) {
        (letters, Ok(())) => letters,
        _ => lower_case(domain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_has_one_form_however_it_is_typed() {
        for (typed, form) in [
            (" Ada@Example.ORG ", "ada@example.org"),
            ("mu\u{308}ller@BU\u{308}CHER.example", "m\u{fc}ller@b\u{fc}cher.example"),
            ("m\u{dc}ller@xn--BCHER-kva.Example", "m\u{fc}ller@b\u{fc}cher.example"),
            ("a@faß.example", "a@faß.example"),
            ("a@b\u{3002}example", "a@b.example"),
            ("\"a@b\"@xn--fa-hia.example", "\"a@b\"@faß.example"),
            ("a@[192.0.2.1]", "a@[192.0.2.1]"),
            ("A@xn--\u{e4}.example", "a@xn--\u{e4}.example"),
            ("ADA", "ada"),
        ] {
            assert_eq!(normalised_email(typed), form, "{typed}");
            assert_eq!(normalised_email(form), form, "{form}");
        }
    }

    #[test]
    fn an_email_of_a_deleted_account_is_recognised() {
        assert!(is_of_deleted_account("deleted-1@deleted.invalid"));
        assert!(is_of_deleted_account("x@DELETED.invalid"));
        assert!(!is_of_deleted_account("deleted.invalid@example.org"));
    }

    #[test]
    fn most_emails_are_looked_up_in_one_form_and_none_in_many() {
        assert_eq!(stored_forms(" Ada@example.org"), ["ada@example.org"]);
        assert_eq!(stored_forms("ada"), ["ada"]);
        let forms = stored_forms("Mu\u{308}ller@b\u{fc}cher.example");
        assert_eq!(forms[0], "mu\u{308}ller@b\u{fc}cher.example");
        assert_eq!(forms[1], "m\u{fc}ller@b\u{fc}cher.example");
        assert_eq!(forms.len(), 6);
        assert!(stored_forms(&"\u{fc}@".repeat(50_000)).len() <= 7);
    }
}
