//! What survives when the power of nodes fails.

use std::fmt::Debug;
use std::time::Duration;

use atp_consensus::config::Options;

use crate::cluster::{Cluster, LONG, node};
use crate::register::{Registers, set};

/// Everybody loses power and comes back.
async fn fail_all(cluster: &mut Cluster) {
    for number in 1..=3 {
        cluster.fail(node(number)).await;
    }
    for number in 1..=3 {
        cluster.start(node(number)).await;
    }
    settled(cluster).await;
}

async fn settled(cluster: &Cluster) {
    cluster.leader().await;
    cluster.settle().await;
}

/// What is read is the same at every node.
fn everywhere<T: PartialEq + Debug>(cluster: &Cluster, read: impl Fn(&Registers) -> T, expected: T) {
    for at in 1..=3 {
        assert_eq!(cluster.group(at).read(&read), expected, "node {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_committed_survives_the_power_loss_of_any_node() {
    let mut cluster = Cluster::of(3).await;
    for round in 0..9 {
        let key = format!("key-{round}");
        let leader = cluster.leader().await;
        cluster.set(leader.get(), &key, "x").await;
        let victim = node(1 + round % 3);
        cluster.fail(victim).await;
        let other = node(1 + (round + 1) % 3).get();
        cluster.set(other, &format!("other-{round}"), "y").await;
        assert_eq!(cluster.get(other, &key).as_deref(), Some("x"));
        cluster.start(victim).await;
    }
    settled(&cluster).await;
    everywhere(&cluster, |registers| registers.values.len(), 18);
}

#[tokio::test(start_paused = true)]
async fn what_was_committed_survives_the_power_loss_of_all_nodes() {
    let mut cluster = Cluster::of(3).await;
    for n in 0..30 {
        cluster.set(1, &format!("key-{n}"), "x").await;
    }
    fail_all(&mut cluster).await;
    everywhere(&cluster, |registers| registers.values.len(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_node_goes_on_from_its_snapshot_and_the_log_behind_it() {
    let options = Options {
        snapshot_after: 20,
        keep: 3,
        ..Options::default()
    };
    let mut cluster = Cluster::with(3, options).await;
    for n in 0..70 {
        cluster.set(1, &format!("key-{n}"), "x").await;
    }
    cluster
        .wait("purged log", |statuses| {
            statuses.values().all(|status| status.purged > 40).then_some(())
        })
        .await;
    cluster.group(2).snapshot(LONG).await.unwrap();
    cluster.set(1, "last", "x").await;
    let clock = cluster.group(1).read(|registers| registers.last_us);
    fail_all(&mut cluster).await;
    everywhere(
        &cluster,
        |registers| (registers.count, registers.last_us),
        (71, clock),
    );
    cluster.set(1, "after", "x").await;
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_waits_for_a_full_disk_and_the_group_goes_on() {
    let cluster = Cluster::of(1).await;
    let group = cluster.group(1);
    group.propose(set("large", vec![1; 900_000]), LONG).await.unwrap();
    cluster.limit_disk(node(1), Some(0));
    assert!(group.snapshot(Duration::from_secs(5)).await.is_err());
    let status = group.status();
    assert_eq!((status.snapshot, status.fault), (0, None));
    cluster.limit_disk(node(1), None);
    cluster.set(1, "after", "x").await;
    cluster
        .wait("snapshot", |statuses| {
            (statuses[&node(1)].snapshot > 0).then_some(())
        })
        .await;
}
