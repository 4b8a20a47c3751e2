//! What the cluster agreed on, as another cluster begins with it.

use std::collections::BTreeSet;

use atp_protocol::ids::AccountId;
use atp_routing::budget::Ledger;

use super::Meta;
use super::cluster::Cluster;
use crate::machine::Context;
use crate::restore::Restorable;

impl Restorable for Meta {
    /// Accounts, keys, policy and settings stay. The new cluster has an identity and members of its own; adapters that were attached to the
    /// old members attach themselves again.
    fn restored(&mut self, context: &Context) {
        *self.cluster.change(context.index) = Cluster::default();
        self.adapters.change(context.index).detach_all();
    }
}

impl Meta {
    /// Forgets accounts that have no ledger any more, and their keys: they were deleted between the image of this group and that of
    /// their own.
    pub fn keep_accounts(&mut self, known: &BTreeSet<AccountId>) {
        let gone = |id: &AccountId| !known.contains(id);
        if !self.accounts.iter().any(|(id, _)| gone(id)) {
            return;
        }
        let index = self.accounts.generation();
        let accounts = self.accounts.change(index);
        // An account goes after those below it.
        let closable = |tree: &Ledger| {
            let mut ids = tree.accounts().map(|(id, _)| id).filter(|id| gone(id));
            ids.find_map(|id| tree.propose_close(id).ok())
        };
        while let Some(record) = closable(&accounts.tree) {
            let applied = accounts.tree.apply(&record);
            debug_assert!(applied.had_effect, "it was proposed on this state");
        }
        accounts.deleting.retain(|id| !gone(id));
        let index = self.keys.generation();
        self.keys.change(index).revoke_all(|key| gone(&key.account));
    }
}
