//! The records of streams and of requests under idempotency keys, in their journal groups.

use std::sync::Arc;
use std::time::Duration;

use atp_actors::streams::Records;
use atp_consensus::group::Group;
use atp_consensus::journal::Journal;
use atp_consensus::journal::streams::Stream;
use atp_protocol::cluster::NodeId;
use atp_protocol::error::Fault;
use atp_protocol::ids::{SessionId, StreamId, TenantId};
use atp_protocol::resume::{Binding, Entry, IdempotencyKey, State};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Cluster, PATIENCE, fault};

/// How long whoever waits for a change goes without looking.
const LOOK: Duration = Duration::from_secs(1);

impl Cluster {
    /// The group that keeps what belongs to a session, to a stream that is named after its session's group, or to an idempotency key.
    fn group_of(&self, tenant: &TenantId, id: &str) -> &Group<Journal> {
        let group = self.owners.group(tenant, id);
        self.journal(group)
            .expect("there are as many journals as owners know")
    }

    /// The node that runs a stream of that name, of the session where one is named, where it can be reached: a stream stays where it
    /// was begun when the group gets another leader.
    pub(crate) fn runs(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        session: Option<&SessionId>,
    ) -> Option<NodeId> {
        let of = session.map_or(stream.as_str(), SessionId::as_str);
        let owner = self
            .group_of(tenant, of)
            .read(|journal| journal.streams().runs(tenant, stream, session))?;
        self.is_reached(owner).then_some(owner)
    }
}

impl Cluster {
    /// The node that runs the request under an idempotency key, where it can be reached.
    pub(crate) fn runs_under(&self, tenant: &TenantId, key: &str) -> Option<NodeId> {
        let key = IdempotencyKey {
            tenant: tenant.clone(),
            key: key.to_owned(),
        };
        let known = self.under_key(&key)?;
        match known.state {
            State::Running(claim) => self.is_reached(claim.node).then_some(claim.node),
            State::Lost(_) | State::Finished(_) => None,
        }
    }
}

impl Records for Cluster {
    fn node(&self) -> NodeId {
        self.place.node
    }

    fn life(&self) -> u64 {
        self.life
    }

    fn apply(
        &self,
        tenant: &TenantId,
        id: &str,
        command: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, Fault>> {
        let group = self.group_of(tenant, id).clone();
        async move {
            let proposed = group.propose(command, PATIENCE).await;
            let proposed = proposed.map_err(|error| fault::propose(&error))?;
            let applied = group.wait_applied(proposed.index, PATIENCE).await;
            applied.map_err(|error| fault::read(&error))?;
            Ok(proposed.reply)
        }
        .boxed()
    }

    fn look(&self, stream: &Binding) -> Option<Stream> {
        self.group_of(&stream.tenant, stream.session.as_str())
            .read(|journal| journal.streams().get(stream).cloned())
    }

    fn under_key(&self, key: &IdempotencyKey) -> Option<Entry<Arc<[u8]>>> {
        let group = self.group_of(&key.tenant, &key.key);
        group.read(|journal| journal.requests().get(key).cloned())
    }

    fn changed(&self, tenant: &TenantId, id: &str) -> BoxFuture<'static, ()> {
        let group = self.group_of(tenant, id).clone();
        let seen = group.applied();
        // Whether in time or not, it is looked at again.
        async move { drop(group.wait_applied(seen + 1, LOOK).await) }.boxed()
    }

    fn named(&self, tenant: &TenantId, stream: &StreamId, session: Option<&str>) -> Vec<Binding> {
        let mut named = Vec::new();
        for group in self.journals.iter() {
            group.read(|journal| {
                let sessions = journal.streams().sessions_of(tenant, stream);
                let sessions = sessions.filter(|of| session.is_none_or(|session| of.as_str() == session));
                named.extend(sessions.map(|session| Binding {
                    tenant: tenant.clone(),
                    session: session.clone(),
                    stream: stream.clone(),
                }));
            });
        }
        named
    }

    fn catch_up(&self, tenant: &TenantId, id: &str) -> BoxFuture<'static, Result<(), Fault>> {
        let group = self.group_of(tenant, id).clone();
        async move {
            let caught_up = group.linearize(PATIENCE).await;
            caught_up.map(drop).map_err(|error| fault::read(&error))
        }
        .boxed()
    }
}
