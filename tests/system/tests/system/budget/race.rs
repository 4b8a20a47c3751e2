//! Many clients at the line.

use atp_load::client::Target;
use atp_load::race::{self, Options, Report};
use futures_util::future::{Either, join, select};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::{committed, node, number};
use crate::fixture::{Mock, Node};

const LIMIT: u64 = 20_000;

/// Races one group of clients per key; meanwhile looks at `account` again and again.
async fn race(node: &Node, keys: &[&str], clients: usize, account: &str, check: impl Fn(&Value)) -> Report {
    let options = Options {
        also: Vec::new(),
        clients,
        max_tokens: 10,
        requests: 10_000,
    };
    let targets: Vec<Target> = keys
        .iter()
        .map(|key| Target {
            key: Some((*key).to_owned()),
            ..Target::at(&node.api)
        })
        .collect();
    let races = async {
        let mut total = Report::default();
        let reports = targets.iter().map(|target| race::run(target, &options));
        for report in futures_util::future::join_all(reports).await {
            let report = report.expect("the target is an HTTP URL");
            total.accepted += report.accepted;
            total.prompt_tokens += report.prompt_tokens;
            total.completion_tokens += report.completion_tokens;
            total.errors.extend(&report.errors);
            for (status, count) in report.refused {
                *total.refused.entry(status).or_default() += count;
            }
        }
        total
    };
    let watch = async {
        loop {
            check(&node.balance(account).await);
        }
    };
    let raced = async {
        match select(Box::pin(races), Box::pin(watch)).await {
            Either::Left((report, _)) => report,
            Either::Right((never, _)) => match never {},
        }
    };
    LocalSet::new().run_until(raced).await
}

/// Everything refused was refused for the budget, and the three who counted agree.
async fn agree(report: &Report, clients: u64, mock: &Mock, balance: &Value) {
    assert_eq!(report.errors.total(), 0, "{report:?}");
    assert_eq!(report.refused.get(&402), Some(&clients), "{report:?}");
    let spent = report.prompt_tokens + report.completion_tokens;
    let bill = mock.billed().await;
    assert_eq!(bill.prompt_tokens + bill.completion_tokens, spent);
    assert_eq!(number(balance, "settled_tokens"), spent);
    assert_eq!(
        number(balance, "settled_usd_micros"),
        report.prompt_tokens + 2 * report.completion_tokens
    );
    assert_eq!(number(balance, "overrun_tokens"), 0);
    assert_eq!(number(balance, "overrun_usd_micros"), 0);
}

#[tokio::test]
async fn sixty_four_clients_never_overspend() {
    let (mock, node) = node().await;
    let key = node.tenant("acme", json!({ "limit_tokens": LIMIT })).await;
    let report = race(&node, &[&key], 64, "acme", |balance| {
        assert!(committed(balance) <= LIMIT, "{balance}");
    })
    .await;
    let balance = node.settled("acme").await;
    agree(&report, 64, &mock, &balance).await;
    let settled = number(&balance, "settled_tokens");
    // Who is refused while others hold more than they use leaves at most so much unspent.
    assert!(settled <= LIMIT && settled > LIMIT / 4, "{balance}");
}

#[tokio::test]
async fn money_is_a_limit_like_tokens() {
    let (mock, node) = node().await;
    let key = node.tenant("acme", json!({ "limit_usd_micros": LIMIT })).await;
    let report = race(&node, &[&key], 64, "acme", |balance| {
        let committed = number(balance, "settled_usd_micros") + number(balance, "held_usd_micros");
        assert!(committed <= LIMIT, "{balance}");
    })
    .await;
    agree(&report, 64, &mock, &node.settled("acme").await).await;
}

#[tokio::test]
async fn a_tenant_binds_all_its_projects_together() {
    let (mock, node) = node().await;
    node.account("acme", json!({ "limit_tokens": LIMIT })).await;
    let small = LIMIT / 4;
    let red = node
        .tenant("acme/red", json!({ "parent": "acme", "limit_tokens": small }))
        .await;
    let blue = node.tenant("acme/blue", json!({ "parent": "acme" })).await;
    let report = race(&node, &[&red, &blue], 32, "acme", |balance| {
        assert!(committed(balance) <= LIMIT, "{balance}");
    })
    .await;
    let tenant = node.settled("acme").await;
    agree(&report, 64, &mock, &tenant).await;
    let (red, blue) = join(node.settled("acme/red"), node.settled("acme/blue")).await;
    assert!(number(&red, "settled_tokens") <= small, "{red}");
    assert_eq!(
        number(&red, "settled_tokens") + number(&blue, "settled_tokens"),
        number(&tenant, "settled_tokens")
    );
}
