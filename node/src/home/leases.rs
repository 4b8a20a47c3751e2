//! Leases: asked for, spoken about.

use atp_consensus::command::{self, Body};
use atp_consensus::group::{Group, ProposeError};
use atp_consensus::journal::Journal;
use atp_consensus::journal::ledger::{GrantLease, GrantLeaseReply, Home, TakeStatement};
use atp_protocol::encoding;
use atp_protocol::ids::AccountId;
use atp_routing::budget::home::{Acknowledged, Grant, Granted, HomeRefusal, Statement};
use atp_routing::budget::{HoldId, Refusal};

use super::GroupHome;
use super::recalls::Standing;
use crate::cluster::PATIENCE;

impl GroupHome {
    pub(super) async fn lease(&self, grant: Grant) -> Result<Granted, HomeRefusal> {
        let found = self.find(&grant.account).await;
        let Some(group) = found.map_err(|error| HomeRefusal::Unavailable(error.to_string()))? else {
            let refusal = Refusal::UnknownAccount {
                account: grant.account,
            };
            return Err(HomeRefusal::Refused { refusal, root: None });
        };
        self.remember(&grant.lease, group.id());
        let command = GrantLease {
            node: self.cluster.node(),
            grant,
            ttl_ms: self.ttl_ms,
        };
        let mut reply = ask(&group, &command).await?;
        let standing = |short: &AccountId| group.read(|journal| standing(journal.home(), short));
        if let Some(short) = no_room(&reply).cloned()
            && self.recalls().is_due(self.clock.now(), &short, &standing(&short))
        {
            if self.recall(&group, &short, Some(&command.grant.lease)).await {
                reply = ask(&group, &command).await?;
            }
            let (now, made_room) = (self.clock.now(), no_room(&reply).is_none());
            self.recalls().made(now, &short, standing(&short), made_room);
        }
        reply.into_answer()
    }

    /// What came of a statement; `None` if it did not come through.
    pub(super) async fn take(&self, statement: Statement) -> Option<(HoldId, Acknowledged)> {
        let id = statement.lease.clone();
        let command = TakeStatement {
            node: self.cluster.node(),
            statement,
            ttl_ms: self.ttl_ms,
        };
        for group in self.where_leased(&id) {
            match ask(&group, &command).await.ok()? {
                live @ Acknowledged::Live(_) => {
                    self.remember(&id, group.id());
                    return Some((id, live));
                }
                // It may be another group's.
                Acknowledged::Ended => {}
            }
        }
        self.known().remove(&id);
        Some((id, Acknowledged::Ended))
    }

    /// The groups that a lease may be of: after a restart, all.
    fn where_leased(&self, lease: &HoldId) -> Vec<Group<Journal>> {
        let known = self.known().get(lease).copied();
        match known.and_then(|group| self.cluster.journal(group)) {
            Some(group) => vec![group.clone()],
            None => self.cluster.journals.to_vec(),
        }
    }
}

fn standing(home: &Home, account: &AccountId) -> Standing {
    let account = home.ledger().account(account)?;
    Some((account.limits(), account.balance()))
}

/// The account that is short.
fn no_room(reply: &GrantLeaseReply) -> Option<&AccountId> {
    match reply {
        GrantLeaseReply::Refused {
            refusal: Refusal::NoRoom { account, .. },
            ..
        } => Some(account),
        GrantLeaseReply::Refused { .. }
        | GrantLeaseReply::Granted(_)
        | GrantLeaseReply::Ended
        | GrantLeaseReply::Removed => None,
    }
}

async fn ask<B: Body>(group: &Group<Journal>, body: &B) -> Result<B::Reply, HomeRefusal> {
    let command = command::encode(body).map_err(|error| HomeRefusal::Unavailable(error.to_string()))?;
    let proposed = group
        .propose(command, PATIENCE)
        .await
        .map_err(|error| match error {
            ProposeError::OutcomeUnknown { .. } => HomeRefusal::Unknown(error.to_string()),
            ProposeError::Overloaded
            | ProposeError::NotLeader { .. }
            | ProposeError::TooLarge { .. }
            | ProposeError::NotYet { .. }
            | ProposeError::NoCommand(_)
            | ProposeError::Stopped(_) => HomeRefusal::Unavailable(error.to_string()),
        })?;
    // A reply of a later release: what was done is done.
    encoding::decode(&proposed.reply).map_err(|error| HomeRefusal::Unknown(error.to_string()))
}
