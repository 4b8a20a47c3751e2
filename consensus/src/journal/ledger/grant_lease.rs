//! Leases a part of an account to a member, or more of it.

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::AccountId;
use atp_routing::budget::home::{Grant, Granted, HomeRefusal};
use atp_routing::budget::{Record, Refusal};
use serde::{Deserialize, Serialize};

use super::Lease;
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// What a holder asks for. Its size is decided when it is applied (`routing::budget::grant`): another rule is another schema.
///
/// Said twice it leases once: the number of the last grant taken is kept with the lease, and every reply says all that is leased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantLease {
    /// Who asks.
    pub node: NodeId,
    /// For what.
    pub grant: Grant,
    /// How long the lease is good for, from before it was asked for, in milliseconds.
    pub ttl_ms: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantLeaseReply {
    /// The lease, with what was asked for, since this command or an earlier one.
    Granted(Granted),
    /// The ledger declines, and the number may be used again. Where others hold what is lacking they can be asked to give back.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The root of the account's tree, where there is such an account.
        root: Option<AccountId>,
    },
    /// The lease is over, or somebody else's. Begin another one.
    Ended,
    /// The member was removed from the cluster.
    Removed,
}

impl GrantLeaseReply {
    /// What the holder is told.
    ///
    /// # Errors
    /// [`HomeRefusal`]; to a member that was removed, its lease is over.
    pub fn into_answer(self) -> Result<Granted, HomeRefusal> {
        match self {
            Self::Granted(granted) => Ok(granted),
            Self::Refused { refusal, root } => Err(HomeRefusal::Refused { refusal, root }),
            Self::Ended | Self::Removed => Err(HomeRefusal::Ended),
        }
    }
}

impl Body for GrantLease {
    const TAG: Tag = tag(3);
    type Reply = GrantLeaseReply;
}

impl Handler<Journal, Effect> for GrantLease {
    fn apply(self, context: &Context, journal: &mut Journal, effects: &mut Vec<Effect>) -> GrantLeaseReply {
        let Self { node, grant, ttl_ms } = self;
        let home = &mut journal.home;
        if home.removed.contains(&node) {
            return GrantLeaseReply::Removed;
        }
        let known = home.leases.get(&grant.lease);
        if known.is_some_and(|lease| lease.node != node || lease.account != grant.account) {
            return GrantLeaseReply::Ended;
        }
        let is_repeat = known.is_some_and(|lease| grant.number <= lease.asks);
        if !is_repeat {
            match home.ledger.propose_grant(&grant) {
                Ok(record) => journal.lease(node, &grant, &record),
                Err(Refusal::NotLive(_)) => return GrantLeaseReply::Ended,
                Err(refusal) => {
                    if let Refusal::NoRoom { account, .. } = &refusal {
                        effects.push(Effect::RecallWanted {
                            account: account.clone(),
                        });
                    }
                    let root = home.ledger.root(&grant.account).cloned();
                    return GrantLeaseReply::Refused { refusal, root };
                }
            }
        }
        let home = &mut journal.home;
        home.renew(&grant.lease, context.now(), ttl_ms);
        GrantLeaseReply::Granted(home.granted(&grant.lease, ttl_ms))
    }
}

impl Journal {
    fn lease(&mut self, node: NodeId, grant: &Grant, record: &Record) {
        let home = &mut self.home;
        let applied = home.ledger.apply(record);
        debug_assert!(applied.had_effect, "it was proposed on this state");
        let lease = home.leases.entry(grant.lease.clone()).or_insert_with(|| Lease {
            node,
            account: grant.account.clone(),
            asks: 0,
            good_until: Default::default(),
            has_lapsed: false,
        });
        lease.asks = grant.number;
    }
}
