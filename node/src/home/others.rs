//! What other nodes have of an account and do not use.

use std::collections::BTreeSet;

use atp_actors::ledger::LedgerHandle;
use atp_consensus::group::Group;
use atp_consensus::journal::Journal;
use atp_protocol::cluster::NodeId;
use atp_protocol::encoding;
use atp_protocol::ids::AccountId;
use atp_protocol::link::{Code, Lane, Refusal};
use atp_routing::budget::HoldId;
use atp_routing::budget::home::Share;
use atp_routing::budget::spender::Reach;
use bytes::Bytes;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::{GroupHome, HERE_WAIT, OTHERS_WAIT};
use crate::cluster::Cluster;
use crate::link::Known;

/// What a node asks of another about its leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// Report all that was used, and say what is free.
    Tell,
    /// Also give back what is free, for whoever needs it more.
    GiveFree,
    /// Also give back what is asked for at the moment: an account is to be changed.
    GiveAll,
}

/// Answers another node.
///
/// # Errors
/// What this node's ledger says.
pub(crate) async fn answer(ledger: &LedgerHandle, body: &[u8]) -> Result<Bytes, Refusal> {
    let no = |why: String| Refusal::new(Code::SERVICE, why);
    let ask: Ask = encoding::decode(body).map_err(|error| no(error.to_string()))?;
    let free = match ask {
        Ask::Tell => ledger.flush(Reach::Used).await,
        Ask::GiveFree => ledger.give_back(Reach::Free).await.map(|()| Vec::new()),
        Ask::GiveAll => ledger.give_back(Reach::All).await.map(|()| Vec::new()),
    };
    let mut bytes = Vec::new();
    encoding::encode_into(&free.map_err(|fault| no(fault.to_string()))?, &mut bytes)
        .map_err(|error| no(error.to_string()))?;
    Ok(bytes.into())
}

impl GroupHome {
    /// Has everybody who holds some of `account`, or of what is below it, give back what is free; but for `asking`, which is what
    /// more is asked for. Without one, what is asked for at the moment goes back as well. Answers whether anybody did.
    pub(super) async fn recall(
        &self,
        group: &Group<Journal>,
        account: &AccountId,
        asking: Option<&HoldId>,
    ) -> bool {
        let nodes: BTreeSet<NodeId> = group.read(|journal| {
            let holders = journal.home().holders(account);
            let others = holders.filter(|holding| asking != Some(holding.id));
            others.map(|holding| holding.lease.node).collect()
        });
        let reach = asking.map_or(Reach::All, |_| Reach::Free);
        let wanted = asking.map_or(Ask::GiveAll, |_| Ask::GiveFree);
        let here = async {
            match nodes.contains(&self.cluster.node()) {
                true => give_back_here(&self.cluster, reach).await,
                false => false,
            }
        };
        let (here, others) = futures_util::join!(here, ask(&self.cluster, &nodes, wanted));
        here || !others.is_empty()
    }

    /// What the holders among `nodes`, but for this one, have free.
    pub(super) async fn free_elsewhere(&self, nodes: &BTreeSet<NodeId>) -> Vec<Share> {
        let told = ask(&self.cluster, nodes, Ask::Tell).await;
        told.into_iter().flatten().collect()
    }
}

/// Has every member give back what it has of accounts and does not use, as far as it answers in time.
pub(crate) async fn call_in(cluster: &Cluster) {
    let nodes = cluster.meta.read(|meta| {
        let members = meta.cluster().members();
        members.map(|(node, _)| node).collect()
    });
    futures_util::join!(
        give_back_here(cluster, Reach::All),
        ask(cluster, &nodes, Ask::GiveAll)
    );
}

/// Bounded, as what is given back may have to wait for the very grant that is asked for.
async fn give_back_here(cluster: &Cluster, reach: Reach) -> bool {
    let Some(ledger) = cluster.ledger() else {
        return false;
    };
    let given = tokio::time::timeout(HERE_WAIT, ledger.give_back(reach)).await;
    given.is_ok_and(|given| given.is_ok())
}

/// The answers of those, beside this node, that gave one in time.
async fn ask(cluster: &Cluster, nodes: &BTreeSet<NodeId>, ask: Ask) -> Vec<Vec<Share>> {
    let Some(link) = &cluster.link else {
        return Vec::new();
    };
    let mut body = Vec::new();
    encoding::encode_into(&ask, &mut body).expect("a word is short");
    let others = nodes.iter().filter(|node| **node != cluster.node());
    let asked = others.map(|node| {
        let body = &body;
        async move {
            let answer = link
                .call(*node, Lane::Control, Known::Leases.number(), body, OTHERS_WAIT)
                .await;
            encoding::decode::<Vec<Share>>(&answer.ok()?).ok()
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}
