use bytes::{Bytes, BytesMut};

use super::*;
use crate::link::{Code, Lane, Service, decode};

mod together;

const SERVICE: Service = Service(7);
const SILENCE: u64 = 3_000;
const START: Millis = Millis(100);

/// Tags are what the tests call things.
type Tagged = Machine<&'static str, &'static str, &'static str>;

fn machine(side: Side) -> Tagged {
    let limits = Limits {
        requests: 2,
        streams: 2,
        request_bytes: 100,
        window: 1_000,
    };
    Machine::new(START, side, limits, limits.window, SILENCE)
}

/// A machine with what it wrote.
struct End {
    machine: Tagged,
    out: BytesMut,
}

impl End {
    fn new(side: Side) -> Self {
        Self {
            machine: machine(side),
            out: BytesMut::new(),
        }
    }

    /// What it wrote since.
    fn said(&mut self) -> Vec<Frame> {
        let mut said = Vec::new();
        while let Some(frame) = decode(&mut self.out).unwrap() {
            said.push(frame);
        }
        said
    }

    fn hears(&mut self, frame: Frame) -> Result<Event<&'static str, &'static str, &'static str>, Violation> {
        self.machine.receive(START, frame, &mut self.out)
    }

    fn asks(&mut self, deadline_ms: u32) -> Result<Correlation, Unasked> {
        let body = b"question";
        self.machine
            .ask(START, SERVICE, deadline_ms, body, "caller", &mut self.out)
    }
}

fn request(id: u64, deadline_ms: u32, bytes: usize) -> Frame {
    Frame::Request {
        id: Correlation(id),
        service: SERVICE,
        deadline_ms,
        body: Bytes::from(vec![0; bytes]),
    }
}

fn open(id: u64) -> Frame {
    Frame::Open {
        id: Correlation(id),
        service: SERVICE,
        body: Bytes::new(),
    }
}

fn data(id: u64, bytes: usize) -> Frame {
    Frame::Data {
        id: Correlation(id),
        body: Bytes::from(vec![0; bytes]),
    }
}

fn refusal_of(said: &[Frame]) -> Code {
    match said {
        [Frame::Refusal { refusal, .. } | Frame::Reset { refusal, .. }] => refusal.code,
        other => panic!("no refusal: {other:?}"),
    }
}

#[test]
fn the_dialling_side_names_oddly_and_the_other_evenly() {
    let ids = |side| {
        let mut end = End::new(side);
        [end.asks(1).unwrap().0, end.asks(1).unwrap().0]
    };
    assert_eq!(ids(Side::Dialled), [1, 3]);
    assert_eq!(ids(Side::Accepted), [2, 4]);
}

#[test]
fn an_answer_finds_who_asked_and_only_once() {
    let mut end = End::new(Side::Dialled);
    let id = end.asks(1_000).unwrap();
    let body = Bytes::from_static(b"answer");
    let response = || Frame::Response {
        id,
        body: body.clone(),
    };
    assert_eq!(
        end.hears(response()),
        Ok(Event::Answered("caller", Ok(body.clone())))
    );
    assert_eq!(end.hears(response()), Ok(Event::None));
    assert_eq!(end.machine.asked(), 0);
}

#[test]
fn own_requests_beyond_the_limit_are_not_sent() {
    let mut end = End::new(Side::Dialled);
    end.asks(1_000).unwrap();
    let second = end.asks(1_000).unwrap();
    end.said();
    assert_eq!(end.asks(1_000), Err(Unasked::Overloaded));
    assert_eq!(end.said(), []);
    end.machine.cancel(second, &mut end.out);
    assert_eq!(end.said(), [Frame::Cancel { id: second }]);
    assert!(end.asks(1_000).is_ok());
}

#[test]
fn requests_of_the_other_side_are_refused_where_they_cannot_be_taken() {
    let mut end = End::new(Side::Accepted);
    assert_eq!(end.hears(request(1, 0, 0)), Ok(Event::None));
    assert_eq!(refusal_of(&end.said()), Code::EXPIRED);
    // One large body is taken when nothing else is.
    assert!(matches!(end.hears(request(3, 9, 400)), Ok(Event::Asked { .. })));
    assert_eq!(end.hears(request(5, 9, 1)), Ok(Event::None));
    assert_eq!(refusal_of(&end.said()), Code::OVERLOADED);
    end.machine.answer(Correlation(3), Ok(b""), &mut end.out);
    end.said();
    for id in [7, 9] {
        assert!(matches!(end.hears(request(id, 9, 1)), Ok(Event::Asked { .. })));
    }
    assert_eq!(end.hears(request(11, 9, 1)), Ok(Event::None));
    assert_eq!(refusal_of(&end.said()), Code::OVERLOADED);
    end.machine.leave(Refusal::new(Code::STOPPING, ""), &mut end.out);
    end.said();
    assert_eq!(end.hears(request(13, 9, 1)), Ok(Event::None));
    assert_eq!(refusal_of(&end.said()), Code::STOPPING);
    assert_eq!(end.machine.serving(), 2);
}

#[test]
fn a_cancel_reaches_who_works_and_its_answer_goes_nowhere() {
    let mut end = End::new(Side::Accepted);
    end.hears(request(1, 9, 1)).unwrap();
    end.machine.serve(Correlation(1), "worker");
    let cancel = || Frame::Cancel { id: Correlation(1) };
    assert_eq!(end.hears(cancel()), Ok(Event::Cancelled("worker")));
    assert_eq!(end.hears(cancel()), Ok(Event::None));
    end.machine.answer(Correlation(1), Ok(b"late"), &mut end.out);
    assert_eq!(end.said(), []);
}

#[test]
fn deadlines_end_both_sides_and_are_told_to_who_works() {
    let mut caller = End::new(Side::Dialled);
    let id = caller.asks(50).unwrap();
    caller.asks(90).unwrap();
    caller.machine.tick(START, 0, &mut caller.out);
    caller.said();
    assert_eq!(caller.machine.next_tick(), START.plus(50));
    let early = caller.machine.tick(START.plus(49), 0, &mut caller.out);
    assert!(early.asked.is_empty());
    let expired = caller.machine.tick(START.plus(50), 0, &mut caller.out);
    assert_eq!(expired.asked, ["caller"]);
    assert_eq!(caller.said(), [Frame::Cancel { id }]);
    assert_eq!(caller.machine.next_tick(), START.plus(90));

    let mut worker = End::new(Side::Accepted);
    worker.hears(request(1, 50, 1)).unwrap();
    worker.machine.serve(Correlation(1), "worker");
    let expired = worker.machine.tick(START.plus(50), 0, &mut worker.out);
    assert_eq!(expired.serving, ["worker"]);
    assert_eq!(worker.machine.serving(), 0);
}

#[test]
fn pings_go_out_at_a_third_of_the_silence_and_anything_heard_is_life() {
    let mut end = End::new(Side::Dialled);
    let beats = |end: &mut End, at| {
        end.machine.tick(START.plus(at), at, &mut end.out);
        end.said()
    };
    assert_eq!(beats(&mut end, 0), [Frame::Ping { stamp: 0 }]);
    assert_eq!(beats(&mut end, SILENCE / 3 - 1), []);
    assert_eq!(beats(&mut end, 1_000), [Frame::Ping { stamp: 1_000 }]);
    assert!(!end.machine.is_silent(START.plus(SILENCE - 1)));
    assert!(end.machine.is_silent(START.plus(SILENCE)));
    end.machine.heard(START.plus(SILENCE - 1));
    assert!(!end.machine.is_silent(START.plus(SILENCE)));
    assert_eq!(end.hears(Frame::Ping { stamp: 9 }), Ok(Event::None));
    assert_eq!(end.said(), [Frame::Pong { stamp: 9 }]);
}

#[test]
fn a_stream_without_credit_takes_nothing_and_goes_on_with_it() {
    let mut end = End::new(Side::Dialled);
    let id = end.machine.open(SERVICE, b"", "stream", &mut end.out).unwrap();
    end.said();
    let bytes = vec![7; PIECE_MAX + 1];
    let mut left = &bytes[..];
    // A piece stays whole though it costs more than the credit; the next waits.
    assert_eq!(end.machine.send(id, &mut left, &mut end.out), Some(()));
    assert_eq!(left.len(), 1);
    assert_eq!(end.said().len(), 1);
    assert_eq!(end.machine.send(id, &mut left, &mut end.out), Some(()));
    assert_eq!(left.len(), 1);
    let bytes = u32::try_from(PIECE_MAX).unwrap();
    assert_eq!(
        end.hears(Frame::Credit { id, bytes }),
        Ok(Event::Credited("stream"))
    );
    assert_eq!(end.machine.send(id, &mut left, &mut end.out), Some(()));
    assert!(left.is_empty());
    end.machine.finish(id, &mut end.out);
    assert_eq!(end.machine.send(id, &mut &b"more"[..], &mut end.out), None);
}

#[test]
fn credit_goes_back_when_half_a_window_was_read() {
    let mut end = End::new(Side::Accepted);
    end.hears(open(1)).unwrap();
    end.machine.accept(Correlation(1), "stream");
    for _ in 0..2 {
        let piece = Bytes::from(vec![0; 300]);
        assert_eq!(end.hears(data(1, 300)), Ok(Event::Data("stream", piece)));
    }
    end.machine.consume(Correlation(1), &[0; 300], &mut end.out);
    assert_eq!(end.said(), []);
    end.machine.consume(Correlation(1), &[0; 300], &mut end.out);
    let (id, bytes) = (Correlation(1), 728);
    assert_eq!(end.said(), [Frame::Credit { id, bytes }]);
}

#[test]
fn a_stream_ends_when_both_sides_have_and_counts_until_then() {
    let mut end = End::new(Side::Accepted);
    for id in [1, 3] {
        end.hears(open(id)).unwrap();
        end.machine.accept(Correlation(id), "stream");
    }
    assert_eq!(end.hears(open(5)), Ok(Event::None));
    assert_eq!(refusal_of(&end.said()), Code::OVERLOADED);
    end.machine.finish(Correlation(1), &mut end.out);
    assert_eq!(end.machine.streams(), 2);
    let over = Frame::End { id: Correlation(1) };
    assert_eq!(end.hears(over), Ok(Event::Ended("stream")));
    end.machine
        .reset(Correlation(3), Refusal::new(Code::CANCELLED, ""), &mut end.out);
    assert_eq!(end.machine.streams(), 0);
    assert!(matches!(end.hears(open(7)), Ok(Event::Opened { .. })));
    // What was under way when it was reset is passed over.
    assert_eq!(end.hears(data(3, 10)), Ok(Event::None));
}

#[test]
fn who_breaks_the_rules_is_told_apart() {
    let broken = |frames: Vec<Frame>| {
        let mut end = End::new(Side::Accepted);
        let mut results = frames.into_iter().map(|frame| {
            let event = end.hears(frame)?;
            if let Event::Opened { id, .. } = event {
                end.machine.accept(id, "stream");
            }
            Ok(())
        });
        results.find_map(Result::err)
    };
    let body = Bytes::new();
    let hello = crate::link::Hello {
        lane: Lane::Bulk,
        node: crate::cluster::NodeId::new(1).unwrap(),
        window: 1,
    };
    assert_eq!(broken(vec![Frame::Hello(hello)]), Some(Violation::Hello));
    assert_eq!(broken(vec![request(2, 9, 0)]), Some(Violation::Name));
    assert_eq!(broken(vec![request(3, 9, 0), open(3)]), Some(Violation::Name));
    let answer = Frame::Response {
        id: Correlation(2),
        body,
    };
    assert_eq!(broken(vec![answer]), Some(Violation::Unknown));
    assert_eq!(broken(vec![data(1, 1)]), Some(Violation::Unknown));
    let over = || Frame::End { id: Correlation(1) };
    assert_eq!(
        broken(vec![open(1), over(), data(1, 1)]),
        Some(Violation::AfterEnd)
    );
    assert_eq!(broken(vec![open(1), over(), over()]), Some(Violation::AfterEnd));
    assert_eq!(
        broken(vec![open(1), data(1, 900), data(1, 900)]),
        None,
        "one piece over"
    );
    let three = vec![open(1), data(1, 900), data(1, 900), data(1, 1)];
    assert_eq!(broken(three), Some(Violation::Credit));
    let empty = (0..20).map(|_| data(1, 0));
    let many = std::iter::once(open(1)).chain(empty).collect();
    assert_eq!(broken(many), Some(Violation::Credit), "empty pieces cost as well");
}

#[test]
fn after_a_goodbye_nothing_is_asked_and_the_end_waits_for_what_runs() {
    let mut end = End::new(Side::Dialled);
    let id = end.asks(9).unwrap();
    let refusal = Refusal::new(Code::STOPPING, "stopping");
    let goodbye = Frame::Goodbye {
        refusal: refusal.clone(),
    };
    assert_eq!(end.hears(goodbye), Ok(Event::Left(refusal)));
    assert_eq!(end.asks(9), Err(Unasked::Left));
    assert!(!end.machine.is_over());
    end.machine.cancel(id, &mut end.out);
    assert!(end.machine.is_over());
}
