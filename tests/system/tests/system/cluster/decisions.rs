//! Decision records: every request's, in chains that all members agree on, whoever is lost (governance.md 6).

use std::collections::BTreeMap;

use serde_json::json;

use super::fixture::{Cluster, question, serves};
use crate::fixture::{ADMIN_KEY, Mock, Node, until};

/// Where each chain stands at a node, all of them verified: head and number of the next record.
async fn chains(node: &Node) -> BTreeMap<String, (String, u64)> {
    let get = node.get("/v1/audit/verify-chain").key(ADMIN_KEY);
    let checked = get.send().await.ok().json();
    assert_eq!(checked["valid"], true, "{checked}");
    let chains = checked["chains"].as_array().expect("a list").iter();
    chains
        .map(|chain| {
            let word = |name: &str| chain[name].as_str().expect("text").to_owned();
            (
                word("chain_id"),
                (word("head"), chain["next"].as_u64().expect("a number")),
            )
        })
        .collect()
}

/// Waits until all members have the same chains, of `records` records of tenant `acme` at least.
async fn agreed(cluster: &Cluster, records: u64) -> BTreeMap<String, (String, u64)> {
    until("all members to have the same chains", async || {
        let mut seen = Vec::new();
        for node in cluster.nodes() {
            seen.push(chains(node).await);
        }
        let first = seen.pop().expect("there are members");
        let of_tenant = first.iter().filter(|(id, _)| id.starts_with("acme/"));
        let appended: u64 = of_tenant.map(|(_, (_, next))| next).sum();
        (appended >= records && seen.iter().all(|other| *other == first)).then_some(first)
    })
    .await
}

#[tokio::test]
async fn every_decision_is_on_record_at_all_members_and_survives_one() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    cluster.leaders().await;
    cluster.node(1).account("acme", json!({})).await;
    let key = cluster.node(1).key("acme").await;
    for node in cluster.nodes() {
        serves(node, &key).await;
    }
    let before: u64 = agreed(&cluster, 3).await.values().map(|(_, next)| next).sum();
    for round in 0..10 {
        for node in cluster.nodes() {
            let chat = node.chat(&key, question());
            chat.header("x-session-id", &format!("s-{round}"))
                .send()
                .await
                .ok();
        }
    }
    let refused = json!({ "model": "nobody-has-it", "messages": [{ "role": "user", "content": "hi" }] });
    let refused = cluster.node(1).chat(&key, refused).header("x-session-id", "s-0");
    assert_eq!(refused.send().await.status, 404);
    let known = agreed(&cluster, before + 31).await;

    let mut decisions = BTreeMap::new();
    for (chain, (head, _)) in &known {
        let get = cluster
            .node(2)
            .get(&format!("/v1/decisions?chain_id={chain}&limit=200"));
        let listed = get.key(ADMIN_KEY).send().await.ok().json();
        assert_eq!(listed["head"], **head);
        for item in listed["items"].as_array().expect("a list") {
            let record = &item["record"];
            assert_eq!(record["org_id"], "acme", "{item}");
            let decision = record["decision"].as_str().expect("a word").to_owned();
            *decisions.entry(decision).or_insert(0) += 1;
        }
    }
    assert_eq!(decisions["DENY"], 1, "{decisions:?}");
    assert!(decisions["ALLOW"] >= 30, "{decisions:?}");

    cluster.kill(2);
    for number in [1, 3] {
        serves(cluster.node(number), &key).await;
    }
    let grown = agreed(&cluster, before + 33).await;
    for (chain, (_, next)) in &known {
        assert!(
            grown[chain].1 >= *next,
            "{chain} lost records: {known:?} {grown:?}"
        );
    }
    cluster.run(2).await;
    serves(cluster.node(2), &key).await;
    // A later life of a member begins to count anew.
    let whole = agreed(&cluster, before + 34).await;
    assert!(is_ahead(&whole, &grown));
}

fn is_ahead(later: &BTreeMap<String, (String, u64)>, earlier: &BTreeMap<String, (String, u64)>) -> bool {
    let is_not_behind = |(id, (_, next)): (&String, &(String, u64))| later[id].1 >= *next;
    earlier.iter().all(is_not_behind)
}
