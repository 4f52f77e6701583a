//! The secret of tickets for a database whose operator has set none. It has one row at most.

use sea_orm::entity::prelude::*;

/// The secret, which never appears in a log.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ticket_secrets")]
pub struct Model {
    /// Always [`ONLY_ID`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    pub secret: Secret,
}

/// The id of the only row.
pub const ONLY_ID: i32 = 1;

impl ActiveModelBehavior for ActiveModel {}
