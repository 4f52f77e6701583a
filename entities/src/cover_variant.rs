//! One size of an event's picture.

use sea_orm::entity::prelude::*;

use crate::cover::Hash;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cover_variants")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Hash,
    /// In pixels.
    #[sea_orm(primary_key, auto_increment = false)]
    pub width: i32,
    /// The picture as JPEG.
    pub bytes: Vec<u8>,
    #[sea_orm(belongs_to, from = "hash", to = "hash")]
    pub cover: BelongsTo<super::cover::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
