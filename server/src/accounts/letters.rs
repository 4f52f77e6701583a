//! What people are told about their account by mail.

use crate::mail::{Block, Letter, Recipient};

/// Why somebody gets a letter about an account of their own.
const OWN_ACCOUNT: &str = "You get this mail because there is an account with this address.";

/// The address is confirmed by the link.
pub(super) fn verify_email(to: Recipient, url: String) -> Letter {
    let site = site_of(&url);
    letter(
        to,
        "Confirm your email address",
        vec![
            Block::paragraph(format!(
                "An account at {site} was made with this address. Please confirm that it is yours. \
                 The link is good for seven days."
            )),
            Block::Button { label: "Confirm this address", url },
            Block::paragraph("If you did not make this account, ignore this mail."),
        ],
        "You get this mail because somebody made an account with this address.",
    )
}

/// Another address, which is the account's once the link is opened.
pub(super) fn change_email(to: Recipient, url: String) -> Letter {
    let site = site_of(&url);
    letter(
        to,
        "Confirm your new email address",
        vec![
            Block::paragraph(format!(
                "Your account at {site} is to have this address. It does once you have confirmed it. \
                 The link is good for seven days."
            )),
            Block::Button { label: "Use this address", url },
            Block::paragraph("If you did not ask for this, ignore this mail."),
        ],
        "You get this mail because somebody wants to use this address for their account.",
    )
}

/// The password is reset by the link.
pub(super) fn reset_password(to: Recipient, url: String) -> Letter {
    let site = site_of(&url);
    letter(
        to,
        "Choose a new password",
        vec![
            Block::paragraph(format!(
                "Somebody asked for a new password for your account at {site}. Choose one with this \
                 link. It is good once, for an hour."
            )),
            Block::Button { label: "Choose a new password", url },
            Block::paragraph(
                "If it was not you, ignore this mail: your password stays as it is. Nobody can \
                 change it without this link.",
            ),
        ],
        OWN_ACCOUNT,
    )
}

/// The password is another one now. `url` is where it can be reset.
pub(super) fn password_changed(to: Recipient, url: String) -> Letter {
    letter(
        to,
        "Your password was changed",
        vec![
            Block::paragraph(
                "Your password was changed, and you are signed out everywhere else. If it was you, \
                 there is nothing to do.",
            ),
            Block::paragraph("If it was not you, choose a new password at once:"),
            Block::Button { label: "Choose a new password", url },
        ],
        OWN_ACCOUNT,
    )
}

/// Somebody who knows the password wants the account to have another address.
pub(super) fn email_change_requested(to: Recipient, masked_new_email: &str, url: String) -> Letter {
    letter(
        to,
        "Your email address is to be changed",
        vec![
            Block::paragraph(format!(
                "Your account is to have the address {masked_new_email}. This address stays in force \
                 until the new one is confirmed. If it was you, there is nothing to do here."
            )),
            Block::paragraph(
                "If it was not you, somebody knows your password. Choose a new one at once. That \
                 takes the change back, too:",
            ),
            Block::Button { label: "Choose a new password", url },
        ],
        OWN_ACCOUNT,
    )
}

/// The account has another address now.
pub(super) fn email_changed(to: Recipient, sender: &str) -> Letter {
    letter(
        to,
        "Your email address was changed",
        vec![
            Block::paragraph(
                "Your account has another address now, as was asked for and confirmed there. This \
                 address gets no more mail about it.",
            ),
            Block::paragraph(format!("If it was not you, write to {sender}.")),
        ],
        "You get this mail because this was the address of an account.",
    )
}

/// The account is deleted.
pub(super) fn account_deleted(to: Recipient, sender: &str) -> Letter {
    letter(
        to,
        "Your account was deleted",
        vec![
            Block::paragraph(
                "Your account was deleted. Your bookings of coming events are being cancelled. You get \
                 a mail about each one, which also removes it from your calendar. After that, nothing \
                 names you any more.",
            ),
            Block::paragraph(format!("If it was not you, write to {sender}.")),
        ],
        "You get this mail because this was the address of an account.",
    )
}

fn letter(to: Recipient, subject: &str, blocks: Vec<Block>, reason: &str) -> Letter {
    Letter {
        to,
        subject: subject.to_owned(),
        blocks,
        reason: reason.to_owned(),
        calendar: None,
        unsubscribe: None,
    }
}

/// The site that a link leads to, in words.
fn site_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_names_the_site_and_has_its_link() {
        let to = Recipient { name: Some("Ada".to_owned()), email: "ada@example.org".to_owned() };
        let url = "https://tickets.example.org/verify-email#token=abc".to_owned();
        let letter = verify_email(to, url.clone());
        let said = format!("{:?}", letter.blocks);
        assert!(said.contains("account at tickets.example.org was made"), "{said}");
        assert!(said.contains(&url), "{said}");
    }
}
