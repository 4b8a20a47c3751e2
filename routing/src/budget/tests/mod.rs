//! The ledger against its rules, and in [`law`] against a naive model.

mod accounts;
mod holds;
mod home;
mod law;
mod leases;
mod model;
mod records;

use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, UnixMillis};

use super::{Hold, HoldId, Ledger, Limits, Record};

const NOW: UnixMillis = UnixMillis(1_000_000);

fn account_id(text: &str) -> AccountId {
    AccountId::new(text).unwrap()
}

fn hold_id(text: &str) -> HoldId {
    HoldId::new(text).unwrap()
}

const fn amount(tokens: u64, usd_micros: u64) -> Amount {
    Amount { tokens, usd_micros }
}

fn limits(tokens: u64, usd_micros: u64, parallel: u32) -> Limits {
    Limits {
        limit_tokens: Some(tokens),
        limit_usd_micros: Some(usd_micros),
        max_parallel: Some(parallel),
    }
}

fn put(ledger: &mut Ledger, id: &str, parent: Option<&str>, limits: Limits) {
    let parent = parent.map(account_id);
    let record = ledger
        .propose_account(&account_id(id), parent.as_ref(), limits)
        .unwrap();
    commit(ledger, &record);
}

fn commit(ledger: &mut Ledger, record: &Record) {
    let applied = ledger.apply(record);
    assert!(
        applied.had_effect && applied.keeps_limits,
        "{record:?}: {applied:?}"
    );
    assert!(ledger.is_consistent(), "after {record:?}");
}

fn hold(account: &str, tokens: u64, usd_micros: u64) -> Hold {
    Hold::request(
        account_id(account),
        amount(tokens, usd_micros),
        UnixMillis(NOW.0 + 60_000),
    )
}

/// `t` (1000 tokens, 1000 micros, 4 calls) over `p` (600, 600, 3) over `s` (500, no limit, 2).
fn tree() -> Ledger {
    let mut ledger = Ledger::default();
    put(&mut ledger, "t", None, limits(1_000, 1_000, 4));
    put(&mut ledger, "p", Some("t"), limits(600, 600, 3));
    let session = Limits {
        limit_usd_micros: None,
        ..limits(500, 0, 2)
    };
    put(&mut ledger, "s", Some("p"), session);
    ledger
}

fn take(ledger: &mut Ledger, id: &str, hold: Hold) {
    let record = ledger.propose_hold(NOW, &hold_id(id), hold).unwrap();
    commit(ledger, &record);
}
