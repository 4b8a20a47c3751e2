//! `POST /v1/ask`: one question, answered as NDJSON records `plan`, `event`, `chunk`, `final` (atp.md section 25).

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::session::{Answer, Facts, Opened, Output, Unanswered};
use atp_protocol::error::{Code, Fault};
use atp_protocol::payload;
use atp_protocol::request::AgentRequest;
use atp_protocol::value;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::caller::{correlation_id, identify};
use super::completion::{head, lost};
use super::endpoint::at;
use super::reply::{self, Shape};
use super::{Surface, body, request};

/// News kept back until something decides between a status of failure and records; beyond, records it is.
const NEWS_MAX: usize = 64;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(at("/v1/ask", "POST").route(web::post().to(ask)));
}

async fn ask(request: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let result = async {
        let agent_request = read(&surface, &request, payload, &correlation_id).await?;
        let Opened {
            facts,
            mut events,
            repeat,
        } = surface.router.open(agent_request).await?;
        let opening = opening(&mut events).await?;
        let framing = Framing::of(request.headers());
        let mut response = head(&facts, &repeat, &correlation_id);
        response.insert_header((CONTENT_TYPE, framing.media_type()));
        let plan = Some(plan(&surface, &facts));
        let records = Records {
            framing,
            plan,
            opening,
            events,
            seq: 0,
            is_over: false,
            facts,
            surface: surface.clone(),
        };
        Ok(response.body(records))
    };
    match result.await {
        Ok(response) => response,
        Err(fault) => reply::fault(&surface, Shape::Problem, &fault, &correlation_id),
    }
}

/// What comes before the first piece of an answer, and that piece. News alone, such as a lane that failed, does not decide
/// between a status of failure and records.
async fn opening(events: &mut mpsc::Receiver<Output>) -> Result<VecDeque<Output>, Fault> {
    let mut opening = VecDeque::new();
    loop {
        let output = events.recv().await.ok_or_else(lost)?;
        let is_news = matches!(
            output,
            Output::Event { .. } | Output::Log { .. } | Output::Congested
        );
        match output {
            Output::Failed(failure) if failure.partial.is_none() => return Err(failure.fault),
            output => opening.push_back(output),
        }
        if !is_news || opening.len() == NEWS_MAX {
            return Ok(opening);
        }
    }
}

/// The body holds an `agent.request` content at top level, beside `task_type` and the other members of `meta`.
async fn read(
    surface: &Rc<Surface>,
    http: &HttpRequest,
    payload: Payload,
    correlation_id: &Arc<str>,
) -> Result<AgentRequest, Fault> {
    let identity = identify(surface, http)?;
    let bytes = body::work(surface, http, payload).await?;
    let tree = body::tree(&bytes)?;
    let asked = payload::Request::read(&tree)?;
    let task: Option<request::Task> = tree
        .as_object()
        .map(|object| object.read())
        .transpose()
        .map_err(|error: value::ReadError| Fault::new(Code::BadInput, error.to_string()))?;
    request::of_content(
        surface,
        &identity,
        http.headers(),
        Arc::clone(correlation_id),
        asked,
        task.unwrap_or_default(),
    )
}

/// What was decided, as the record shows it.
fn plan(surface: &Surface, facts: &Facts) -> Value {
    let decision = surface.router.decisions.get(&facts.request);
    let trace = decision.map(|explained| json!(explained.decision.trace()));
    let trace = trace.as_ref().unwrap_or(&Value::Null);
    let roles = trace["plan"]["fanout"].as_array().into_iter().flatten().map(|lane| {
        json!({ "role": if lane["id"] == trace["plan"]["primary"] { "primary" } else { "fanout" }, "model": lane["id"] })
    });
    let fallbacks = trace["plan"]["fallbacks"].as_array().into_iter().flatten();
    let roles: Vec<Value> = roles
        .chain(fallbacks.map(|id| json!({ "role": "fallback", "model": id })))
        .collect();
    json!({
        "type": "plan",
        "request_id": facts.request,
        "reason": &*facts.route_reason,
        "policy_version": facts.policy_version,
        "candidates": trace["candidates"],
        "strategy": trace["plan"]["strategy"],
        "roles": roles,
        "hold": { "tokens": facts.hold.tokens, "usd_micros": facts.hold.usd_micros },
    })
}

/// How records are set apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// One JSON object a line.
    Lines,
    /// Server-sent events, for clients that ask for them.
    Events,
}

impl Framing {
    fn of(headers: &HeaderMap) -> Self {
        let wants_events = headers
            .get(ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/event-stream"));
        if wants_events { Self::Events } else { Self::Lines }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Events => "text/event-stream",
        }
    }

    fn write(self, record: &Value) -> Bytes {
        match self {
            Self::Lines => format!("{record}\n"),
            Self::Events => format!(
                "event: {}\ndata: {record}\n\n",
                record["type"].as_str().unwrap_or("record")
            ),
        }
        .into()
    }
}

/// The records of one answer, made as the client reads them.
struct Records {
    framing: Framing,
    plan: Option<Value>,
    opening: VecDeque<Output>,
    events: mpsc::Receiver<Output>,
    seq: u64,
    is_over: bool,
    facts: Facts,
    surface: Rc<Surface>,
}

impl Records {
    fn record(&mut self, output: Output) -> Option<Value> {
        Some(match output {
            Output::Text(text) => {
                self.seq += 1;
                json!({ "type": "chunk", "seq": self.seq, "text": text })
            }
            Output::Lane { lane, text } => {
                json!({ "type": "lane", "persona_id": lane.persona, "clone_id": lane.clone, "text": text })
            }
            Output::Restart => json!({ "type": "event", "event": "restart" }),
            Output::Event { name, data } => json!({ "type": "event", "event": name, "data": data }),
            Output::Log { level, text } => {
                json!({ "type": "event", "event": "log", "data": { "level": level, "text": text } })
            }
            Output::Provisional {
                answer,
                revision,
                status,
                is_incremental,
                expiry_ms,
            } => {
                let mut record = shown(&answer);
                record["type"] = "provisional".into();
                record["revision"] = revision.into();
                record["status"] = json!(status);
                record["incremental"] = is_incremental.into();
                record["expiry_ms"] = expiry_ms.into();
                record
            }
            Output::Final(answer) => {
                self.is_over = true;
                let mut record = shown(&answer);
                record["type"] = "final".into();
                record["request_id"] = self.facts.request.as_str().into();
                record
            }
            Output::Failed(failure) => self.failed(*failure),
            // Bytes of a provider's protocol are forwarded to clients of that protocol only; records carry no marks.
            Output::Forward(_) | Output::Congested => return None,
        })
    }

    fn failed(&mut self, failure: Unanswered) -> Value {
        let Unanswered {
            fault,
            partial,
            telemetry,
        } = failure;
        self.is_over = true;
        self.surface.world.meter.error(fault.code, fault.scope);
        json!({
            "type": "final", "aborted": true, "request_id": self.facts.request.as_str(),
            "error": fault.control_error(), "text": partial, "model_used": telemetry.model_used,
            "tokens_in": telemetry.in_tokens, "tokens_out": telemetry.out_tokens,
            "cost_usd": usd(telemetry.usd_micros),
        })
    }
}

fn shown(answer: &Answer) -> Value {
    let telemetry = &answer.telemetry;
    json!({
        "text": answer.text,
        "data": answer.data,
        "findings": answer.findings,
        "parts": answer.parts,
        "tool_calls": answer.tool_calls,
        "consensus": answer.consensus,
        "confidence": answer.confidence,
        "finish_reason": answer.finish_reason,
        "partial_failure": answer.partial_failure,
        "model_used": telemetry.model_used,
        "route_path": telemetry.route_path,
        "tokens_in": telemetry.in_tokens,
        "tokens_out": telemetry.out_tokens,
        "usage_source": telemetry.source,
        "cost_usd": usd(telemetry.usd_micros),
        "cost_usd_micros": telemetry.usd_micros,
        "latency_ms": telemetry.latency_ms,
        "escalation_count": telemetry.escalations,
        "idempotent_replay": telemetry.is_replay.then_some(true),
    })
}

fn usd(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl MessageBody for Records {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if let Some(plan) = self.plan.take() {
            return Poll::Ready(Some(Ok(self.framing.write(&plan))));
        }
        loop {
            if self.is_over {
                return Poll::Ready(None);
            }
            let output = match self.opening.pop_front() {
                Some(output) => Some(output),
                None => std::task::ready!(self.events.poll_recv(context)),
            };
            let record = match output {
                Some(output) => self.record(output),
                None => Some(self.failed(Unanswered::of(lost()))),
            };
            if let Some(record) = record {
                return Poll::Ready(Some(Ok(self.framing.write(&record))));
            }
        }
    }
}
