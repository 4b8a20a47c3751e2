//! Which accounts there are: what each is part of, its limits, and whether it is on its way out (docs/adr/0012).
//!
//! What an account spent and reserved is kept by the journal group of its root. Limits are changed there first and here when the
//! ledger agreed; an account is closed there between [`BeginDelete`] and [`EndDelete`], while it takes no keys and no accounts
//! below it.
//!
//! At the bounds: those of a ledger (`routing::budget::Bounds`); beyond, refused.

mod begin_delete;
mod cancel_delete;
mod end_delete;
mod put_account;

pub use begin_delete::{BeginDelete, BeginDeleteReply};
pub use cancel_delete::{CancelDelete, CancelDeleteReply};
pub use end_delete::{EndDelete, EndDeleteReply};
pub use put_account::{PutAccount, PutAccountReply};

use std::collections::BTreeSet;

use atp_protocol::ids::AccountId;
use atp_routing::budget::{Account, Ledger};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accounts {
    /// The tree, as a ledger in which nothing is spent: so that it keeps the same rules as the ledgers at home.
    pub(super) tree: Ledger,
    pub(super) deleting: BTreeSet<AccountId>,
}

impl Accounts {
    /// One account; its balance says nothing.
    #[must_use]
    pub fn get(&self, id: &AccountId) -> Option<&Account> {
        self.tree.account(id)
    }

    /// All accounts, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountId, &Account)> {
        self.tree.accounts()
    }

    /// Whether an account is on its way out.
    #[must_use]
    pub fn is_deleting(&self, id: &AccountId) -> bool {
        self.deleting.contains(id)
    }

    /// The root of an account's tree, whose journal group keeps its ledger. `None` for an unknown account.
    #[must_use]
    pub fn root<'a>(&'a self, id: &'a AccountId) -> Option<&'a AccountId> {
        let mut root = id;
        while let Some(parent) = self.tree.account(root)?.parent() {
            root = parent;
        }
        Some(root)
    }
}
