//! From acceptance to the answer.

use atp_protocol::adapter::Usage;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::LaneId;
use atp_protocol::request::AgentRequest;
use atp_protocol::units::{Amount, Window};
use atp_routing::plan::Decision;
use atp_routing::scheduler::Grant;
use tracing::Span;
use tracing::field::Empty;

use super::int;
use super::macros::{of_request, span};
use crate::adapter::Call;
use crate::session::{Answer, Telemetry};

/// The whole request.
pub(crate) fn ask(request: &AgentRequest) -> Span {
    of_request!(
        INFO,
        None,
        request,
        "ask",
        otel.kind = "server",
        otel.status_code = Empty,
        request_id = request.id.as_str(),
        correlation_id = &*request.correlation_id,
        task_type = request.meta.task_type.as_deref(),
        window_state = Empty,
        tokens_in = Empty,
        tokens_out = Empty,
        usd = Empty,
        confidence = Empty,
        latency_ms = Empty,
        route_path = Empty,
        escalations = Empty,
        code = Empty,
    )
}

/// Marks a span as failed; its request is kept whatever the sampling.
pub(crate) fn fail(span: &Span, fault: &Fault) {
    span.record("otel.status_code", "ERROR");
    span.record("code", fault.code.as_str());
}

/// The window that its session has, in calls, tokens and micro-dollars.
pub(crate) fn window(ask: &Span, window: Window) {
    if ask.is_disabled() {
        return;
    }
    let Window {
        max_parallel,
        max_tokens,
        max_usd_micros,
    } = window;
    let state = format!("{max_parallel}/{max_tokens}/{max_usd_micros}");
    ask.record("window_state", state.as_str());
}

/// The decision about a request.
pub(crate) fn policy(ask: &Span, request: &AgentRequest) -> Span {
    of_request!(
        INFO,
        ask,
        request,
        "policy.evaluate",
        policy.escalate = Empty,
        policy.reason = Empty,
    )
}

/// What was decided.
pub(crate) fn decided(span: &Span, decision: &Decision) {
    if span.is_disabled() {
        return;
    }
    let can_escalate = decision
        .outcome
        .as_ref()
        .is_ok_and(|plan| !plan.escalation.is_empty());
    span.record("policy.escalate", can_escalate);
    span.record("policy.reason", decision.route_reason());
}

/// Asking the account for what a request may cost.
pub(crate) fn budget(ask: &Span, request: &AgentRequest, wanted: Amount) -> Span {
    of_request!(
        INFO,
        ask,
        request,
        "budget.check",
        budget.session = request.session.as_str(),
        budget.tokens_req = int(wanted.tokens),
        budget.usd_req = usd(wanted.usd_micros),
        budget.ok = Empty,
    )
}

/// Waiting for the home of an account.
pub(crate) fn lease_wait() -> Span {
    tracing::info_span!("budget.lease_wait")
}

/// The account declined.
pub(crate) fn budget_denied(ask: &Span, request: &AgentRequest, wanted: Amount, fault: &Fault) {
    of_request!(
        INFO,
        ask,
        request,
        "budget.denied",
        otel.status_code = "ERROR",
        budget.session = request.session.as_str(),
        budget.reason = %fault.detail,
        budget.req_tokens = int(wanted.tokens),
        budget.req_usd = usd(wanted.usd_micros),
    );
}

/// Waiting for a slot.
pub(crate) fn acquire(ask: &Span, request: &AgentRequest) -> Span {
    of_request!(
        INFO,
        ask,
        request,
        "fair.acquire",
        fair.qos = request.tier.as_str(),
        fair.fast_path = Empty,
        window.allowed = Empty,
    )
}

/// The scheduler chose who goes next.
pub(crate) fn select(acquire: &Span, session: &str, grant: &Grant) {
    span!(
        INFO,
        acquire,
        "fair.select",
        fair.granted_session = session,
        fair.wait_ms = int(grant.waited_ms),
        qos = grant.tier.as_str(),
    );
}

/// The scheduler chose who gives way.
pub(crate) fn preempt(count: usize) {
    span!(
        INFO,
        None,
        "preempt.select",
        preempt.count = int(count),
        preempt.reason = "qos_spike",
    );
}

/// The lanes of a request, all together.
pub(crate) fn dispatch(ask: &Span, request: &AgentRequest, lanes: usize, strategy: &str) -> Span {
    let personas = || {
        let named = request
            .meta
            .personas
            .iter()
            .map(|persona| persona.persona_id.as_str());
        named.collect::<Vec<_>>().join(",")
    };
    let span = of_request!(
        INFO,
        ask,
        request,
        "dispatch",
        roles.count = int(lanes),
        dispatch.personas = Empty,
        reconciliation.policy = strategy,
    );
    if !span.is_disabled() {
        span.record("dispatch.personas", personas());
    }
    span
}

/// One call to an adapter.
pub(crate) fn adapter(dispatch: &Span, call: &Call, lane: usize, agent: &str) -> Span {
    of_request!(
        INFO,
        dispatch,
        call.request,
        "adapter.stream",
        otel.kind = "client",
        otel.status_code = Empty,
        agent = agent,
        model = &*call.model,
        lane_id = int(lane),
        persona_id = call.lane.persona.as_ref().map(|persona| persona.as_str()),
        clone_id = call.lane.clone.map(|clone| int(clone.0)),
        diversity_seed = call.diversity_seed.map(int),
        tokens_in = Empty,
        tokens_out = Empty,
        usd = Empty,
        confidence = Empty,
        latency_ms = Empty,
        code = Empty,
    )
}

/// A call is over.
pub(crate) fn call_ended(adapter: &Span, usage: Option<Usage>, latency_ms: u64, failed: Option<Code>) {
    if adapter.is_disabled() {
        return;
    }
    adapter.record("latency_ms", int(latency_ms));
    if let Some(usage) = usage {
        adapter.record("tokens_in", int(usage.in_tokens));
        adapter.record("tokens_out", int(usage.out_tokens));
        adapter.record("usd", usd(usage.usd_micros));
    }
    if let Some(code) = failed {
        adapter.record("otel.status_code", "ERROR");
        adapter.record("code", code.as_str());
    }
}

/// A piece of a lane came.
pub(crate) fn buffer(adapter: &Span, request: &AgentRequest, lane: &LaneId, seq: u64, bytes: usize) {
    of_request!(
        TRACE,
        adapter,
        request,
        "stream.buffer",
        session.id = request.session.as_str(),
        persona.id = lane.persona.as_ref().map(|persona| persona.as_str()),
        stream.seq = int(seq),
        stream.qos = request.tier.as_str(),
        stream.clone_id = lane.clone.map(|clone| int(clone.0)),
        stream.data_len = int(bytes),
    );
}

/// Making one answer of several lanes, from the first lane to the result.
pub(crate) fn reconciliation(ask: &Span, request: &AgentRequest, lanes: usize, strategy: &str) -> Span {
    of_request!(
        INFO,
        ask,
        request,
        "reconciliation.session",
        session.id = request.session.as_str(),
        session.personas = int(lanes),
        reconciliation.policy = strategy,
    )
}

/// A merged result is shown before all lanes have ended.
pub(crate) fn streaming(reconciliation: &Span, request: &AgentRequest) {
    of_request!(
        INFO,
        reconciliation,
        request,
        "streaming.reconciliation",
        session.id = request.session.as_str(),
        streaming = true,
    );
}

/// The answer of several lanes.
pub(crate) fn consensus(
    reconciliation: &Span,
    request: &AgentRequest,
    strategy: &str,
    agreement: Option<f64>,
    confidence: Option<f64>,
) {
    of_request!(
        INFO,
        reconciliation,
        request,
        "consensus_final",
        agreement = agreement,
        confidence = confidence,
        strategy = strategy,
    );
}

/// What a request took.
pub(crate) fn took(ask: &Span, told: &Telemetry) {
    if ask.is_disabled() {
        return;
    }
    ask.record("tokens_in", int(told.in_tokens));
    ask.record("tokens_out", int(told.out_tokens));
    ask.record("usd", usd(told.usd_micros));
    ask.record("latency_ms", int(told.latency_ms));
    ask.record("route_path", told.route_path.join(","));
    ask.record("escalations", int(told.escalations));
}

/// How sure the answer is.
pub(crate) fn answered(ask: &Span, answer: &Answer) {
    ask.record("confidence", answer.confidence);
}

fn usd(micros: u64) -> f64 {
    micros as f64 / 1e6
}
