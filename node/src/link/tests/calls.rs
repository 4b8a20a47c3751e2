//! Requests and their answers.

use std::time::Duration;

use atp_protocol::link::{BODY_MAX, Code, FRAME_MAX, Lane, Limits};
use bytes::Bytes;

use super::service::{ECHO, LONG, PANIC, REFUSE, STALL};
use super::{Cluster, node, on_arbiter, until};
use crate::link::LinkError;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_on_every_lane() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        for lane in Lane::ALL {
            let answer = one.call(node(2), lane, ECHO, b"word", SECOND).await;
            assert_eq!(answer.unwrap(), &b"word"[..]);
        }
        assert_eq!(everything.counts.from.get(), Some(node(1)));
        let left = everything.counts.deadline.get();
        assert!(left <= SECOND && left > SECOND / 2, "{left:?} was left");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_largest_body_passes_and_a_larger_one_is_refused_here() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        let body = Bytes::from(vec![7; BODY_MAX]);
        let answer = one.call(node(2), Lane::Bulk, ECHO, &body, SECOND).await;
        assert_eq!(answer.unwrap(), body);
        let refused = one
            .call(node(2), Lane::Bulk, ECHO, vec![0; FRAME_MAX], SECOND)
            .await;
        assert!(matches!(
            refused,
            Err(LinkError::Refused {
                code: Code::TOO_LARGE,
                ..
            })
        ));
        assert_eq!(everything.counts.begun.get(), 1);
        let refused = one.call(node(2), Lane::Bulk, LONG, b"", SECOND).await;
        assert!(matches!(
            refused,
            Err(LinkError::Refused {
                code: Code::TOO_LARGE,
                ..
            })
        ));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_service_may_refuse_and_its_panic_is_an_unknown_outcome() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, _everything) = cluster.pair().await;
        let refused = one.call(node(2), Lane::Requests, REFUSE, b"", SECOND).await;
        let text = "not today".to_owned();
        assert_eq!(
            refused,
            Err(LinkError::Refused {
                code: Code(300),
                text
            })
        );
        let lost = one.call(node(2), Lane::Requests, PANIC, b"", SECOND).await;
        assert_eq!(lost, Err(LinkError::Lost));
        let echoed = one.call(node(2), Lane::Requests, ECHO, b"on", SECOND).await;
        assert_eq!(echoed.unwrap(), &b"on"[..], "the connection goes on");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn giving_up_drops_the_work_at_the_other_side() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        let counts = &everything.counts;
        {
            let call = one.call(node(2), Lane::Requests, STALL, b"", SECOND * 3600);
            tokio::pin!(call);
            let begun = until("the work begins", || counts.begun.get() == 1);
            tokio::select! {
                biased;
                answer = &mut call => panic!("answered: {answer:?}"),
                () = begun => {}
            }
            assert_eq!(counts.dropped.get(), 0);
        }
        until("the work is dropped", || counts.dropped.get() == 1).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn work_cancelled_before_its_turn_is_never_begun() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        cluster.wires.freeze(true);
        let soon = Duration::from_millis(20);
        let call = one.call(node(2), Lane::Requests, STALL, b"", soon).await;
        assert_eq!(call, Err(LinkError::DeadlineExceeded));
        cluster.wires.freeze(false);
        let echoed = one.call(node(2), Lane::Requests, ECHO, b"", SECOND).await;
        assert!(echoed.is_ok());
        assert_eq!(everything.counts.begun.get(), 1, "only the second");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn both_sides_stop_at_the_deadline() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        let soon = Duration::from_millis(20);
        let over = one.call(node(2), Lane::Requests, STALL, b"", soon).await;
        assert_eq!(over, Err(LinkError::DeadlineExceeded));
        until("dropped", || everything.counts.dropped.get() == 1).await;
        let none = one.call(node(2), Lane::Requests, ECHO, b"", Duration::ZERO).await;
        assert_eq!(none, Err(LinkError::DeadlineExceeded));
        assert_eq!(
            everything.counts.begun.get(),
            1,
            "no time was left for the second"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limit_are_refused_and_not_sent() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        let most = Limits::of(Lane::Requests).requests;
        let mut stalled = tokio::task::JoinSet::new();
        for _ in 0..most {
            let one = one.clone();
            stalled.spawn_local(
                async move { one.call(node(2), Lane::Requests, STALL, b"", SECOND * 3600).await },
            );
        }
        until("all begun", || everything.counts.begun.get() == most).await;
        let refused = one.call(node(2), Lane::Requests, ECHO, b"", SECOND).await;
        assert_eq!(refused, Err(LinkError::Overloaded));
        let other = one.call(node(2), Lane::Control, ECHO, b"", SECOND).await;
        assert!(other.is_ok(), "another lane has room");
        stalled.shutdown().await;
        until("all dropped", || everything.counts.dropped.get() == most).await;
        let again = one.call(node(2), Lane::Requests, ECHO, b"", SECOND).await;
        assert!(again.is_ok());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_a_call_fails_at_once() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let one = cluster.dialler(cluster.identity("eu", 1, "n1"), &[2]);
        let before = cluster.clock.now();
        let call = one.call(node(2), Lane::Control, ECHO, b"", SECOND).await;
        assert_eq!(call, Err(LinkError::Unreachable));
        assert_eq!(cluster.clock.now(), before);
    })
    .await;
}
