//! Three machines with PostgreSQL, of which Patroni makes one the leader: what the guide for operators
//! recommends, on one machine. etcd knows who leads. HAProxy and PgBouncer lead to the leader.

mod bookers;
mod node;
mod outage;
mod service;
mod writers;

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    postgres::{USER, as_postgres_user, binaries, new_folder},
    shell::{call_command, free_port, heading, is_installed},
    tools::ensure_package,
};
use node::{Node, Setup};
use service::Service;

pub(crate) use bookers::Bookers;
pub(crate) use node::Replication;
pub(crate) use outage::Outage;
pub(crate) use writers::Writers;

/// Debian 12 has Patroni 3.0, with which a leader that was frozen can lose bookings.
const PATRONI: [&str; 2] = ["patroni[etcd3]==4.1.5", "psycopg[binary]==3.3.9"];
/// Debian's. Others may be in a folder that PostgreSQL's user can't read.
const PYTHON: &str = "/usr/bin/python3";
/// For the nodes to be there, and for a node that was away to follow the new leader.
const HEALTHY_TIMEOUT: Duration = Duration::from_secs(90);
/// For another node to lead: the lease of the old leader has to end, which takes 20 seconds.
const FAILOVER_TIMEOUT: Duration = Duration::from_secs(60);

/// What happens to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaderFault {
    /// Its machine dies.
    Killed,
    /// Its machine is lost with its disk. An empty one takes its place once another node leads.
    Lost,
    /// An operator has another node lead.
    HandedOver,
    /// An operator restarts all nodes, one after the other. Before the leader's turn, another one
    /// takes the lead.
    Updated,
    /// It can't reach the other machines, nor they it.
    Cut,
    /// Its machine stands still, and goes on once another node leads.
    Frozen,
}

/// A running cluster. Everything is stopped when this is dropped.
pub(crate) struct Cluster {
    /// Fields are dropped in order: first what leads to the nodes.
    services: Vec<Service>,
    nodes: Vec<Node>,
    _etcd: Service,
    pooler_port: u16,
    replication: Replication,
    /// The folder of PostgreSQL's programs.
    binaries: PathBuf,
    folder: PathBuf,
    /// Whether the logs are needed, because something did not happen in time.
    keeps_folder: Cell<bool>,
}

impl Cluster {
    pub(crate) fn start(replication: Replication) -> Result<Self> {
        let binaries = binaries()?;
        ensure_programs()?;
        let folder = new_folder()?;
        let patroni = install_patroni(&folder)?;
        heading("Starting three nodes");
        let etcd_port = free_port()?;
        let etcd = start_etcd(&folder, etcd_port)?;
        let setup = Setup {
            folder: &folder,
            patroni: &patroni,
            binaries: &binaries,
            etcd_port,
            replication,
        };
        let nodes = ["node1", "node2", "node3"].iter().map(|name| Node::start(name, &setup));
        let nodes = nodes.collect::<Result<Vec<_>>>()?;
        let balancer_port = free_port()?;
        let balancer = start_balancer(&folder, balancer_port, &nodes)?;
        let pooler_port = free_port()?;
        let pooler = start_pooler(&folder, pooler_port, balancer_port)?;
        let services = vec![pooler, balancer];
        let keeps_folder = Cell::new(false);
        let cluster = Self {
            services,
            nodes,
            _etcd: etcd,
            pooler_port,
            replication,
            binaries,
            folder,
            keeps_folder,
        };
        cluster.wait_until_healthy()?;
        Ok(cluster)
    }

    /// Creates an empty database.
    pub(crate) fn create_database(&self, name: &str) -> Result<()> {
        let sql = format!("CREATE DATABASE {name}");
        self.query("postgres", &sql).map(drop)
    }

    /// The URL of a database that names all nodes.
    pub(crate) fn url(&self, database: &str) -> String {
        let hosts = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        format!("postgres://{USER}@{}/{database}", hosts.collect::<Vec<_>>().join(","))
    }

    /// The URL of a database through PgBouncer and HAProxy.
    pub(crate) fn url_through_pooler(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.pooler_port)
    }

    /// Runs a statement at the leader, and returns its result as text without headings.
    pub(crate) fn query(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.client(self.leader()?, database);
        let output = psql.args(["--set", "ON_ERROR_STOP=1", "--command", sql]).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{sql}: {stderr}");
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Programs that write at each node all the time.
    pub(crate) fn write_at_each_node(&self, database: &str) -> Result<Writers> {
        self.query(database, writers::TABLE)?;
        Ok(Writers::start(self.nodes.iter().map(|node| self.client(node, database)).collect()))
    }

    /// Restarts PostgreSQL on the nodes that follow, one after the other.
    pub(crate) fn restart_standbys(&self) -> Result<()> {
        let leader = &self.leader()?.name;
        for standby in self.nodes.iter().filter(|node| node.name != *leader) {
            standby.restart_postgres()?;
            self.wait_until_healthy()?;
        }
        Ok(())
    }

    /// Has the leader fail or be replaced, waits until another node leads, and lets `while_away` look
    /// at that. Then all nodes are there again, and follow the new leader.
    pub(crate) fn fail_leader(
        &mut self,
        fault: LeaderFault,
        while_away: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let name = self.leader()?.name.clone();
        let node = self.nodes.iter_mut().find(|node| node.name == name);
        let node = node.context("the leader is a node")?;
        match fault {
            LeaderFault::Killed => node.kill()?,
            LeaderFault::Lost => node.lose_disk()?,
            LeaderFault::HandedOver | LeaderFault::Updated => node.hand_over()?,
            LeaderFault::Cut => node.set_cut(true),
            LeaderFault::Frozen => node.set_frozen(true)?,
        }
        self.wait_for(FAILOVER_TIMEOUT, "another node leads", |cluster| {
            cluster.leader().is_ok_and(|leader| leader.name != name)
        })?;
        while_away()?;
        for node in &mut self.nodes {
            node.set_cut(false);
            node.set_frozen(false)?;
            node.start_patroni()?;
        }
        self.wait_until_healthy()?;
        if fault == LeaderFault::Updated {
            // It follows now.
            let node = self.nodes.iter().find(|node| node.name == name);
            node.context("the old leader is a node")?.restart_postgres()?;
            self.wait_until_healthy()?;
        }
        Ok(())
    }

    /// The node that holds the lease, and says so itself.
    fn leader(&self) -> Result<&Node> {
        let is_leader =
            |node: &&Node| node.ask("/leader").is_ok_and(|said| said["role"] == "primary");
        self.nodes.iter().find(is_leader).context("no node leads")
    }

    /// Waits until one node leads and the two others follow it, one of which may take over.
    fn wait_until_healthy(&self) -> Result<()> {
        self.wait_for(HEALTHY_TIMEOUT, "all nodes are there", |cluster| {
            let answers = |node: &Node| node.ask("/cluster").ok();
            let Some(found) = cluster.nodes.iter().find_map(answers) else { return false };
            let members = found["members"].as_array().cloned().unwrap_or_default();
            let count = |role: &[&str], state: &str| {
                let is_one = |member: &&Value| {
                    role.contains(&member["role"].as_str().unwrap_or_default())
                        && member["state"] == state
                };
                members.iter().filter(is_one).count()
            };
            let candidates = match cluster.replication {
                Replication::Synchronous => &["sync_standby"][..],
                Replication::Asynchronous => &["replica"],
            };
            count(&["leader"], "running") == 1
                && count(candidates, "streaming") >= 1
                && count(&["replica", "sync_standby"], "streaming") == 2
                && cluster.leader().is_ok()
        })
    }

    fn wait_for(
        &self,
        timeout: Duration,
        what: &str,
        condition: impl Fn(&Self) -> bool,
    ) -> Result<()> {
        let started = Instant::now();
        while !condition(self) {
            self.keeps_folder.set(started.elapsed() >= timeout);
            ensure!(
                !self.keeps_folder.get(),
                "after {} s, this is still not so: {what} (see the logs in {})",
                timeout.as_secs(),
                self.folder.display()
            );
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn client(&self, node: &Node, database: &str) -> Command {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.env("PGCONNECT_TIMEOUT", "2");
        psql.args(["-h", "127.0.0.1", "-p", &node.port.to_string(), "-U", USER]);
        psql.args(["--no-align", "--tuples-only", "--quiet", "--no-psqlrc"]);
        psql.args(["--dbname", database]);
        psql
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The nodes write into the folder until they are dropped.
        self.services.clear();
        self.nodes.clear();
        if !self.keeps_folder.get() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn ensure_programs() -> Result<()> {
    for (program, package) in
        [("etcd", "etcd-server"), ("haproxy", "haproxy"), ("pgbouncer", "pgbouncer")]
    {
        let is_present = is_installed(program) || Path::new("/usr/sbin").join(program).is_file();
        ensure_package(is_present, program, &[package])?;
    }
    let has_venv = Command::new(PYTHON).args(["-c", "import venv, ensurepip"]).output();
    let has_venv = has_venv.is_ok_and(|output| output.status.success());
    ensure_package(has_venv, "Python's venv", &["python3-venv"])
}

/// Returns the folder of Patroni's program.
fn install_patroni(folder: &Path) -> Result<PathBuf> {
    heading("Installing Patroni");
    let venv = folder.join("patroni");
    call_command(Command::new(PYTHON).args(["-m", "venv"]).arg(&venv))?;
    let pip = venv.join("bin/pip");
    call_command(Command::new(pip).args(["install", "--quiet"]).args(PATRONI))?;
    Ok(venv.join("bin"))
}

fn start_etcd(folder: &Path, port: u16) -> Result<Service> {
    let (client, peer) =
        (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{}", free_port()?));
    let mut etcd = Command::new("etcd");
    etcd.arg("--data-dir").arg(folder.join("etcd"));
    etcd.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    etcd.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    etcd.args(["--initial-cluster", &format!("default={peer}")]);
    Service::start(&mut etcd, &folder.join("etcd.log"))
}

/// HAProxy leads to the node that Patroni calls the primary.
fn start_balancer(folder: &Path, port: u16, nodes: &[Node]) -> Result<Service> {
    let text = include_str!("../../../deploy/haproxy-postgres.cfg")
        .replace("bind *:5432", &format!("bind 127.0.0.1:{port}"));
    let (mut settings, _) = text
        .split_once("    server ")
        .map(|(settings, servers)| (settings.to_owned(), servers))
        .context("the balancer's settings have servers")?;
    for node in nodes {
        let (_, api_port) = node.api.rsplit_once(':').context("an address has a port")?;
        settings +=
            &format!("    server {} 127.0.0.1:{} check port {api_port}\n", node.name, node.port);
    }
    let file = folder.join("haproxy.cfg");
    fs::write(&file, settings)?;
    let mut haproxy = as_postgres_user(Path::new("/usr/sbin/haproxy"))?;
    Service::start(haproxy.arg("-f").arg(&file), &folder.join("haproxy.log"))
}

/// PgBouncer gives each client a session at the balancer.
fn start_pooler(folder: &Path, port: u16, balancer_port: u16) -> Result<Service> {
    let users = folder.join("users.txt");
    fs::write(&users, format!("\"{USER}\" \"\"\n"))?;
    let settings = include_str!("../../../deploy/pgbouncer.ini")
        .replace("host=127.0.0.1 port=5432", &format!("host=127.0.0.1 port={balancer_port}"))
        .replace("listen_port = 6432", &format!("listen_port = {port}"))
        .replace("auth_type = scram-sha-256", "auth_type = trust")
        .replace("/etc/pgbouncer/userlist.txt", &users.display().to_string());
    let file = folder.join("pgbouncer.ini");
    fs::write(&file, settings)?;
    let mut pgbouncer = as_postgres_user(Path::new("/usr/sbin/pgbouncer"))?;
    Service::start(pgbouncer.arg(&file), &folder.join("pgbouncer.log"))
}
