//! Takes over the accounts of a release in which a node kept them by itself.

use std::collections::BTreeMap;
use std::path::Path;

use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{AccountId, RequestId};
use atp_protocol::units::Amount;
use atp_routing::budget::home::{Acknowledged, Grant, Statement};
use atp_routing::budget::{Balance, Ledger, Report};
use tracing::info;

use super::GroupHome;
use crate::journal::{self, StoreError};
use crate::meta::Meta;

/// The directory of the ledger.
const NAME: &str = "ledger";

/// What an account itself spent, without those below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Spent {
    known: Amount,
    unknown: Amount,
    beyond: Amount,
}

/// Accounts that a node kept by itself.
pub(crate) struct Earlier(Ledger);

impl Earlier {
    /// Reads what an earlier release left below `data_dir`; `None` if there is nothing, or it was taken over before.
    ///
    /// # Errors
    /// [`StoreError`] for damage.
    pub(crate) fn read(data_dir: &Path) -> Result<Option<Self>, StoreError> {
        if !data_dir.join(NAME).exists() {
            return Ok(None);
        }
        journal::read_ledger(data_dir, NAME).map(|ledger| Some(Self(ledger)))
    }

    /// Each account, parents before children.
    fn accounts(&self) -> Vec<(AccountId, Spent)> {
        let mut own: BTreeMap<&AccountId, Spent> = BTreeMap::new();
        for (id, account) in self.0.accounts() {
            own.entry(id).or_default().add(account.balance());
            if let Some(parent) = account.parent() {
                own.entry(parent).or_default().take(account.balance());
            }
        }
        let mut ids: Vec<&AccountId> = own.keys().copied().collect();
        ids.sort_by_key(|id| self.depth(id));
        ids.into_iter().map(|id| (id.clone(), own[id])).collect()
    }

    fn depth(&self, id: &AccountId) -> usize {
        let parent = |id: &AccountId| self.0.account(id)?.parent().cloned();
        std::iter::successors(parent(id), parent).count()
    }
}

impl Spent {
    /// What is held belongs to calls of which nobody knows what they used (docs/adr/0005).
    fn add(&mut self, balance: Balance) {
        self.known = self.known.plus(balance.settled).minus(balance.unknown);
        self.unknown = self.unknown.plus(balance.unknown).plus(balance.held);
        self.beyond = self.beyond.plus(balance.overrun);
    }

    fn take(&mut self, child: Balance) {
        self.known = self.known.minus(child.settled.minus(child.unknown));
        self.unknown = self.unknown.minus(child.unknown.plus(child.held));
        self.beyond = self.beyond.minus(child.overrun);
    }
}

impl GroupHome {
    /// Makes the accounts in the cluster, with what they spent, and puts the ledger aside. What was taken over before a crash in
    /// between is not charged again: each charge has a lease of its own name.
    ///
    /// # Errors
    /// Those of the groups.
    pub(crate) async fn take_over(
        &self,
        earlier: &Earlier,
        meta: &Meta,
        data_dir: &Path,
    ) -> Result<(), Fault> {
        for (id, spent) in earlier.accounts() {
            let account = earlier.0.account(&id).expect("listed");
            let (parent, limits) = (account.parent().cloned(), account.limits());
            meta.put_account(id.clone(), parent, limits).await?;
            self.charge(id, spent).await?;
        }
        let aside = data_dir.join(format!("{NAME}.taken-over"));
        std::fs::rename(data_dir.join(NAME), aside)
            .map_err(|error| Fault::new(Code::Internal, format!("cannot put {NAME} aside: {error}")))?;
        info!("accounts of an earlier release taken over");
        Ok(())
    }

    async fn charge(&self, account: AccountId, spent: Spent) -> Result<(), Fault> {
        let amount = spent.known.plus(spent.unknown);
        if amount == Amount::ZERO && spent.beyond == Amount::ZERO {
            return Ok(());
        }
        let failed = |why: String| Fault::new(Code::Internal, format!("account {account}: {why}"));
        let name = format!("earlier-{}-{account}", self.cluster.node());
        let name = blake3::hash(name.as_bytes()).to_hex();
        let lease = RequestId::new(&name[..32]).expect("hex is a valid id");
        let grant = Grant {
            lease: lease.clone(),
            account: account.clone(),
            number: 1,
            lacking: amount,
            calls: 0,
            demand: amount,
        };
        match self.lease(grant).await {
            Ok(_) => {}
            // Charged before.
            Err(atp_routing::budget::home::HomeRefusal::Ended) => return Ok(()),
            Err(error) => return Err(failed(error.to_string())),
        }
        let report = Report {
            number: 1,
            spent: amount,
            beyond: spent.beyond,
            unknown: spent.unknown,
            ..Report::default()
        };
        let statement = Statement {
            lease,
            report: Some(report),
            ends: true,
        };
        match self.take(statement).await {
            Some((_, Acknowledged::Ended)) => Ok(()),
            Some((_, Acknowledged::Live(_))) | None => {
                Err(failed("what it spent is not taken over yet".to_owned()))
            }
        }
    }
}
