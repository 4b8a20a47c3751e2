//! A call: everything an adapter needs to know, and whom it is for.

use std::sync::Arc;

use atp_actors::adapter::{self, AdapterName, Form};
use atp_protocol::ids::{AccountId, LaneId, RequestId, SessionId, StreamId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Dialect, Identity, NativeBody, PersonaRequest, TaskMeta};
use atp_protocol::units::{Amount, Tier, Window};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Name;

/// As [`adapter::Call`]. The client's own body travels beside it.
#[derive(Serialize, Deserialize)]
pub(in crate::remote) struct Call {
    adapter: Name,
    request: Request,
    lane: LaneId,
    model: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    persona_prompt: Option<Arc<str>>,
    /// The provider's own bytes are wanted.
    is_forward: bool,
    deadline_ms: u64,
    budget: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    idempotency_key: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    diversity_seed: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Request {
    id: RequestId,
    caller: Caller,
    session: SessionId,
    stream: StreamId,
    tier: Tier,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
    meta: Meta,
    content: Arc<Content>,
    /// Whose protocol the bytes beside the call are in; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dialect: Option<Dialect>,
    wants_stream: bool,
    choices: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_cost_usd_micros: Option<u64>,
    budget: Amount,
    deadline_ms: u64,
    latency_slo_ms: u64,
    correlation_id: Arc<str>,
}

#[derive(Serialize, Deserialize)]
struct Caller {
    tenant: TenantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
    tier_max: Tier,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_scopes: Option<Arc<[String]>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_admin: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    may_declare_agents: bool,
}

#[derive(Serialize, Deserialize)]
struct Meta {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    languages: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    risk: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    data_scope: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tool_permissions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    security_groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    personas: Vec<PersonaRequest>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    expose_lanes: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reconciliation: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    other: Vec<(String, Value)>,
}

impl Call {
    /// A call of an adapter, and the bytes beside it.
    pub(in crate::remote) fn of(adapter: &AdapterName, call: &adapter::Call) -> (Self, Bytes) {
        let native = call.request.native.as_ref();
        let wire = Self {
            adapter: adapter.into(),
            request: Request::from(&*call.request),
            lane: call.lane.clone(),
            model: Arc::clone(&call.model),
            persona_prompt: call.persona_prompt.clone(),
            is_forward: call.form == Form::Forward,
            deadline_ms: call.deadline_ms,
            budget: call.budget,
            max_output_tokens: call.max_output_tokens,
            idempotency_key: Arc::clone(&call.idempotency_key),
            traceparent: call.traceparent.clone(),
            diversity_seed: call.diversity_seed,
        };
        (
            wire,
            native.map_or_else(Bytes::new, |native| native.bytes.clone()),
        )
    }

    /// Which adapter is called, and with what.
    pub(in crate::remote) fn read(self, native: Bytes) -> (AdapterName, adapter::Call) {
        let call = adapter::Call {
            request: Arc::new(self.request.read(native)),
            lane: self.lane,
            model: self.model,
            persona_prompt: self.persona_prompt,
            form: match self.is_forward {
                true => Form::Forward,
                false => Form::Read,
            },
            deadline_ms: self.deadline_ms,
            budget: self.budget,
            max_output_tokens: self.max_output_tokens,
            idempotency_key: self.idempotency_key,
            traceparent: self.traceparent,
            diversity_seed: self.diversity_seed,
        };
        (self.adapter.into(), call)
    }
}

impl From<&AgentRequest> for Request {
    fn from(request: &AgentRequest) -> Self {
        Self {
            id: request.id.clone(),
            caller: Caller::from(&request.identity),
            session: request.session.clone(),
            stream: request.stream.clone(),
            tier: request.tier,
            window: request.window,
            meta: Meta::from(request.meta.clone()),
            content: Arc::clone(&request.content),
            dialect: request.native.as_ref().map(|native| native.dialect),
            wants_stream: request.wants_stream,
            choices: request.choices,
            max_cost_usd_micros: request.max_cost_usd_micros,
            budget: request.budget,
            deadline_ms: request.deadline_ms,
            latency_slo_ms: request.latency_slo_ms,
            correlation_id: Arc::clone(&request.correlation_id),
        }
    }
}

impl Request {
    fn read(self, bytes: Bytes) -> AgentRequest {
        AgentRequest {
            id: self.id,
            identity: self.caller.into(),
            session: self.session,
            stream: self.stream,
            tier: self.tier,
            window: self.window,
            meta: self.meta.into(),
            content: self.content,
            native: self.dialect.map(|dialect| NativeBody { dialect, bytes }),
            wants_stream: self.wants_stream,
            choices: self.choices,
            max_cost_usd_micros: self.max_cost_usd_micros,
            budget: self.budget,
            deadline_ms: self.deadline_ms,
            latency_slo_ms: self.latency_slo_ms,
            correlation_id: self.correlation_id,
        }
    }
}

impl From<&Identity> for Caller {
    fn from(identity: &Identity) -> Self {
        Self {
            tenant: identity.tenant.clone(),
            account: identity.account.clone(),
            tier_max: identity.tier_max,
            data_scopes: identity.data_scopes.clone(),
            is_admin: identity.is_admin,
            may_declare_agents: identity.may_declare_agents,
        }
    }
}

impl From<Caller> for Identity {
    fn from(caller: Caller) -> Self {
        Self {
            tenant: caller.tenant,
            account: caller.account,
            tier_max: caller.tier_max,
            data_scopes: caller.data_scopes,
            is_admin: caller.is_admin,
            may_declare_agents: caller.may_declare_agents,
        }
    }
}

/// Both ways, member by member.
macro_rules! same_members {
    ($one:ident, $other:ident: $($member:ident),+) => {
        impl From<$one> for $other {
            fn from(from: $one) -> Self {
                Self { $($member: from.$member),+ }
            }
        }

        impl From<$other> for $one {
            fn from(from: $other) -> Self {
                Self { $($member: from.$member),+ }
            }
        }
    };
}

same_members!(
    Meta, TaskMeta: task_type, languages, risk, data_scope, tool_permissions, environment_id, security_groups, idempotency_key,
    traceparent, personas, expose_lanes, reconciliation, other
);
