//! Programs that write at each node all the time, so that it is known when writes are acknowledged
//! again, whatever Rowlock does.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, sleep},
    time::{Duration, Instant},
};

use super::service::Service;

/// Time between two writes, and before a new connection.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS written (node int PRIMARY KEY, times bigint NOT NULL)";

/// Writers. They stop when this is dropped, except for those that wait for a silent node.
pub(crate) struct Writers {
    is_stopped: Arc<AtomicBool>,
    written: Arc<Mutex<Vec<Instant>>>,
}

impl Writers {
    /// Each command connects psql to a node.
    pub(super) fn start(commands: Vec<Command>) -> Self {
        let writers = Self { is_stopped: Arc::default(), written: Arc::default() };
        for (node, mut psql) in commands.into_iter().enumerate() {
            let (is_stopped, written) =
                (Arc::clone(&writers.is_stopped), Arc::clone(&writers.written));
            thread::spawn(move || {
                while !is_stopped.load(Ordering::Relaxed) {
                    // It ends with the connection.
                    let _ = write(&mut psql, node, &is_stopped, &written);
                    sleep(PAUSE);
                }
            });
        }
        writers
    }

    /// The moments at which a write was acknowledged, at whatever node, in their order.
    pub(crate) fn written(&self) -> Vec<Instant> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner).clone();
        written.sort();
        written
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

/// Writes until the connection ends or the writers are stopped, and then ends psql.
fn write(
    psql: &mut Command,
    node: usize,
    is_stopped: &AtomicBool,
    written: &Mutex<Vec<Instant>>,
) -> io::Result<()> {
    let psql = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Service(psql) = &mut Service(psql.spawn()?);
    let (Some(mut input), Some(output)) = (psql.stdin.take(), psql.stdout.take()) else {
        return Ok(());
    };
    let sql = format!(
        "INSERT INTO written VALUES ({node}, 1) ON CONFLICT (node) \
         DO UPDATE SET times = written.times + 1 RETURNING 'written';\n\\echo asked\n"
    );
    // A standby's refusals would fill its log.
    input.write_all(b"SET log_min_messages = fatal;\n")?;
    let mut lines = BufReader::new(output).lines();
    while !is_stopped.load(Ordering::Relaxed) {
        input.write_all(sql.as_bytes())?;
        // A standby refuses, so nothing is said before "asked".
        for line in lines.by_ref() {
            match line?.as_str() {
                "written" => {
                    written.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                }
                "asked" => break,
                _ => {}
            }
        }
        if psql.try_wait()?.is_some() {
            return Ok(());
        }
        sleep(PAUSE);
    }
    Ok(())
}
