//! Clients that write and read the limits of a few accounts: a history for the linearizability check.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::sleep;

use super::api::Api;
use super::report::Notes;
use crate::client::Failure;
use crate::clock;
use crate::history::{Operation, Register, RegisterOp, Verdict, check};
use crate::seed::Seed;

/// Between two operations of a client.
const PERIOD: Duration = Duration::from_millis(20);
/// Bound of the search, for each account.
const STEPS: usize = 5_000_000;

/// What was seen of each account.
pub(super) type Histories = Rc<RefCell<BTreeMap<String, Vec<Operation<RegisterOp>>>>>;

/// Writes values that nobody else writes, and reads.
pub(super) async fn client(
    api: Api,
    accounts: Vec<String>,
    histories: Histories,
    notes: Notes,
    mut seed: Seed,
) {
    while notes.goes_on() {
        let account = &accounts[seed.below(accounts.len())];
        let path = format!("/v1/admin/accounts/{account}");
        let member = api.any(&mut seed);
        let called = clock::now();
        let op = if seed.below(2) == 0 {
            // Below 2^53, which every reader of JSON keeps.
            let value = seed.draw() >> 12;
            let body = json!({ "limit_usd_micros": value });
            let outcome = api.operate(member, &Method::PUT, &path, &body).await;
            Some((RegisterOp::Put(value), outcome.map(|_| ())))
        } else {
            match api.get(member, &path).await {
                Ok(account) => Some((RegisterOp::Get(account["limit_usd_micros"].as_u64()), Ok(()))),
                // Nothing was read, and nothing changed.
                Err(Failure::Status(404)) => Some((RegisterOp::Get(None), Ok(()))),
                Err(_) => None,
            }
        };
        match op {
            Some((op, outcome)) => record(&histories, account, op, outcome, called, &notes),
            None => notes.count("account reads failed"),
        }
        sleep(PERIOD).await;
    }
}

fn record(
    histories: &Histories,
    account: &str,
    op: RegisterOp,
    outcome: Result<(), Failure>,
    called: Duration,
    notes: &Notes,
) {
    let returned = match outcome {
        Ok(()) => Some(clock::now()),
        // Refused before anything was done.
        Err(Failure::Connect | Failure::Status(400..=499)) => {
            notes.count("account writes refused");
            return;
        }
        Err(Failure::Broken | Failure::Timeout | Failure::Status(_) | Failure::Content) => {
            notes.count("account writes of unknown outcome");
            None
        }
    };
    notes.count("account operations");
    let operation = Operation { op, called, returned };
    let mut histories = histories.borrow_mut();
    histories.entry(account.to_owned()).or_default().push(operation);
}

/// Judges the histories.
pub(super) fn audit(histories: &Histories, notes: &Notes) {
    for (account, history) in histories.borrow().iter() {
        match check(&Register, history, STEPS) {
            Verdict::Linearizable => notes.count("histories linearizable"),
            Verdict::Undecided => {
                notes.violation(format!(
                    "{account}: no order within {STEPS} steps; run for a shorter time"
                ));
            }
            Verdict::Violation { at } => {
                notes.violation(format!("{account} is not linearizable: {}", around(history, at)));
            }
        }
    }
}

/// The operation that no order explains, and those just before its return.
fn around(history: &[Operation<RegisterOp>], at: usize) -> String {
    let end = history[at].returned.unwrap_or_default();
    let mut before: Vec<_> = history
        .iter()
        .filter(|operation| operation.called <= end)
        .collect();
    before.sort_by_key(|operation| operation.called);
    let shown = before[before.len().saturating_sub(8)..].iter().map(|operation| {
        let returned = operation
            .returned
            .map_or_else(|| "?".to_owned(), |time| format!("{time:.3?}"));
        format!("{:?} {:.3?}..{returned}", operation.op, operation.called)
    });
    format!("{:?}; {}", history[at].op, shown.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_read_is_a_violation_that_names_what_was_read() {
        let notes = Notes::new(1);
        let histories = Histories::default();
        let operations = [RegisterOp::Put(1), RegisterOp::Put(2), RegisterOp::Get(Some(1))];
        for (index, op) in operations.into_iter().enumerate() {
            let called = Duration::from_secs(index as u64);
            let returned = Some(called + Duration::from_millis(1));
            let operation = Operation { op, called, returned };
            histories
                .borrow_mut()
                .entry("a".to_owned())
                .or_default()
                .push(operation);
        }
        audit(&histories, &notes);
        let report = notes.report();
        assert!(report.reasons[0].contains("Get(Some(1))"), "{report:?}");
    }

    #[test]
    fn only_a_refusal_is_known_to_have_changed_nothing() {
        let (notes, histories) = (Notes::new(1), Histories::default());
        for failure in [
            Failure::Connect,
            Failure::Status(409),
            Failure::Status(503),
            Failure::Broken,
        ] {
            record(
                &histories,
                "a",
                RegisterOp::Put(1),
                Err(failure),
                Duration::ZERO,
                &notes,
            );
        }
        assert_eq!(histories.borrow()["a"].len(), 2);
    }
}
