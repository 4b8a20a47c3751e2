use std::sync::atomic::{AtomicUsize, Ordering};

use atp_actors::adapter::Form;
use atp_actors::cpu::Inline;
use atp_protocol::adapter::UsageMode;
use futures_util::StreamExt;
use futures_util::future::FutureExt;

use super::*;
use crate::builtin::sample;

/// Says each word of the first turn, and counts how often it is asked.
struct Echo(AtomicUsize);

impl Task for Echo {
    fn capability(&self) -> Capability {
        crate::builtin::capability("echo.local", &["echo"])
    }

    fn run(&self, brief: &Brief) -> Result<Answer, Fault> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let text = crate::builtin::material::text(&brief.content)?;
        Ok(Answer {
            pieces: text.split_inclusive(' ').map(str::to_owned).collect(),
            data: Some(serde_json::json!({ "words": text.split(' ').count() })),
            findings: Vec::new(),
            confidence: 0.75,
            is_cut: brief.max_tokens == Some(1),
        })
    }
}

/// Loses every job, as a full queue does.
struct Full;

impl Cpu for Full {
    fn run(&self, _job: Box<dyn FnOnce() + Send>) {}
}

fn echo(cpu: impl Cpu + 'static) -> Builtin<Echo> {
    Builtin::new(Arc::new(Echo(AtomicUsize::new(0))), Arc::new(cpu))
}

fn events(adapter: &dyn Adapter, call: Call) -> Vec<LaneEvent> {
    let stream = adapter.stream(call).now_or_never().unwrap().unwrap();
    let events: Vec<_> = stream.collect().now_or_never().unwrap();
    events.into_iter().map(Result::unwrap).collect()
}

#[test]
fn pieces_are_partials_with_running_usage_and_a_final_ends_them() {
    let mut call = sample::call("one two three");
    call.form = Form::Forward;
    let events = events(&echo(Inline), call);
    let [
        LaneEvent::Partial(one),
        LaneEvent::Partial(_),
        LaneEvent::Partial(three),
        LaneEvent::Final(end),
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((one.text.as_str(), three.text.as_str()), ("one ", "three"));
    let used =
        |usage: Option<Metered>| usage.map(|usage| (usage.in_tokens, usage.out_tokens, usage.usd_micros));
    assert_eq!(used(one.usage), Some((4, 1, None)));
    assert_eq!(used(three.usage), Some((4, 4, None)));
    assert_eq!(used(end.usage), Some((4, 4, None)));
    assert_eq!((end.text.as_deref(), end.body.as_deref()), (None, None));
    assert_eq!(end.data, Some(serde_json::json!({ "words": 3 })));
    assert_eq!(end.confidence, Some(0.75));
    assert_eq!(end.finish_reason.as_deref(), Some("stop"));
}

#[test]
fn the_tighter_of_two_limits_counts() {
    let mut call = sample::call("one two three");
    call.max_output_tokens = Some(1);
    let events = events(&echo(Inline), call);
    let Some(LaneEvent::Final(end)) = events.last() else {
        panic!("no final")
    };
    assert_eq!(end.finish_reason.as_deref(), Some("length"));
}

#[test]
fn nothing_is_worked_out_for_an_estimate() {
    let adapter = echo(Inline);
    let refused = adapter.estimate(&sample::call("one two three")).now_or_never();
    assert_eq!(refused.unwrap().unwrap_err().code, Code::Unsupported);
    assert_eq!(adapter.task.0.load(Ordering::Relaxed), 0);
}

#[test]
fn a_full_queue_is_the_agents_window_and_bad_input_is_refused() {
    let full = echo(Full).stream(sample::call("x")).now_or_never().unwrap();
    assert_eq!(full.err().unwrap().code, Code::WindowAgent);
    let empty = echo(Inline).stream(sample::call("")).now_or_never().unwrap();
    assert_eq!(empty.err().unwrap().code, Code::BadInput);
}

#[test]
fn a_cancelled_call_in_the_queue_is_not_run() {
    #[derive(Default)]
    struct Queue(std::sync::Mutex<Vec<Box<dyn FnOnce() + Send>>>);
    impl Cpu for Queue {
        fn run(&self, job: Box<dyn FnOnce() + Send>) {
            self.0.lock().unwrap().push(job);
        }
    }
    let queue = Arc::new(Queue::default());
    let adapter = Builtin::new(Arc::new(Echo(AtomicUsize::new(0))), queue.clone());
    assert!(adapter.stream(sample::call("x")).now_or_never().is_none());
    for job in queue.0.lock().unwrap().drain(..) {
        job();
    }
    assert_eq!(adapter.task.0.load(Ordering::Relaxed), 0);
}

#[test]
fn every_builtin_declares_itself_under_its_own_name() {
    let cpu: Arc<dyn Cpu> = Arc::new(Inline);
    let sleep: crate::builtin::Sleep = Arc::new(|_| std::future::ready(()).boxed_local());
    let mut ids = Vec::new();
    for factory in crate::builtin::factories(&cpu, sleep.clone()) {
        let capability = factory.build().capability();
        assert_eq!(capability.models, [capability.adapter_id.as_str()]);
        assert_eq!(capability.adapter_type, "builtin");
        assert_eq!(
            (capability.usage_mode, capability.estimate),
            (UsageMode::Cumulative, false)
        );
        ids.push(capability.adapter_id.to_string());
    }
    assert_eq!(ids, crate::config::BUILTINS);
}
