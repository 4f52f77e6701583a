//! Faults after which another PostgreSQL is the primary.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result, bail, ensure};

use super::{
    fault::Fault,
    setup::{Setup, address_of},
    waiting::wait_for_readiness,
};
use crate::{
    failover::Pair,
    server::{audit, get},
    shell::call_command,
};

/// Causes a fault after which another PostgreSQL is the primary.
pub(super) fn on_pair(setup: &Setup, fault: Fault) -> Result<String> {
    let mut pair = Pair::start()?;
    let name = fault.name();
    let database_name = name.replace('-', "_");
    let database = pair.create_database(&database_name)?;
    let tokens = setup.prepare(&name, &database)?;
    if fault == Fault::SynchronousStandbyAway {
        pair.set_synchronous()?;
    }
    let mut servers = Vec::new();
    for name in ["one", "two"] {
        servers.push(setup.serve(&database, name, "127.0.0.1:0", &[])?);
    }
    let addresses: Vec<String> =
        servers.iter().map(|server| address_of(Some(server))).collect::<Result<_>>()?;
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut outcome = String::new();
    let summary = setup.cause_under_load(fault, &addresses, &tokens, || {
        match fault {
            Fault::SynchronousStandbyAway => {
                pair.lose_standby(Duration::from_secs(3))?;
                pair.lose_primary()?;
            }
            Fault::OlderDatabase => {
                let lost = pair.lose_commits(&database_name, Duration::from_secs(2))?;
                outcome = format!("; {lost} bookings were lost");
            }
            Fault::DemotedNode => {
                pair.demote_primary()?;
                sleep(Duration::from_secs(2));
                for address in &addresses {
                    let answer = get(address, "/readyz")?;
                    ensure!(answer.contains("the database is a standby"), "{answer}");
                }
                let left = pair.forgotten_connections(&database_name)?;
                outcome = format!("; {left} connections led to the demoted node");
                pair.promote_standby()?;
            }
            _ => bail!("this fault needs no standby that takes over"),
        }
        wait_for_readiness(&addresses, true)
    })?;
    // Whatever was lost, what is there now is right, and stays: also in new sockets.
    let log = setup.folder.join(format!("{name}-afterwards.log"));
    call_command(&mut setup.load(&setup.usual_load(4), &addresses, &tokens, &log)?)
        .with_context(|| format!("in a second load (see {})", log.display()))?;
    audit(setup.profile, &database)?;
    for server in &mut servers {
        ensure!(server.is_running()?, "a server ended by itself");
    }
    Ok(format!("{summary}{outcome}"))
}
