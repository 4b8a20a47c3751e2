//! Registered handles.

use std::sync::Arc;

use atp_protocol::adapter::UsageSource;
use atp_protocol::error::{Code, Scope};
use atp_protocol::units::Tier;
use metrics::{Counter, Gauge, Histogram, Recorder};

use super::names::{METADATA, key};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With a final.
    Ok,
    /// With an error.
    Error,
    /// Because the client left.
    Cancelled,
}

impl Outcome {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Ok, "ok"),
        (Self::Error, "error"),
        (Self::Cancelled, "cancelled"),
    ];
}

/// All series of a node.
pub struct Meter {
    recorder: Arc<dyn Recorder + Send + Sync>,
    requests: Counter,
    latency: [[Histogram; 3]; 3],
    first_chunk: [Histogram; 3],
    /// Time to plan a request, in microseconds.
    pub decision_us: Histogram,
    /// Client connections open.
    pub connections: Gauge,
    /// Sessions live.
    pub sessions: Gauge,
    /// Streams live.
    pub streams: Gauge,
    /// Parallel sessions not yet ended.
    pub parallel_sessions: Gauge,
    /// Lanes sent to adapters.
    pub targets: Counter,
    /// Holds taken.
    pub holds: Counter,
    settlements: [Counter; 3],
    /// Micro-dollars used above a hold with no room left.
    pub overrun_usd_micros: Counter,
    /// Must stay 0.
    pub invariant_violations: Counter,
    /// Records written to the ledger journal.
    pub journal_appends: Counter,
    grants: [Counter; 3],
    queue_timeouts: [Counter; 3],
    queue_wait: [Histogram; 3],
    preemptions: [Counter; 3],
    /// Adapters known.
    pub adapters: Gauge,
    /// Adapters that failed the compliance probe.
    pub non_compliant: Gauge,
    /// Breakers open or half open.
    pub circuits_open: Gauge,
    /// Lexical agreement of lanes.
    pub agreement: Histogram,
    /// Agreement of findings.
    pub finding_agreement: Histogram,
    /// Requests answered from the one before under the same idempotency key.
    pub idempotent_replays: Counter,
    /// Panics caught at the edge of an actor.
    pub panics: Counter,
}

impl Meter {
    /// Registers every series with `recorder`.
    #[must_use]
    pub fn new(recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        let counter = |name, labels: &[_]| recorder.register_counter(&key(name, labels), &METADATA);
        let gauge = |name| recorder.register_gauge(&key(name, &[]), &METADATA);
        let histogram = |name, labels: &[_]| recorder.register_histogram(&key(name, labels), &METADATA);
        let by_tier = |name| Tier::ALL.map(|tier| counter(name, &[("qos", tier.as_str())]));
        let sources = [
            UsageSource::Reported,
            UsageSource::Estimated,
            UsageSource::Unknown,
        ];
        Self {
            requests: counter("atp_router_requests_total", &[]),
            latency: Tier::ALL.map(|tier| {
                Outcome::ALL.map(|(_, outcome)| {
                    histogram(
                        "request_latency_ms",
                        &[("qos", tier.as_str()), ("outcome", outcome)],
                    )
                })
            }),
            first_chunk: Tier::ALL.map(|tier| histogram("time_to_first_chunk_ms", &[("qos", tier.as_str())])),
            decision_us: histogram("decision_us", &[]),
            connections: gauge("atp_router_active_connections"),
            sessions: gauge("sessions_active"),
            streams: gauge("streams_active"),
            parallel_sessions: gauge("parallel_sessions_active"),
            targets: counter("dispatch_targets_total", &[]),
            holds: counter("budget_holds_total", &[]),
            settlements: sources
                .map(|source| counter("budget_settlements_total", &[("source", source_name(source))])),
            overrun_usd_micros: counter("budget_overrun_usd_micros_total", &[]),
            invariant_violations: counter("budget_invariant_violations_total", &[]),
            journal_appends: counter("journal_appends_total", &[]),
            grants: by_tier("fair_sched_grants_total"),
            queue_timeouts: by_tier("fair_sched_dropped_total"),
            queue_wait: Tier::ALL.map(|tier| histogram("fair_sched_wait_ms", &[("qos", tier.as_str())])),
            preemptions: by_tier("preemptions_total"),
            adapters: gauge("adapters_registered"),
            non_compliant: gauge("non_compliant_adapters"),
            circuits_open: gauge("circuits_open"),
            agreement: histogram("agreement_pct", &[]),
            finding_agreement: histogram("finding_agreement_pct", &[]),
            idempotent_replays: counter("idempotent_replays_total", &[]),
            panics: counter("actor_panics_total", &[]),
            recorder,
        }
    }

    /// A request was accepted.
    pub fn request(&self) {
        self.requests.increment(1);
    }

    /// A request ended after `ms`.
    pub fn request_ended(&self, tier: Tier, outcome: Outcome, ms: f64) {
        self.latency[tier.index()][outcome as usize].record(ms);
    }

    /// The first chunk of a request came after `ms`.
    pub fn first_chunk(&self, tier: Tier, ms: f64) {
        self.first_chunk[tier.index()].record(ms);
    }

    /// A hold was settled.
    pub fn settled(&self, source: UsageSource) {
        self.settlements[source as usize].increment(1);
    }

    /// A slot was granted after `ms` in the queue.
    pub fn granted(&self, tier: Tier, ms: f64) {
        self.grants[tier.index()].increment(1);
        self.queue_wait[tier.index()].record(ms);
    }

    /// A waiter timed out.
    pub fn queue_timeout(&self, tier: Tier) {
        self.queue_timeouts[tier.index()].increment(1);
    }

    /// A lane was preempted.
    pub fn preempted(&self, victim: Tier) {
        self.preemptions[victim.index()].increment(1);
    }

    /// An error was told to a caller. Rare enough to be looked up.
    pub fn error(&self, code: Code, scope: Scope) {
        let labels = [("code", code.as_str()), ("scope", scope.as_str())];
        self.recorder
            .register_counter(&key("atp_errors_total", &labels), &METADATA)
            .increment(1);
    }

    /// A hold was refused for want of `component`.
    pub fn refused(&self, component: &'static str) {
        let key = key("budget_refusals_total", &[("component", component)]);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }

    /// A call was refused because it came too soon after others of the same `scope`.
    pub fn rate_limited(&self, scope: &'static str) {
        let key = key("rate_limit_dropped_total", &[("scope", scope)]);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }

    /// An actor was started anew.
    pub fn actor_restarted(&self, actor: &'static str) {
        let key = key("actor_restarts_total", &[("actor", actor)]);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }

    /// Lanes were reconciled.
    pub fn reconciled(&self, strategy: &str) {
        let key = key("reconciliation_strategy_counts", &[("strategy", strategy)]);
        self.recorder.register_counter(&key, &METADATA).increment(1);
    }
}

const fn source_name(source: UsageSource) -> &'static str {
    match source {
        UsageSource::Reported => "reported",
        UsageSource::Estimated => "estimated",
        UsageSource::Unknown => "unknown",
    }
}
