//! The most that this machine can do: a request costs what the cheapest one costs, and a booking what
//! the statements of its batch cost the database when nothing else runs.

use std::{fs, thread::available_parallelism};

use anyhow::Result;

use super::{
    deployment::{CONNECTIONS, Deployment, LoadResults, event_id, psql},
    pgbench::{BATCH, Pgbench, create_users, user_id},
    setup::Setup,
};

/// More than one connection books in a second.
const BOOKINGS_PER_SECOND: u64 = 100_000;

/// Tables are read by their indexes, as in the server's sessions. What is measured is the work of a
/// core, so it does not wait for the disk.
const OPTIONS: &str = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off \
                       -c synchronous_commit=off";

/// Asks for `{ __typename }`, which the load test calls looking at nothing.
pub(super) fn ask_for_nothing(deployment: &Deployment<'_>) -> Result<LoadResults> {
    let args = [&["--look", "nothing"][..], &CONNECTIONS].concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    deployment.run_load("browse", &args)
}

/// Requests for `{ __typename }` per second, if all cores were busy with them.
pub(super) fn most_requests(deployment: &Deployment<'_>) -> Result<f64> {
    let found = ask_for_nothing(deployment)?;
    Ok(found.rate("nothing")? / found.number(&["machine_busy"])?)
}

/// The most bookings per second, if the cores do nothing but these requests and statements. They could
/// do so many requests per second, and one core so many bookings, whose batches follow each other.
pub(super) fn limit(requests: f64, bookings: f64) -> Result<f64> {
    let cores = available_parallelism()?.get() as f64;
    Ok((cores / (cores / requests + 1.0 / bookings)).min(bookings))
}

/// The statements of batches that book one event, in their order, for pgbench.
///
/// A batch's values are in a row of the table `batches`, which is read by its key. When all rows have
/// been used, a division by zero ends the measurement.
fn script() -> String {
    let event = event_id(0);
    format!(
        "\\set n :n + 1\n\
         BEGIN;\n\
         SELECT * FROM events WHERE id = ANY(ARRAY['{event}'::uuid]) ORDER BY id \
         FOR NO KEY UPDATE;\n\
         SELECT b.* FROM batches, unnest(users, events) AS asked (user_id, event_id) \
         CROSS JOIN LATERAL (SELECT * FROM bookings WHERE user_id = asked.user_id \
         AND event_id = asked.event_id AND status = 'CONFIRMED' LIMIT 1) AS b WHERE n = :n;\n\
         INSERT INTO bookings (id, event_id, user_id, quantity, unit_price_minor, currency, \
         idempotency_key, created_at, status, cancelled_at, cancelled_by) \
         SELECT id, event_id, user_id, quantity, price, currency, nullif(key, ''), now(), \
         CASE cancelled_by WHEN '' THEN 'CONFIRMED' ELSE 'CANCELLED' END, \
         CASE WHEN cancelled_by <> '' THEN now() END, nullif(cancelled_by, '') \
         FROM batches, unnest(ids, events, users, quantities, prices, currencies, nobody, nobody) \
         AS new (id, event_id, user_id, quantity, price, currency, cancelled_by, key) \
         WHERE n = :n;\n\
         UPDATE events SET remaining_tickets = remaining_tickets - {BATCH} \
         / (SELECT count(*)::int FROM batches WHERE n = :n), \
         count_version = count_version + 1 WHERE id = '{event}';\n\
         INSERT INTO jobs (id, kind, payload, attempts, run_at, created_at) \
         SELECT gen_random_uuid(), 'booking_mail', mail, 0, now() + interval '1 day', now() \
         FROM batches WHERE n = :n ON CONFLICT (id) DO NOTHING;\n\
         COMMIT;\n"
    )
}

/// Plays the batches of one event on one connection.
pub(super) fn batches<'a>(setup: &'a Setup, database: &'static str) -> Result<Pgbench<'a>> {
    let bookings = setup.seconds * BOOKINGS_PER_SECOND;
    create_users(setup, database, bookings)?;
    let event = event_id(0);
    let columns =
        ["ids", "events", "users", "quantities", "prices", "currencies", "nobody", "mail"];
    // Nothing is spent on unpacking them.
    let plain = columns.map(|column| format!("ALTER {column} SET STORAGE EXTERNAL")).join(", ");
    let user = user_id("i");
    psql(
        setup,
        database,
        &format!(
            "CREATE TABLE batches (n bigint PRIMARY KEY, ids uuid[], events uuid[], users uuid[], \
             quantities int[], prices bigint[], currencies text[], nobody text[], mail text); \
             ALTER TABLE batches {plain}; \
             INSERT INTO batches SELECT i / {BATCH} + 1, array_agg(new.id), array_agg(events.id), \
             array_agg({user}), array_agg(1), array_agg(price_minor), array_agg(currency), \
             array_agg(''::text), string_agg(encode(uuid_send(new.id), 'base64'), '') \
             FROM generate_series(0, {bookings} - 1) AS i, \
             LATERAL (SELECT gen_random_uuid() AS id WHERE i >= 0) AS new, events \
             WHERE events.id = '{event}' GROUP BY i / {BATCH}"
        ),
    )?;
    psql(setup, database, "VACUUM ANALYZE batches")?;
    let file = setup.folder.join(format!("{database}-batches.pgbench"));
    fs::write(&file, script())?;
    Ok(Pgbench::on_one_connection(setup, database, file, OPTIONS))
}
