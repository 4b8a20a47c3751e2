//! Who is a member: what an operator asks for, as `meta` keeps it.

use atp_consensus::journal::ledger::{ReclaimNode, ReclaimNodeReply};
use atp_consensus::meta::cluster::{PutMember, PutMemberReply, RemoveMember, RemoveMemberReply};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};
use atp_protocol::link::Lane;

use super::{Cluster, propose};

impl Cluster {
    /// Whether this node has a connection to another; always to itself.
    #[must_use]
    pub fn is_reached(&self, node: NodeId) -> bool {
        let link = self.link.as_ref();
        node == self.node() || link.is_some_and(|link| link.is_connected(node, Lane::Control))
    }

    /// Takes a node in, or says anew where it is.
    ///
    /// # Errors
    /// `EBAD_INPUT` for a node by itself, a number that was removed, or too many; those of the group.
    pub(crate) async fn add_member(&self, node: NodeId, name: String, link: String) -> Result<(), Fault> {
        if self.place.is_alone {
            return Err(alone());
        }
        // What it reads it says itself when it starts. Until then no version is agreed on that it might not read.
        let (api, reads) = self.meta.read(|meta| {
            let known = meta.cluster().member(node);
            let known = known.map(|member| (member.api.clone(), member.reads));
            known.unwrap_or_else(|| (String::new(), meta.cluster().version()))
        });
        let put = PutMember {
            node,
            name,
            link,
            api,
            reads,
        };
        let refused = |why: String| Err(Fault::new(Code::BadInput, why));
        match propose(&self.meta, &put).await? {
            PutMemberReply::Put => Ok(()),
            PutMemberReply::NumberUsed => refused(format!(
                "node {node} was removed for good; give the machine another number"
            )),
            PutMemberReply::TooMany => {
                refused("the cluster has as many members as it may have; remove one first".to_owned())
            }
            reply @ (PutMemberReply::TooOld { .. } | PutMemberReply::TooLong) => {
                refused(format!("the cluster does not take it in: {reply:?}"))
            }
        }
    }

    /// Takes a node out for good. What it held of accounts is charged as unknown (docs/adr/0012).
    ///
    /// # Errors
    /// `ENOTFOUND` for who is no member; `EBAD_INPUT` for the last one, or a node by itself; those of the groups.
    pub(crate) async fn remove_member(&self, node: NodeId) -> Result<(), Fault> {
        if self.place.is_alone {
            return Err(alone());
        }
        match propose(&self.meta, &RemoveMember { node }).await? {
            RemoveMemberReply::Removed => {}
            RemoveMemberReply::Unknown => return Err(Fault::no_such(format!("node {node} is no member"))),
            reply => {
                let why = format!("node {node} is not removed: {reply:?}");
                return Err(Fault::new(Code::BadInput, why));
            }
        }
        for journal in self.journals.iter() {
            while propose(journal, &ReclaimNode { node }).await? == ReclaimNodeReply::Again {}
        }
        Ok(())
    }
}

fn alone() -> Fault {
    Fault::new(
        Code::BadInput,
        "this node is by itself; give it a directory of a cluster (`cluster.dir`) first",
    )
}
