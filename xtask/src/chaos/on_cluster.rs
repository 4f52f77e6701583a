//! Faults of a cluster of three nodes, whose leader fails again and again. One server reaches it through
//! PgBouncer and HAProxy, and the other one by the names of all nodes.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{
    fault::Fault,
    load::Load,
    setup::{EVENTS, Setup, USERS, address_of},
    waiting::wait_for_readiness,
};
use crate::{
    cluster::{Bookers, Cluster, LeaderFault, Outage},
    server::audit,
    shell::call_command,
};

/// The load on a cluster: some 200 bookings and cancellations a second.
const LOAD_ON_CLUSTER: Load<'static> = Load {
    // A lease ends after 20 seconds, and then the node has to come back.
    seconds: 50,
    before: Duration::from_secs(8),
    rate: 250,
    extra: &["--booking-percent", "80", "--keys"],
};
/// Longest time in which nobody can book at a server although the database takes writes.
const MAX_OUTAGE_OF_ROWLOCK: Duration = Duration::from_secs(2);
/// For people to book at each server again.
const BOOKABLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The event with the fewest tickets is left out by the load.
const SMALLEST_EVENT: &str = "UPDATE events SET total_tickets = 50, remaining_tickets = 50 \
     WHERE id = (SELECT id FROM events ORDER BY id LIMIT 1) RETURNING id";

/// Has the leader of a cluster fail, again and again. After each time, everything is checked.
pub(super) fn on_cluster(setup: &Setup, fault: Fault) -> Result<String> {
    let (of_leader, replication) = fault.of_leader().context("the fault is a leader's")?;
    let mut cluster = Cluster::start(replication)?;
    let name = fault.name();
    let database_name = name.replace('-', "_");
    cluster.create_database(&database_name)?;
    let database = cluster.url(&database_name);
    setup.migrate_and_seed(&database, EVENTS + 1)?;
    let event = cluster.query(&database_name, SMALLEST_EVENT)?;
    let mut servers = vec![
        setup.serve(&cluster.url_through_pooler(&database_name), "one", "127.0.0.1:0", &[])?,
        setup.serve(&database, "two", "127.0.0.1:0", &[])?,
    ];
    let addresses: Vec<String> =
        servers.iter().map(|server| address_of(Some(server))).collect::<Result<_>>()?;
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let (mut outages, mut summary) = (Vec::<Outage>::new(), String::new());
    for round in 1..=setup.rounds {
        // Others have booked in the rounds before.
        let tokens = setup.create_users(&format!("{name}-{round}"), &database, USERS)?;
        let people = Bookers::people(addresses.len());
        let people = setup.create_users(&format!("{name}-{round}-people"), &database, people)?;
        let people = fs::read_to_string(people)?;
        let people: Vec<String> = people.lines().map(str::to_owned).collect();
        let writers = cluster.write_at_each_node(&database_name)?;
        let bookers = Bookers::start(&addresses, &event, &people);
        let mut outage = None;
        let log = setup.folder.join(format!("{name}-{round}.log"));
        let found = setup.run_load(&LOAD_ON_CLUSTER, fault, &addresses, &tokens, &log, || {
            if of_leader == LeaderFault::Updated {
                // The outage is that of the leader's turn, which is the last one.
                cluster.restart_standbys()?;
            }
            let failed_at = Instant::now();
            let mut recovered = failed_at;
            let measure = |recovered| {
                Outage::between(failed_at, recovered, &writers.written(), &bookers.done())
            };
            cluster.fail_leader(of_leader, || {
                recovered = Instant::now();
                while let Err(error) = measure(recovered) {
                    ensure!(recovered.elapsed() < BOOKABLE_TIMEOUT, "{error:#}");
                    sleep(Duration::from_millis(100));
                }
                wait_for_readiness(&addresses, true)?;
                outage = Some(measure(recovered)?);
                Ok(())
            })
        });
        drop((writers, bookers));
        summary = found.with_context(|| format!("in round {round}"))?;
        let outage = outage.context("the outage was measured")?;
        println!("{name}: round {round} of {}: {outage}; {summary}", setup.rounds);
        // Whatever was lost, what is there now is right, and stays: also in new sockets.
        let tokens = setup.create_users(&format!("{name}-{round}-after"), &database, USERS)?;
        let log = setup.folder.join(format!("{name}-{round}-afterwards.log"));
        let load = Load { seconds: 4, ..LOAD_ON_CLUSTER };
        call_command(&mut setup.load(&load, &addresses, &tokens, &log)?)
            .with_context(|| format!("in a second load (see {})", log.display()))?;
        audit(setup.profile, &database)?;
        for server in &mut servers {
            ensure!(server.is_running()?, "a server ended by itself");
        }
        outages.push(outage);
    }
    let nobody_booked = outages.iter().map(|outage| outage.nobody_booked).max();
    let of_rowlock = outages.iter().map(Outage::of_rowlock).max().unwrap_or_default();
    let worst = format!(
        "in {} rounds, nobody could book for at most {:.1} s, of which Rowlock took {:.1} s",
        setup.rounds,
        nobody_booked.unwrap_or_default().as_secs_f64(),
        of_rowlock.as_secs_f64()
    );
    ensure!(of_rowlock <= MAX_OUTAGE_OF_ROWLOCK, "{worst}");
    Ok(format!("{worst}; in the last one, {summary}"))
}
