//! One Raft group on this node, as the rest of the system sees it.
//!
//! ```text
//! propose ──► queue ──► proposer ──► openraft ──► log ──► machine ──► reply
//!    │                                  ▲                    │
//!    └── to the leader, once ──► serve ─┘                    └──► effects, reads
//! ```
//!
//! At the bounds: a command over [`MAX_COMMAND`] is refused, and so is one that finds the queue full; everything that waits has a
//! deadline.

mod change;
mod core;
mod error;
mod hold;
mod image;
mod propose;
mod proposer;
mod queue;
mod read;
mod status;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use core::Core;
pub use error::{ChangeError, OpenError, ProposeError, ReadError};
pub use image::Image;
pub use propose::Proposed;
pub(crate) use propose::proposed;
pub use status::{MemberStatus, Role, Status, StatusWatch};

use atp_protocol::cluster::{GroupId, NodeId};

use crate::machine::Machine;
use crate::state::Host;

/// Longest command in bytes.
pub const MAX_COMMAND: usize = queue::BATCH_BYTES;

/// A group with its machine. Clones are the same group; usable from any thread of a Tokio runtime.
pub struct Group<M: Machine> {
    core: Arc<Core>,
    host: Arc<Host<M>>,
}

impl<M: Machine> Clone for Group<M> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            host: Arc::clone(&self.host),
        }
    }
}

impl<M: Machine> Group<M> {
    pub(crate) fn new(core: Arc<Core>, host: Arc<Host<M>>) -> Self {
        Self { core, host }
    }

    /// Which.
    #[must_use]
    pub fn id(&self) -> GroupId {
        self.core.links.group
    }

    /// Has a command applied, here or by the leader, and returns its reply. While there is no leader, the command waits for one.
    ///
    /// # Errors
    /// [`ProposeError`]; all but [`ProposeError::OutcomeUnknown`] say that nothing was done.
    pub async fn propose(&self, command: Vec<u8>, within: Duration) -> Result<Proposed, ProposeError> {
        self.core.propose(command, within).await
    }

    /// As [`Self::propose`], but only if this node leads.
    ///
    /// # Errors
    /// As there.
    pub async fn propose_here(&self, command: Vec<u8>, within: Duration) -> Result<Proposed, ProposeError> {
        self.core.propose_here(command, within).await
    }

    /// Asks the leader from which index on a read sees all that was done before this call. This node may not be as far: see
    /// [`Self::wait_applied`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_index(&self, within: Duration) -> Result<u64, ReadError> {
        self.core.read_index(within).await
    }

    /// Waits until this node has applied an index.
    ///
    /// # Errors
    /// [`ReadError::TooLate`], [`ReadError::Stopped`].
    pub async fn wait_applied(&self, index: u64, within: Duration) -> Result<(), ReadError> {
        self.core.wait_applied(index, within).await
    }

    /// Waits until a [`Self::read`] sees all that was done before this call. Returns the index it sees at least.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn linearize(&self, within: Duration) -> Result<u64, ReadError> {
        self.core.linearize(within).await
    }

    /// Looks at what is applied here. Short, as the group applies nothing meanwhile.
    pub fn read<R>(&self, look: impl FnOnce(&M) -> R) -> R {
        self.host.read(look)
    }

    /// Index of the last entry applied here; 0 for none.
    #[must_use]
    pub fn applied(&self) -> u64 {
        *self.core.applied.borrow()
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.core.watch().get()
    }

    /// Follows how it is.
    #[must_use]
    pub fn watch(&self) -> StatusWatch {
        self.core.watch()
    }

    /// Begins to send the log to a node, without giving it a vote. Only at the leader; done when it is committed, not when the node has
    /// the log.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn add_learner(
        &self,
        node: NodeId,
        address: String,
        within: Duration,
    ) -> Result<(), ChangeError> {
        self.core.add_learner(node, address, within).await
    }

    /// Says anew where the link of a member listens. Only at the leader; done when it is committed.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn readdress(
        &self,
        node: NodeId,
        address: String,
        within: Duration,
    ) -> Result<(), ChangeError> {
        self.core.readdress(node, address, within).await
    }

    /// Gives votes to exactly these members; who loses its vote leaves the group. Only at the leader; done when it is committed.
    /// Each must be a member already. Finishes a change of the same kind that another leader left in the middle.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn change_voters(
        &self,
        voters: impl IntoIterator<Item = NodeId>,
        within: Duration,
    ) -> Result<(), ChangeError> {
        self.core
            .change_voters(voters.into_iter().collect(), within)
            .await
    }

    /// Ends sending the log to nodes without a vote. Only at the leader.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn remove_learner(&self, node: NodeId, within: Duration) -> Result<(), ChangeError> {
        self.core.remove_learner(node, within).await
    }

    /// Makes another voter the leader. Only at the leader; done when the other leads. Proposals wait meanwhile.
    ///
    /// # Errors
    /// [`ChangeError`]; this node then leads on, or whoever was elected.
    pub async fn transfer(&self, to: NodeId, within: Duration) -> Result<(), ChangeError> {
        self.core.transfer(to, within).await
    }

    /// Takes a snapshot, and returns the index up to which it reaches when it is durable.
    ///
    /// # Errors
    /// [`ReadError::TooLate`], [`ReadError::Stopped`].
    pub async fn snapshot(&self, within: Duration) -> Result<u64, ReadError> {
        self.core.snapshot(within).await
    }

    /// Takes an image of all that was done before this call, on this node: it need not lead.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn image(&self, within: Duration) -> Result<Image, ReadError> {
        self.core.image(within).await
    }
}
