//! Every way a request can fail, and the one place where that becomes a GraphQL error.
//!
//! Expected refusals (sold out, already booked, closed) are not here: they are types in the schema.
//! A cause that the caller can't act on is logged here, once, and never sent.

use async_graphql::{ErrorExtensionValues, Value, value};
use sea_orm::DbErr;

use crate::{database::Fault, field_problem::FieldProblem};

/// The values of `extensions.code`.
pub(crate) mod code {
    pub(crate) const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    pub(crate) const INVALID_CREDENTIALS: &str = "INVALID_CREDENTIALS";
    pub(crate) const EMAIL_TAKEN: &str = "EMAIL_TAKEN";
    pub(crate) const FORBIDDEN: &str = "FORBIDDEN";
    pub(crate) const NOT_FOUND: &str = "NOT_FOUND";
    pub(crate) const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    pub(crate) const RATE_LIMITED: &str = "RATE_LIMITED";
    pub(crate) const UNAVAILABLE: &str = "UNAVAILABLE";
    pub(crate) const QUERY_TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";
    pub(crate) const PERSISTED_QUERY_NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";
    pub(crate) const INTERNAL: &str = "INTERNAL";

    /// The one of these that `code` is.
    pub(crate) fn known(code: &str) -> Option<&'static str> {
        let all = [
            UNAUTHENTICATED,
            INVALID_CREDENTIALS,
            EMAIL_TAKEN,
            FORBIDDEN,
            NOT_FOUND,
            BAD_USER_INPUT,
            RATE_LIMITED,
            UNAVAILABLE,
            QUERY_TOO_COMPLEX,
            PERSISTED_QUERY_NOT_FOUND,
            INTERNAL,
        ];
        all.into_iter().find(|known| *known == code)
    }
}

/// Why a request failed.
///
/// Deliberately without `Display`: async-graphql turns whatever can be displayed into an error
/// without a code, and this is the type that gives each its code.
#[derive(Debug)]
pub enum ApiError {
    /// The operation needs a signed-in user, and the request has none.
    Unauthenticated(&'static str),
    /// Wrong email or password; which of them is not said.
    InvalidCredentials,
    EmailTaken,
    Forbidden(&'static str),
    /// Names what was not found.
    NotFound(&'static str),
    BadUserInput(Vec<FieldProblem>),
    RateLimited {
        retry_after_seconds: u64,
    },
    /// The server can't do it now; nothing was changed, or the caller must ask again to learn it.
    Unavailable {
        message: &'static str,
        retry_after_seconds: u64,
    },
    TooComplex(String),
    /// Only a query's hash was sent, and its text is not known here.
    PersistedQueryNotFound,
    /// A defect. The cause goes to the log.
    Internal(String),
}

impl ApiError {
    /// One field is wrong.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::BadUserInput(vec![FieldProblem::new(field, message)])
    }

    /// A good token whose account is gone.
    pub(crate) fn no_such_account() -> Self {
        Self::Unauthenticated("This account no longer exists. Please sign in with another.")
    }

    pub(crate) fn database_away() -> Self {
        Self::Unavailable {
            message: "The booking system can't reach its database at the moment. Please try again shortly.",
            retry_after_seconds: 2,
        }
    }

    pub(crate) fn busy() -> Self {
        Self::Unavailable {
            message: "The booking system is very busy at the moment. Please try again shortly.",
            retry_after_seconds: 2,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => code::UNAUTHENTICATED,
            Self::InvalidCredentials => code::INVALID_CREDENTIALS,
            Self::EmailTaken => code::EMAIL_TAKEN,
            Self::Forbidden(_) => code::FORBIDDEN,
            Self::NotFound(_) => code::NOT_FOUND,
            Self::BadUserInput(_) => code::BAD_USER_INPUT,
            Self::RateLimited { .. } => code::RATE_LIMITED,
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
            Self::EmailTaken => {
                "There is an account with this email already. Sign in instead.".to_owned()
            }
            Self::NotFound(what) => format!("There is no such {what}."),
            Self::BadUserInput(problems) => {
                problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join(" ")
            }
            Self::RateLimited { retry_after_seconds } => {
                format!("That was too often. Please try again in {retry_after_seconds} s.")
            }
            Self::Unavailable { message, .. } => (*message).to_owned(),
            Self::TooComplex(message) => message.clone(),
            // The words that clients look for.
            Self::PersistedQueryNotFound => "PersistedQueryNotFound".to_owned(),
            Self::Internal(_) => {
                "Something went wrong on our side. Please try again; if it stays, tell us the \
                 request id."
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
            Self::RateLimited { retry_after_seconds }
            | Self::Unavailable { retry_after_seconds, .. } => {
                extensions.set("retryAfter", *retry_after_seconds);
            }
            _ => {}
        }
        extensions
    }
}

impl From<ApiError> for async_graphql::Error {
    fn from(error: ApiError) -> Self {
        if let ApiError::Internal(cause) = &error {
            // The span around the request carries its id.
            tracing::error!(cause, "internal error");
        }
        Self { message: error.message(), source: None, extensions: Some(error.extensions()) }
    }
}

impl From<DbErr> for ApiError {
    fn from(error: DbErr) -> Self {
        match Fault::of(&error) {
            Fault::Away => Self::database_away(),
            Fault::Busy | Fault::Held | Fault::Lost => {
                tracing::debug!(%error, "the database is busy");
                Self::busy()
            }
            Fault::Conflict | Fault::Other => Self::Internal(error.to_string()),
        }
    }
}
