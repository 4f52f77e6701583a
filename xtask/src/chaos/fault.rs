//! The faults, and what each of them excuses.

use clap::ValueEnum;

use crate::cluster::{LeaderFault, Replication};

/// Limit on every latency: the server's deadlines to begin and to finish a booking, with a margin.
pub(super) const MAX_LATENCY_MS: f64 = 25_000.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Fault {
    /// One of the servers is killed (SIGKILL) and started again
    ServerKilled,
    /// One of the servers is asked to stop, and started again, as in a rolling restart
    ServerStopped,
    /// All processes of PostgreSQL are killed, and it is started again
    PostgresKilled,
    /// All processes of PostgreSQL are suspended for five seconds
    PostgresPaused,
    /// PostgreSQL closes every connection
    ConnectionsEnded,
    /// PostgreSQL repeatedly closes the connections on which the servers hear from each other
    ListenersEnded,
    /// PostgreSQL's disk is full for four seconds
    DiskFull,
    /// PostgreSQL refuses writes for four seconds, and keeps its connections
    PostgresReadOnly,
    /// A standby that answers lists is killed and started again
    StandbyKilled,
    /// The standby replays nothing until it is too far behind to be used
    StandbyBehind,
    /// The standby that commits wait for is away for three seconds; then the primary is killed, and
    /// the standby takes over
    SynchronousStandbyAway,
    /// A standby takes over that lacks the last two seconds, as asynchronous ones may
    OlderDatabase,
    /// The primary becomes a standby; after two seconds, its standby becomes the primary
    DemotedNode,
    /// One server's clock jumps ten minutes ahead, then to ten minutes behind
    ClockMoved,
    /// Every table gets another column, and a column another type, as in an upgrade
    ColumnsChanged,
    /// Strangers flood one server with wrong passwords
    PasswordsGuessed,
    /// A server on SQLite is killed and started again
    EmbeddedKilled,
    /// In a cluster, the leader's machine dies
    Failover,
    /// In a cluster, the leader's machine is lost with its disk, and an empty one takes its place
    LeaderReplaced,
    /// In a cluster, an operator has another node lead
    Switchover,
    /// In a cluster, an operator restarts one node after the other, as in an update
    NodesUpdated,
    /// In a cluster, the leader can't reach the other machines, nor they it
    LeaderCut,
    /// In a cluster, the leader's machine stands still, and goes on once another node leads
    LeaderFrozen,
    /// In a cluster whose commits wait for no other machine, the leader's machine dies
    AsynchronousFailover,
}

impl Fault {
    /// The name on the command line.
    pub(super) fn name(self) -> String {
        let value = self.to_possible_value();
        value.as_ref().map_or("", |value| value.get_name()).to_owned()
    }

    /// Says what happens to the leader of a cluster, and whether commits wait for another machine.
    pub(super) fn of_leader(self) -> Option<(LeaderFault, Replication)> {
        Some(match self {
            Self::Failover => (LeaderFault::Killed, Replication::Synchronous),
            Self::LeaderReplaced => (LeaderFault::Lost, Replication::Synchronous),
            Self::Switchover => (LeaderFault::HandedOver, Replication::Synchronous),
            Self::NodesUpdated => (LeaderFault::Updated, Replication::Synchronous),
            Self::LeaderCut => (LeaderFault::Cut, Replication::Synchronous),
            Self::LeaderFrozen => (LeaderFault::Frozen, Replication::Synchronous),
            Self::AsynchronousFailover => (LeaderFault::Killed, Replication::Asynchronous),
            _ => return None,
        })
    }

    /// Limit on the 99th percentile of the latency, in milliseconds.
    pub(super) fn max_p99_ms(self) -> f64 {
        match self {
            Self::PasswordsGuessed => 1_000.0,
            Self::ServerKilled
            | Self::ServerStopped
            | Self::PostgresKilled
            | Self::PostgresPaused
            | Self::ConnectionsEnded
            | Self::ListenersEnded
            | Self::DiskFull
            | Self::PostgresReadOnly
            | Self::StandbyKilled
            | Self::StandbyBehind
            | Self::SynchronousStandbyAway
            | Self::OlderDatabase
            | Self::DemotedNode
            | Self::ClockMoved
            | Self::ColumnsChanged
            | Self::EmbeddedKilled
            | Self::Failover
            | Self::LeaderReplaced
            | Self::Switchover
            | Self::NodesUpdated
            | Self::LeaderCut
            | Self::LeaderFrozen
            | Self::AsynchronousFailover => MAX_LATENCY_MS,
        }
    }

    /// The checks of the load test that need not hold, because acknowledged bookings are lost. Each
    /// is the start of a line.
    pub(super) fn excused_checks(self) -> &'static [&'static str] {
        match self {
            Self::OlderDatabase | Self::AsynchronousFailover => &[
                "acknowledged bookings found",
                "cancelled bookings that still exist",
                "events whose count differs from its bookings",
                "live counts older than the one before",
                "requests whose event or booking was not found",
                "acknowledged edits found",
                "edits refused though nobody else edits",
                "bookings of edited events found",
                "acknowledged imports found",
                "acknowledged cancellations found",
                "bookings made after a cancellation",
            ],
            _ => &[],
        }
    }
}
