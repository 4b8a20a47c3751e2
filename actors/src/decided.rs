//! The seam to the record of decisions (governance.md 6.1), which the journal groups chain.

use std::sync::Arc;

use atp_protocol::error::Code;
use atp_protocol::ids::{AccountId, RequestId, SessionId, StreamId, TenantId};
use atp_protocol::request::AgentRequest;
use atp_protocol::units::{Amount, Tier, UnixMillis};
use atp_routing::plan::{Decision, Plan};
use serde_json::{Value, json};

/// Where decisions are put on record.
pub trait DecisionLog: Send + Sync {
    /// Takes a decision, and never waits: at its bound one is lost, and that is put on record.
    fn note(&self, decided: Decided);
}

/// How a request was decided. Nothing of what it says.
pub struct Decided {
    /// When.
    pub at: UnixMillis,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who pays.
    pub account: Option<AccountId>,
    /// Its session.
    pub session: SessionId,
    /// Its stream.
    pub stream: StreamId,
    /// The request.
    pub request: RequestId,
    /// As its client knows it.
    pub correlation_id: Arc<str>,
    /// Its tier.
    pub tier: Tier,
    /// The policy document it was decided by.
    pub policy_version: u64,
    /// Why, in a line.
    pub route_reason: Arc<str>,
    /// What was decided.
    pub decision: Arc<Decision>,
    /// What is held for it, or why nothing is.
    pub held: Result<Amount, Code>,
}

impl Decided {
    /// Of a request that was decided at `at`.
    pub(crate) fn new(
        at: UnixMillis,
        request: &AgentRequest,
        decision: &Arc<Decision>,
        (policy_version, route_reason): (u64, &Arc<str>),
        held: Result<Amount, Code>,
    ) -> Self {
        Self {
            at,
            tenant: request.identity.tenant.clone(),
            account: request.identity.account.clone(),
            session: request.session.clone(),
            stream: request.stream.clone(),
            request: request.id.clone(),
            correlation_id: Arc::clone(&request.correlation_id),
            tier: request.tier,
            policy_version,
            route_reason: Arc::clone(route_reason),
            decision: Arc::clone(decision),
            held,
        }
    }

    /// Its record: members of governance.md 6.1 as far as there is anything to be said, JSON with its members in order.
    #[must_use]
    pub fn record(&self) -> Value {
        let plan = self.decision.outcome.as_ref().ok();
        let mut record = json!({
            "schema_version": "2.0",
            "kind": "decision",
            "timestamp_ms": self.at.0,
            "org_id": self.tenant,
            "account": self.account,
            "session_id": self.session,
            "stream_id": self.stream,
            "request_id": self.request,
            "correlation_id": &*self.correlation_id,
            "qos": self.tier,
            "policy_version": self.policy_version,
            "route_reason": &*self.route_reason,
            "matched_rule": plan.map(|plan| &*plan.policy.id),
        });
        match (&self.held, plan) {
            (Ok(hold), Some(plan)) => {
                record["decision"] = "ALLOW".into();
                record["reason_code"] = "admitted".into();
                record["hold"] = json!({ "tokens": hold.tokens, "usd_micros": hold.usd_micros });
                record["plan"] = shown(plan);
            }
            (held, _) => {
                let code = held.as_ref().err().copied().unwrap_or(Code::Internal);
                record["decision"] = "DENY".into();
                record["reason_code"] = code.as_str().into();
            }
        }
        record
    }
}

fn shown(plan: &Plan) -> Value {
    let lanes = plan.lanes.iter().map(|lane| {
        json!({ "candidate": &*lane.candidate.id, "model": &*lane.candidate.model, "persona": lane.persona, "clone": lane.clone })
    });
    let fallbacks = plan.fallbacks.iter().map(|spare| &*spare.candidate.id);
    json!({
        "strategy": plan.strategy.as_str(),
        "lanes": lanes.collect::<Vec<_>>(),
        "fallbacks": fallbacks.collect::<Vec<_>>(),
    })
}
