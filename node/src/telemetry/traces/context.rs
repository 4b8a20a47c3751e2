//! Trace context from and to peers: W3C `traceparent`.

use std::collections::HashMap;

use atp_actors::spans::Traces;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

/// Joins our spans to those of peers.
#[derive(Debug, Default)]
pub(super) struct Remote(TraceContextPropagator);

impl Traces for Remote {
    fn adopt(&self, span: &Span, traceparent: &str) {
        let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
        let parent = self.0.extract_with_context(&Context::new(), &carrier);
        if parent.span().span_context().is_valid() {
            // A span that is sampled away needs no parent.
            let _ = span.set_parent(parent);
        }
    }

    fn carry(&self, span: &Span) -> Option<String> {
        let mut carrier = HashMap::new();
        self.0.inject_context(&span.context(), &mut carrier);
        carrier.remove(TRACEPARENT)
    }
}
