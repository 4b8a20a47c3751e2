//! What groups are told when they are opened.

use std::sync::Arc;
use std::time::Duration;

use atp_protocol::cluster::NodeId;
use atp_storage::snapshot::Snapshots;
use atp_storage::store::Store;

use crate::log_io::LogIo;
use crate::state::Blocking;
use crate::transport::Transport;

/// The clock by which entries are stamped: microseconds of Unix time. Only the leader's is used, and never back.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Where the groups of a node live.
#[derive(Clone)]
pub struct Environment {
    /// This node.
    pub node: NodeId,
    /// Reads the logs.
    pub store: Store,
    /// Writes them.
    pub log_io: Arc<dyn LogIo>,
    /// Where the images of states are.
    pub snapshots: Snapshots,
    /// Reaches other members.
    pub transport: Arc<dyn Transport>,
    /// Carries out what takes its time.
    pub blocking: Arc<dyn Blocking>,
    /// Stamps entries.
    pub clock: Clock,
    /// The highest schema of commands that this release reads.
    pub reads: u16,
}

/// How groups behave. All members of a cluster should have the same timings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How often a leader is heard of; also how long it waits for the answer to an append.
    pub heartbeat: Duration,
    /// After how long without a leader a member stands for election: drawn from here to [`Self::election_max`] when the group is
    /// opened. More than [`Self::heartbeat`].
    pub election_min: Duration,
    /// Also how long a member that heard of a leader refuses to vote for another. More than [`Self::election_min`].
    pub election_max: Duration,
    /// After how many entries a snapshot is taken.
    pub snapshot_after: u64,
    /// How many entries before a snapshot are kept for members that are a little behind.
    pub keep: u64,
    /// Entries that are proposed and not applied, at most; a second one is begun only when it is as large as an
    /// entry may be, or when the one before takes longer than a heartbeat.
    pub in_flight: usize,
    /// Commands that wait to be proposed, at most; beyond, they are refused as overloaded.
    pub queue: usize,
    /// Proposals and questions of this node that others have not answered, at most; beyond, they are refused as overloaded. Fewer than a
    /// connection of the [`Transport`] carries at once, so that appends and votes always find room.
    pub asked: usize,
    /// Bytes of commands that wait to be proposed, at most; beyond, they are refused as overloaded.
    pub queue_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(50),
            election_min: Duration::from_millis(150),
            election_max: Duration::from_millis(300),
            snapshot_after: 10_000,
            keep: 1_000,
            in_flight: 4,
            queue: 4_096,
            asked: 512,
            queue_bytes: 16 * 1024 * 1024,
        }
    }
}

/// Options that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OptionsError(String);

impl Options {
    /// As openraft wants them.
    pub(crate) fn raft(&self) -> Result<openraft::Config, OptionsError> {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        openraft::Config {
            cluster_name: "atp".to_owned(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(self.snapshot_after.max(1)),
            max_in_snapshot_log_to_keep: self.keep,
            // A member that lags behind is sent the log as far as it reaches back.
            replication_lag_threshold: self.snapshot_after.saturating_add(self.keep),
            max_payload_entries: 256,
            ..openraft::Config::default()
        }
        .validate()
        .map_err(|error| OptionsError(error.to_string()))
    }
}
