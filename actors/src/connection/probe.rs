//! The compliance probe: an agent is tried before work is sent to it (routing.md 3.2).
//!
//! Three parts, each within [`PART`]: `Estimate`, of an agent that says it estimates; `Stream`, a request for one token, whose
//! counters do not fall and which ends with a final; `Health`. Not tried is what a connection does not tell: whether an agent
//! stops when it is told to, since a reset has no answer, and by which errors it would refuse.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_protocol::adapter::Capability;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{AccountId, LaneId, RequestId, SessionId, StreamId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Identity, TaskMeta};
use atp_protocol::units::{Amount, Tier};
use futures_util::StreamExt;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::adapter::{Adapter, Call, Form, LaneEvent, Metered};
use crate::registry::AdapterSpec;
use crate::session::Router;

/// How long each part may take.
const PART: Duration = Duration::from_secs(5);

/// Tries an agent, and tells the registry whether it passed.
///
/// # Errors
/// The part it failed, and what it did instead.
pub(super) async fn probe(router: &Rc<Router>, spec: &AdapterSpec) -> Result<(), Fault> {
    let verdict = tried(
        &*spec.factory.build(),
        call(router.world.request_id(), &spec.capability),
    )
    .await;
    let id = &spec.capability.adapter_id;
    match &verdict {
        Ok(()) => info!(adapter = %id, "adapter passed its compliance probe"),
        Err(fault) => warn!(adapter = %id, %fault, "adapter failed its compliance probe; it gets no work"),
    }
    router.registry.report_compliance(spec.claim(), verdict.is_ok());
    verdict
}

async fn tried(adapter: &dyn Adapter, call: Call) -> Result<(), Fault> {
    if adapter.capability().estimate {
        part("estimate", adapter.estimate(&call)).await?;
    }
    part("answer", answer(adapter, call)).await?;
    part("health", adapter.health()).await?;
    Ok(())
}

/// One part, in its time.
async fn part<T>(name: &str, trying: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    match timeout(PART, trying).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(fault)) => Err(Fault {
            detail: format!("compliance probe, {name}: {}", fault.detail).into(),
            ..fault
        }),
        Err(_) => {
            let detail = format!("compliance probe, {name}: not within {} s", PART.as_secs());
            Err(Fault::new(Code::Timeout, detail))
        }
    }
}

/// Reads an answer to its final.
async fn answer(adapter: &dyn Adapter, call: Call) -> Result<(), Fault> {
    let mut events = adapter.stream(call).await?;
    let mut counted = [0; 3];
    while let Some(event) = events.next().await {
        let (usage, is_last) = match event? {
            LaneEvent::Partial(partial) => (partial.usage, false),
            LaneEvent::Forward { usage, .. } => (usage, false),
            LaneEvent::Final(last) => (last.usage, true),
            LaneEvent::Log { .. } | LaneEvent::Question(_) | LaneEvent::Status(_) | LaneEvent::Congested => {
                continue;
            }
        };
        if let Some(metered) = usage {
            counted = counted_on(counted, metered)?;
        }
        if is_last {
            return Ok(());
        }
    }
    Err(Fault::new(Code::Adapter, "the stream ended without a final"))
}

/// Input and output tokens and money so far; running totals never fall.
fn counted_on(before: [u64; 3], metered: Metered) -> Result<[u64; 3], Fault> {
    let usd_micros = metered.usd_micros.unwrap_or(before[2]);
    let counted = [metered.in_tokens, metered.out_tokens, usd_micros];
    match counted
        .iter()
        .zip(before)
        .all(|(counted, before)| *counted >= before)
    {
        true => Ok(counted),
        false => {
            let detail = format!("usage fell from {before:?} to {counted:?}; report running totals");
            Err(Fault::new(Code::Adapter, detail))
        }
    }
}

fn call(id: RequestId, capability: &Capability) -> Call {
    let tenant = TenantId::new("router").expect("a valid name");
    let mut content = Content::prompt("ping");
    content.max_tokens = Some(1);
    let request = AgentRequest {
        identity: Identity {
            tenant,
            account: None::<AccountId>,
            tier_max: Tier::Gold,
            data_scopes: None,
            is_admin: false,
            may_declare_agents: false,
        },
        session: SessionId::new(id.as_str()).expect("a request id is a valid session id"),
        stream: StreamId::new(id.as_str()).expect("a request id is a valid stream id"),
        tier: Tier::Bronze,
        window: None,
        meta: TaskMeta {
            task_type: Some("compliance_probe".to_owned()),
            ..TaskMeta::default()
        },
        content: Arc::new(content),
        native: None,
        wants_stream: true,
        choices: 1,
        max_cost_usd_micros: None,
        budget: Amount::UNLIMITED,
        deadline_ms: 5_000,
        latency_slo_ms: 5_000,
        correlation_id: id.as_str().into(),
        id: id.clone(),
    };
    Call {
        request: Arc::new(request),
        lane: LaneId::default(),
        model: capability.models.first().map_or("default", String::as_str).into(),
        persona_prompt: None,
        form: Form::Read,
        deadline_ms: 5_000,
        budget: Amount {
            tokens: 64,
            usd_micros: 0,
        },
        max_output_tokens: Some(1),
        idempotency_key: id.as_str().into(),
        traceparent: None,
        diversity_seed: None,
    }
}

#[cfg(test)]
mod tests;
