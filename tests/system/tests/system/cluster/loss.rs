//! `kill -9` of members.

use serde_json::json;

use super::fixture::{Cluster, new_key, serves};
use crate::fixture::Mock;

#[tokio::test]
async fn any_one_node_may_be_killed_and_catches_up_when_it_is_back() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    cluster.node(1).account("acme", json!({})).await;
    for lost in 1..=3 {
        cluster.kill(lost);
        let mut keys = Vec::new();
        for node in cluster.nodes() {
            keys.push(new_key(node, "acme").await);
        }
        cluster.run(lost).await;
        cluster.is_whole().await;
        for key in keys {
            serves(cluster.node(lost), &key).await;
        }
    }
}
