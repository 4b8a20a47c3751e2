//! What members hear of each other.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::fixture::{Cluster, state};
use crate::fixture::{ADMIN_KEY, Mock, Node, Setup, until};

/// Within how long the death of a member is noticed (docs/operators.md).
const DEATH: Duration = Duration::from_secs(5);

/// Within how long one that came back is alive again.
const RETURN: Duration = Duration::from_secs(10);

/// Waits, no longer than `within`, until `node` takes exactly these of all members for alive.
async fn hears(node: &Node, alive: &[u64], within: Duration) {
    let what = format!("{alive:?} to be alive, as {} hears", node.api);
    let heard = until(&what, async || {
        let state = state(node).await;
        let members = state["members"].as_array()?.iter();
        let heard = members.filter(|member| member["alive"] == true);
        let heard: Vec<u64> = heard.filter_map(|member| member["node"].as_u64()).collect();
        (heard == alive).then_some(())
    });
    let heard = timeout(within, heard).await;
    assert!(heard.is_ok(), "waited {within:?} for {what}");
}

async fn all_hear(cluster: &Cluster, alive: &[u64], within: Duration) {
    for node in alive {
        let node = u16::try_from(*node).expect("members have small numbers");
        hears(cluster.node(node), alive, within).await;
    }
}

#[tokio::test]
async fn a_member_that_is_killed_or_frozen_is_dead_within_seconds_and_alive_when_it_is_back() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    all_hear(&cluster, &[1, 2, 3], RETURN).await;
    cluster.kill(3);
    all_hear(&cluster, &[1, 2], DEATH).await;
    cluster.run(3).await;
    all_hear(&cluster, &[1, 2, 3], RETURN).await;

    cluster.node(2).freeze();
    for node in [1, 3] {
        hears(cluster.node(node), &[1, 3], DEATH).await;
    }
    cluster.node(2).thaw();
    all_hear(&cluster, &[1, 2, 3], RETURN).await;
    cluster.is_whole().await;
}

#[tokio::test]
async fn a_member_that_was_removed_says_that_it_is_not_ready() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    let readiness = async |node: &Node| {
        let reply = node.get("/readyz").send().await;
        (reply.status, reply.json()["checks"]["member"].clone())
    };
    assert_eq!(
        readiness(cluster.node(3)).await,
        (200.try_into().unwrap(), json!(true))
    );
    // Frozen, so that it does not learn of it by the log.
    cluster.node(3).freeze();
    until("the member to be removed", async || {
        let delete = cluster
            .node(1)
            .request(Method::DELETE, "/v1/admin/cluster/members/3", "");
        let reply = delete.key(ADMIN_KEY).send().await;
        (reply.status == 200 || reply.status == 404).then_some(())
    })
    .await;
    let removed = cluster.forget(3);
    cluster.is_whole().await;
    removed.thaw();
    until("the removed member to know", async || {
        let (status, is_member) = readiness(&removed).await;
        (status == 503 && is_member == json!(false)).then_some(())
    })
    .await;
    all_hear(&cluster, &[1, 2], RETURN).await;
}

/// How often a node has asked an adapter itself how it is.
async fn asked(node: &Node) -> u64 {
    let metrics = node.get("/metrics").key(ADMIN_KEY).send().await.ok().text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("adapter_health_looks_total{by=\"adapter\"} "));
    line.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Waits until one node alone asks; which.
async fn asker(cluster: &Cluster, nodes: &[u16]) -> u16 {
    until("one node alone to ask", async || {
        let mut before = Vec::new();
        for node in nodes {
            before.push(asked(cluster.node(*node)).await);
        }
        // Ten polls of an adapter that is well.
        let _ = timeout(Duration::from_secs(2), std::future::pending::<()>()).await;
        let mut askers = Vec::new();
        for (node, before) in nodes.iter().zip(before) {
            if asked(cluster.node(*node)).await > before {
                askers.push(*node);
            }
        }
        match askers[..] {
            [asker] => Some(asker),
            _ => None,
        }
    })
    .await
}

#[tokio::test]
async fn one_member_asks_a_provider_how_it_is_and_another_when_that_one_is_lost() {
    let mock = Mock::start();
    let mut cluster = Cluster::new(&mock);
    for node in 1..=3 {
        let often = |setup: Setup| setup.with("timeouts", json!({ "health_poll_ms": 200 }));
        cluster.join_with(node, often).await;
    }
    cluster.is_whole().await;
    let first = asker(&cluster, &[1, 2, 3]).await;
    for node in cluster.nodes() {
        let list = node.get("/v1/admin/adapters").key(ADMIN_KEY).send().await;
        let list = list.ok().json();
        let mut list = list.as_array().expect("a list").iter();
        let is_well = |one: &Value| one["id"] == "up" && one["health"] == "healthy";
        assert!(list.any(is_well), "{} knows by the word of another", node.api);
    }
    cluster.kill(first);
    let left: Vec<u16> = (1..=3).filter(|node| *node != first).collect();
    let next = asker(&cluster, &left).await;
    assert_ne!(next, first);
    drop(mock);
    for node in cluster.nodes() {
        until("the provider to be missed everywhere", async || {
            let list = node.get("/v1/admin/adapters").key(ADMIN_KEY).send().await;
            let list = list.ok().json();
            let mut list = list.as_array().expect("a list").iter();
            list.any(|one| one["id"] == "up" && one["health"] == "unhealthy")
                .then_some(())
        })
        .await;
    }
}
