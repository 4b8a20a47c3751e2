//! Spenders against homes that are near, far, silent, or say everything twice.

mod behaviour;
mod law;
mod node;
mod records;

use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, Millis, UnixMillis};

use super::{Reach, Settings, Want};
use crate::budget::home::{Acknowledged, Grant, Granted, HomeRefusal, Statement};
use crate::budget::{HoldId, Ledger, Limits, Record, Refusal};

const TTL_MS: u64 = 10_000;

fn account_id(text: &str) -> AccountId {
    AccountId::new(text).unwrap()
}

fn hold_id(text: &str) -> HoldId {
    HoldId::new(text).unwrap()
}

const fn amount(tokens: u64, usd_micros: u64) -> Amount {
    Amount { tokens, usd_micros }
}

fn want(account: &str, id: &str, amount: Amount, expires_at: UnixMillis) -> Want {
    Want {
        account: account_id(account),
        id: hold_id(id),
        amount,
        expires_at,
        tops_up: false,
    }
}

fn limits(tokens: u64, usd_micros: u64, parallel: u32) -> Limits {
    Limits {
        limit_tokens: Some(tokens),
        limit_usd_micros: Some(usd_micros),
        max_parallel: Some(parallel),
    }
}

/// A home over a ledger. As the replicated one, it answers a grant it has taken before without granting again only as long
/// as it remembers it, which this one never does.
#[derive(Debug, Clone, Default)]
struct Home(Ledger);

impl Home {
    fn put(&mut self, id: &str, parent: Option<&str>, limits: Limits) {
        let parent = parent.map(account_id);
        let record = self.0.propose_account(&account_id(id), parent.as_ref(), limits);
        self.commit(&record.unwrap());
    }

    fn commit(&mut self, record: &Record) {
        let applied = self.0.apply(record);
        assert!(
            applied.had_effect && applied.keeps_limits,
            "{record:?}: {applied:?}"
        );
        assert!(self.0.is_consistent(), "after {record:?}");
    }

    fn grant(&mut self, grant: &Grant) -> Result<Granted, HomeRefusal> {
        match self.0.propose_grant(grant) {
            Ok(record) => {
                self.commit(&record);
                Ok(self.0.granted(&grant.lease, grant.number, TTL_MS).unwrap())
            }
            Err(Refusal::NotLive(_)) => Err(HomeRefusal::Ended),
            Err(refusal) => Err(HomeRefusal::Refused {
                refusal,
                root: self.0.root(&grant.account).cloned(),
            }),
        }
    }

    fn state(&mut self, statement: &Statement) -> Acknowledged {
        for record in self
            .0
            .propose_statement(UnixMillis(0), statement)
            .unwrap_or_default()
        {
            self.commit(&record);
        }
        let granted = self.0.granted(&statement.lease, 1, TTL_MS);
        granted.map_or(Acknowledged::Ended, Acknowledged::Live)
    }
}
