//! What members may ask of each other on the control and bulk lanes.

use std::time::Duration;

use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Code, Refusal, Service};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};

use super::Cluster;
use crate::home;
use crate::link::{Duplex, Known, Services};

/// See the module.
pub(super) struct Control(pub(super) Cluster);

impl Services for Control {
    fn call(
        &self,
        from: NodeId,
        service: Service,
        body: Bytes,
        _: Duration,
    ) -> LocalBoxFuture<'static, Result<Bytes, Refusal>> {
        let is_removed = self.is_removed(from);
        if is_removed && service != Known::Gossip.number() {
            return ready(Err(removed(from))).boxed_local();
        }
        match Known::of(service) {
            Some(Known::Groups) => {
                let groups = self.0.groups.clone();
                async move { Ok(Bytes::from(groups.serve(from, &body).await)) }.boxed_local()
            }
            Some(Known::Leases) => match self.0.ledger().cloned() {
                Some(ledger) => async move { home::answer(&ledger, &body).await }.boxed_local(),
                None => ready(Err(Refusal::new(Code::STOPPING, "the node is starting"))).boxed_local(),
            },
            Some(Known::Orders) => {
                let cluster = self.0.clone();
                async move { cluster.answer(&body).await }.boxed_local()
            }
            Some(Known::Gossip) => ready(self.0.take(from, &body, is_removed)).boxed_local(),
            Some(Known::Http | Known::Adapters) | None => ready(Err(unknown(service))).boxed_local(),
        }
    }

    fn open(&self, _: NodeId, service: Service, _: Bytes, stream: Duplex) {
        stream.reset(unknown(service));
    }
}

impl Control {
    /// Its certificate is good until it expires, but it is a member no more.
    fn is_removed(&self, node: NodeId) -> bool {
        self.0.meta.read(|meta| meta.cluster().was_removed(node))
    }
}

fn removed(node: NodeId) -> Refusal {
    Refusal::new(
        Code::NO_SERVICE,
        format!("node {node} was removed from the cluster"),
    )
}

fn unknown(service: Service) -> Refusal {
    Refusal::new(
        Code::NO_SERVICE,
        format!("service {service} is not known to this release on this lane"),
    )
}
