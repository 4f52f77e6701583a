//! One newtype per table's id, so that an event's id can't be passed for a booking's.

use std::fmt;

use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new UUIDv7. Later ids sort later, so an index grows at one end.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "each call returns another id")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        // SeaORM needs this for every primary key. The database never generates these ids.
        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    )*};
}

ids! {
    /// Id of a row in `users`.
    UserId
    /// Id of a row in `sessions`.
    SessionId
    /// Id of a row in `refresh_tokens`.
    RefreshTokenId
    /// Id of a row in `account_tokens`.
    AccountTokenId
    /// Id of a row in `events`.
    EventId
    /// Id of a row in `bookings`.
    BookingId
    /// Id of a row in `organizers`.
    OrganizerId
    /// Id of a row in `jobs`.
    JobId
}
