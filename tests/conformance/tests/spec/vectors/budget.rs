//! `budget.json`: preflight and consumption against one account (atp.md section 17.3).

use atp_protocol::adapter::UsageSource;
use atp_protocol::ids::{AccountId, RequestId};
use atp_protocol::units::{Amount, UnixMillis};
use atp_routing::budget::{Component, Hold, Ledger, Limits, Refusal};
use serde::Deserialize;
use serde_json::{Value, json};

const NOW: UnixMillis = UnixMillis(1);

#[derive(Deserialize)]
struct Case {
    limit: Amount,
    ops: Vec<Op>,
    expect: Vec<Value>,
}

#[derive(Deserialize, Debug)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Op {
    Preflight(Amount),
    Consume(Amount),
    Remaining,
}

#[test]
fn budget() {
    super::run("budget", |case| {
        let case = Case::deserialize(case).map_err(|error| error.to_string())?;
        let account = AccountId::new("a").map_err(|error| error.to_string())?;
        let mut ledger = Ledger::default();
        let limits = Limits {
            limit_tokens: Some(case.limit.tokens),
            limit_usd_micros: Some(case.limit.usd_micros),
            max_parallel: None,
        };
        let record = ledger.propose_account(&account, None, limits).map_err(|error| error.to_string())?;
        let _ = ledger.apply(&record);
        for (at, (op, expect)) in case.ops.iter().zip(&case.expect).enumerate() {
            let got = step(&mut ledger, &account, at, op)?;
            if got != *expect {
                return Err(format!("op {at} {op:?}: {got}, expected {expect}"));
            }
        }
        Ok(())
    });
}

fn step(ledger: &mut Ledger, account: &AccountId, at: usize, op: &Op) -> Result<Value, String> {
    match op {
        Op::Preflight(amount) => verdict(ledger.preflight(account, *amount, 1)),
        Op::Consume(amount) => {
            let id = RequestId::new(&format!("r{at}")).map_err(|error| error.to_string())?;
            let hold = Hold::request(account.clone(), Amount::ZERO, UnixMillis(NOW.0 + 1));
            let record = ledger.propose_hold(NOW, &id, hold).map_err(|refusal| refusal.to_string())?;
            let _ = ledger.apply(&record);
            let record = ledger
                .propose_settle(NOW, &id, *amount, UsageSource::Reported)
                .map_err(|error| error.to_string())?;
            let _ = ledger.apply(&record);
            Ok(Value::Null)
        }
        Op::Remaining => {
            let left = ledger.remaining(account).ok_or("the account is gone")?;
            Ok(json!({ "tokens": left.tokens, "usd_micros": left.usd_micros }))
        }
    }
}

fn verdict(preflight: Result<(), Refusal>) -> Result<Value, String> {
    let reason = match preflight {
        Ok(()) => Value::Null,
        Err(refusal) => match refusal.component() {
            Some(short @ (Component::Tokens | Component::Usd)) => short.as_str().into(),
            Some(Component::Parallel) | None => return Err(refusal.to_string()),
        },
    };
    Ok(json!({ "ok": reason.is_null(), "reason": reason }))
}
