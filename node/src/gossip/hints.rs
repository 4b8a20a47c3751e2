//! What a node has heard of all members.

use std::collections::BTreeMap;

use atp_protocol::cluster::NodeId;
use chitchat::{Chitchat, ChitchatId};

use super::Facts;
use super::datagrams::member_at;

/// Every member that was heard of, this one included.
pub type Hints = BTreeMap<NodeId, Hint>;

/// What was heard of a member.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// Its heartbeats arrive. A hint as everything else: it may be wrong both ways.
    pub is_alive: bool,
    /// What it said last.
    pub facts: Facts,
}

/// The hints as they stand. Of several starts of a member it is one that is alive, and of those the latest.
pub(super) fn of(chitchat: &Chitchat) -> Hints {
    let live: Vec<&ChitchatId> = chitchat.live_nodes().collect();
    let mut starts: BTreeMap<NodeId, (bool, &ChitchatId)> = BTreeMap::new();
    for id in chitchat.node_states().keys() {
        let Some(member) = member_of(id) else { continue };
        let start = (live.contains(&id), id);
        let best = starts.entry(member).or_insert(start);
        if (start.0, start.1.generation_id) > (best.0, best.1.generation_id) {
            *best = start;
        }
    }
    let hint = |(member, (is_alive, id)): (NodeId, (bool, &ChitchatId))| {
        let state = chitchat.node_state(id)?;
        let facts = Facts::heard(state.key_values());
        Some((member, Hint { is_alive, facts }))
    };
    starts.into_iter().filter_map(hint).collect()
}

/// Number and address of a member say the same, or somebody made them up.
fn member_of(id: &ChitchatId) -> Option<NodeId> {
    let member: NodeId = id.node_id.parse().ok()?;
    (member_at(id.gossip_advertise_addr) == Some(member)).then_some(member)
}
