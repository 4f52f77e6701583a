//! One machine of the cluster: Patroni with its PostgreSQL, and the network between it and the others.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    postgres::{USER, as_postgres_user, processes_of, signal},
    relay::Relay,
    server::{get_within, post},
    shell::free_port,
};

/// Patroni's API answers at once, unless its machine stands still.
const API_TIMEOUT: Duration = Duration::from_millis(500);

/// For Patroni to have handed over, or to have restarted PostgreSQL.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Whether a commit waits for another machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replication {
    Synchronous,
    Asynchronous,
}

/// What every node is told about the cluster and about itself.
pub(super) struct Setup<'a> {
    pub(super) folder: &'a Path,
    /// The folder of Patroni's program.
    pub(super) patroni: &'a Path,
    /// The folder of PostgreSQL's programs.
    pub(super) binaries: &'a Path,
    pub(super) etcd_port: u16,
    pub(super) replication: Replication,
}

/// A machine. Its processes are killed when this is dropped.
pub(super) struct Node {
    pub(super) name: String,
    /// The port of its PostgreSQL.
    pub(super) port: u16,
    /// The address of Patroni's API.
    pub(super) api: String,
    data: PathBuf,
    settings: PathBuf,
    log: PathBuf,
    program: PathBuf,
    patroni: Option<Child>,
    /// The network to the others: to etcd, and from their PostgreSQL and Patroni to those here.
    network: [Relay; 3],
}

impl Node {
    pub(super) fn start(name: &str, setup: &Setup<'_>) -> Result<Self> {
        let (port, api_port) = (free_port()?, free_port()?);
        let network = [Relay::to(setup.etcd_port)?, Relay::to(port)?, Relay::to(api_port)?];
        let data = setup.folder.join(name);
        let file = |extension| setup.folder.join(format!("{name}.{extension}"));
        let settings = file("json");
        let [to_etcd, to_postgres, to_api] = network.each_ref().map(|relay| relay.port);
        let is_synchronous = setup.replication == Replication::Synchronous;
        // Patroni reads YAML, of which JSON is a part.
        let text = json!({
            "scope": "rowlock",
            "name": name,
            "restapi": {
                "listen": format!("127.0.0.1:{api_port}"),
                "connect_address": format!("127.0.0.1:{to_api}"),
            },
            // As a proxy, the relay is the only way to etcd.
            "etcd3": { "hosts": format!("127.0.0.1:{to_etcd}"), "use_proxies": true },
            "bootstrap": {
                "dcs": {
                    // The shortest times that Patroni takes.
                    "ttl": 20,
                    "loop_wait": 1,
                    "retry_timeout": 3,
                    "synchronous_mode": is_synchronous,
                    "synchronous_mode_strict": is_synchronous,
                    "postgresql": {
                        "use_pg_rewind": true,
                        "parameters": { "max_connections": 200, "wal_keep_size": "512MB" },
                    },
                },
                "initdb": [{ "encoding": "UTF8" }, { "locale": "C.UTF-8" }, "data-checksums"],
            },
            "postgresql": {
                "listen": format!("127.0.0.1:{port}"),
                "connect_address": format!("127.0.0.1:{to_postgres}"),
                "data_dir": data,
                "bin_dir": setup.binaries,
                "pgpass": file("pgpass"),
                // An empty node need not wait for the leader's next checkpoint.
                "basebackup": [{ "checkpoint": "fast" }],
                "authentication": {
                    "superuser": { "username": USER },
                    "replication": { "username": "replicator" },
                },
                "parameters": { "unix_socket_directories": setup.folder },
                "pg_hba": [
                    "local all all trust",
                    "host all all 127.0.0.1/32 trust",
                    "host replication all 127.0.0.1/32 trust",
                ],
            },
        });
        fs::write(&settings, serde_json::to_string_pretty(&text)?)?;
        let mut node = Self {
            name: name.to_owned(),
            port,
            api: format!("127.0.0.1:{api_port}"),
            data,
            settings,
            log: file("log"),
            program: setup.patroni.join("patroni"),
            patroni: None,
            network,
        };
        node.start_patroni()?;
        Ok(node)
    }

    /// Starts Patroni, unless it is running. It starts PostgreSQL.
    pub(super) fn start_patroni(&mut self) -> Result<()> {
        if let Some(patroni) = &mut self.patroni
            && patroni.try_wait()?.is_none()
        {
            return Ok(());
        }
        let log = fs::OpenOptions::new().create(true).append(true).open(&self.log)?;
        let patroni = as_postgres_user(&self.program)?
            .arg(&self.settings)
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .context("starting Patroni")?;
        self.patroni = Some(patroni);
        Ok(())
    }

    /// Kills everything on this machine, as a power cut does.
    pub(super) fn kill(&mut self) -> Result<()> {
        signal("-KILL", &self.processes())?;
        if let Some(mut patroni) = self.patroni.take() {
            patroni.wait()?;
        }
        Ok(())
    }

    /// Kills everything on this machine, and deletes its data.
    pub(super) fn lose_disk(&mut self) -> Result<()> {
        self.kill()?;
        fs::remove_dir_all(&self.data).context("deleting the node's data")
    }

    /// Suspends everything on this machine, or lets it go on.
    pub(super) fn set_frozen(&self, is_frozen: bool) -> Result<()> {
        signal(if is_frozen { "-STOP" } else { "-CONT" }, &self.processes())
    }

    /// Cuts this machine off from the others, or connects it again.
    pub(super) fn set_cut(&self, is_cut: bool) {
        for relay in &self.network {
            relay.set_silent(is_cut);
        }
    }

    /// Returns what Patroni's API says at this path, if it says yes.
    pub(super) fn ask(&self, path: &str) -> Result<Value> {
        let answer = get_within(&self.api, path, API_TIMEOUT)?;
        ensure!(says_yes(&answer), "{answer}");
        json_of(&answer)
    }

    /// Asks Patroni to make another node the leader in place of this one.
    pub(super) fn hand_over(&self) -> Result<()> {
        let body = json!({ "leader": self.name }).to_string();
        self.order("/switchover", &body)
    }

    /// Has Patroni restart this node's PostgreSQL, as after an update of its packages.
    pub(super) fn restart_postgres(&self) -> Result<()> {
        self.order("/restart", "{}")
    }

    /// Has Patroni do something, and waits until it is done.
    fn order(&self, path: &str, body: &str) -> Result<()> {
        let answer = post(&self.api, path, &[], body, OPERATION_TIMEOUT)?;
        ensure!(says_yes(&answer), "Patroni refused {path}: {answer}");
        Ok(())
    }

    fn processes(&self) -> Vec<String> {
        let mut processes = processes_of(&self.data);
        processes.extend(self.patroni.as_ref().map(|patroni| patroni.id().to_string()));
        processes
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.set_frozen(false);
        let _ = self.kill();
    }
}

/// Whether an answer over HTTP has the status 200.
fn says_yes(answer: &str) -> bool {
    answer.lines().next().is_some_and(|line| line.contains(" 200 "))
}

/// The JSON of an answer over HTTP.
fn json_of(answer: &str) -> Result<Value> {
    let (_, body) = answer.split_once("\r\n\r\n").context("the answer has no body")?;
    Ok(serde_json::from_str(body)?)
}
