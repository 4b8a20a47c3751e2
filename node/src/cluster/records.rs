//! The records of streams, in the journal groups of their sessions.

use atp_actors::streams::Records;
use atp_consensus::group::Group;
use atp_consensus::journal::Journal;
use atp_consensus::journal::streams::Stream;
use atp_protocol::cluster::NodeId;
use atp_protocol::error::Fault;
use atp_protocol::ids::{StreamId, TenantId};
use atp_protocol::resume::Binding;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Cluster, PATIENCE, fault};

impl Cluster {
    /// The group that keeps what belongs to a session, or to a stream that is named after its session's group.
    fn group_of(&self, tenant: &TenantId, id: &str) -> &Group<Journal> {
        let group = self.owners.group(tenant, id);
        self.journal(group)
            .expect("there are as many journals as owners know")
    }

    /// The node that runs a stream of that name, or of that session, where it can be reached: work stays where it was begun when the
    /// group gets another leader.
    pub(crate) fn runs(&self, tenant: &TenantId, id: &str) -> Option<NodeId> {
        let owner = self
            .group_of(tenant, id)
            .read(|journal| journal.streams().runs(tenant, id))?;
        self.is_reached(owner).then_some(owner)
    }
}

impl Records for Cluster {
    fn node(&self) -> NodeId {
        self.place.node
    }

    fn term(&self, stream: &Binding) -> u64 {
        self.group_of(&stream.tenant, stream.session.as_str())
            .status()
            .term
    }

    fn apply(&self, stream: &Binding, command: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, Fault>> {
        let group = self.group_of(&stream.tenant, stream.session.as_str()).clone();
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
