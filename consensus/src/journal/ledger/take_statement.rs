//! Takes what a holder says it used and gives back.

use atp_protocol::cluster::NodeId;
use atp_protocol::units::{Amount, UnixMillis};
use atp_routing::budget::home::{Acknowledged, Statement};
use atp_routing::budget::{Record, Report};
use serde::{Deserialize, Serialize};

use super::Home;
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// Also renews the lease. A report is taken once, whatever comes twice, late or in another order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeStatement {
    /// Whose lease it is.
    pub node: NodeId,
    /// What it says.
    pub statement: Statement,
    /// How long the lease is good for, from before this was said, in milliseconds.
    pub ttl_ms: u64,
}

impl Body for TakeStatement {
    const TAG: Tag = tag(4);
    /// A report that was not taken, because one before it is missing, shows in the number of those that were.
    type Reply = Acknowledged;
}

impl Handler<Journal, Effect> for TakeStatement {
    fn apply(self, context: &Context, journal: &mut Journal, effects: &mut Vec<Effect>) -> Acknowledged {
        let Self {
            node,
            statement,
            ttl_ms,
        } = self;
        let (home, id) = (&mut journal.home, &statement.lease);
        match home.leases.get(id) {
            Some(lease) if lease.node == node => {}
            Some(_) => return Acknowledged::Ended,
            None => {
                if let Some(report) = &statement.report {
                    effects.extend(home.explain(&statement, report, context.now()));
                }
                // Its holder gives it up on this answer: a grant that was overtaken must not begin it behind its back.
                let ids = vec![id.clone()];
                let _ = home.ledger.apply(&Record::Ended { ids });
                return Acknowledged::Ended;
            }
        }
        let records = home.ledger.propose_statement(context.now(), &statement);
        for record in records.expect("a lease is a live hold") {
            let applied = home.ledger.apply(&record);
            debug_assert!(applied.had_effect, "it was proposed on this state");
        }
        if home.ledger.hold(id).is_none() {
            home.forget(id);
            return Acknowledged::Ended;
        }
        home.renew(id, context.now(), ttl_ms);
        Acknowledged::Live(home.granted(id, ttl_ms))
    }
}

impl Home {
    /// Sets a late report against the charge that was made without it.
    fn explain(&mut self, statement: &Statement, report: &Report, now: UnixMillis) -> Option<Effect> {
        let reclaimed = self.reclaimed.get_mut(&statement.lease)?;
        if report.number != reclaimed.reports + 1 {
            return None;
        }
        let spent = report.spent.plus(report.beyond);
        let covered = spent.min(reclaimed.unexplained);
        let beyond = spent.minus(covered);
        reclaimed.reports = report.number;
        reclaimed.unexplained = reclaimed.unexplained.minus(covered);
        let account = reclaimed.account.clone();
        let applied = self.ledger.apply(&Record::Explained {
            account: account.clone(),
            known: covered.minus(report.unknown),
            beyond,
            at: now,
        });
        let is_charged = applied.had_effect && beyond != Amount::ZERO;
        is_charged.then_some(Effect::LateUsage { account, beyond })
    }
}
