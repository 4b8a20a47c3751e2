//! Making keys and revoking them.

use atp_consensus::meta::keys::{Key, MakeKey, MakeKeyReply, RevokeKey};
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{AccountId, TenantId};
use atp_protocol::units::Tier;
use atp_routing::audit::Event;

use super::Meta;
use crate::auth::{KeyView, Minted};
use crate::cluster::propose;

/// Longest label of a key, in bytes.
const LABEL_MAX: usize = 200;

impl Meta {
    /// Makes a key that spends from `account`; its tenant is the root of the account's tree. `may_declare_agents`: its holder
    /// may dial in as an agent of that tenant. Good at this node when it returns, and at every other as soon as that has heard.
    ///
    /// # Errors
    /// `ENOTFOUND` for an unknown account, `EBAD_INPUT` when the root's name cannot be a tenant's; those of the group.
    pub async fn make_key(
        &self,
        account: AccountId,
        label: &str,
        may_declare_agents: bool,
    ) -> Result<Minted, Fault> {
        if label.len() > LABEL_MAX {
            let detail = format!("label: at most {LABEL_MAX} bytes");
            return Err(Fault::new(Code::BadInput, detail));
        }
        let minted = Minted::new(&*self.world.random);
        let key = Key {
            hash: *minted.hash.as_bytes(),
            tenant: self.tenant(&account).await?,
            account: account.clone(),
            label: label.to_owned(),
            may_declare_agents,
            tier_max: Tier::Gold,
            made_at: Some(self.world.clock.unix()),
        };
        let id = minted.id.clone();
        match propose(&self.cluster.meta, &MakeKey { id, key }).await? {
            MakeKeyReply::Made => {}
            MakeKeyReply::UnknownAccount => return Err(unknown(&account)),
            MakeKeyReply::Deleting => {
                let detail = format!("account {account} is being deleted");
                return Err(Fault::new(Code::BadInput, detail));
            }
            MakeKeyReply::TooMany => {
                let detail = "there are as many keys as there may be; revoke some first";
                return Err(Fault::new(Code::BadInput, detail));
            }
            reply @ (MakeKeyReply::IdUsed | MakeKeyReply::TooLong) => {
                let detail = format!("a fresh key was refused: {reply:?}; report this as a defect");
                return Err(Fault::new(Code::Internal, detail));
            }
        }
        self.follow().await;
        self.world.audit.note(Event::KeyMade {
            key_id: minted.id.as_str().into(),
            account,
        });
        Ok(minted)
    }

    /// Ends a key: for new requests at once, and for those who are connected with it when they ask again.
    ///
    /// # Errors
    /// `ENOTFOUND` for one that was not made or was revoked before; those of the group.
    pub async fn revoke_key(&self, id: &str) -> Result<KeyView, Fault> {
        let mut view = self.made(id);
        if view.is_none() {
            // Another node may have made it a moment ago.
            self.catch_up().await?;
            view = self.made(id);
        }
        let view = view.ok_or_else(|| {
            Fault::no_such(
                "no such key; list them to see their ids, and look for those without one in the configuration",
            )
        })?;
        // One that is gone meanwhile is what was wanted.
        propose(&self.cluster.meta, &RevokeKey { id: id.to_owned() }).await?;
        self.follow().await;
        self.world.audit.note(Event::KeyRevoked {
            key_id: id.into(),
            account: view.account.clone(),
        });
        Ok(view)
    }

    /// The root of the account's tree, as a tenant.
    async fn tenant(&self, account: &AccountId) -> Result<TenantId, Fault> {
        let root = match self.root(account) {
            Some(root) => root,
            None => {
                // Another node may have made it a moment ago.
                self.catch_up().await?;
                self.root(account).ok_or_else(|| unknown(account))?
            }
        };
        TenantId::new(root.as_str()).map_err(|error| {
            let detail = format!("root account {root} cannot name a tenant: {error}");
            Fault::new(Code::BadInput, detail)
        })
    }

    /// The root of the account's tree, as far as this node knows.
    fn root(&self, account: &AccountId) -> Option<AccountId> {
        let meta = &self.cluster.meta;
        meta.read(|meta| meta.accounts().root(account).cloned())
    }

    /// A key that was made, as far as this node knows.
    fn made(&self, id: &str) -> Option<KeyView> {
        let made = self.keys().list();
        made.into_iter().find(|key| key.key_id.as_deref() == Some(id))
    }
}

fn unknown(account: &AccountId) -> Fault {
    Fault::no_such(format!("no account {account}; create it first"))
}
