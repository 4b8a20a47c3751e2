//! Begins a cluster with what another one agreed on (docs/adr/0016).
//!
//! An image of a group becomes the snapshot from which that group starts on the first member of the new cluster: with the same state but
//! for what belongs to the old members, the same clock, and terms and indexes that go on, so that epochs of streams do too.
//! The others join and are sent it.

use atp_protocol::cluster::{GroupId, NodeId};
use atp_storage::snapshot::{Id, SnapshotError};
use atp_storage::store::Change;

use crate::log_store::vote_row;
use crate::machine::{Context, LoadError, Machine};
use crate::state::{Position, Snapshots, Unusable};
use crate::types::{LogId, Member, Membership, StoredMembership, Vote, raft_id};
use crate::version::{Gate, Later};

/// A machine whose state can begin another cluster.
pub trait Restorable: Machine {
    /// Forgets the members of the old cluster, and settles what they left open as if they were lost for good.
    fn restored(&mut self, context: &Context);
}

/// The first member of the new cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founder {
    /// Its number.
    pub node: NodeId,
    /// Where its link listens; empty for a node by itself.
    pub address: String,
}

/// Why an image cannot begin a group.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file of the image.
    #[error(transparent)]
    File(#[from] SnapshotError),
    /// The state in it.
    #[error(transparent)]
    State(#[from] LoadError),
    /// This release does not read it.
    #[error(transparent)]
    Later(#[from] Later),
    /// Where it stands.
    #[error("the image does not say where it stands: {0}")]
    Position(String),
}

impl From<Unusable> for RestoreError {
    fn from(error: Unusable) -> Self {
        match error {
            Unusable::File(error) => Self::File(error),
            Unusable::Metadata { .. } => Self::Position(error.to_string()),
            Unusable::Later { later, .. } => Self::Later(later),
        }
    }
}

/// Puts the beginning of a group into the place of an image `at` of it among `files`. `look` sees the state as it begins, and may take
/// more out of it. `reads` is the highest schema of commands that this release reads. Returns what is to be committed to the store beside it, before the group is opened.
///
/// # Errors
/// [`RestoreError`].
pub fn restore<M: Restorable>(
    files: &atp_storage::snapshot::Snapshots,
    at: Id,
    founder: &Founder,
    reads: u16,
    look: impl FnOnce(&mut M),
) -> Result<Change, RestoreError> {
    let group = GroupId(at.group);
    let snapshots = Snapshots::open(group, files.clone(), Gate::new(reads))?;
    let image = snapshots
        .latest()
        .ok_or(SnapshotError::Missing { file: at.file() })?;
    let mut machine = M::load(&snapshots.pieces(&image)?)?;
    let position = image.position();
    let context = Context {
        index: position.index(),
        now_us: position.clock_us,
    };
    machine.restored(&context);
    let term = position.applied.map_or(0, |id| id.leader_id.term);
    look(&mut machine);
    let node = raft_id(founder.node);
    let last = LogId::new(openraft::CommittedLeaderId::new(term, node), position.index());
    let member = Member {
        address: founder.address.clone(),
    };
    let members = Membership::new(
        vec![[node].into()],
        std::collections::BTreeMap::from([(node, member)]),
    );
    let begins = Position {
        applied: Some(last),
        membership: StoredMembership::new(Some(last), members),
        clock_us: position.clock_us,
    };
    snapshots.write(&begins, &machine.save())?;
    Ok(vote_row(group, Vote::new(term, node)))
}
