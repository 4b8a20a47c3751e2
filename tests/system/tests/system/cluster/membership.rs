//! Members come and go.

use http::Method;
use serde_json::{Value, json};

use super::fixture::{Cluster, atpctl, new_key, serves, state};
use crate::fixture::{ADMIN_KEY, Mock, Node, Setup, until};

async fn mints(node: &Node) -> u16 {
    let wanted = json!({ "account": "acme", "label": "test" });
    node.post("/v1/admin/api-keys", wanted)
        .key(ADMIN_KEY)
        .send()
        .await
        .status
}

#[tokio::test]
async fn data_of_a_node_by_itself_begins_a_cluster_and_joins_none() {
    let mock = Mock::start();
    let mut cluster = Cluster::new(&mock);
    let alone = Setup::with_mock(&mock).start().await;
    alone.account("acme", json!({ "limit_tokens": 77_000 })).await;
    let data = alone.kill();
    let other = Setup::with_mock(&mock).start().await.kill();
    let as_member = |cluster: &Cluster, data: Setup, node: u16| {
        let link = cluster.free();
        atpctl(
            &cluster.path("."),
            &format!("join ca --node {node} --address {link} --out n{node}"),
        );
        let identity = cluster.path(&format!("n{node}"));
        (
            data.with("cluster", json!({ "dir": identity, "listen": link })),
            link,
        )
    };
    let (second, _) = as_member(&cluster, other, 2);
    let said = second.start_refused();
    assert!(said.contains("by itself") && said.contains("node 1"), "{said}");

    let (first, _) = as_member(&cluster, data, 1);
    cluster.back(1, first).await;
    cluster.join(3).await;
    cluster.is_whole().await;
    let balance = cluster.node(3).balance("acme").await;
    assert_eq!(balance["limit_tokens"], 77_000, "{balance}");
    let log = cluster.node(1).log();
    assert!(!log.contains("cannot make the cluster"), "{log}");
}

#[tokio::test]
async fn a_member_that_listens_elsewhere_is_known_there_to_every_group() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    let moved = cluster.free();
    cluster.kill(3);
    cluster.relocate(3, moved);
    cluster.run(3).await;
    cluster.admit(3, moved).await;
    cluster.is_whole().await;
    until("every group to know it", async || {
        let state = state(cluster.node(1)).await;
        let mut groups = state["groups"].as_array().expect("a list").iter();
        let moved = Some(moved.to_string());
        let is_known = |group: &Value| {
            let mut members = group["members"].as_array().expect("a list").iter();
            members.any(|member| member["node"] == 3 && member["link"].as_str() == moved.as_deref())
        };
        groups.all(is_known).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_fourth_node_joins_and_is_refused_once_it_was_removed() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    cluster.join(4).await;
    cluster.is_whole().await;
    let key = cluster.node(1).unlimited().await;
    serves(cluster.node(4), &key).await;
    assert_eq!(mints(cluster.node(4)).await, 201);
    let delete = cluster
        .node(2)
        .request(Method::DELETE, "/v1/admin/cluster/members/4", "");
    delete.key(ADMIN_KEY).send().await.ok();
    let removed = cluster.forget(4);
    cluster.is_whole().await;
    until("the removed node to agree on nothing", async || {
        (mints(&removed).await == 503).then_some(())
    })
    .await;
    let link = cluster.free();
    let again = cluster.node(1).request(
        Method::PUT,
        "/v1/admin/cluster/members/4",
        json!({ "link": link }).to_string(),
    );
    let refused = again.key(ADMIN_KEY).send().await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    new_key(cluster.node(3), "acme").await;
}
