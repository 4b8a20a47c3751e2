use opentelemetry::trace::{Span as _, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::*;

/// Names of the spans that go out.
#[derive(Debug, Clone, Default)]
struct Sent(Arc<Mutex<Vec<String>>>);

impl SpanProcessor for Sent {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span.name.into_owned());
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Sent {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn tracer(rates: &str) -> (SdkTracer, Sent) {
    let tail = Tail::new(Rates::parse(rates).unwrap(), false);
    let sent = Sent::default();
    let provider = SdkTracerProvider::builder()
        .with_sampler(tail.sampler())
        .with_span_processor(tail.before(sent.clone()))
        .build();
    (provider.tracer("test"), sent)
}

fn begin(tracer: &SdkTracer, name: &'static str, below: &Context) -> Context {
    below.with_span(tracer.start_with_context(name, below))
}

#[test]
fn spans_of_a_request_go_out_together_when_it_has_ended() {
    let (tracer, sent) = tracer("silver:1.0");
    let ask = begin(&tracer, REQUEST, &Context::new());
    begin(&tracer, "dispatch", &ask).span().end();
    assert!(sent.names().is_empty());
    ask.span().end();
    assert_eq!(sent.names(), ["dispatch", "ask"]);
}

#[test]
fn one_error_keeps_a_trace_that_its_rate_would_not() {
    let (tracer, sent) = tracer("gold:0,silver:0,bronze:0");
    for fails in [false, true] {
        let ask = begin(&tracer, REQUEST, &Context::new());
        let mut lane = tracer.start_with_context("adapter.stream", &ask);
        if fails {
            lane.set_status(Status::error("EADAPTER"));
        }
        lane.end();
        ask.span().end();
    }
    assert_eq!(sent.names(), ["adapter.stream", "ask"]);
}

#[test]
fn an_escalation_keeps_a_trace_too() {
    let (tracer, sent) = tracer("silver:0");
    let ask = begin(&tracer, REQUEST, &Context::new());
    ask.span().set_attribute(KeyValue::new("escalations", 1));
    ask.span().end();
    assert_eq!(sent.names(), ["ask"]);
}

#[test]
fn requests_of_one_trace_go_out_when_the_last_has_ended() {
    let (tracer, sent) = tracer("silver:1.0");
    let one = begin(&tracer, REQUEST, &Context::new());
    let two = begin(&tracer, REQUEST, &one);
    one.span().end();
    assert!(sent.names().is_empty());
    two.span().end();
    assert_eq!(sent.names(), ["ask", "ask"]);
}

#[test]
fn frequent_spans_are_kept_at_a_hundredth_of_the_rate_unless_all_are_wanted() {
    let kept = |is_verbose| {
        let tail = Tail::new(Rates::parse("silver:1.0").unwrap(), is_verbose);
        // Ids spread over their range.
        let ids = (0..1_000_u128).map(|n| TraceId::from(n << 46));
        let is_kept = |trace| {
            let result = tail.should_sample(None, trace, "ack.update", &SpanKind::Internal, &[], &[]);
            result.decision == SamplingDecision::RecordAndSample
        };
        ids.filter(|trace| is_kept(*trace)).count()
    };
    assert_eq!(kept(true), 1_000);
    assert!((8..=12).contains(&kept(false)), "{}", kept(false));
}

#[test]
fn all_or_nothing_is_all_or_nothing() {
    let last = TraceId::from(u128::MAX);
    assert!(is_within(last, 1.0));
    assert!(!is_within(TraceId::from(0_u128), 0.0));
    assert!(!is_within(last, 0.999));
}
