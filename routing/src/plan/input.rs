//! What a decision is made from, beside the policy set and the FIB.

use atp_protocol::adapter::AgentStatus;
use atp_protocol::estimate::{Estimate, Mape};
use atp_protocol::request::AgentRequest;
use atp_protocol::units::{Amount, Millis, PartialWindow, Window};

use crate::fib::Candidate;
use crate::reconcile::{Demand, Strategy, choose};

/// Most one request may cost, whatever anybody says (routing.md 1.2), in micro-dollars.
const REQUEST_MAX_USD_MICROS: u64 = 10_000_000;

/// A request and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The deciding node's clock.
    pub now: Millis,
    /// The deciding node's region.
    pub region: &'a str,
    /// The request.
    pub request: &'a AgentRequest,
    /// Version of the policy set, for the record.
    pub policy_version: u64,
    /// Capabilities without which the surface cannot use an answer, e.g. `embeddings`.
    pub required: &'a [&'a str],
    /// What is left of the caller's effective window.
    pub window: Window,
    /// What the request may use, and what is left in the account and its ancestors, as far as this node knows.
    pub available: Amount,
    /// What the tenant may pay at most for one request when a policy lets the ceiling give way, in micro-dollars.
    pub tenant_max_usd_micros: u64,
    /// Most lanes at once; a node under pressure says 1.
    pub lanes_max: usize,
    /// Longest wait for the turn of an agent that is called only so often, in milliseconds.
    pub turn_max_ms: u64,
}

impl<'a> Input<'a> {
    /// A request with nothing else known: no limits but its own and those of the policy.
    #[must_use]
    pub const fn new(now: Millis, region: &'a str, request: &'a AgentRequest) -> Self {
        Self {
            now,
            region,
            request,
            policy_version: 0,
            required: &[],
            window: Window::MAX,
            available: request.budget,
            tenant_max_usd_micros: REQUEST_MAX_USD_MICROS,
            lanes_max: usize::MAX,
            turn_max_ms: u64::MAX,
        }
    }
}

/// Facts about candidates that change faster than the FIB is rebuilt. Asked once for each candidate of a decision, so an
/// answer must not wait.
pub trait Conditions {
    /// How a candidate stands.
    fn condition(&self, candidate: &Candidate) -> Condition;

    /// The adapter's own estimate of this request, if it was asked and answered in time.
    fn estimate(&self, _candidate: &Candidate) -> Option<&Estimate> {
        None
    }

    /// The strategy that `adaptive` comes to, for a request of this demand under a policy; where nothing is known of how
    /// strategies have done, what the demand calls for.
    fn strategy(&self, _policy: &str, demand: &Demand) -> Strategy {
        choose(demand)
    }

    /// How strongly errors of two candidates go together, 0 to 1, when enough common tasks are known.
    fn correlation(&self, _a: &Candidate, _b: &Candidate) -> Option<f64> {
        None
    }
}

/// How a candidate stands at this moment. Unknown figures are `None`; figures that are not finite count as unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// Milliseconds until its open circuit lets a probe through; `None` while calls go through.
    pub breaker_open_ms: Option<u64>,
    /// Its readiness.
    pub status: AgentStatus,
    /// In PAUSE, how long its grace time has been over, in milliseconds; `None` within it.
    pub past_grace_ms: Option<u64>,
    /// What is left of its effective window.
    pub window: PartialWindow,
    /// Milliseconds until it may be called once more; 0 is at once.
    pub turn_ms: u64,
    /// 95th percentile latency the router measured, in milliseconds.
    pub p95_ms: Option<f64>,
    /// Calls behind `p95_ms`.
    pub p95_samples: u64,
    /// Share of failed calls the router measured, 0 to 1.
    pub error_rate: Option<f64>,
    /// Mean error of its estimates over seven days.
    pub mape: Option<Mape>,
    /// Share of calls of seven days that cost more than 1.2 times the estimate.
    pub under_rate: Option<f64>,
    /// What its effective cost counts times while it cools off.
    pub surcharge: f64,
    /// Offered one tier lower for underestimating too often.
    pub is_downgraded: bool,
    /// Calls that succeeded, decayed.
    pub successes: f64,
    /// Calls that ended, decayed.
    pub calls: f64,
    /// Success rate of the next larger group it belongs to, 0 to 1.
    pub parent_success: Option<f64>,
    /// Reputation of the persona it carries out, 0 to 1.
    pub reputation: Option<f64>,
}

impl Default for Condition {
    /// Ready, with nothing measured.
    fn default() -> Self {
        Self {
            breaker_open_ms: None,
            status: AgentStatus::Ready,
            past_grace_ms: None,
            window: PartialWindow::default(),
            turn_ms: 0,
            p95_ms: None,
            p95_samples: 0,
            error_rate: None,
            mape: None,
            under_rate: None,
            surcharge: 1.0,
            is_downgraded: false,
            successes: 0.0,
            calls: 0.0,
            parent_success: None,
            reputation: None,
        }
    }
}

/// Conditions of a node that has measured nothing yet: everything is ready.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmeasured;

impl Conditions for Unmeasured {
    fn condition(&self, _candidate: &Candidate) -> Condition {
        Condition::default()
    }
}
