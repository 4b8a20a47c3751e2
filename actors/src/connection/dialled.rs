//! A dialled-in agent as an adapter: calls travel to its connection, wherever that is, and its events back.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix::Addr;
use atp_protocol::adapter::{Capability, Health};
use atp_protocol::connection::StreamKey;
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::estimate::Estimate;
use atp_protocol::ids::{AccountId, LaneId, SessionId, StreamId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Identity, TaskMeta};
use atp_protocol::units::{Amount, Tier};
use futures_util::future::LocalBoxFuture;
use futures_util::{Stream, StreamExt};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::actor::Connection;
use super::events::{Unread, events};
use super::messages::{Abandon, AskEstimate, Dispatch, Superseded};
use crate::adapter::{Adapter, AdapterFactory, Call, Form, LaneEvent, LaneStream};
use crate::registry::AdapterSpec;
use crate::session::Router;

/// How long each part of the compliance probe may take (routing.md 3.2).
const PROBE: Duration = Duration::from_secs(5);

/// The agent of a connection.
#[derive(Clone)]
pub(super) struct Dialled {
    capability: Arc<Capability>,
    connection: Addr<Connection>,
    /// Which declaration of the connection this is.
    declaration: u64,
}

impl Dialled {
    pub(super) fn new(capability: Arc<Capability>, connection: Addr<Connection>, declaration: u64) -> Self {
        Self {
            capability,
            connection,
            declaration,
        }
    }
}

impl AdapterFactory for Dialled {
    fn build(&self) -> Rc<dyn Adapter> {
        Rc::new(self.clone())
    }

    fn superseded(&self) {
        self.connection.do_send(Superseded(self.declaration));
    }
}

impl Adapter for Dialled {
    fn capability(&self) -> Arc<Capability> {
        Arc::clone(&self.capability)
    }

    fn estimate(&self, call: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>> {
        let (reply, answer) = oneshot::channel();
        let call = call.clone();
        // A connection that is behind has no time for questions.
        let asked = self.connection.try_send(AskEstimate { call, reply });
        let unasked = || Fault::new(Code::WindowAgent, "the agent could not be asked");
        Box::pin(async move {
            asked.map_err(|_| unasked())?;
            answer.await.map_err(|_| unasked())?
        })
    }

    fn stream(&self, call: Call) -> LocalBoxFuture<'static, Result<LaneStream, Fault>> {
        let connection = self.connection.clone();
        Box::pin(async move {
            let (reply, events) = events();
            let lost = |_| Fault::new(Code::AgentDown, "the agent's connection was lost").scoped(Scope::Lane);
            let guard = connection.send(Dispatch { call, reply }).await.map_err(lost)??;
            Ok(Box::pin(Events { events, guard }) as LaneStream)
        })
    }

    fn health(&self) -> LocalBoxFuture<'static, Result<Health, Fault>> {
        // It reports by itself; being connected is all that can be said here.
        let is_there = self.connection.connected();
        Box::pin(std::future::ready(match is_there {
            true => Ok(Health::HEALTHY),
            false => Err(Fault::new(Code::AgentDown, "the agent's connection was lost")),
        }))
    }
}

/// Tells the agent when nobody reads its events any more.
pub(super) struct Guard {
    connection: Addr<Connection>,
    key: Option<StreamKey>,
}

impl Guard {
    pub(super) const fn new(connection: Addr<Connection>, key: StreamKey) -> Self {
        Self {
            connection,
            key: Some(key),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.connection.do_send(Abandon(key));
        }
    }
}

struct Events {
    events: Unread,
    guard: Guard,
}

impl Stream for Events {
    type Item = Result<LaneEvent, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = std::task::ready!(self.events.poll_next_unpin(context));
        if matches!(event, None | Some(Err(_) | Ok(LaneEvent::Final(_)))) {
            // It ended by itself and need not be told.
            self.guard.key = None;
        }
        Poll::Ready(event)
    }
}

/// Tries an agent with one tiny call before real work is sent to it (routing.md 3.2): it must accept it, answer with
/// well-formed events and end with a final, in time.
///
/// # Errors
/// What it did instead.
pub(super) async fn probe(router: &Rc<Router>, spec: &AdapterSpec) -> Result<(), Fault> {
    let adapter = spec.factory.build();
    let id = &spec.capability.adapter_id;
    let verdict = match tokio::time::timeout(PROBE, answer(&*adapter, probe_call(router, spec))).await {
        Ok(verdict) => verdict,
        Err(_) => Err(Fault::new(
            Code::Timeout,
            format!("no final within {} s", PROBE.as_secs()),
        )),
    };
    match &verdict {
        Ok(()) => info!(adapter = %id, "adapter passed its compliance probe"),
        Err(fault) => warn!(adapter = %id, %fault, "adapter failed its compliance probe; it gets no work"),
    }
    router.registry.report_compliance(spec.claim(), verdict.is_ok());
    verdict
}

async fn answer(adapter: &dyn Adapter, call: Call) -> Result<(), Fault> {
    let mut events = adapter.stream(call).await?;
    while let Some(event) = events.next().await {
        if let LaneEvent::Final(_) = event? {
            return Ok(());
        }
    }
    Err(Fault::new(Code::Adapter, "the stream ended without a final"))
}

fn probe_call(router: &Router, spec: &AdapterSpec) -> Call {
    let id = router.world.request_id();
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
        deadline_ms: 5_000,
        latency_slo_ms: 5_000,
        correlation_id: id.as_str().into(),
        id: id.clone(),
    };
    Call {
        request: Arc::new(request),
        lane: LaneId::default(),
        model: spec
            .capability
            .models
            .first()
            .map_or("default", String::as_str)
            .into(),
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
