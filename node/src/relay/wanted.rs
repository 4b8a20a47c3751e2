//! Who is to have what a request asks for.

use atp_actors::owners::Owner;
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{SessionId, StreamId, TenantId};

use super::{OWNER_WAIT, Relay, Work};

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'w> {
    /// Work of a session, and a repeat under an idempotency key, where they are named. With neither anybody may do it.
    Work {
        /// The session.
        session: Option<&'w str>,
        /// The key.
        key: Option<&'w str>,
    },
    /// A stream that there is, of the session where one is named.
    Stream(&'w str, Option<&'w SessionId>),
}

impl Relay {
    /// Where it is to be had, as this node knows it.
    pub(super) fn place(&self, tenant: &TenantId, wanted: Wanted<'_>) -> Owner {
        match wanted {
            Wanted::Work { session, key } => {
                let first = key.and_then(|key| (self.runs)(tenant, Work::Request(key)));
                match (first, session) {
                    (Some(node), _) => self.at(node),
                    (None, Some(session)) => self.owners.of(tenant, session),
                    (None, None) => self.of_nobody(),
                }
            }
            Wanted::Stream(stream, session) => {
                let runs = StreamId::new(stream)
                    .ok()
                    .and_then(|stream| (self.runs)(tenant, Work::Stream(&stream, session)));
                match runs {
                    Some(node) => self.at(node),
                    None => self.owners.of(tenant, session.map_or(stream, SessionId::as_str)),
                }
            }
        }
    }

    fn at(&self, node: NodeId) -> Owner {
        match node == self.owners.this() {
            true => Owner::Here,
            false => Owner::At(node),
        }
    }

    /// Who does what belongs to nobody: this node, until it drains.
    fn of_nobody(&self) -> Owner {
        match self.owners.another() {
            Owner::At(node) if self.is_draining() => Owner::At(node),
            Owner::At(_) | Owner::Here | Owner::Nobody => Owner::Here,
        }
    }

    /// As [`Self::place`], waiting while that is nobody, or is `but`; `None` for this node.
    ///
    /// # Errors
    /// `EINTERNAL`, to be repeated, when an election takes too long.
    pub(crate) async fn owner(
        &self,
        tenant: &TenantId,
        wanted: Wanted<'_>,
        but: Option<NodeId>,
    ) -> Result<Option<NodeId>, Fault> {
        let mut changes = self.owners.watch();
        let found = async {
            loop {
                changes.mark_unchanged();
                match self.place(tenant, wanted) {
                    Owner::Here => return None,
                    Owner::At(node) if Some(node) != but => return Some(node),
                    Owner::At(_) | Owner::Nobody => {}
                }
                // The sender lives in `self`.
                let _ = changes.changed().await;
            }
        };
        let waited = tokio::time::timeout(OWNER_WAIT, found).await;
        waited.map_err(|_| {
            Fault::new(
                Code::Internal,
                "the session's group has no leader: its quorum is lost; try again",
            )
            .retry_after(1_000)
        })
    }
}
