use super::*;
use crate::journal::streams::*;

fn run() -> Log<Journal> {
    let mut log = Log::new();
    let first = OpenStream {
        token: Some(token(1)),
        ..open("s", "x", None)
    };
    log.propose(&first);
    log.propose(&open("s", "y", None));
    log
}

fn rotate(byte: u8) -> RotateToken {
    RotateToken {
        stream: stream_id("s", "x"),
        epoch: EPOCH,
        token: token(byte),
    }
}

fn consume(byte: u8, stream: &str) -> ConsumeToken {
    ConsumeToken {
        token: token(byte).hash,
        stream: stream_id("s", stream),
    }
}

const CONSUMED: ConsumeTokenReply = ConsumeTokenReply::Consumed {
    owner: NodeId::new(1).unwrap(),
    epoch: EPOCH,
};

/// Of the stream that is opened first.
const EPOCH: u64 = 1;

#[test]
fn a_token_is_used_once_and_another_stream_does_not_use_it_up() {
    let mut log = run();
    assert_eq!(log.propose(&consume(9, "x")), ConsumeTokenReply::Unknown);
    assert_eq!(log.propose(&consume(1, "y")), ConsumeTokenReply::Elsewhere);
    let mut log = log.reloaded();
    assert_eq!(log.propose(&consume(1, "x")), CONSUMED);
    assert_eq!(log.propose(&consume(1, "x")), ConsumeTokenReply::Unknown);
}

#[test]
fn a_token_is_good_until_strictly_older_than_its_time() {
    let mut log = run();
    log.pass_ms(300_000);
    assert_eq!(log.clone().propose(&consume(1, "x")), CONSUMED);
    log.pass_ms(1);
    // Expiry is found before the stream is looked at, and uses the token up.
    assert_eq!(log.propose(&consume(1, "y")), ConsumeTokenReply::Expired);
    assert_eq!(log.propose(&consume(1, "x")), ConsumeTokenReply::Unknown);
}

#[test]
fn the_last_two_tokens_of_a_stream_are_good() {
    let mut log = run();
    for byte in [2, 2, 3] {
        assert_eq!(log.propose(&rotate(byte)), Written::Written);
    }
    assert_eq!(log.propose(&consume(1, "x")), ConsumeTokenReply::Unknown);
    assert_eq!(log.propose(&consume(3, "x")), CONSUMED);
    log.propose(&rotate(4));
    assert_eq!(log.propose(&consume(2, "x")), CONSUMED);
    assert_eq!(log.propose(&consume(4, "x")), CONSUMED);
}

#[test]
fn a_closed_stream_cannot_be_resumed() {
    let mut log = run();
    log.propose(&CloseStream {
        stream: stream_id("s", "x"),
        epoch: EPOCH,
    });
    assert_eq!(log.propose(&consume(1, "x")), ConsumeTokenReply::Unknown);
}
