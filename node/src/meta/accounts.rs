//! Making accounts and deleting them: the ledger at home has the first word, `meta` knows of what it agreed to (docs/adr/0012).

use atp_actors::ledger::AccountView;
use atp_consensus::meta::accounts::{
    BeginDelete, BeginDeleteReply, CancelDelete, EndDelete, PutAccount, PutAccountReply,
};
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::AccountId;
use atp_routing::audit::Event;
use atp_routing::budget::Limits;

use super::Meta;
use crate::cluster::propose;

impl Meta {
    /// Makes an account or replaces its limits.
    ///
    /// # Errors
    /// `EBAD_INPUT` for what the ledger or the tree does not allow; those of the groups.
    pub async fn put_account(
        &self,
        id: AccountId,
        parent: Option<AccountId>,
        limits: Limits,
    ) -> Result<AccountView, Fault> {
        let view = self.ledger.put(id, parent, limits).await?;
        self.know(&view).await?;
        self.world.audit.note(Event::AccountSet {
            account: view.id.clone(),
            parent: view.parent.clone(),
            limits: view.limits,
        });
        Ok(view)
    }

    /// Has `meta` know of an account as the ledger does.
    pub(crate) async fn know(&self, view: &AccountView) -> Result<(), Fault> {
        let known = self.cluster.meta.read(|meta| {
            let account = meta.accounts().get(&view.id);
            account.is_some_and(|account| account.limits() == view.limits)
        });
        if known {
            return Ok(());
        }
        let put = PutAccount {
            id: view.id.clone(),
            parent: view.parent.clone(),
            limits: view.limits,
        };
        match propose(&self.cluster.meta, &put).await? {
            PutAccountReply::Put => Ok(()),
            PutAccountReply::Deleting => {
                let detail = format!("account {} or its parent is being deleted", view.id);
                Err(Fault::new(Code::BadInput, detail))
            }
            PutAccountReply::Refused(error) => Err(Fault::new(Code::BadInput, error.to_string())),
        }
    }

    /// Deletes an account. Returns what it was.
    ///
    /// # Errors
    /// `ENOTFOUND` for an unknown account; `EBAD_INPUT` while keys spend from it, calls are in flight, there are accounts
    /// below it, or the configuration would make it again; those of the groups.
    pub async fn delete_account(&self, id: AccountId) -> Result<AccountView, Fault> {
        let refused = |why: String| Fault::new(Code::BadInput, why);
        if self.configured.contains(&id) {
            let why = format!(
                "account {id} is in the configuration, which would make it again; take it out there and restart first"
            );
            return Err(refused(why));
        }
        let in_use = |keys| refused(format!("{keys} keys spend from account {id}; revoke them first"));
        // Those of the configuration, which the group does not know, among them.
        let keys = self.keys().list();
        let spending = keys.iter().filter(|key| key.account == id).count();
        if spending > 0 {
            return Err(in_use(spending));
        }
        let meta = &self.cluster.meta;
        match propose(meta, &BeginDelete { id: id.clone() }).await? {
            BeginDeleteReply::Unknown => return Err(Fault::no_such(format!("no account {id}"))),
            BeginDeleteReply::InUse { keys, .. } if keys > 0 => return Err(in_use(keys as usize)),
            // The ledger says so in its own words.
            BeginDeleteReply::Begun | BeginDeleteReply::InUse { .. } => {}
        }
        let closed = self.ledger.close(id.clone()).await;
        match &closed {
            Ok(_) => {
                propose(meta, &EndDelete { id: id.clone() }).await?;
                self.world.audit.note(Event::AccountDeleted { account: id });
            }
            Err(_) => {
                // What was begun and is not cancelled is found by whoever deletes it again.
                let _ = propose(meta, &CancelDelete { id }).await;
            }
        }
        closed
    }
}
