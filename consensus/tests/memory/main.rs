//! What a hundred thousand idle streams take up. Alone in its process, as it asks the system how much that has.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use atp_consensus::command::{Body, encode};
use atp_consensus::journal::Journal;
use atp_consensus::journal::streams::{
    FinishStream, Lane, NewToken, OpenStream, RecordProgress, RotateToken,
};
use atp_consensus::machine::{Context, Machine};
use atp_protocol::cluster::NodeId;
use atp_protocol::ids::{LaneId, SessionId, StreamId, TenantId};
use atp_protocol::resume::{Binding, ResumeToken, TOKEN_BYTES};
use atp_protocol::units::{Amount, Tier};

const STREAMS: usize = 100_000;

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

struct Log {
    journal: Journal,
    index: u64,
}

impl Log {
    fn propose<B: Body>(&mut self, command: &B) {
        self.index += 1;
        let context = Context {
            index: self.index,
            now_us: 1_800_000_000_000_000 + self.index,
        };
        self.journal.apply(&context, &encode(command).unwrap()).unwrap();
    }

    /// A stream with two tokens, one lane and a short final, of which the client may want to hear again.
    fn idle_stream(&mut self, n: usize) {
        let stream = Binding {
            tenant: TenantId::new("acme").unwrap(),
            session: SessionId::new(&format!("{n:036}")).unwrap(),
            stream: StreamId::new(&format!("s{n:035}")).unwrap(),
        };
        let token = |which: u8| {
            let mut random = [which; TOKEN_BYTES];
            random[..8].copy_from_slice(&n.to_le_bytes());
            NewToken {
                hash: ResumeToken::new(random).hash(),
                ttl_ms: 300_000,
            }
        };
        self.propose(&OpenStream {
            stream: stream.clone(),
            owner: NodeId::new(1).unwrap(),
            qos: Tier::Silver,
            budget: Amount::ZERO,
            request: vec![7; 2_000],
            token: Some(token(1)),
            idempotency_key: None,
        });
        // Granted as it was opened.
        let epoch = self.index;
        self.propose(&RecordProgress {
            stream: stream.clone(),
            epoch,
            lanes: vec![Lane {
                lane: LaneId::default(),
                tx: 9,
                rx: 9,
                has_delivered: true,
            }],
            budget_left: Amount::ZERO,
        });
        self.propose(&RotateToken {
            stream: stream.clone(),
            epoch,
            token: token(2),
        });
        self.propose(&FinishStream {
            stream,
            epoch,
            outcome: vec![7; 64],
        });
    }
}

#[test]
fn an_idle_stream_takes_up_at_most_a_kibibyte() {
    let mut log = Log {
        journal: Journal::default(),
        index: 0,
    };
    // What a process takes up once is not counted.
    (0..100).for_each(|n| log.idle_stream(n));
    let before = resident();
    (100..STREAMS).for_each(|n| log.idle_stream(n));
    let each = (resident() - before) / (STREAMS - 100);
    assert!(each <= 1_024, "{each} bytes a stream");
    assert!(each > 100, "{each} bytes a stream: nothing was measured");
    assert_eq!(log.journal.streams().iter().count(), STREAMS);
}
