//! Clients that spend one budget through all members, and the checks that it is not overspent.
//!
//! What counts is the provider's own count: it must never have served more tokens than the limit, and in the end the
//! ledger must say no less than that and no less than what clients were told. A ledger may charge more than was
//! served only where it says so: what became of a killed member's calls is unknown and is charged whole. What it knows
//! to be used is no more than was served, or something was settled twice.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::api::{Api, Ask};
use super::report::Notes;
use crate::client::{Call, Connection, Failure};
use crate::clock;
use crate::seed::Seed;
use crate::upstream::stats::Stats;

/// After an answer that is none.
const PAUSE: Duration = Duration::from_millis(50);
/// After a refusal: leases are given back meanwhile.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);
/// Between two samples of the balance.
const SAMPLE_PERIOD: Duration = Duration::from_millis(100);
/// Completion tokens of a request.
const TOKENS: u64 = 20;

/// The account that is spent from.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    pub(super) account: String,
    pub(super) key: String,
    /// The highest limit that was ever asked for: one whose answer was lost may be in force.
    pub(super) limit: Rc<Cell<u64>>,
    /// What the limit is raised by, over and over.
    pub(super) step: u64,
    pub(super) model: String,
    /// Base of the provider.
    pub(super) provider: String,
}

/// Streams answers one after the other, each from a member that the seed chooses.
pub(super) async fn client(api: Api, budget: Budget, notes: Notes, mut seed: Seed) {
    let marker = format!("[[upstream completion_tokens={TOKENS} interval_ms=10]]");
    let prompt = format!("{marker} {}", "of its own accord ".repeat(20));
    let body = json!({
        "model": budget.model, "max_tokens": TOKENS, "stream": true, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": prompt }],
    });
    while notes.goes_on() {
        let ask = Ask {
            key: &budget.key,
            method: &Method::POST,
            path: "/v1/chat/completions",
            body: &body,
        };
        let mut text = String::new();
        let collect = |piece: &[u8]| {
            text.push_str(&String::from_utf8_lossy(piece));
            false
        };
        match api.follow(api.any(&mut seed), ask, &[], collect).await {
            Ok(_) if text.contains("[DONE]") => {
                notes.answered("answers");
                notes.add("acknowledged tokens", acknowledged(&text));
            }
            Ok(_) => notes.count("answers cut"),
            Err(Failure::Status(402 | 429)) => {
                notes.answered("answers refused");
                sleep(REFUSED_PAUSE).await;
            }
            Err(_) => {
                notes.count("answers failed");
                sleep(PAUSE).await;
            }
        }
    }
}

/// The usage in a streamed answer.
fn acknowledged(text: &str) -> u64 {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    chunks
        .filter_map(|chunk| chunk["usage"]["total_tokens"].as_u64())
        .max()
        .unwrap_or(0)
}

/// Looks at the balance, at whichever member answers, and at the provider's books, over and over.
pub(super) async fn watch(api: Api, budget: Budget, notes: Notes, mut seed: Seed) {
    while notes.goes_on() {
        if let Ok(balance) = api.get(api.any(&mut seed), &path(&budget)).await {
            notes.count("balances sampled");
            judge(&balance, &budget, &notes);
        }
        if let Ok(served) = served(&budget).await
            && served > budget.limit.get()
        {
            notes.violation(format!(
                "overspent: the provider served {served} of {}",
                budget.limit.get()
            ));
        }
        sleep(SAMPLE_PERIOD).await;
    }
}

/// Raises the limit every `period`, so that the budget is exhausted again and again and the load goes on.
pub(super) async fn raise(api: Api, budget: Budget, period: Duration, notes: Notes, mut seed: Seed) {
    while notes.goes_on() {
        sleep(period).await;
        let limit = budget.limit.get() + budget.step;
        budget.limit.set(limit);
        let wanted = json!({ "limit_tokens": limit });
        let (member, path) = (api.any(&mut seed), path(&budget));
        let raised = api.operate(member, &Method::PUT, &path, &wanted).await;
        notes.count(match raised {
            Ok(_) => "limits raised",
            Err(_) => "limits not known to be raised",
        });
    }
}

/// Waits until nothing is in flight, at most for `patience`: holds of killed members may outlive that, and are no fault.
pub(super) async fn settled(api: &Api, budget: &Budget, patience: Duration) {
    let deadline = clock::now() + patience;
    let member = api.members()[0];
    while clock::now() < deadline {
        if let Ok(balance) = api.get(member, &path(budget)).await
            && number(&balance, "in_flight") == 0
        {
            return;
        }
        sleep(SAMPLE_PERIOD).await;
    }
}

/// The balance after everything healed, at every member.
pub(super) async fn audit(api: &Api, budget: &Budget, notes: &Notes) -> Result<()> {
    let served = served(budget).await?;
    notes.add("served tokens", served);
    let members = api.members();
    for member in &members {
        let balance = match api.get(*member, &path(budget)).await {
            Ok(balance) => balance,
            Err(failure) => {
                notes.violation(format!("no balance at member {}: {failure}", member + 1));
                continue;
            }
        };
        judge(&balance, budget, notes);
        let (settled, held) = (
            number(&balance, "settled_tokens"),
            number(&balance, "held_tokens"),
        );
        let told = notes.get("acknowledged tokens");
        if settled < told {
            notes.violation(format!(
                "{told} tokens were acknowledged and {settled} settled: {balance}"
            ));
        }
        if settled + held < served {
            notes.violation(format!(
                "{served} tokens were served, beyond settled and held: {balance}"
            ));
        }
        let unknown = number(&balance, "unknown_tokens");
        if settled - unknown > served {
            notes.violation(format!(
                "{served} tokens were served, and more are settled: {balance}"
            ));
        }
        if *member == members[0] {
            notes.add("settled tokens", settled);
            notes.add("held tokens at the end", held);
            notes.add("unknown tokens", unknown);
        }
    }
    let limit = budget.limit.get();
    if served > limit {
        notes.violation(format!("overspent: the provider served {served} of {limit}"));
    }
    Ok(())
}

fn judge(balance: &Value, budget: &Budget, notes: &Notes) {
    let committed = number(balance, "settled_tokens") + number(balance, "held_tokens");
    let limit = budget.limit.get();
    if committed > limit {
        notes.violation(format!("overspent: {committed} of {limit}: {balance}"));
    }
}

/// Tokens that the provider served, whoever asked.
async fn served(budget: &Budget) -> Result<u64> {
    let body = Connection::new(Call::get(&budget.provider, "/stats").await?, None)
        .exchange()
        .await
        .map_err(|failure| anyhow!("the provider's books: {failure}"))?;
    let books: Stats = serde_json::from_slice(&body)?;
    let bills = books
        .billed
        .values()
        .filter_map(|models| models.get(&budget.model));
    Ok(bills
        .map(|bill| bill.prompt_tokens + bill.completion_tokens)
        .sum())
}

fn path(budget: &Budget) -> String {
    format!("/v1/admin/accounts/{}", budget.account)
}

fn number(balance: &Value, member: &str) -> u64 {
    balance[member].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget {
            account: "a".to_owned(),
            key: String::new(),
            limit: Rc::new(Cell::new(100)),
            step: 0,
            model: "mock".to_owned(),
            provider: String::new(),
        }
    }

    #[test]
    fn a_balance_above_the_limit_is_a_violation() {
        let notes = Notes::new(1);
        judge(
            &json!({ "settled_tokens": 60, "held_tokens": 40 }),
            &budget(),
            &notes,
        );
        assert!(notes.report().is_clean());
        judge(
            &json!({ "settled_tokens": 61, "held_tokens": 40 }),
            &budget(),
            &notes,
        );
        assert_eq!(notes.report().violations, 1);
    }

    #[test]
    fn the_usage_of_a_streamed_answer_is_counted_once() {
        let text = "data: {\"choices\":[]}\n\ndata: {\"usage\":{\"total_tokens\":7}}\n\ndata: [DONE]\n\n";
        assert_eq!(acknowledged(text), 7);
    }
}
