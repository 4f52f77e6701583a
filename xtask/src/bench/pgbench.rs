//! The baseline on PostgreSQL: one row-locked transaction per booking, with the best number of
//! clients.

use std::{cell::OnceCell, fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use super::{
    deployment::{event_id, psql},
    setup::Setup,
};

/// Numbers of clients to try.
const CLIENT_COUNTS: &[u32] = &[1, 2, 4, 8, 16, 32];
/// Bookings in one transaction of the server at most, by its defaults.
pub(super) const BATCH: u32 = 256;
const TRIAL_SECONDS: u64 = 2;
/// Users with numbered ids, which pgbench can compute.
const USERS: u64 = 300_000;

/// Each transaction books for another user.
const NEXT_USER: &str = "\\set n :n + 1\n\\set turn :client_id + :n * :clients\n";

/// Books one event, or several in turn.
pub(super) fn script(events: u32) -> String {
    let event = match events {
        1 => format!("'{}'::uuid", event_id(0)),
        _ => "('01990000-0001-7000-8000-' || lpad(to_hex(:event::int), 12, '0'))::uuid".to_owned(),
    };
    let user = user_id(":user::int");
    format!(
        "{NEXT_USER}\\set event :turn % {events}\n\\set user :turn / {events}\n\
         BEGIN;\n\
         SELECT remaining_tickets, starts_at, price_minor AS price, currency FROM events \
         WHERE id = {event} FOR NO KEY UPDATE \\gset\n\
         INSERT INTO bookings (id, event_id, user_id, quantity, unit_price_minor, currency, \
         status, created_at) VALUES (gen_random_uuid(), {event}, {user}, 1, :price, :currency, \
         'CONFIRMED', now());\n\
         UPDATE events SET remaining_tickets = remaining_tickets - 1, \
         count_version = count_version + 1 WHERE id = {event};\n\
         COMMIT;\n"
    )
}

/// A script on a database.
pub(super) struct Pgbench<'a> {
    setup: &'a Setup,
    database: &'static str,
    script: PathBuf,
    /// More settings of its sessions.
    options: &'static str,
    /// Numbers of clients to try.
    client_counts: &'static [u32],
    /// The best numbers of clients, at most two, after trying all.
    best: OnceCell<Vec<u32>>,
}

/// An SQL expression for the id of the user with this number.
pub(super) fn user_id(number: &str) -> String {
    format!("('10000000-0000-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid")
}

/// Creates users with numbered ids, unless they are there.
pub(super) fn create_users(setup: &Setup, database: &str, count: u64) -> Result<()> {
    let user = user_id("n");
    psql(
        setup,
        database,
        &format!(
            "INSERT INTO users (id, email, name, password_hash, created_at) \
             SELECT {user}, 'pgbench-' || n || '@example.test', 'pgbench', '', now() \
             FROM generate_series(0, {count}) AS n ON CONFLICT DO NOTHING"
        ),
    )?;
    psql(setup, database, "VACUUM ANALYZE users")
}

impl<'a> Pgbench<'a> {
    pub(super) fn new(setup: &'a Setup, database: &'static str, events: u32) -> Result<Self> {
        create_users(setup, database, USERS)?;
        let file = setup.folder.join(format!("{database}.pgbench"));
        fs::write(&file, script(events))?;
        let (options, client_counts, best) = ("", CLIENT_COUNTS, OnceCell::new());
        Ok(Self { setup, database, script: file, options, client_counts, best })
    }

    /// On one connection, whose session has more settings.
    pub(super) fn on_one_connection(
        setup: &'a Setup,
        database: &'static str,
        script: PathBuf,
        options: &'static str,
    ) -> Self {
        Self { setup, database, script, options, client_counts: &[1], best: OnceCell::new() }
    }

    /// Transactions per second, and the number of clients: the better of the two best numbers.
    /// `clear` deletes the bookings.
    pub(super) fn measure(&self, clear: impl Fn() -> Result<()>) -> Result<(f64, u32)> {
        let best_of = |tried: &[u32], seconds| -> Result<Vec<(f64, u32)>> {
            let mut rates = Vec::new();
            for &clients in tried {
                clear()?;
                rates.push((self.transactions(clients, seconds)?, clients));
            }
            rates.sort_by(|a, b| b.0.total_cmp(&a.0));
            Ok(rates)
        };
        let best = match self.best.get() {
            Some(best) => best,
            None if self.client_counts.len() <= 2 => {
                self.best.get_or_init(|| self.client_counts.to_vec())
            }
            None => {
                let tried = best_of(self.client_counts, TRIAL_SECONDS)?;
                for (rate, clients) in &tried {
                    println!("   pgbench with {clients} clients: {rate:.0}/s");
                }
                self.best
                    .get_or_init(|| tried.iter().take(2).map(|(_, clients)| *clients).collect())
            }
        };
        best_of(best, self.setup.seconds)?
            .first()
            .copied()
            .context("some numbers of clients were tried")
    }

    fn transactions(&self, clients: u32, seconds: u64) -> Result<f64> {
        let mut pgbench = self.setup.postgres.client("pgbench");
        pgbench
            // The script keeps the counts itself, as the server does.
            .env("PGOPTIONS", format!("-c rowlock.keeps_counts=on {}", self.options))
            .args(["--no-vacuum", "--protocol", "prepared", "--define", "n=0"])
            .args(["--define", &format!("clients={clients}"), "--client", &clients.to_string()])
            .args(["--jobs", &clients.min(2).to_string(), "--time", &seconds.to_string()])
            .arg("--file")
            .arg(&self.script)
            .arg(self.database);
        let output = pgbench.output().context("starting pgbench")?;
        if !output.status.success() {
            bail!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let output = String::from_utf8(output.stdout)?;
        let rate = output.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
        rate.and_then(|rate| rate.parse().ok())
            .with_context(|| format!("pgbench printed no rate: {output}"))
    }
}
