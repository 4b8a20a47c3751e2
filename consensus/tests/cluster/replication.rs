//! Commands, and who sees them.

use std::time::Duration;

use atp_consensus::group::{ProposeError, ReadError, Role};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::cluster::{Cluster, LONG, node};
use crate::register::set;

#[tokio::test(start_paused = true)]
async fn a_lone_voter_leads_at_once() {
    let cluster = Cluster::of(1).await;
    let begin = Instant::now();
    let (status, index) = (cluster.group(1).status(), cluster.set(1, "a", "1").await);
    assert_eq!(status.role, Role::Leader);
    assert!(index > 0);
    assert!(
        begin.elapsed() < Duration::from_millis(50),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(cluster.get(1, "a").unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn a_command_proposed_anywhere_is_applied_everywhere() {
    let cluster = Cluster::of(3).await;
    for at in 1..=3 {
        cluster.set(at, &format!("key-{at}"), "x").await;
    }
    cluster.settle().await;
    for at in 1..=3 {
        let count = cluster.group(at).read(|registers| registers.count);
        assert_eq!(count, 3, "node {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_commands_share_entries() {
    let cluster = Cluster::of(3).await;
    let before = cluster.group(1).status().last_log;
    let proposals = (0..1_000).map(|n| cluster.group(1).propose(set(&format!("k{n}"), "v"), LONG));
    for proposed in futures_util::future::join_all(proposals).await {
        proposed.unwrap();
    }
    let entries = cluster.group(1).status().last_log - before;
    assert!(entries < 20, "{entries} entries");
}

#[tokio::test(start_paused = true)]
async fn a_linearizable_read_at_a_follower_sees_what_was_committed() {
    let cluster = Cluster::of(3).await;
    for n in 0..20 {
        cluster.set(1, "a", &n.to_string()).await;
        cluster.group(3).linearize(LONG).await.unwrap();
        assert_eq!(cluster.get(3, "a").unwrap(), n.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_serves_no_linearizable_read_and_does_not_know_what_became_of_proposals() {
    let cluster = Cluster::of(3).await;
    cluster.set(1, "a", "old").await;
    cluster.network.isolate(node(1));
    let short = Duration::from_millis(200);
    assert!(matches!(
        cluster.group(1).read_index(short).await,
        Err(ReadError::TooLate)
    ));
    let lost = cluster.group(1).propose(set("a", "lost"), short).await;
    assert!(
        matches!(lost, Err(ProposeError::OutcomeUnknown { .. })),
        "{lost:?}"
    );
    cluster.set(2, "a", "new").await;
    assert_eq!(cluster.get(1, "a").unwrap(), "old");
    cluster.network.heal();
    cluster.settle().await;
    assert_eq!(cluster.get(1, "a").unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn commits_go_on_soon_after_the_leader_is_gone() {
    for seed in 0..5 {
        let mut cluster = Cluster::of(3).await;
        for _ in 0..seed {
            tokio::time::sleep(Duration::from_millis(37)).await;
        }
        let leader = cluster.leader().await;
        cluster.fail(leader).await;
        let begin = Instant::now();
        let at = cluster.running.keys().next().unwrap().get();
        cluster.set(at, "a", "1").await;
        assert!(
            begin.elapsed() < Duration::from_millis(600),
            "{:?}",
            begin.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_arrive_twice_and_late_change_nothing() {
    let cluster = Cluster::of(3).await;
    cluster.network.repeat(2);
    for n in 0..50 {
        // Repeated proposals of followers would be applied again, so the leader is asked.
        let leader = cluster.leader().await.get();
        let command = set("a", n.to_string());
        cluster.group(leader).propose_here(command, LONG).await.unwrap();
    }
    cluster.network.repeat(0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.leader().await;
    cluster.settle().await;
    for at in 1..=3 {
        assert_eq!(
            cluster.group(at).read(|registers| registers.count),
            50,
            "node {at}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_command_stops_the_group_and_says_so() {
    let cluster = Cluster::of(1).await;
    // Of the version that all read, and yet of no machine.
    let strange = vec![1, 2, 3, 4, 1, 0, 7];
    let outcome = cluster.group(1).propose(strange, LONG).await;
    assert!(
        matches!(
            outcome,
            Err(ProposeError::OutcomeUnknown { .. } | ProposeError::Stopped(_))
        ),
        "{outcome:?}"
    );
    let status = cluster
        .wait("fault", |statuses| {
            statuses.values().find(|status| status.fault.is_some()).cloned()
        })
        .await;
    assert_eq!(status.role, Role::Stopped);
    assert!(status.fault.unwrap().contains("513.1027.1"));
    assert!(matches!(
        cluster.group(1).propose(set("a", "1"), LONG).await,
        Err(ProposeError::Stopped(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn writers_that_write_again_and_again_share_each_entry() {
    let cluster = Cluster::on_slow_disks(3, Duration::from_millis(20)).await;
    cluster.set(1, "warm", "x").await;
    let (writers, rounds) = (16, 10);
    let write = async |writer: u32| {
        // Half of them come while the others wait.
        tokio::time::sleep(Duration::from_millis(u64::from(writer % 2) * 5)).await;
        for round in 0..rounds {
            let command = set(&format!("k-{writer}"), round.to_string());
            cluster.group(1).propose(command, LONG).await.unwrap();
        }
    };
    let (begin, before) = (Instant::now(), cluster.group(1).applied());
    join_all((0..writers).map(write)).await;
    // Crowds that took turns would make twice as many.
    let entries = cluster.group(1).applied() - before;
    assert!(entries <= rounds + 3, "{entries} entries");
    assert!(
        begin.elapsed() < Duration::from_millis(20 * 15),
        "{:?}",
        begin.elapsed()
    );
}
