//! What every member of a cluster agrees on.

use http::Method;
use serde_json::{Value, json};

use super::fixture::{Cluster, serves, state};
use crate::fixture::{ADMIN_KEY, Mock, Node, until};

const POLICY: &str = "
policies:
  - id: default
    fanout: [\"*\"]
    k: 1
    strategy: first_win
  - id: plain
    match: { task_type: plain }
    fanout: [\"*\"]
    k: 1
    strategy: first_win
";

/// Puts a document in force at one node; its version.
async fn apply(node: &Node) -> u64 {
    let put = node.request(Method::PUT, "/v1/admin/policy", POLICY);
    let applied = put.key(ADMIN_KEY).send().await.ok().json();
    applied["version"].as_u64().expect("a version")
}

async fn policy(node: &Node) -> Value {
    let get = node.get("/v1/admin/policy").key(ADMIN_KEY);
    get.send().await.ok().json()
}

#[tokio::test]
async fn three_nodes_form_a_cluster_that_is_the_same_seen_from_each() {
    let mock = Mock::start();
    let cluster = Cluster::start(&mock, 3).await;
    cluster.leaders().await;
    let members = |state: &Value| {
        let list = state["members"].as_array().expect("a list").iter();
        let told = list.map(|member| {
            [&member["node"], &member["name"], &member["link"], &member["api"]].map(Clone::clone)
        });
        told.collect::<Vec<_>>()
    };
    let first = state(cluster.node(1)).await;
    for node in cluster.nodes() {
        let state = state(node).await;
        assert_eq!(state["cluster"], first["cluster"]);
        assert_eq!(members(&state), members(&first));
    }
    // What one node has made the next one knows, however soon it is asked.
    for round in 0..30 {
        let account = format!("acme-{round}");
        cluster.node(round % 3 + 1).account(&account, json!({})).await;
        cluster.node((round + 1) % 3 + 1).key(&account).await;
    }
    let key = cluster.node(2).unlimited().await;
    for node in cluster.nodes() {
        serves(node, &key).await;
    }
}

#[tokio::test]
async fn all_of_a_cluster_survives_a_kill_of_every_node() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    cluster
        .node(2)
        .account("kept", json!({ "limit_tokens": 77_000 }))
        .await;
    let key = cluster.node(1).key("kept").await;
    let version = apply(cluster.node(3)).await;
    let is_everywhere = async |cluster: &Cluster| {
        for node in cluster.nodes() {
            until("the policy to be in force", async || {
                (policy(node).await["version"] == version).then_some(())
            })
            .await;
            assert_eq!(policy(node).await["policies"], json!(["plain", "default"]));
        }
    };
    is_everywhere(&cluster).await;
    cluster.restart().await;
    cluster.is_whole().await;
    is_everywhere(&cluster).await;
    for node in cluster.nodes() {
        serves(node, &key).await;
    }
    for node in cluster.nodes() {
        let balance = node.balance("kept").await;
        assert_eq!(balance["limit_tokens"], 77_000, "{balance}");
    }
}
