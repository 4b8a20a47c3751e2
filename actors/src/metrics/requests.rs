//! Requests from acceptance to their end.

use atp_protocol::units::Tier;
use metrics::{Counter, Gauge, Histogram};

use super::register::Register;

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

/// Who makes too many calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateScope {
    /// One credential.
    Credential,
    /// All credentials of a tenant together.
    Tenant,
}

impl RateScope {
    const ALL: [(Self, &'static str); 2] = [(Self::Credential, "credential"), (Self::Tenant, "tenant")];
}

/// Series of requests, sessions and streams.
pub struct Requests {
    accepted: Counter,
    latency: [[Histogram; 3]; 3],
    /// Time to plan a request, in microseconds.
    pub decision_us: Histogram,
    /// Client connections open.
    pub connections: Gauge,
    /// Sessions live.
    pub sessions: Gauge,
    /// Streams that run.
    pub streams: Gauge,
    /// Parallel sessions not yet ended.
    pub parallel_sessions: Gauge,
    /// Lanes sent to adapters.
    pub targets: Counter,
    /// Streams that a client came back to.
    pub resumes: Counter,
    /// Clients that came back in vain.
    pub resume_failures: Counter,
    /// Requests answered from the one before under the same idempotency key.
    pub repeats: Counter,
    rate_limited: [Counter; 2],
}

impl Requests {
    pub(super) fn new(register: &Register) -> Self {
        Self {
            accepted: register.counter("atp_router_requests_total", &[]),
            latency: Tier::ALL.map(|tier| {
                Outcome::ALL.map(|(_, outcome)| {
                    let labels = [("qos", tier.as_str()), ("outcome", outcome)];
                    register.histogram("request_latency_ms", &labels)
                })
            }),
            decision_us: register.histogram("decision_us", &[]),
            connections: register.gauge("atp_router_active_connections", &[]),
            sessions: register.gauge("sessions_active", &[]),
            streams: register.gauge("streams_active", &[("state", "open")]),
            parallel_sessions: register.gauge("parallel_sessions_active", &[]),
            targets: register.counter("dispatch_targets_total", &[]),
            resumes: register.counter("resumes_total", &[]),
            resume_failures: register.counter("resume_failures_total", &[]),
            repeats: register.counter("idempotent_replays_total", &[]),
            rate_limited: RateScope::ALL
                .map(|(_, scope)| register.counter("rate_limit_dropped_total", &[("scope", scope)])),
        }
    }

    /// A call was refused for coming too often.
    pub fn rate_limited(&self, scope: RateScope) {
        self.rate_limited[scope as usize].increment(1);
    }

    /// A request was accepted.
    pub fn accepted(&self) {
        self.accepted.increment(1);
    }

    /// A request ended after `ms`.
    pub fn ended(&self, tier: Tier, outcome: Outcome, ms: f64) {
        self.latency[tier.index()][outcome as usize].record(ms);
    }
}
