//! Streams: order, credit, ends.

use std::time::Duration;

use atp_protocol::link::machine::PIECE_MAX;
use atp_protocol::link::{Code, Lane, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::service::{ECHO, KEEP, RESET, STALL};
use super::{Cluster, node, on_arbiter, until};
use crate::link::LinkError;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn pieces_arrive_whole_and_in_order_and_each_side_ends_for_itself() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, _everything) = cluster.pair().await;
        let mut stream = one.open(node(2), Lane::Requests, ECHO, b"head").await.unwrap();
        for piece in [&b"a"[..], b"bc", &[7; PIECE_MAX]] {
            stream.send(piece).await.unwrap();
        }
        stream.finish();
        assert!(stream.send(b"after the end").await.is_err());
        for piece in [&b"head"[..], b"a", b"bc", &[7; PIECE_MAX]] {
            assert_eq!(stream.recv().await.unwrap().unwrap(), piece);
        }
        assert_eq!(stream.recv().await, Ok(None));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stands_still_stops_the_sender_and_nobody_else() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        let mut stream = one.open(node(2), Lane::Requests, KEEP, b"").await.unwrap();
        let piece = vec![7; 16 * 1024];
        let mut sent = 0;
        while tokio::time::timeout(SECOND, stream.send(&piece)).await.is_ok() {
            sent += piece.len();
        }
        let window = usize::try_from(Limits::of(Lane::Requests).window).unwrap();
        assert!(sent <= window + piece.len() && sent > window / 2, "{sent} bytes");
        let echoed = one.call(node(2), Lane::Requests, ECHO, b"by", SECOND).await;
        assert_eq!(echoed.unwrap(), &b"by"[..], "calls pass by");
        let mut reader = everything.kept.borrow_mut().pop().unwrap();
        let reading = async {
            let mut read = 0;
            while read < sent * 4 {
                read += reader.recv().await.unwrap().expect("more").len();
            }
        };
        let sending = async {
            for _ in 0..sent * 4 / piece.len() {
                stream.send(&piece).await.unwrap();
            }
        };
        tokio::time::timeout(SECOND * 60, async { tokio::join!(reading, sending) })
            .await
            .expect("credit comes back");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_and_a_drop_end_both_sides() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        let mut refused = one.open(node(2), Lane::Requests, RESET, b"").await.unwrap();
        let text = "not this one".to_owned();
        let error = LinkError::Refused {
            code: Code(301),
            text,
        };
        assert_eq!(refused.recv().await, Err(error.clone()));
        assert_eq!(refused.send(b"still").await, Err(error));
        let dropped = one.open(node(2), Lane::Requests, KEEP, b"").await.unwrap();
        until("opened", || everything.kept.borrow().len() == 1).await;
        drop(dropped);
        let mut kept = everything.kept.borrow_mut().pop().unwrap();
        assert_eq!(kept.recv().await, Err(LinkError::Cancelled));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_was_said_to_the_end_is_read_although_its_side_then_dropped_the_stream() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        let mut stream = one.open(node(2), Lane::Requests, KEEP, b"").await.unwrap();
        until("opened", || everything.kept.borrow().len() == 1).await;
        let mut kept = everything.kept.borrow_mut().pop().unwrap();
        kept.send(b"no, because").await.unwrap();
        kept.finish();
        drop(kept);
        while stream.send(b"more of it").await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(stream.recv().await.unwrap().unwrap(), &b"no, because"[..]);
        assert_eq!(stream.recv().await, Ok(None));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn streams_beyond_the_limit_are_refused_and_ended_ones_do_not_count() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, _everything) = cluster.pair().await;
        let most = Limits::of(Lane::Bulk).streams;
        let mut open = Vec::new();
        for _ in 0..most {
            open.push(one.open(node(2), Lane::Bulk, KEEP, b"").await.unwrap());
        }
        let refused = one.open(node(2), Lane::Bulk, KEEP, b"").await;
        assert_eq!(refused.err(), Some(LinkError::Overloaded));
        open.pop();
        let mut last = one.open(node(2), Lane::Bulk, ECHO, b"in").await.unwrap();
        assert_eq!(last.recv().await.unwrap().unwrap(), &b"in"[..]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_read_and_written_as_bytes() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, _everything) = cluster.pair().await;
        let stream = one.open(node(2), Lane::Requests, ECHO, b"").await.unwrap();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let writing = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut read = Vec::new();
        let (_, ()) = tokio::join!(reader.read_to_end(&mut read), writing);
        assert!(read == sent, "{} bytes of {}", read.len(), sent.len());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn bulk_transfers_do_not_hold_up_control_calls() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, everything) = cluster.pair().await;
        // The bulk lane is full to its brim: its reader stands still, and calls on it fill the buffer.
        let mut stream = one.open(node(2), Lane::Bulk, KEEP, b"").await.unwrap();
        let filling = async {
            let piece = vec![7; PIECE_MAX];
            while stream.send(&piece).await.is_ok() {}
        };
        let large = one.call(node(2), Lane::Bulk, STALL, vec![7; 4_000_000], SECOND * 60);
        let control = async {
            for _ in 0..100 {
                let echoed = one.call(node(2), Lane::Control, ECHO, b"beat", SECOND / 10).await;
                assert_eq!(echoed.unwrap(), &b"beat"[..]);
            }
        };
        tokio::select! {
            biased;
            () = filling => panic!("the stream ended"),
            answer = large => panic!("answered: {answer:?}"),
            () = control => {}
        }
        assert!(everything.counts.begun.get() >= 100);
    })
    .await;
}
