//! Members come and go.

use http::Method;
use serde_json::{Value, json};

use super::fixture::{Cluster, new_key, serves, state};
use crate::fixture::{ADMIN_KEY, Mock, Node, until};

async fn mints(node: &Node) -> u16 {
    let wanted = json!({ "account": "acme", "label": "test" });
    node.post("/v1/admin/api-keys", wanted)
        .key(ADMIN_KEY)
        .send()
        .await
        .status
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
