//! Rowlock's database schema. SQLite and PostgreSQL have the same migrations.
//!
//! The constraints are the last defence of the booking guarantee: whatever the server does, no
//! count leaves `0..=total`, and no user holds two confirmed bookings of one event.

use std::collections::HashSet;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{
    prelude::*,
    sea_orm::{DatabaseConnection, EntityTrait},
    seaql_migrations,
};

mod m20261101_000001_accounts;
mod m20261101_000002_events;
mod m20261101_000003_bookings;
mod m20261124_000004_lean_booking_indexes;
mod m20261124_000005_title_search;
mod m20261126_000006_counts;
mod m20261126_000007_price_key;
mod m20261126_000008_readable_rows;
mod m20261126_000009_token_series;
mod m20261126_000010_validated_rows;
mod m20261126_000011_search_key;
mod m20261127_000012_organizers;
mod m20261127_000013_booking_prices;
mod m20261127_000014_jobs;
mod m20261127_000015_bookings_of_events;
mod m20261127_000016_replaced_events;
mod m20261127_000017_unused_title_index;
mod m20261127_000018_checks_of_bookings;
mod m20261127_000019_covers;
mod m20261127_000020_places_and_prices;
mod m20261127_000021_booked_quantities;
mod m20261128_000022_accounts;
mod m20261128_000023_check_ins;
mod m20261128_000024_event_reminders;
mod m20261129_000025_keys_of_events;
mod m20261129_000026_texts_by_date;
mod m20261130_000027_bookings_of_deleted_accounts;

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261101_000001_accounts::Migration),
            Box::new(m20261101_000002_events::Migration),
            Box::new(m20261101_000003_bookings::Migration),
            Box::new(m20261124_000004_lean_booking_indexes::Migration),
            Box::new(m20261124_000005_title_search::Migration),
            Box::new(m20261126_000006_counts::Migration),
            Box::new(m20261126_000007_price_key::Migration),
            Box::new(m20261126_000008_readable_rows::Migration),
            Box::new(m20261126_000009_token_series::Migration),
            Box::new(m20261126_000010_validated_rows::Migration),
            Box::new(m20261126_000011_search_key::Migration),
            Box::new(m20261127_000012_organizers::Migration),
            Box::new(m20261127_000013_booking_prices::Migration),
            Box::new(m20261127_000014_jobs::Migration),
            Box::new(m20261127_000015_bookings_of_events::Migration),
            Box::new(m20261127_000016_replaced_events::Migration),
            Box::new(m20261127_000017_unused_title_index::Migration),
            Box::new(m20261127_000018_checks_of_bookings::Migration),
            Box::new(m20261127_000019_covers::Migration),
            Box::new(m20261127_000020_places_and_prices::Migration),
            Box::new(m20261127_000021_booked_quantities::Migration),
            Box::new(m20261128_000022_accounts::Migration),
            Box::new(m20261128_000023_check_ins::Migration),
            Box::new(m20261128_000024_event_reminders::Migration),
            Box::new(m20261129_000025_keys_of_events::Migration),
            Box::new(m20261129_000026_texts_by_date::Migration),
            Box::new(m20261130_000027_bookings_of_deleted_accounts::Migration),
        ]
    }
}

/// How a database's migrations differ from those of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of this version's migrations that the database lacks.
    pub missing: usize,
    /// The number of migrations that only a newer version knows. Migrations leave to the version before
    /// them what it needs.
    pub newer: usize,
}

impl Difference {
    /// Compares the migrations. This writes nothing, so a user who may only read can ask.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn of(db: &DatabaseConnection) -> Result<Self, DbErr> {
        let is_begun = SchemaManager::new(db).has_table("seaql_migrations").await?;
        let applied = match is_begun {
            true => seaql_migrations::Entity::find().all(db).await?,
            false => Vec::new(),
        };
        let applied: HashSet<String> = applied.into_iter().map(|row| row.version).collect();
        let own = Migrator::migrations();
        let own: HashSet<String> =
            own.iter().map(|migration| migration.name().to_owned()).collect();
        Ok(Self {
            missing: own.difference(&applied).count(),
            newer: applied.difference(&own).count(),
        })
    }
}
