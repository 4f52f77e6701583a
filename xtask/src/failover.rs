//! A PostgreSQL and its standby behind one address, and the ways in which the standby takes over.

use std::{thread::sleep, time::Duration};

use anyhow::{Result, ensure};

use crate::{
    postgres::{Durability, Postgres},
    relay::Relay,
};

/// The address leads to the primary.
pub(crate) struct Pair {
    primary: Postgres,
    standby: Postgres,
    address: Relay,
}

impl Pair {
    pub(crate) fn start() -> Result<Self> {
        let primary = Postgres::start(Durability::Full)?;
        let standby = primary.start_standby()?;
        let address = Relay::to(primary.port())?;
        Ok(Self { primary, standby, address })
    }

    /// Creates an empty database and returns its URL, which stays the same after a failover.
    pub(crate) fn create_database(&self, name: &str) -> Result<String> {
        self.primary.create_database(name)?;
        Ok(Postgres::url_on(self.address.port, name))
    }

    /// From now on, commits wait for the standby.
    pub(crate) fn set_synchronous(&self) -> Result<()> {
        self.primary.change_setting("synchronous_standby_names", "'*'")?;
        self.primary.wait_for_standby("sync")
    }

    /// Kills the synchronous standby, and starts it again after this time.
    pub(crate) fn lose_standby(&mut self, time: Duration) -> Result<()> {
        self.standby.kill()?;
        sleep(time);
        self.standby.restart()?;
        self.primary.wait_for_standby("sync")
    }

    /// Kills the primary. The standby takes over.
    pub(crate) fn lose_primary(&mut self) -> Result<()> {
        self.primary.kill()?;
        self.standby.promote()?;
        self.address.set_target(self.standby.port());
        Ok(())
    }

    /// The standby takes over as it was before this time. Returns the number of bookings that are
    /// lost.
    pub(crate) fn lose_commits(&mut self, database: &str, time: Duration) -> Result<u64> {
        self.standby.promote()?;
        sleep(time);
        let bookings = |server: &Postgres| -> Result<u64> {
            Ok(server.query(database, "SELECT count(*) FROM bookings")?.parse()?)
        };
        let lost = bookings(&self.primary)?.saturating_sub(bookings(&self.standby)?);
        ensure!(lost > 0, "no booking was lost");
        self.primary.kill()?;
        self.address.set_target(self.standby.port());
        Ok(lost)
    }

    /// Makes a standby of the primary. The address still leads there.
    pub(crate) fn demote_primary(&mut self) -> Result<()> {
        self.primary.wait_for_standby("async")?;
        self.primary.demote(&self.standby)
    }

    /// Promotes the standby. The demoted primary follows it, and keeps its connections.
    pub(crate) fn promote_standby(&self) -> Result<()> {
        self.standby.promote()?;
        self.address.set_target(self.standby.port());
        Ok(())
    }

    /// The number of connections of a database's servers to the demoted primary.
    pub(crate) fn forgotten_connections(&self, database: &str) -> Result<String> {
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'");
        self.primary.query("postgres", &sql)
    }
}
