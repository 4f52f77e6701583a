//! A letter: what somebody is told, in the parts that both its text and its HTML are made of.

use rowlock_entities::user;

/// A letter to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) to: Recipient,
    /// What happened, in a few words.
    pub(crate) subject: String,
    pub(crate) blocks: Vec<Block>,
    /// Why the person gets it, in one sentence.
    pub(crate) reason: String,
    pub(crate) calendar: Option<Calendar>,
    /// The address at which the person ends letters of this kind, for those that they can end.
    pub(crate) unsubscribe: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// `None` as long as nobody has shown that the address is theirs. Otherwise, somebody could have
    /// strangers sent any text, as the name of an account with their address.
    pub(crate) name: Option<String>,
    pub(crate) email: String,
}

impl Recipient {
    pub(crate) fn of(user: &user::Model) -> Self {
        Self { name: confirmed_name(user), email: user.email.clone() }
    }
}

/// The name of somebody whose address is known to be theirs.
pub(crate) fn confirmed_name(user: &user::Model) -> Option<String> {
    user.email_verified_at.map(|_| user.name.clone())
}

/// A part of a letter. Texts of people are shown as they are, whatever is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Paragraph(String),
    /// What somebody else has written, which may have several lines.
    Quote(String),
    /// Names and values.
    Facts(Vec<(&'static str, String)>),
    /// What the person is to do, and where.
    Button {
        label: &'static str,
        url: String,
    },
}

impl Block {
    pub(crate) fn paragraph(text: impl Into<String>) -> Self {
        Self::Paragraph(text.into())
    }
}

/// An entry for the person's calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Calendar {
    pub(crate) method: Method,
    /// The file, of the type text/calendar.
    pub(crate) file: String,
}

/// What a calendar program is to do with the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Publish,
    Cancel,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Publish => "PUBLISH",
            Self::Cancel => "CANCEL",
        }
    }
}
