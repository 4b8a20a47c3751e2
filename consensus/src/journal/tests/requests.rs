use atp_protocol::resume::{Bounds, Claim, IdempotencyKey, Place, State};

use super::*;
use crate::journal::requests::*;

const DAY: u64 = 86_400_000;

pub(super) fn key(key: &str) -> IdempotencyKey {
    IdempotencyKey {
        tenant: TenantId::new("acme").unwrap(),
        key: key.to_owned(),
    }
}

fn claim(number: u16, claim: u64) -> Claim {
    let stream = stream_id("s", "x");
    Claim {
        node: node(number),
        life: 5,
        number: claim,
        place: Place {
            session: stream.session,
            stream: stream.stream,
        },
    }
}

pub(super) fn begin(node: u16, number: u64, name: &str, hash: u8) -> BeginRequest {
    BeginRequest {
        key: key(name),
        hash: [hash; 32],
        claim: claim(node, number),
        bounds: Bounds {
            ttl_ms: DAY,
            keys_max: 3,
            bytes_max: 50,
        },
    }
}

pub(super) fn end(node: u16, number: u64, name: &str, end: End) -> EndRequest {
    EndRequest {
        key: key(name),
        claim: claim(node, number),
        end,
    }
}

fn answered() -> End {
    End::Answered(b"that".to_vec())
}

#[test]
fn a_request_runs_once_and_its_repeats_are_told_its_end() {
    let mut log = Log::<Journal>::new();
    assert_eq!(log.propose(&begin(1, 1, "k", 7)), BeginRequestReply::Run);
    assert_eq!(
        log.propose(&begin(1, 1, "k", 7)),
        BeginRequestReply::Run,
        "said again"
    );
    let runs = BeginRequestReply::Runs(claim(1, 1));
    assert_eq!(log.propose(&begin(2, 1, "k", 7)), runs);
    assert_eq!(log.propose(&begin(2, 1, "k", 8)), BeginRequestReply::OtherRequest);
    let mut log = log.reloaded();
    let running: Vec<_> = log.machine.requests().running().collect();
    assert_eq!(running, [(&key("k"), &claim(1, 1))]);
    assert_eq!(log.propose(&end(2, 1, "k", answered())), EndRequestReply::Gone);
    assert_eq!(log.propose(&end(1, 1, "k", answered())), EndRequestReply::Ended);
    assert_eq!(log.propose(&end(1, 1, "k", answered())), EndRequestReply::Gone);
    let ended = BeginRequestReply::Ended(b"that".to_vec());
    assert_eq!(log.reloaded().propose(&begin(2, 1, "k", 7)), ended);
    assert_eq!(log.machine.requests().running().count(), 0);
}

#[test]
fn a_request_whose_node_was_lost_does_not_run_again_and_may_yet_be_answered() {
    let mut log = Log::<Journal>::new();
    log.propose(&begin(1, 1, "k", 7));
    assert_eq!(log.propose(&end(1, 1, "k", End::Lost)), EndRequestReply::Ended);
    let mut log = log.reloaded();
    assert_eq!(
        log.propose(&begin(2, 1, "k", 7)),
        BeginRequestReply::Lost(node(1))
    );
    let mut released = log.clone();
    assert_eq!(
        released.propose(&end(1, 1, "k", End::Again)),
        EndRequestReply::Ended
    );
    assert_eq!(released.propose(&begin(2, 1, "k", 7)), BeginRequestReply::Run);
    assert_eq!(log.propose(&end(1, 1, "k", answered())), EndRequestReply::Ended);
    let ended = BeginRequestReply::Ended(b"that".to_vec());
    assert_eq!(log.propose(&begin(2, 1, "k", 7)), ended);
}

#[test]
fn keys_are_forgotten_when_their_time_is_over_and_by_nothing_but_a_tick() {
    let mut log = Log::<Journal>::new();
    log.propose(&begin(1, 1, "k", 7));
    log.propose(&end(1, 1, "k", answered()));
    let due = |log: &Log<Journal>| log.machine.is_anything_pending(UnixMillis(log.now_us / 1_000));
    log.pass_ms(DAY);
    log.propose(&tick());
    assert!(!due(&log));
    log.pass_ms(2);
    assert!(due(&log));
    assert!(log.machine.requests().get(&key("k")).is_some());
    log.propose(&tick());
    assert!(log.machine.requests().get(&key("k")).is_none() && !due(&log));
}

#[test]
fn keys_outcomes_and_their_number_are_bounded() {
    let mut log = Log::<Journal>::new();
    for name in ["", &"k".repeat(KEY_MAX + 1)] {
        assert_eq!(log.propose(&begin(1, 1, name, 7)), BeginRequestReply::TooLong);
    }
    for (number, name) in [(1, "k"), (2, "l"), (3, "m")] {
        log.propose(&begin(1, number, name, 7));
    }
    assert_eq!(log.propose(&begin(1, 4, "n", 7)), BeginRequestReply::Full);
    let long = End::Answered(vec![0; OUTCOME_MAX + 1]);
    assert_eq!(log.propose(&end(1, 1, "k", long)), EndRequestReply::TooLong);
    let largest = End::Answered(vec![0; OUTCOME_MAX]);
    assert_eq!(log.propose(&end(1, 1, "k", largest)), EndRequestReply::Ended);
    assert_eq!(log.propose(&begin(1, 4, "n", 7)), BeginRequestReply::Run);
    assert!(log.machine.requests().get(&key("k")).is_none());
    let states = log.machine.requests().iter().map(|(_, entry)| &entry.state);
    assert!(states.into_iter().all(|state| matches!(state, State::Running(_))));
}
