use super::samples::progress;
use super::*;
use crate::journal::requests::KEY_MAX;
use crate::journal::streams::*;

fn run() -> Log<Journal> {
    let mut log = Log::new();
    let opened = OpenStreamReply::Opened { epoch: FIRST };
    assert_eq!(log.propose(&open("s", "x", Some("k"))), opened);
    log
}

fn record<'a>(log: &'a Log<Journal>, stream: &str) -> &'a Stream {
    log.machine.streams().get(&stream_id("s", stream)).unwrap()
}

/// The epoch of the stream that [`run`] opens.
const FIRST: u64 = 1;

const NODE_2: NodeId = NodeId::new(2).unwrap();

fn take_over(from: u64) -> TakeOver {
    TakeOver {
        stream: stream_id("s", "x"),
        owner: NODE_2,
        from,
    }
}

const fn is_opened(reply: &OpenStreamReply) -> bool {
    matches!(reply, OpenStreamReply::Opened { .. })
}

#[test]
fn a_stream_is_opened_once_and_found_by_all_its_names() {
    let mut log = run();
    let (reply, effects) = log.observe(&open("s", "x", Some("k")));
    let opened = OpenStreamReply::Opened { epoch: FIRST };
    assert_eq!((reply, effects), (opened, vec![]), "a repeat");
    let exists = OpenStreamReply::Exists {
        owner: node(1),
        epoch: FIRST,
    };
    let again = OpenStream {
        token: Some(token(1)),
        ..open("s", "x", Some("k"))
    };
    for other in [open("s", "x", None), again] {
        assert_eq!(log.propose(&other), exists);
    }
    log.propose(&open("s", "y", None));
    log.propose(&open("u", "x", None));
    let streams = log.machine.streams();
    let id = stream_id("s", "x");
    let of_session: Vec<&str> = streams
        .of_session(&id.tenant, &id.session)
        .map(|(id, _)| id.stream.as_str())
        .collect();
    assert_eq!(of_session, ["x", "y"]);
    let sessions: Vec<&str> = streams
        .sessions_of(&id.tenant, &id.stream)
        .map(|id| id.as_str())
        .collect();
    assert_eq!(sessions, ["s", "u"]);
}

#[test]
fn an_earlier_owner_writes_nothing_once_the_stream_was_taken_over() {
    let mut log = run();
    assert_eq!(log.propose(&progress("s", "x", FIRST, 3)), Written::Written);
    assert_eq!(log.propose(&take_over(FIRST)), TakeOverReply::Taken { epoch: 3 });
    let (owner, epoch) = (NODE_2, 3);
    let fenced = Written::Fenced { owner, epoch };
    assert_eq!(log.propose(&progress("s", "x", FIRST, 9)), fenced);
    let rotate = RotateToken {
        stream: stream_id("s", "x"),
        epoch: FIRST,
        token: token(1),
    };
    assert_eq!(log.propose(&rotate), fenced);
    let close = CloseStream {
        stream: stream_id("s", "x"),
        epoch: FIRST,
    };
    assert_eq!(log.propose(&close), fenced);
    assert_eq!(
        log.propose(&finish("s", "x", FIRST, b"stale")),
        FinishStreamReply::Fenced { owner, epoch }
    );
    assert_eq!(
        (record(&log, "x").lanes[0].tx, record(&log, "x").owner),
        (3, NODE_2)
    );
}

#[test]
fn of_two_that_take_a_stream_over_at_once_one_does() {
    // Both led in the same term: whoever has its entry first in the log is the owner, and the other is told.
    let mut log = run();
    let other = TakeOver {
        owner: node(3),
        ..take_over(FIRST)
    };
    assert_eq!(log.propose(&other), TakeOverReply::Taken { epoch: 2 });
    let (owner, epoch) = (node(3), 2);
    assert_eq!(
        log.propose(&take_over(FIRST)),
        TakeOverReply::Fenced { owner, epoch }
    );
    assert_eq!(
        log.propose(&progress("s", "x", FIRST, 9)),
        Written::Fenced { owner, epoch }
    );
    assert_eq!(log.propose(&progress("s", "x", epoch, 9)), Written::Written);
    let unknown = TakeOver {
        stream: stream_id("s", "none"),
        ..take_over(FIRST)
    };
    assert_eq!(log.propose(&unknown), TakeOverReply::Unknown);
}

#[test]
fn no_two_tenures_have_one_epoch() {
    let mut log = run();
    let mut seen = vec![FIRST];
    for _ in 0..3 {
        let from = epoch(&log, "s", "x");
        let TakeOverReply::Taken { epoch } = log.propose(&take_over(from)) else {
            panic!("the epoch is right");
        };
        seen.push(epoch);
        let mut log = log.reloaded();
        let close = CloseStream {
            stream: stream_id("s", "x"),
            epoch,
        };
        assert_eq!(log.propose(&close), Written::Written);
        let OpenStreamReply::Opened { epoch } = log.propose(&open("s", "x", None)) else {
            panic!("the name is free");
        };
        assert!(!seen.contains(&epoch), "an earlier owner would write over it");
    }
    assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
}

#[test]
fn numbers_of_a_lane_only_rise() {
    let mut log = run();
    log.propose(&progress("s", "x", FIRST, 7));
    log.propose(&progress("s", "x", FIRST, 3));
    let stream = record(&log, "x");
    assert_eq!((stream.lanes[0].tx, stream.lanes[0].has_delivered), (7, true));
    assert_eq!(stream.budget_left, amount(90, 180));
    let mut many = progress("s", "x", FIRST, 1);
    let lane = |clone| {
        let mut lane = many.lanes[0].clone();
        lane.lane.clone = Some(atp_protocol::ids::CloneId(clone));
        lane
    };
    many.lanes = (3..3 + u32::try_from(LANES_MAX).unwrap()).map(lane).collect();
    assert_eq!(log.propose(&many), Written::TooManyLanes);
    assert_eq!(log.propose(&progress("none", "x", FIRST, 1)), Written::Unknown);
}

#[test]
fn the_first_final_is_the_only_one() {
    let mut log = run();
    let (reply, effects) = log.observe(&finish("s", "x", FIRST, b"final"));
    let finished = Effect::StreamFinished {
        stream: stream_id("s", "x"),
    };
    assert_eq!((reply, effects), (FinishStreamReply::Finished, vec![finished]));
    assert_eq!(
        log.observe(&finish("s", "x", FIRST, b"final")),
        (FinishStreamReply::Finished, vec![])
    );
    let before = FinishStreamReply::Before(b"final".to_vec());
    log.propose(&take_over(FIRST));
    let other = finish("s", "x", epoch(&log, "s", "x"), b"another");
    assert_eq!(log.propose(&other), before);
    assert!(record(&log, "x").request.is_empty());
    log.propose(&open("s", "y", None));
    let long = FinishStream {
        outcome: vec![0; FINAL_MAX + 1],
        ..finish("s", "y", epoch(&log, "s", "y"), b"")
    };
    assert_eq!(log.propose(&long), FinishStreamReply::TooLong);
}

#[test]
fn a_stream_that_nobody_comes_back_to_is_forgotten() {
    let mut log = run();
    let close = CloseStream {
        stream: stream_id("s", "x"),
        epoch: FIRST,
    };
    assert_eq!(log.propose(&close), Written::Written);
    assert_eq!(log.propose(&close), Written::Written, "a repeat");
    assert_eq!(log.propose(&progress("s", "x", FIRST, 1)), Written::Closed);
    assert_eq!(
        log.propose(&finish("s", "x", FIRST, b"late")),
        FinishStreamReply::Gone
    );
    log.pass_ms(3_600_000);
    log.propose(&tick());
    assert_eq!(log.machine.streams().iter().count(), 1, "just old enough to stay");
    log.pass_ms(1);
    log.propose(&tick());
    assert_eq!(log.machine.streams().iter().count(), 0);
}

#[test]
fn requests_and_keys_are_bounded() {
    let mut log = run();
    let long = OpenStream {
        request: vec![0; REQUEST_MAX + 1],
        ..open("s", "y", None)
    };
    assert_eq!(log.propose(&long), OpenStreamReply::TooLong);
    let long = "k".repeat(KEY_MAX + 1);
    assert_eq!(
        log.propose(&open("s", "y", Some(&long))),
        OpenStreamReply::TooLong
    );
}

#[test]
fn streams_that_ended_make_room_and_streams_that_run_do_not() {
    let mut log = Log::<Journal>::new();
    let large = |n: usize| OpenStream {
        request: vec![0; REQUEST_MAX],
        ..open("s", &format!("x{n}"), Some(&format!("k{n}")))
    };
    let fits = BYTES_MAX / REQUEST_MAX;
    for n in 0..fits {
        assert!(is_opened(&log.propose(&large(n))));
    }
    assert_eq!(log.propose(&large(fits)), OpenStreamReply::Full);
    log.propose(&finish("s", "x7", epoch(&log, "s", "x7"), &[0; REQUEST_MAX]));
    assert!(is_opened(&log.propose(&large(fits))));
    assert!(log.machine.streams().get(&stream_id("s", "x7")).is_none());
    assert_eq!(log.propose(&large(fits + 1)), OpenStreamReply::Full);
    assert_eq!(
        log.propose(&finish("s", "x8", epoch(&log, "s", "x8"), &[0; REQUEST_MAX + 1])),
        FinishStreamReply::Full
    );
}

#[test]
fn the_name_of_a_closed_stream_is_free() {
    let mut log = run();
    log.propose(&open("s", "name", None));
    let close = CloseStream {
        stream: stream_id("s", "name"),
        epoch: epoch(&log, "s", "name"),
    };
    assert_eq!(log.propose(&close), Written::Written);
    let other = OpenStream {
        request: b"and what?".to_vec(),
        ..open("s", "name", None)
    };
    assert!(is_opened(&log.propose(&other)));
    assert!(epoch(&log, "s", "name") > close.epoch);
}

#[test]
fn who_runs_a_stream_is_found_by_its_name_until_it_ends() {
    let mut log = Log::<Journal>::new();
    let id = stream_id("s", "x");
    let other = stream_id("u", "y");
    let runs = |log: &Log<Journal>, stream: &StreamId, session: Option<&SessionId>| {
        log.machine.streams().runs(&id.tenant, stream, session)
    };
    log.propose(&open("s", "x", None));
    assert_eq!(runs(&log, &id.stream, None), Some(node(1)));
    assert_eq!(runs(&log, &id.stream, Some(&id.session)), Some(node(1)));
    assert_eq!(runs(&log, &id.stream, Some(&other.session)), None);
    assert_eq!(runs(&log, &other.stream, None), None);
    assert_eq!(log.machine.streams().running().count(), 1);
    log.propose(&finish("s", "x", epoch(&log, "s", "x"), b"that"));
    assert_eq!(runs(&log, &id.stream, None), None);
    assert_eq!(log.machine.streams().running().count(), 0);
}

#[test]
fn the_longest_final_of_the_longest_names_is_a_command() {
    let finish = FinishStream {
        stream: Binding {
            tenant: TenantId::new(&"t".repeat(TenantId::MAX_LEN)).unwrap(),
            session: SessionId::new(&"s".repeat(SessionId::MAX_LEN)).unwrap(),
            stream: StreamId::new(&"x".repeat(StreamId::MAX_LEN)).unwrap(),
        },
        epoch: u64::MAX,
        outcome: vec![0; FINAL_MAX],
    };
    assert!(crate::command::encode(&finish).unwrap().len() <= crate::group::MAX_COMMAND);
}
