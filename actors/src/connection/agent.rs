//! An agent at the other end: what it says of itself, and the calls it works on.

use actix::{AsyncContext, Context, Handler, ResponseFuture};
use atp_protocol::adapter::UsageSource;
use atp_protocol::connection::{Output, StreamKey};
use atp_protocol::error::{Code, ControlError, Fault, Scope};
use atp_protocol::frame::{Frame, Meta};
use atp_protocol::ids::{SessionId, StreamId};
use atp_protocol::limits::Limits;
use atp_protocol::payload::{AdapterHealth, AgentFinal, Body, CostEst, EndStatus, Kind, Payload, Status};
use atp_protocol::request::TaskMeta;
use atp_protocol::units::Window;
use atp_protocol::value;

use super::actor::Connection;
use super::dialled::Guard;
use super::events::Events;
use super::messages::{Abandon, Dispatch};
use crate::adapter::{Call, LaneEvent, LaneFinal, Metered, Partial, Question, Said};

/// A call the agent works on.
pub(super) struct Pending {
    pub(super) reply: Events,
}

impl Connection {
    /// An unsequenced payload: what an adapter says of itself.
    pub(super) fn control_message(
        &mut self,
        key: &StreamKey,
        frame: &Frame<'static>,
        context: &mut Context<Self>,
    ) -> Vec<Output> {
        let told = match Body::read(&frame.payload) {
            Ok(Body::Capability(capability)) => self.declare(capability, context),
            Ok(Body::Health(said)) => self.report(said),
            Ok(Body::Status(status)) => {
                self.say(&status);
                Ok(())
            }
            Ok(Body::Estimate(answer)) => {
                self.questions.answered(*answer);
                Ok(())
            }
            Ok(Body::StatusChange(_) | Body::WindowUpdate(_) | Body::Heartbeat(_)) => Ok(()),
            Ok(_) => Err(Fault::new(
                Code::Unsupported,
                format!("{} is not taken here", frame.payload.name),
            )),
            Err(fault) => {
                self.questions.botched(&frame.payload, &fault);
                Err(fault)
            }
        };
        match told {
            Ok(()) => Vec::new(),
            Err(fault) => {
                self.router.world.meter.error(fault.code, fault.scope);
                let fault = fault.scoped(Scope::Message);
                let now = self.now();
                self.machine.fail(now, key, &fault)
            }
        }
    }

    fn say(&self, status: &Status) {
        if let Some(claim) = &self.adapter {
            let said = Said {
                status: status.status,
                suggested: status.suggested_window,
                retry_after_ms: status.retry_after_ms,
            };
            self.router.registry.report_status(&claim.name, said);
        }
    }

    fn report(&self, said: AdapterHealth) -> Result<(), Fault> {
        match &self.adapter {
            Some(claim) if claim.name.id == said.adapter_id => {
                self.router.registry.report_health(claim.clone(), said.health);
                Ok(())
            }
            _ => {
                let detail = format!("adapter {} has not declared itself here", said.adapter_id);
                Err(Fault::no_such(detail))
            }
        }
    }

    /// A message of a lane.
    pub(super) fn message(&mut self, key: &StreamKey, frame: &Frame<'static>) -> Vec<Output> {
        let Some(pending) = self.calls.get(key) else {
            return Vec::new();
        };
        let event = match event(&frame.payload) {
            Ok(Some(event)) => event,
            Ok(None) => return Vec::new(),
            Err(fault) => Err(fault),
        };
        let is_over = matches!(event, Err(_) | Ok(LaneEvent::Final(_)));
        let now = self.now();
        match (pending.reply.say(event), is_over) {
            (true, false) => Vec::new(),
            (true, true) => {
                self.calls.remove(key);
                self.machine.finish(now, key, "done")
            }
            (false, _) => {
                self.calls.remove(key);
                let fault = Fault::new(Code::Cancel, "nobody waits for this any more");
                self.machine.fail(now, key, &fault)
            }
        }
    }

    pub(super) fn lane_failed(&mut self, key: &StreamKey, fault: &Fault) -> Vec<Output> {
        if let Some(pending) = self.calls.remove(key) {
            pending.reply.say(Err(fault.clone()));
        }
        Vec::new()
    }

    /// The agent ended a call, with its own words if it was an abort.
    pub(super) fn end_call(&mut self, key: &StreamKey, error: Option<ControlError>) {
        if let Some(pending) = self.calls.remove(key) {
            let detail = match error {
                Some(error) => format!("the agent gave the call up: {}", error.code),
                None => "the agent ended the call without a final".to_owned(),
            };
            let fault = Fault::new(Code::Adapter, detail).scoped(Scope::Lane);
            pending.reply.say(Err(fault));
        }
    }

    /// The connection is gone: its calls fail over.
    pub(super) fn fail_calls(&mut self) {
        for (_, pending) in std::mem::take(&mut self.calls) {
            let fault = Fault::new(Code::AgentDown, "the agent's connection was lost").scoped(Scope::Lane);
            pending.reply.say(Err(fault));
        }
    }

    fn call(&mut self, call: &Call, reply: Events) -> Result<(StreamKey, Vec<Output>), Fault> {
        self.calls_made += 1;
        let request = &call.request;
        let stream = format!("{}.{}", request.id, self.calls_made);
        let key = StreamKey {
            session: SessionId::new(request.session.as_str()).expect("a session id is one"),
            stream: StreamId::new(&stream).expect("a request id and a number are visible ASCII"),
        };
        let payload = Payload::new(Kind::AgentRequest, content(call)?).in_lane(&call.lane);
        let task = TaskMeta {
            traceparent: call.traceparent.as_deref().map(str::to_owned),
            ..request.meta.clone()
        };
        let meta = Meta::from_task(&task, call.deadline_ms);
        let window = Window {
            max_parallel: 1,
            max_tokens: call.budget.tokens.min(Window::MAX.max_tokens),
            ..Window::MAX
        };
        let now = self.now();
        let outputs = self
            .machine
            .open(now, key.clone(), (request.tier, window), meta, payload)?;
        self.calls.insert(key.clone(), Pending { reply });
        Ok((key, outputs))
    }
}

/// The work as an agent reads it.
fn content(call: &Call) -> Result<value::Value<'static>, Fault> {
    let mut content = serde_json::to_value(&*call.request.content)
        .map_err(|error| Fault::new(Code::Internal, format!("the request cannot be written: {error}")))?;
    content["model"] = (&*call.model).into();
    if let Some(prompt) = &call.persona_prompt
        && let Some(messages) = content["messages"].as_array_mut()
    {
        messages.insert(0, serde_json::json!({ "role": "system", "content": &**prompt }));
    }
    let text = content.to_string();
    let tree = value::json::parse(&text, &Limits::DEFAULT).map_err(|error| {
        Fault::new(
            Code::BadInput,
            format!("the request is too deep for an agent: {error}"),
        )
    })?;
    Ok(tree.into_owned())
}

/// What a lane's message means; `None` for one that means nothing here.
fn event(payload: &Payload<'_>) -> Result<Option<Result<LaneEvent, Fault>>, Fault> {
    let cost = payload.cost_est.map(metered);
    Ok(Some(Ok(match Body::read(payload)? {
        Body::Partial(partial) => LaneEvent::Partial(Partial {
            text: partial.text.unwrap_or_default(),
            data: partial.data,
            confidence: payload.confidence,
            usage: cost,
            out_tokens: None,
        }),
        Body::Stream(stream) => LaneEvent::Partial(Partial {
            out_tokens: stream.tokens.and_then(|tokens| u32::try_from(tokens).ok()),
            text: stream.data,
            confidence: payload.confidence,
            ..Partial::default()
        }),
        Body::Final(last) => LaneEvent::Final(Box::new(finished(*last, payload.confidence, cost))),
        Body::End(end) if end.status == EndStatus::Ok => LaneEvent::Final(Box::new(LaneFinal {
            confidence: payload.confidence,
            usage: Some(Metered {
                in_tokens: end.stats.in_tokens.unwrap_or(0),
                out_tokens: end.stats.out_tokens.unwrap_or(end.stats.tokens),
                usd_micros: end.stats.usd_micros,
                source: UsageSource::Reported,
            }),
            ..LaneFinal::default()
        })),
        Body::End(end) => {
            let detail = end
                .error
                .unwrap_or_else(|| "the agent ended the lane with an error".to_owned());
            return Ok(Some(Err(Fault::new(Code::Adapter, detail).scoped(Scope::Lane))));
        }
        Body::LaneError(error) => return Ok(Some(Err(error.fault()))),
        Body::Log(log) => LaneEvent::Log {
            level: format!("{:?}", log.level).to_ascii_lowercase(),
            text: log.text,
        },
        Body::Question(question) => LaneEvent::Question(Question {
            question_id: question.question_id,
            text: question.text,
            options: question.options,
            is_required: question.required,
            timeout_ms: question.timeout_ms,
        }),
        _ => return Ok(None),
    })))
}

fn finished(last: AgentFinal, confidence: Option<f64>, cost: Option<Metered>) -> LaneFinal {
    let usage = last.usage.map(|usage| Metered {
        in_tokens: usage.in_tokens,
        out_tokens: usage.out_tokens,
        usd_micros: usage.usd_micros,
        source: UsageSource::Reported,
    });
    LaneFinal {
        text: last.text,
        data: last.data,
        findings: last.findings,
        confidence,
        usage: usage.or(cost),
        model: last.model,
        finish_reason: last.finish_reason,
        ..LaneFinal::default()
    }
}

fn metered(cost: CostEst) -> Metered {
    Metered {
        in_tokens: cost.in_tokens,
        out_tokens: cost.out_tokens,
        usd_micros: Some(cost.usd_micros),
        source: UsageSource::Reported,
    }
}

impl Handler<Dispatch> for Connection {
    type Result = ResponseFuture<Result<Guard, Fault>>;

    fn handle(&mut self, Dispatch { call, reply }: Dispatch, context: &mut Context<Self>) -> Self::Result {
        let allowed = self.check_agent(context);
        match allowed.and_then(|()| self.call(&call, reply)) {
            Ok((key, outputs)) => {
                let waiting = self.process(outputs, context);
                let queued = self.queued(waiting);
                // From here on: a caller that leaves while this waits takes no answer, and the guard goes with that.
                let guard = Guard::new(context.address(), key);
                Box::pin(async move {
                    queued.await;
                    Ok(guard)
                })
            }
            Err(fault) => Box::pin(std::future::ready(Err(fault))),
        }
    }
}

impl Handler<Abandon> for Connection {
    type Result = ();

    fn handle(&mut self, Abandon(key): Abandon, context: &mut Context<Self>) {
        if self.calls.remove(&key).is_none() {
            return;
        }
        let fault = Fault::new(Code::Cancel, "nobody waits for this any more");
        let now = self.now();
        let outputs = self.machine.fail(now, &key, &fault);
        let waiting = self.process(outputs, context);
        self.send_later(waiting, context);
    }
}
