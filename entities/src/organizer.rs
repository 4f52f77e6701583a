//! An organizer: who puts events on sale.

use sea_orm::entity::prelude::*;
use uuid::Uuid;

use crate::{OrganizerId, UserId};

/// The organizer of events that were there before organizers were, and of those that another
/// program inserts without one. The migration makes it, and it has no members at first.
pub const FIRST_ORGANIZER: OrganizerId =
    OrganizerId(Uuid::from_u128(0x0199_0000_0004_7000_8000_0000_0000_0001));

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organizers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrganizerId,
    /// Names the organizer in addresses: small letters of ASCII and digits, in groups with hyphens
    /// in between.
    #[sea_orm(unique)]
    pub slug: String,
    pub name: String,
    /// The person who founded it. `None` if the operator did, or if the account is gone.
    pub founded_by: Option<UserId>,
    pub created_at: DateTimeUtc,
    #[sea_orm(has_many)]
    pub members: HasMany<super::organizer_member::Entity>,
    #[sea_orm(has_many)]
    pub events: HasMany<super::event::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
