//! Charges what a removed member held, as nobody knows what it spent of it (docs/adr/0005, 0012).

use atp_protocol::adapter::UsageSource;
use atp_protocol::cluster::NodeId;
use atp_protocol::units::Amount;
use atp_routing::budget::HoldId;
use serde::{Deserialize, Serialize};

use super::{Home, Reclaimed};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// Leases reclaimed with one command, so that none holds up the group.
const LEASES_PER_COMMAND: usize = 4_096;

/// Proposed once `meta` has removed the member, and again until nothing is left. From the first on the member gets no leases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReclaimNode {
    /// The member that is gone for good.
    pub node: NodeId,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReclaimNodeReply {
    /// It holds nothing.
    Reclaimed,
    /// It holds more leases than one command reclaims. Propose it again.
    Again,
}

impl Body for ReclaimNode {
    const TAG: Tag = tag(5);
    type Reply = ReclaimNodeReply;
}

impl Handler<Journal, Effect> for ReclaimNode {
    fn apply(self, context: &Context, journal: &mut Journal, effects: &mut Vec<Effect>) -> ReclaimNodeReply {
        let home = &mut journal.home;
        home.removed.insert(self.node);
        let of_node = home.leases.iter().filter(|(_, lease)| lease.node == self.node);
        let mut ids: Vec<HoldId> = of_node
            .take(LEASES_PER_COMMAND + 1)
            .map(|(id, _)| id.clone())
            .collect();
        let has_more = ids.len() > LEASES_PER_COMMAND;
        ids.truncate(LEASES_PER_COMMAND);
        for id in ids {
            effects.extend(home.reclaim(context, &id));
        }
        match has_more {
            true => ReclaimNodeReply::Again,
            false => ReclaimNodeReply::Reclaimed,
        }
    }
}

impl Home {
    pub(in crate::journal) fn reclaim(&mut self, context: &Context, id: &HoldId) -> Option<Effect> {
        let hold = self.ledger.hold(id)?.clone();
        let settled = self
            .ledger
            .propose_settle(context.now(), id, Amount::ZERO, UsageSource::Unknown);
        let applied = self.ledger.apply(&settled.expect("it was found live"));
        debug_assert!(applied.had_effect, "it was proposed on this state");
        self.forget(id);
        let reclaimed = Reclaimed {
            account: hold.account.clone(),
            reports: hold.reports,
            unexplained: hold.amount,
        };
        self.remember_reclaimed(id.clone(), reclaimed);
        Some(Effect::LeaseReclaimed {
            lease: id.clone(),
            account: hold.account,
            charged: hold.amount,
        })
    }
}
