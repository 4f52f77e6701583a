//! The picture of an event. Its sizes are rows of `cover_variants`.

use sea_orm::{DbErr, DeriveValueType, TryFromU64, entity::prelude::*};

use crate::EventId;

/// The first half of a SHA-256 over the event and all sizes of its picture. It has the type of an id,
/// which both engines store in 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
pub struct Hash(pub Uuid);

// SeaORM needs this for a primary key.
impl TryFromU64 for Hash {
    fn try_from_u64(_: u64) -> Result<Self, DbErr> {
        Err(DbErr::ConvertFromU64("Hash"))
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "covers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: EventId,
    /// Another picture has another one, and so have the same pictures of two events.
    #[sea_orm(unique)]
    pub hash: Hash,
    /// What the picture shows, for people who don't see it.
    pub alt: String,
    #[sea_orm(has_many)]
    pub variants: HasMany<super::cover_variant::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
