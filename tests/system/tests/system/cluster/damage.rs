//! A member whose store is damaged or lost, and its way back.

use std::fs;

use http::Method;

use super::fixture::{Cluster, serves};
use crate::fixture::{ADMIN_KEY, Mock, until};

#[tokio::test]
async fn a_member_without_its_store_does_not_start_and_its_machine_comes_back_under_the_next_number() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    let key = cluster.node(1).unlimited().await;
    cluster.kill(3);
    let (path, whole) = (cluster.store(3), fs::read(cluster.store(3)).unwrap());

    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let said = cluster.refused(3);
    assert!(
        said.contains("corrupt") && said.contains("the next one"),
        "{said}"
    );
    let mut flipped = whole.clone();
    flipped
        .iter_mut()
        .skip(8_192)
        .step_by(997)
        .for_each(|byte| *byte ^= 0x55);
    fs::write(&path, flipped).unwrap();
    let said = cluster.refused(3);
    assert!(said.contains("corrupt"), "{said}");
    // An empty store would have voted for nobody and agreed to nothing.
    fs::remove_file(&path).unwrap();
    let said = cluster.refused(3);
    assert!(said.contains("lost") && said.contains("cluster remove"), "{said}");
    assert!(!path.exists());

    cluster.join(4).await;
    until("the lost member to be removed", async || {
        let delete = cluster
            .node(1)
            .request(Method::DELETE, "/v1/admin/cluster/members/3", "");
        let reply = delete.key(ADMIN_KEY).send().await;
        [200, 404].contains(&reply.status).then_some(())
    })
    .await;
    cluster.is_whole().await;
    serves(cluster.node(4), &key).await;
}
