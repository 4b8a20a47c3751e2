//! Calls for tests.

use std::cell::Cell;
use std::sync::Arc;

use atp_actors::adapter::{Call, Form};
use atp_protocol::ids::{AccountId, LaneId, RequestId, SessionId, StreamId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Identity, TaskMeta};
use atp_protocol::units::{Amount, Tier};

/// A call that asks for `text` to be worked on, under a request id of its own.
pub(crate) fn call(text: &str) -> Call {
    thread_local!(static NEXT: Cell<u32> = const { Cell::new(0) });
    let id = format!("r{}", NEXT.replace(NEXT.get() + 1));
    Call {
        request: Arc::new(AgentRequest {
            id: RequestId::new(&id).unwrap(),
            identity: Identity {
                tenant: TenantId::new("acme").unwrap(),
                account: Some(AccountId::new("acme").unwrap()),
                tier_max: Tier::Gold,
                data_scopes: None,
                is_admin: false,
                may_declare_agents: false,
            },
            session: SessionId::new("session").unwrap(),
            stream: StreamId::new("stream").unwrap(),
            tier: Tier::Silver,
            window: None,
            meta: TaskMeta::default(),
            content: Arc::new(Content::prompt(text)),
            native: None,
            wants_stream: true,
            choices: 1,
            max_cost_usd_micros: None,
            deadline_ms: 30_000,
            latency_slo_ms: 2_000,
            correlation_id: "correlation".into(),
        }),
        lane: LaneId::default(),
        model: "model".into(),
        persona_prompt: None,
        form: Form::Read,
        deadline_ms: 30_000,
        budget: Amount::ZERO,
        max_output_tokens: None,
        idempotency_key: "key".into(),
        traceparent: None,
        diversity_seed: None,
    }
}
