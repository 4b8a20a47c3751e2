//! Connections that break, fall silent, and come back.

use std::rc::Rc;
use std::time::Duration;

use atp_protocol::link::Lane;

use super::service::{ECHO, Everything, KEEP, STALL};
use super::{Cluster, connected, members, node, on_arbiter, until};
use crate::link::{LinkError, LinkSettings, Standing};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_lost_connection_leaves_outcomes_unknown_and_is_dialled_again() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        let mut stream = one.open(node(2), Lane::Requests, KEEP, b"").await.unwrap();
        let call = one.call(node(2), Lane::Requests, STALL, b"", SECOND * 60);
        let cut = async {
            until("begun", || everything.counts.begun.get() == 1).await;
            cluster.wires.cut();
        };
        let (call, ()) = tokio::join!(call, cut);
        assert_eq!(call, Err(LinkError::Lost));
        assert_eq!(stream.recv().await, Err(LinkError::Lost));
        assert_eq!(stream.send(b"more").await, Err(LinkError::Lost));
        until("the work is dropped", || everything.counts.dropped.get() == 1).await;
        connected(&one, 2).await;
        let echoed = one.call(node(2), Lane::Requests, ECHO, b"back", SECOND).await;
        assert_eq!(echoed.unwrap(), &b"back"[..]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_stands_still_is_lost_after_the_silence_and_not_before() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, _everything) = cluster.pair().await;
        // Pings alone keep an idle connection.
        tokio::time::sleep(SECOND * 600).await;
        assert!(one.is_connected(node(2), Lane::Control));
        let silence = LinkSettings::default().silence;
        cluster.wires.freeze(true);
        let begun = cluster.clock.now();
        let lost = one.call(node(2), Lane::Control, ECHO, b"", SECOND * 600).await;
        assert_eq!(lost, Err(LinkError::Lost));
        let waited = Duration::from_millis(cluster.clock.now().since(begun));
        assert!(
            waited <= silence + SECOND / 10 && waited > silence / 2,
            "{waited:?} of silence"
        );
        let unreachable = one.call(node(2), Lane::Control, ECHO, b"", SECOND).await;
        assert_eq!(unreachable, Err(LinkError::Unreachable));
        cluster.wires.freeze(false);
        connected(&one, 2).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_shorter_than_the_silence_closes_nothing() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        cluster.wires.freeze(true);
        let call = one.call(node(2), Lane::Control, ECHO, b"late", SECOND * 60);
        let thaw = async {
            tokio::time::sleep(LinkSettings::default().silence / 2).await;
            cluster.wires.freeze(false);
        };
        let (answer, ()) = tokio::join!(call, thaw);
        assert_eq!(answer.unwrap(), &b"late"[..]);
        assert_eq!(everything.counts.begun.get(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn members_come_and_go_at_run_time() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, _everything) = cluster.pair().await;
        let _three = cluster.member(3, &[], Rc::new(Everything::default())).await;
        assert!(!one.is_connected(node(3), Lane::Control));
        one.set_members(members(&[1, 2, 3]));
        connected(&one, 3).await;
        one.set_members(members(&[1, 3]));
        until("two is let go", || !one.is_connected(node(2), Lane::Bulk)).await;
        assert!(one.is_connected(node(3), Lane::Control));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_status_says_who_is_up_and_why_others_are_not() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, _everything) = cluster.pair().await;
        one.set_members(members(&[2, 3]));
        let standing = |member, lane| {
            let found = one.status().into_iter();
            let mut found = found.filter(|status| (status.member, status.lane) == (node(member), lane));
            found.next().expect("each member on each lane").standing
        };
        let is_measured = || matches!(standing(2, Lane::Bulk), Standing::Up { rtt: Some(_), .. });
        until("a ping is back", is_measured).await;
        let is_told = || {
            matches!(standing(3, Lane::Control), Standing::Down { why: Some(why) } if why.contains("refused"))
        };
        until("nobody listens at three", is_told).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stopping_member_finishes_what_runs_and_takes_nothing_more() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, two, everything) = cluster.pair().await;
        let mut stream = one.open(node(2), Lane::Requests, ECHO, b"hello").await.unwrap();
        assert_eq!(stream.recv().await.unwrap().unwrap(), &b"hello"[..]);
        let stopping = tokio::task::spawn_local(async move { two.stop().await });
        until("it says goodbye", || {
            let status = one.status().into_iter();
            status
                .filter(|lane| lane.lane == Lane::Control)
                .all(|lane| matches!(lane.standing, Standing::Down { .. }))
        })
        .await;
        let refused = one.call(node(2), Lane::Requests, ECHO, b"", SECOND).await;
        assert_eq!(refused, Err(LinkError::Unreachable));
        assert_eq!(everything.counts.begun.get(), 0);
        stream.send(b"last").await.unwrap();
        assert_eq!(stream.recv().await.unwrap().unwrap(), &b"last"[..]);
        stream.finish();
        assert_eq!(stream.recv().await, Ok(None));
        stopping.await.unwrap();
    })
    .await;
}
