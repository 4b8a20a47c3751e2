use std::sync::Mutex;

use atp_actors::adapter::LaneFinal;
use futures_util::StreamExt;

use super::*;
use crate::builtin::sample;

const RECORDING: &str = r#"
{"at_ms":0,"event":{"type":"agent.log","content":{"level":"info","text":"begin"}}}
{"at_ms":100,"event":{"type":"agent.result.partial","content":{"text":"Hello "},"confidence":0.5}}
{"at_ms":100,"event":{"type":"agent.result.partial","content":{"text":"world"},"usage":{"in_tokens":3,"out_tokens":2}}}
{"at_ms":250,"event":{"type":"agent.result.final","content":{"finish_reason":"stop","usage":{"in_tokens":3,"out_tokens":4,"usd_micros":9}}}}
{"at_ms":900,"event":{"type":"agent.result.partial","content":{"text":"never"}}}
"#;

/// A sleep that ends at once and remembers for how long it was asked.
fn clock() -> (Sleep, Arc<Mutex<Vec<u64>>>) {
    let slept = Arc::new(Mutex::new(Vec::new()));
    let log = slept.clone();
    let sleep: Sleep = Arc::new(move |ms| {
        log.lock().unwrap().push(ms);
        ready(()).boxed_local()
    });
    (sleep, slept)
}

fn play(adapter: &Replay, text: &str) -> Result<Vec<Result<LaneEvent, Fault>>, Fault> {
    let stream = adapter.stream(sample::call(text)).now_or_never().unwrap()?;
    Ok(stream.collect().now_or_never().unwrap())
}

#[test]
fn chunks_come_in_order_at_their_times_and_end_with_the_final() {
    let (sleep, slept) = clock();
    let events = play(&Replay::of_requests(sleep), RECORDING).unwrap();
    let [
        Ok(LaneEvent::Log { .. }),
        Ok(LaneEvent::Partial(one)),
        Ok(LaneEvent::Partial(two)),
        Ok(LaneEvent::Final(end)),
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((one.text.as_str(), one.confidence), ("Hello ", Some(0.5)));
    assert_eq!((two.text.as_str(), two.usage.unwrap().out_tokens), ("world", 2));
    let LaneFinal {
        usage, finish_reason, ..
    } = &**end;
    assert_eq!(
        (usage.unwrap().out_tokens, finish_reason.as_deref()),
        (4, Some("stop"))
    );
    assert_eq!(*slept.lock().unwrap(), [100, 150]);
}

#[test]
fn a_configured_recording_is_played_whatever_is_asked() {
    let (sleep, _) = clock();
    let recording = Arc::new(Recording::read(RECORDING).unwrap());
    let adapter = Replay::of_recording(Arc::new(capability("fake.openai", &["chat"])), recording, sleep);
    assert_eq!(play(&adapter, "anything").unwrap().len(), 4);
    assert_eq!(adapter.capability().adapter_id.as_str(), "fake.openai");
}

#[test]
fn an_estimate_is_what_was_recorded_else_what_the_text_comes_to() {
    let (sleep, _) = clock();
    let adapter = Replay::of_requests(sleep);
    let estimate = |text: &str| {
        let estimate = adapter
            .estimate(&sample::call(text))
            .now_or_never()
            .unwrap()
            .unwrap();
        (estimate.in_tokens, estimate.out_tokens, estimate.usd_micros)
    };
    let without_late = RECORDING.replace(RECORDING.lines().last().unwrap(), "");
    assert_eq!(estimate(&without_late), (3, 4, 9));
    let plain = r#"{"at_ms":0,"event":{"type":"final","content":{"text":"12345"}}}"#;
    assert_eq!(estimate(plain), (tokens(plain.len()), 2, 0));
}

#[test]
fn a_stream_that_is_dropped_sleeps_no_more() {
    let (sleep, slept) = clock();
    let adapter = Replay::of_requests(sleep);
    let mut stream = adapter
        .stream(sample::call(RECORDING))
        .now_or_never()
        .unwrap()
        .unwrap();
    stream.next().now_or_never().unwrap().unwrap().unwrap();
    drop(stream);
    assert!(slept.lock().unwrap().is_empty());
}

#[test]
fn failures_and_missing_ends_end_the_lane() {
    let (sleep, _) = clock();
    let adapter = Replay::of_requests(sleep);
    let failed = r#"{"at_ms":0,"event":{"type":"agent.result.error","content":{"error":"no disk"}}}"#;
    let events = play(&adapter, failed).unwrap();
    assert!(
        matches!(&events[..], [Err(fault)] if fault.detail == "no disk"),
        "{events:?}"
    );
    let cut = r#"{"at_ms":0,"event":{"type":"partial","content":{"text":"x"}}}"#;
    let events = play(&adapter, cut).unwrap();
    assert!(
        matches!(&events[..], [Ok(_), Err(fault)] if fault.code == Code::Adapter),
        "{events:?}"
    );
}

#[test]
fn what_is_not_a_recording_is_refused_by_line() {
    let (sleep, _) = clock();
    let adapter = Replay::of_requests(sleep);
    let why = |text: &str| {
        let fault = play(&adapter, text).unwrap_err();
        assert_eq!(fault.code, Code::BadInput);
        fault.detail.into_owned()
    };
    assert!(why("hello").starts_with("recording: line 1: "));
    let event = r#""event":{"type":"final","content":{}}}"#;
    let falling = format!("{{\"at_ms\":5,{event}\n\n{{\"at_ms\":4,{event}");
    assert_eq!(
        why(&falling),
        "recording: line 3: at_ms is 4, but must be from 5 to 3600000"
    );
    assert!(why("```\n```").starts_with("recording: no chunks"));
}
