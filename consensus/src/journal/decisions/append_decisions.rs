//! Appends decision records to a tenant's chain.

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::TenantId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{CHAINS_MAX, Decision, Link, RECORD_MAX, RECORDS_PER_COMMAND, Writer};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// A member numbers its commands to a group, so that one whose outcome is unknown can be proposed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendDecisions {
    /// Who decided.
    pub node: NodeId,
    /// Which life of it: a later one has a higher number, and begins to count anew.
    pub incarnation: u64,
    /// Number of this command in that life, from 1 without gaps.
    pub number: u64,
    /// Whose chain they are for.
    pub tenant: TenantId,
    /// The records, in order.
    pub records: Vec<ByteBuf>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppendDecisionsReply {
    /// They are in the chain.
    Appended {
        /// Number of the first.
        first: u64,
        /// Link of the last.
        head: Link,
    },
    /// They are in the chain since an earlier command.
    Repeated,
    /// A command before this one is missing. Propose from there on.
    Expected {
        /// The number that would be taken.
        number: u64,
    },
    /// The member has begun a later life: this one is over.
    Superseded,
    /// A record or their number is over its bound ([`RECORD_MAX`], [`RECORDS_PER_COMMAND`]).
    TooLong,
    /// As many chains as there may be ([`CHAINS_MAX`]).
    TooMany,
}

impl Body for AppendDecisions {
    const TAG: Tag = tag(48);
    type Reply = AppendDecisionsReply;
}

impl Handler<Journal, Effect> for AppendDecisions {
    fn apply(self, context: &Context, journal: &mut Journal, _: &mut Vec<Effect>) -> AppendDecisionsReply {
        let decisions = &mut journal.decisions;
        if let Some(refused) = self.refusal(decisions.writers.get(&self.node).copied()) {
            return refused;
        }
        if !decisions.chains.contains_key(&self.tenant) && decisions.chains.len() >= CHAINS_MAX {
            return AppendDecisionsReply::TooMany;
        }
        let writer = Writer {
            incarnation: self.incarnation,
            number: self.number,
        };
        decisions.writers.insert(self.node, writer);
        let mut chain = decisions.chain(&self.tenant);
        let first = chain.next;
        for record in self.records {
            let decision = Decision::new(&self.tenant, chain, context.now_us, record.into_vec());
            chain.next += 1;
            chain.head = decision.link;
            decisions.keep(decision);
        }
        decisions.chains.insert(self.tenant, chain);
        AppendDecisionsReply::Appended {
            first,
            head: chain.head,
        }
    }
}

impl AppendDecisions {
    fn refusal(&self, known: Option<Writer>) -> Option<AppendDecisionsReply> {
        let known = known.unwrap_or_default();
        if self.incarnation < known.incarnation {
            return Some(AppendDecisionsReply::Superseded);
        }
        let taken = match self.incarnation == known.incarnation {
            true => known.number,
            false => 0,
        };
        if self.number <= taken {
            return Some(AppendDecisionsReply::Repeated);
        }
        if self.number != taken + 1 {
            return Some(AppendDecisionsReply::Expected { number: taken + 1 });
        }
        let is_too_long = self.records.len() > RECORDS_PER_COMMAND
            || self.records.iter().any(|record| record.len() > RECORD_MAX);
        is_too_long.then_some(AppendDecisionsReply::TooLong)
    }
}
