//! Entries that a leader counts before they are durable (docs/adr/0014).

use std::time::Duration;

use atp_consensus::group::{ProposeError, Role};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::cluster::{Cluster, LONG, node};
use crate::register::set;

const SHORT: Duration = Duration::from_millis(200);

/// A cluster of three, led by 1, whose disk is stuck: 2 has an entry on its disk, 1 in memory only, and 3 not at all.
async fn half_written(entries: u16) -> Cluster {
    let cluster = Cluster::of(3).await;
    cluster.set(1, "before", "x").await;
    cluster.settle().await;
    cluster.network.isolate(node(3));
    let before = cluster.group(2).status().last_log;
    cluster.stick(node(1), true);
    for n in 0..entries {
        let lost = cluster
            .group(1)
            .propose(set(&format!("lost-{n}"), "x"), SHORT)
            .await;
        assert!(
            matches!(lost, Err(ProposeError::OutcomeUnknown { .. })),
            "{lost:?}"
        );
    }
    assert_eq!(cluster.group(2).status().last_log, before + 1);
    cluster
}

#[tokio::test(start_paused = true)]
async fn what_is_on_the_disks_of_too_few_is_applied_by_nobody() {
    let cluster = half_written(1).await;
    for at in 1..=2 {
        assert_eq!(cluster.get(at, "lost-0"), None, "node {at}");
        assert!(cluster.group(at).applied() < cluster.group(2).status().last_log);
    }
    // The disk works again: now a quorum has it.
    cluster.stick(node(1), false);
    cluster.network.heal();
    cluster.leader().await;
    cluster.settle().await;
    for at in 1..=3 {
        assert!(cluster.get(at, "lost-0").is_some(), "node {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_lost_its_tail_is_overruled_without_contradiction() {
    let mut cluster = half_written(1).await;
    let term = cluster.group(1).status().term;
    cluster.fail(node(1)).await;
    // 2 alone has the entry, and is not asked.
    cluster.network.heal();
    cluster.network.isolate(node(2));
    cluster.start(node(1)).await;
    cluster.network.cut_one_way(node(2), node(1));
    cluster.network.cut_one_way(node(1), node(2));
    let index = cluster
        .group(3)
        .propose(set("other", "y"), LONG)
        .await
        .unwrap()
        .index;
    assert!(
        cluster.group(1).status().term > term,
        "nobody leads in a term twice"
    );
    cluster.network.heal();
    cluster
        .wait("agreement on the leader", |statuses| {
            let leader = statuses[&node(3)].leader;
            (leader.is_some() && statuses.values().all(|status| status.leader == leader)).then_some(())
        })
        .await;
    cluster.settle().await;
    for at in 1..=3 {
        assert!(cluster.group(at).applied() >= index);
        assert_eq!(cluster.get(at, "lost-0"), None, "node {at}");
        assert_eq!(cluster.get(at, "other").as_deref(), Some("y"), "node {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_disk_is_stuck_is_replaced() {
    let cluster = Cluster::of(3).await;
    cluster.stick(node(1), true);
    let begin = Instant::now();
    // The first is counted, the second waits for it, and with it the leader's heartbeats.
    for n in 0..2 {
        let stuck = cluster
            .group(1)
            .propose(set(&format!("stuck-{n}"), "x"), SHORT)
            .await;
        assert!(stuck.is_err());
    }
    while cluster.group(2).propose(set("after", "y"), LONG).await.is_err() {}
    assert!(
        begin.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        begin.elapsed()
    );
    cluster.stick(node(1), false);
    cluster.settle().await;
    assert_eq!(cluster.get(1, "after").as_deref(), Some("y"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_disk_gets_stuck_behind_one_of_several_entries_is_replaced() {
    let cluster = Cluster::on_slow_disks(3, Duration::from_millis(20)).await;
    // One entry that is full goes off at once, so does the next; the rest waits for both.
    let group = cluster.group(1).clone();
    let mut writes: FuturesUnordered<_> = (0..600)
        .map(|n| group.propose(set(&format!("k-{n}"), "x"), LONG))
        .collect();
    writes.next().await.unwrap().unwrap();
    cluster.stick(node(1), true);
    let begin = Instant::now();
    let (_, ()) = tokio::join!(writes.count(), async {
        while cluster.group(2).propose(set("after", "y"), LONG).await.is_err() {}
        assert!(
            begin.elapsed() < Duration::from_millis(1_500),
            "{:?}",
            begin.elapsed()
        );
    });
}

#[tokio::test(start_paused = true)]
async fn a_lone_voter_leads_at_once_when_it_starts_again() {
    let mut cluster = Cluster::of(1).await;
    cluster.set(1, "a", "1").await;
    cluster.fail(node(1)).await;
    cluster.start(node(1)).await;
    let begin = Instant::now();
    cluster
        .wait("leader", |statuses| {
            (statuses[&node(1)].role == Role::Leader && statuses[&node(1)].applied > 0).then_some(())
        })
        .await;
    assert!(
        begin.elapsed() < Duration::from_millis(40),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(cluster.get(1, "a").as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn a_lone_client_waits_for_one_sync_not_for_one_after_the_other() {
    let cluster = Cluster::on_slow_disks(3, Duration::from_millis(20)).await;
    cluster.set(1, "warm", "x").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begin = Instant::now();
    cluster.set(1, "a", "x").await;
    assert!(
        begin.elapsed() < Duration::from_millis(30),
        "{:?}",
        begin.elapsed()
    );
}
