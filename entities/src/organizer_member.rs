//! A person's role in an organizer.

use sea_orm::entity::prelude::*;

use crate::{OrganizerId, UserId};

/// What a member may do. `server/src/organizers/policy.rs` says it in detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Role {
    #[sea_orm(string_value = "OWNER")]
    Owner,
    #[sea_orm(string_value = "MANAGER")]
    Manager,
    #[sea_orm(string_value = "DOOR")]
    Door,
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organizer_members")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organizer_id: OrganizerId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    pub role: Role,
    pub created_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "organizer_id", to = "id")]
    pub organizer: BelongsTo<super::organizer::Entity>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
