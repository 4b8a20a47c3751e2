//! Accounts: made, shown, closed.

use std::collections::BTreeSet;

use atp_actors::ledger::AccountView;
use atp_consensus::group::Group;
use atp_consensus::journal::Journal;
use atp_consensus::journal::ledger::{CloseAccount, CloseAccountReply, Home, PutLimits, PutLimitsReply};
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::AccountId;
use atp_routing::budget::home::Share;
use atp_routing::budget::{AccountError, Limits};

use super::GroupHome;
use crate::cluster::{self, PATIENCE, propose};

impl GroupHome {
    /// One account as it is now: what was used everywhere is reported first, and what is leased and free is not held.
    pub(super) async fn one(&self, id: AccountId, shares: Vec<Share>) -> Result<Option<AccountView>, Fault> {
        let Some(group) = self.found(&id).await? else {
            return Ok(None);
        };
        self.linearize(&group).await?;
        let nodes = group.read(|journal| {
            let holders = journal.home().holders(&id);
            holders.map(|holding| holding.lease.node).collect::<BTreeSet<_>>()
        });
        let mut free = self.free_elsewhere(&nodes).await;
        free.extend(shares);
        if nodes.iter().any(|node| *node != self.cluster.node()) {
            // What they reported meanwhile.
            self.linearize(&group).await?;
        }
        let index = group.applied();
        Ok(group.read(|journal| view(journal.home(), &id, &free, index)))
    }

    /// All accounts, by name.
    pub(super) async fn all(&self, shares: Vec<Share>) -> Result<Vec<AccountView>, Fault> {
        let mut nodes = BTreeSet::new();
        for group in self.cluster.journals.iter() {
            self.linearize(group).await?;
            nodes.extend(group.read(|journal| {
                let leases = journal.home().leases();
                leases.map(|(_, lease)| lease.node).collect::<BTreeSet<_>>()
            }));
        }
        let mut free = self.free_elsewhere(&nodes).await;
        free.extend(shares);
        let mut views = Vec::new();
        for group in self.cluster.journals.iter() {
            self.linearize(group).await?;
            let index = group.applied();
            views.extend(group.read(|journal| {
                let home = journal.home();
                let ids = home.ledger().accounts().map(|(id, _)| id);
                ids.filter_map(|id| view(home, id, &free, index))
                    .collect::<Vec<_>>()
            }));
        }
        views.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(views)
    }

    pub(super) async fn put_limits(
        &self,
        id: AccountId,
        parent: Option<AccountId>,
        limits: Limits,
    ) -> Result<AccountView, Fault> {
        let parent = parent.or_else(|| {
            let known = |meta: &atp_consensus::meta::Meta| meta.accounts().get(&id)?.parent().cloned();
            self.cluster.meta.read(known)
        });
        let group = match &parent {
            Some(parent) => self.found(parent).await?,
            None => self.group_of_root(&id).cloned(),
        };
        let Some(group) = group else {
            let unknown = AccountError::UnknownParent {
                parent: parent.unwrap_or(id),
            };
            return Err(Fault::new(Code::BadInput, unknown.to_string()));
        };
        let put = PutLimits {
            account: id.clone(),
            parent,
            limits,
        };
        let mut reply = propose(&group, &put).await?;
        if let PutLimitsReply::Refused(AccountError::LimitBelowUse { id, .. }) = &reply
            && self.recall(&group, id, None).await
        {
            reply = propose(&group, &put).await?;
        }
        match reply {
            PutLimitsReply::Put => {}
            PutLimitsReply::Refused(error) => return Err(Fault::new(Code::BadInput, error.to_string())),
        }
        let index = group.applied();
        let made = group.read(|journal| view(journal.home(), &id, &[], index));
        made.ok_or_else(|| Fault::new(Code::Internal, "the account was closed as it was made; try again"))
    }

    pub(super) async fn close_account(&self, id: AccountId) -> Result<AccountView, Fault> {
        let unknown = AccountError::Unknown { id: id.clone() };
        let Some(group) = self.found(&id).await? else {
            return Err(Fault::no_such(unknown.to_string()));
        };
        self.linearize(&group).await?;
        let index = group.applied();
        let before = group.read(|journal| view(journal.home(), &id, &[], index));
        let close = CloseAccount { account: id.clone() };
        let mut reply = propose(&group, &close).await?;
        if let CloseAccountReply::InUse(AccountError::InUse { .. }) = &reply
            && self.recall(&group, &id, None).await
        {
            reply = propose(&group, &close).await?;
        }
        match reply {
            CloseAccountReply::Closed => before.ok_or_else(|| Fault::no_such(unknown.to_string())),
            CloseAccountReply::InUse(error) => Err(Fault::new(Code::BadInput, error.to_string())),
        }
    }

    async fn found(&self, account: &AccountId) -> Result<Option<Group<Journal>>, Fault> {
        self.find(account).await.map_err(|error| cluster::fault(&error))
    }

    async fn linearize(&self, group: &Group<Journal>) -> Result<(), Fault> {
        let read = group.linearize(PATIENCE).await;
        read.map(drop).map_err(|error| cluster::fault(&error))
    }
}

/// An account with what is held of it: what is leased, but for what is free.
fn view(home: &Home, id: &AccountId, free: &[Share], applied_index: u64) -> Option<AccountView> {
    let account = home.ledger().account(id)?;
    Some(AccountView {
        id: id.clone(),
        parent: account.parent().cloned(),
        limits: account.limits(),
        // What a holder said may be a moment older than what home has of it.
        balance: home.ledger().balance_beside(id, free)?,
        applied_index,
    })
}
