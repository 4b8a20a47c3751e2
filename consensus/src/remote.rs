//! Proposes to groups of which this process keeps no part.

use std::sync::Arc;
use std::time::Duration;

use atp_protocol::cluster::{GroupId, NodeId};
use tokio::sync::Semaphore;

use crate::config::Options;
use crate::group::{ProposeError, Proposed, proposed};
use crate::rpc::{Links, Request};
use crate::transport::Transport;

/// A group as it is seen from outside. Cheap to clone.
#[derive(Clone)]
pub struct Remote(Links);

impl Remote {
    /// The group `id`, whose members `transport` reaches.
    #[must_use]
    pub fn new(id: GroupId, transport: Arc<dyn Transport>) -> Self {
        Self(Links {
            group: id,
            transport,
            standing: Arc::default(),
            room: Arc::new(Semaphore::new(Options::default().asked)),
        })
    }

    /// Has `command` applied by member `leader`.
    ///
    /// # Errors
    /// [`ProposeError`]; [`ProposeError::NotLeader`] says who leads instead, if the member knows, and that nothing was proposed.
    pub async fn propose(
        &self,
        leader: NodeId,
        command: Vec<u8>,
        within: Duration,
    ) -> Result<Proposed, ProposeError> {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let request = Request::Propose { command, within_ms };
        proposed(leader, self.0.ask(leader, request, within).await)
    }
}
