//! Which spans go out: decided when their request has ended, because only then is known how it went.
//!
//! Whether a trace is kept by its tier's rate depends on its id alone, so that routers that share a trace agree. Bounds:
//! [`HELD_MAX`] spans are held for requests that have not ended; what comes beyond is decided by rate at once, as are spans
//! that belong to no request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::trace::{Link, SpanKind, Status, TraceId, TraceState};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
};

use super::Rates;

/// Spans held for requests that have not ended.
const HELD_MAX: usize = 65_536;

/// The span around a request.
const REQUEST: &str = "ask";

/// Spans that come with every chunk, frame or acknowledgement, and what is kept of them.
const FREQUENT: [&str; 5] = [
    "ack.update",
    "stream.buffer",
    "window.update",
    "heartbeat.tx",
    "aimd.feedback",
];
const FREQUENT_SHARE: f64 = 0.01;

/// Decides; shared by the sampler and the processor it makes.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    rates: Rates,
    /// Frequent spans are kept like all others.
    is_verbose: bool,
    held: Arc<Mutex<Held>>,
}

/// Spans of requests that have not ended.
#[derive(Debug, Default)]
struct Held {
    traces: HashMap<TraceId, Trace>,
    spans: usize,
}

#[derive(Debug, Default)]
struct Trace {
    /// Requests of it that have not ended.
    requests: usize,
    spans: Vec<SpanData>,
    /// One of its spans tells of an error or an escalation.
    is_notable: bool,
}

/// What comes before the exporter.
#[derive(Debug)]
pub(super) struct Before<P> {
    tail: Tail,
    next: P,
}

impl Tail {
    pub(super) fn new(rates: Rates, is_verbose: bool) -> Self {
        Self {
            rates,
            is_verbose,
            held: Arc::default(),
        }
    }

    /// Records all but most of the frequent spans.
    pub(super) fn sampler(&self) -> impl ShouldSample + use<> {
        self.clone()
    }

    /// Hands what is kept to `next`.
    pub(super) fn before<P>(&self, next: P) -> Before<P> {
        Before {
            tail: self.clone(),
            next,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShouldSample for Tail {
    fn should_sample(
        &self,
        _: Option<&Context>,
        trace: TraceId,
        name: &str,
        _: &SpanKind,
        attributes: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let is_frequent = FREQUENT.contains(&name) && !self.is_verbose;
        let rate = self.rates.of(text(attributes, "qos")) * FREQUENT_SHARE;
        let decision = match is_frequent && !is_within(trace, rate) {
            true => SamplingDecision::Drop,
            false => SamplingDecision::RecordAndSample,
        };
        if name == REQUEST {
            self.held().traces.entry(trace).or_default().requests += 1;
        }
        SamplingResult {
            decision,
            attributes: Vec::new(),
            trace_state: TraceState::default(),
        }
    }
}

impl<P: SpanProcessor> Before<P> {
    /// The spans to be handed on because `span` has ended.
    fn ended(&self, span: SpanData) -> Vec<SpanData> {
        let trace = span.span_context.trace_id();
        let rate = self.tail.rates.of(text(&span.attributes, "qos"));
        let (is_request, is_notable) = (span.name == REQUEST, is_notable(&span));
        let mut held = self.tail.held();
        let is_full = held.spans >= HELD_MAX;
        let Some(of) = held.traces.get_mut(&trace).filter(|_| !is_full || is_request) else {
            let is_kept = is_notable || is_within(trace, rate);
            return is_kept.then_some(span).into_iter().collect();
        };
        of.is_notable |= is_notable;
        of.spans.push(span);
        of.requests -= usize::from(is_request);
        if of.requests > 0 {
            held.spans += 1;
            return Vec::new();
        }
        let Some(of) = held.traces.remove(&trace) else {
            return Vec::new();
        };
        held.spans -= of.spans.len() - 1;
        match of.is_notable || is_within(trace, rate) {
            true => of.spans,
            false => Vec::new(),
        }
    }
}

impl<P: SpanProcessor> SpanProcessor for Before<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        for span in self.ended(span) {
            self.next.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Errors and escalations are always kept.
fn is_notable(span: &SpanData) -> bool {
    let has_escalated = |attribute: &KeyValue| {
        attribute.key.as_str() == "escalations" && matches!(attribute.value, Value::I64(count) if count > 0)
    };
    matches!(span.status, Status::Error { .. }) || span.attributes.iter().any(has_escalated)
}

/// Whether a trace is among the share `rate`: its id is random.
fn is_within(trace: TraceId, rate: f64) -> bool {
    let [.., a, b, c, d, e, f, g] = trace.to_bytes();
    // The upper 53 of its last 56 bits, which is as many as a float tells apart.
    let drawn = u64::from_be_bytes([0, a, b, c, d, e, f, g]) >> 3;
    (drawn as f64) < rate * (1_u64 << 53) as f64
}

fn text<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let found = attributes
        .iter()
        .find(|attribute| attribute.key.as_str() == name)?;
    match &found.value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
