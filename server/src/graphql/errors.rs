//! All the ways in which a request can fail, and the one place where they become GraphQL errors.
//!
//! Expected refusals (sold out, already booked, closed) are not here: they are types of the schema.
//! A cause that the caller can't act on is logged here, once, and never sent.

use async_graphql::{ErrorExtensionValues, Value, value};
use sea_orm::DbErr;

use crate::{
    accounts::{AccountsError, PasswordError, SessionsError},
    bookings::BookingsError,
    coalescing::{ReadPanicked, Refusal},
    covers::CoversError,
    database::{Fault, report_full_disk},
    door::DoorError,
    events::EventsError,
    field_problem::FieldProblem,
    inventory::{InventoryError, Rejection},
    limits::{HoldsTooMuch, TooManyRequests},
    managed_events::{ImportProblem, ManagedEventsError},
    organizers::OrganizersError,
    personal_data::{DeletionError, ExportError},
};

/// Declares the values of `extensions.code`, and a list of all of them.
macro_rules! codes {
    ($($code:ident)*) => {
        /// The values of `extensions.code`.
        pub mod code {
            $(pub const $code: &str = stringify!($code);)*

            /// All codes that clients can receive.
            pub const ALL: &[&str] = &[$($code),*];

            /// The code as a static text, if it is one of these.
            pub(crate) fn known(code: &str) -> Option<&'static str> {
                ALL.iter().copied().find(|known| *known == code)
            }
        }
    };
}

codes! {
    UNAUTHENTICATED
    INVALID_CREDENTIALS
    EMAIL_TAKEN
    INVALID_TOKEN
    EMAIL_NOT_VERIFIED
    FORBIDDEN
    NOT_FOUND
    BAD_USER_INPUT
    RATE_LIMITED
    UNAVAILABLE
    QUERY_TOO_COMPLEX
    PERSISTED_QUERY_NOT_FOUND
    INTERNAL
}

/// The reason why a request failed.
///
/// It deliberately has no `Display`: async-graphql would turn a displayable error into one without
/// a code, and this type gives each error its code.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The operation needs a signed-in user, and the request has none.
    Unauthenticated(&'static str),
    /// The email or the password is wrong. The answer does not say which.
    InvalidCredentials,
    /// A signed-in user gave another password than their own.
    WrongPassword,
    EmailTaken,
    /// The token from a mail is wrong, used or expired.
    InvalidToken,
    /// Only people who have verified their email may do this.
    EmailNotVerified,
    Forbidden(&'static str),
    /// The kind of thing that was not found.
    NotFound(&'static str),
    BadUserInput(Vec<FieldProblem>),
    RateLimited(TooManyRequests),
    /// The server can't carry out the request now. Nothing was changed, or the caller must ask
    /// again to find out.
    Unavailable {
        message: &'static str,
        retry_after_seconds: u64,
    },
    TooComplex(String),
    /// The client makes the server hold too much at once.
    HoldsTooMuch {
        /// In bytes.
        max: usize,
    },
    /// The request has only a query's hash, and this server does not know its text.
    PersistedQueryNotFound,
    /// A defect. The cause goes to the log.
    Internal(String),
}

impl ApiError {
    /// The error for one wrong field.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::BadUserInput(vec![FieldProblem::new(field, message)])
    }

    /// The error for an access token that is expired or not valid.
    pub(crate) fn bad_access_token() -> Self {
        Self::Unauthenticated(
            "The access token is expired or not valid. Refresh it or sign in again.",
        )
    }

    /// The error for a valid token whose account no longer exists.
    pub(crate) fn no_such_account() -> Self {
        Self::Unauthenticated("This account no longer exists. Please sign in with another.")
    }

    /// The error for somebody whose role in an organizer does not allow what they want.
    pub(crate) fn not_permitted() -> Self {
        Self::Forbidden("You may not do this for this organizer. Ask one of its owners.")
    }

    /// The error for somebody without whom an organizer would have no owner.
    fn only_owner() -> Self {
        Self::Forbidden(
            "You are the only owner of an organizer that has other members or events to come. Make \
             somebody else its owner, or remove the members and cancel the events. Then delete your \
             account.",
        )
    }

    fn database_unreachable() -> Self {
        Self::Unavailable {
            message: "The booking system can't reach its database at the moment. Please try again \
                      shortly.",
            retry_after_seconds: 2,
        }
    }

    fn busy() -> Self {
        Self::Unavailable {
            message: "The booking system is very busy at the moment. Please try again shortly.",
            retry_after_seconds: 2,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => code::UNAUTHENTICATED,
            Self::InvalidCredentials | Self::WrongPassword => code::INVALID_CREDENTIALS,
            Self::EmailTaken => code::EMAIL_TAKEN,
            Self::InvalidToken => code::INVALID_TOKEN,
            Self::EmailNotVerified => code::EMAIL_NOT_VERIFIED,
            Self::Forbidden(_) => code::FORBIDDEN,
            Self::NotFound(_) => code::NOT_FOUND,
            Self::BadUserInput(_) => code::BAD_USER_INPUT,
            Self::RateLimited(_) | Self::HoldsTooMuch { .. } => code::RATE_LIMITED,
            Self::Unavailable { .. } => code::UNAVAILABLE,
            Self::TooComplex(_) => code::QUERY_TOO_COMPLEX,
            Self::PersistedQueryNotFound => code::PERSISTED_QUERY_NOT_FOUND,
            Self::Internal(_) => code::INTERNAL,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Unauthenticated(message) | Self::Forbidden(message) => (*message).to_owned(),
            Self::InvalidCredentials => "The email or the password is wrong.".to_owned(),
            Self::WrongPassword => "The password is wrong.".to_owned(),
            Self::EmailTaken => {
                "There is already an account with this email. Sign in, or use another email."
                    .to_owned()
            }
            Self::InvalidToken => {
                "This link is no longer good: it was used, a newer one was sent, or it is too old. \
                 Ask for a new mail."
                    .to_owned()
            }
            Self::EmailNotVerified => {
                "Open the link in the mail that was sent to you first. It shows that the address is \
                 yours."
                    .to_owned()
            }
            Self::NotFound(what) => format!("There is no such {what}."),
            Self::BadUserInput(problems) => {
                problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join(" ")
            }
            Self::RateLimited(TooManyRequests { retry_after_seconds: 1 }) => {
                "Too many requests. Try again in 1 second.".to_owned()
            }
            Self::RateLimited(TooManyRequests { retry_after_seconds }) => {
                format!("Too many requests. Try again in {retry_after_seconds} seconds.")
            }
            Self::Unavailable { message, .. } => (*message).to_owned(),
            Self::TooComplex(message) => message.clone(),
            Self::HoldsTooMuch { max } => format!(
                "The server may hold no more than {max} bytes for you at once. Wait for your \
                 answers, end some subscriptions, or ask for less."
            ),
            // Clients look for exactly this text.
            Self::PersistedQueryNotFound => "PersistedQueryNotFound".to_owned(),
            Self::Internal(_) => {
                "Something went wrong on our side. Please try again. If it happens again, send us \
                 the request id."
                    .to_owned()
            }
        }
    }

    fn extensions(&self) -> ErrorExtensionValues {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", self.code());
        match self {
            Self::BadUserInput(problems) => {
                let fields = problems.iter().map(|problem| {
                    value!({ "field": problem.field.as_str(), "message": problem.message.as_str() })
                });
                extensions.set("fields", Value::List(fields.collect()));
            }
            Self::RateLimited(TooManyRequests { retry_after_seconds })
            | Self::Unavailable { retry_after_seconds, .. } => {
                extensions.set("retryAfter", *retry_after_seconds);
            }
            Self::HoldsTooMuch { .. } => extensions.set("retryAfter", 1),
            Self::Unauthenticated(_)
            | Self::InvalidCredentials
            | Self::WrongPassword
            | Self::EmailTaken
            | Self::InvalidToken
            | Self::EmailNotVerified
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::TooComplex(_)
            | Self::PersistedQueryNotFound
            | Self::Internal(_) => {}
        }
        extensions
    }
}

impl From<ApiError> for async_graphql::Error {
    fn from(error: ApiError) -> Self {
        if let ApiError::Internal(cause) = &error {
            // The span around the request adds its id to this line.
            tracing::error!(cause, "internal error");
        }
        Self { message: error.message(), source: None, extensions: Some(error.extensions()) }
    }
}

impl From<DbErr> for ApiError {
    fn from(error: DbErr) -> Self {
        match Fault::of(&error) {
            Fault::Unreachable | Fault::ReadOnly => Self::database_unreachable(),
            Fault::Overloaded
            | Fault::LockTimeout
            | Fault::SerializationFailure
            | Fault::SchemaChanged => {
                report_full_disk(&error);
                tracing::debug!(%error, "the database is busy");
                Self::busy()
            }
            Fault::ConstraintViolation | Fault::Other => Self::Internal(error.to_string()),
        }
    }
}

impl From<FieldProblem> for ApiError {
    fn from(problem: FieldProblem) -> Self {
        Self::BadUserInput(vec![problem])
    }
}

impl From<HoldsTooMuch> for ApiError {
    fn from(HoldsTooMuch { max }: HoldsTooMuch) -> Self {
        Self::HoldsTooMuch { max }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::QueueFull | Refusal::WaitTimeout => Self::busy(),
            Refusal::BatchPanicked => Self::Internal(refusal.to_string()),
        }
    }
}

impl From<ReadPanicked> for ApiError {
    fn from(error: ReadPanicked) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<TooManyRequests> for ApiError {
    fn from(error: TooManyRequests) -> Self {
        Self::RateLimited(error)
    }
}

impl From<AccountsError> for ApiError {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Invalid(problems) => Self::BadUserInput(problems),
            AccountsError::EmailTaken => Self::EmailTaken,
            AccountsError::InvalidCredentials => Self::InvalidCredentials,
            AccountsError::WrongPassword => Self::WrongPassword,
            AccountsError::NoSuchAccount => Self::no_such_account(),
            AccountsError::InvalidToken => Self::InvalidToken,
            AccountsError::TooManyMails(error) => error.into(),
            AccountsError::Password(PasswordError::Busy) => Self::busy(),
            AccountsError::Password(error @ PasswordError::Hash(_)) => {
                Self::Internal(error.to_string())
            }
            AccountsError::LookupRefused(refusal) => refusal.into(),
            AccountsError::Session(error) => error.into(),
            AccountsError::Database(error) => error.into(),
        }
    }
}

impl From<DeletionError> for ApiError {
    fn from(error: DeletionError) -> Self {
        match error {
            DeletionError::LastOwner => Self::only_owner(),
            DeletionError::Accounts(error) => error.into(),
            DeletionError::Organizers(error) => error.into(),
            DeletionError::Busy(refusal) => refusal.into(),
            DeletionError::Database(error) => error.into(),
        }
    }
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Accounts(error) => error.into(),
            ExportError::Sessions(error) => error.into(),
            ExportError::Organizers(error) => error.into(),
            ExportError::Events(error) => error.into(),
            ExportError::Bookings(error) => error.into(),
            ExportError::Door(error) => error.into(),
        }
    }
}

impl From<SessionsError> for ApiError {
    fn from(error: SessionsError) -> Self {
        match error {
            SessionsError::SessionEnded => {
                Self::Unauthenticated("The session has ended. Please sign in again.")
            }
            SessionsError::NoSuchSession => Self::NotFound("session"),
            SessionsError::Database(error) => error.into(),
            error @ SessionsError::Signing(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<EventsError> for ApiError {
    fn from(error: EventsError) -> Self {
        match error {
            EventsError::Database(error) => error.into(),
            EventsError::LookupRefused(refusal) => refusal.into(),
            EventsError::ReadPanicked(error) => error.into(),
        }
    }
}

impl From<CoversError> for ApiError {
    fn from(error: CoversError) -> Self {
        match error {
            CoversError::Busy => Self::busy(),
            CoversError::Picture(error) => Self::field("picture", error.advice()),
            CoversError::LookupRefused(refusal) => refusal.into(),
            CoversError::ReadPanicked(error) => error.into(),
            CoversError::Database(error) => error.into(),
        }
    }
}

impl From<OrganizersError> for ApiError {
    fn from(error: OrganizersError) -> Self {
        match error {
            OrganizersError::NoSuchOrganizer => Self::NotFound("organizer"),
            OrganizersError::NoSuchUser => Self::no_such_account(),
            OrganizersError::NotAllowed => Self::not_permitted(),
            OrganizersError::OnlyByInvitation => Self::Forbidden(
                "Only the operator of this server creates organizers. Ask them for an invitation.",
            ),
            OrganizersError::TooManyOrganizers => {
                Self::Forbidden("You own as many organizers as one person may found.")
            }
            OrganizersError::LastOwner => Self::only_owner(),
            OrganizersError::Invalid(problems) => Self::BadUserInput(problems),
            OrganizersError::Accounts(error) => error.into(),
            OrganizersError::LookupRefused(refusal) => refusal.into(),
            OrganizersError::Database(error) => error.into(),
        }
    }
}

impl From<ManagedEventsError> for ApiError {
    fn from(error: ManagedEventsError) -> Self {
        match error {
            ManagedEventsError::Invalid(problems) => Self::BadUserInput(problems),
            ManagedEventsError::TooManyEvents { max } => Self::field(
                "organizerId",
                format!("An organizer has at most {max} events, and this one would have more."),
            ),
            ManagedEventsError::ImportRefused(problems) => Self::BadUserInput(
                problems
                    .into_iter()
                    .map(|ImportProblem { place, problem }| {
                        FieldProblem::new(
                            format!("events[{place}].{}", problem.field),
                            problem.message,
                        )
                    })
                    .collect(),
            ),
            ManagedEventsError::Inventory(InventoryError::InDoubt) => Self::Unavailable {
                message: "The connection to the database broke while this change was being stored. \
                          It may or may not have been made: look at your events, or repeat the \
                          request. With an externalId, no event is made twice.",
                retry_after_seconds: 5,
            },
            ManagedEventsError::Inventory(error) => error.into(),
            ManagedEventsError::Database(error) => error.into(),
        }
    }
}

impl From<BookingsError> for ApiError {
    fn from(error: BookingsError) -> Self {
        match error {
            BookingsError::Inventory(error) => error.into(),
            BookingsError::LookupRefused(refusal) => refusal.into(),
            BookingsError::Database(error) => error.into(),
        }
    }
}

impl From<DoorError> for ApiError {
    fn from(error: DoorError) -> Self {
        match error {
            DoorError::NumberMissing => Self::field(
                "code",
                "The booking has several tickets: name one, as in 3QM72-XW43F/2.",
            ),
            DoorError::Bookings(error) => error.into(),
            DoorError::LookupRefused(refusal) => refusal.into(),
            DoorError::Database(error) => error.into(),
        }
    }
}

impl From<InventoryError> for ApiError {
    fn from(error: InventoryError) -> Self {
        match error {
            InventoryError::Rejected(Rejection::NoSuchEvent) => Self::NotFound("event"),
            InventoryError::Rejected(Rejection::NoMembers) => Self::not_permitted(),
            InventoryError::Rejected(Rejection::NoSuchBooking) => Self::NotFound("booking"),
            InventoryError::Rejected(Rejection::NoSuchUser) => Self::no_such_account(),
            InventoryError::Rejected(Rejection::TooManyTickets { max: 1 }) => {
                Self::field("quantity", "One booking of this event has only 1 ticket.")
            }
            InventoryError::Rejected(Rejection::TooManyTickets { max }) => {
                let message = format!("One booking of this event has at most {max} tickets.");
                Self::field("quantity", message)
            }
            InventoryError::Rejected(Rejection::IdempotencyKeyReused) => Self::field(
                "idempotencyKey",
                "This idempotencyKey was used for another number of tickets of this event. Use a \
                 new one for each new booking, and the same one only to repeat a request.",
            ),
            InventoryError::InDoubt => Self::Unavailable {
                message: "The connection to the database broke while this change was being stored. \
                          It may or may not have been made: look at your bookings, or repeat the \
                          request with the same idempotencyKey.",
                retry_after_seconds: 5,
            },
            InventoryError::Crowded => Self::busy(),
            InventoryError::Database(error) => error.into(),
            error @ InventoryError::BatchPanicked => Self::Internal(error.to_string()),
        }
    }
}
