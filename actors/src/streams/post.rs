//! Frames that come, by HTTP request or over the WebSocket that holds the stream.

use std::collections::VecDeque;
use std::sync::Arc;

use actix::{Context, Handler, MessageResult};
use atp_protocol::connection::{Event, Output};
use atp_protocol::error::{Code, ControlError, Fault, Scope};
use atp_protocol::frame::{Flag, Frame, Incoming, Nonce, Policy, TTL_INITIAL, ingress};
use atp_protocol::ids::LaneId;
use atp_protocol::limits::Limits;
use atp_protocol::payload::{Ack, Kind};
use atp_protocol::request::AgentRequest;
use atp_protocol::stream::State;
use atp_protocol::units::Window;
use atp_protocol::value::{Object, Value, json};
use atp_routing::audit::Subject;

use super::stream::KeptStream;
use super::{Post, Posted, Take};
use crate::audit;
use crate::connection::asked;

impl Handler<Post> for KeptStream {
    type Result = Result<Posted, Fault>;

    fn handle(&mut self, Post { frames, around }: Post, context: &mut Context<Self>) -> Self::Result {
        if self.is_over() {
            return Err(Fault::new(Code::Proto, "the stream has ended; open another"));
        }
        self.around.extend(around);
        let mut posted = Posted::default();
        for text in frames {
            let mut replies = Vec::new();
            let admitted = self.admit(&text).inspect_err(|fault| self.refused(fault));
            let taken = admitted.and_then(|frame| self.take(frame, &mut replies, context));
            posted.add(replies);
            if let Err(fault) = taken {
                self.router.world.meter.error(fault.code, fault.scope);
                posted.errors.insert(0, fault.control_error());
                posted.fault = Some(fault);
            }
            if !posted.errors.is_empty() {
                break;
            }
            posted.accepted += 1;
        }
        Ok(posted)
    }
}

impl Posted {
    fn add(&mut self, replies: Vec<Frame<'static>>) {
        for reply in replies {
            let Some(content) = reply.payload.content else {
                continue;
            };
            match reply.payload.kind {
                Some(Kind::Ack) => self.acks.extend(content.read::<Ack>()),
                _ => self.errors.extend(content.read::<ControlError>()),
            }
        }
    }
}

impl Handler<Take> for KeptStream {
    type Result = MessageResult<Take>;

    fn handle(&mut self, Take(frame): Take, context: &mut Context<Self>) -> Self::Result {
        if self.is_over() {
            // Whatever comes after the end is dropped; the client's FIN says that it has the last word.
            self.has_parted |= frame.flags.has(Flag::Fin) || frame.flags.has(Flag::Rst);
            return MessageResult(Vec::new());
        }
        if let Some(again) = self.again(&frame) {
            return MessageResult(vec![again]);
        }
        let mut replies = Vec::new();
        if let Err(fault) = self.take(frame, &mut replies, context)
            && !self.is_over()
        {
            self.router.world.meter.error(fault.code, fault.scope);
            let now = self.now();
            for output in self.machine.fail(now, &self.key, &fault) {
                if let Output::Transmit(frame) = output {
                    replies.push(Arc::unwrap_or_clone(frame));
                }
            }
        }
        MessageResult(replies)
    }
}

impl KeptStream {
    /// Takes a frame that passed its checks; what answers it goes into `replies`.
    ///
    /// # Errors
    /// What is wrong with what it asks for.
    fn take(
        &mut self,
        frame: Frame<'static>,
        replies: &mut Vec<Frame<'static>>,
        context: &mut Context<Self>,
    ) -> Result<(), Fault> {
        if frame.lane() == LaneId::default() {
            self.received = self.received.max(frame.msg_seq);
        }
        let now = self.now();
        let outputs = self.machine.receive(now, frame);
        self.process(outputs, replies, context)
    }

    /// The message that a NACK asks for, if it is kept.
    fn again(&self, nack: &Frame<'_>) -> Option<Frame<'static>> {
        if nack.payload.kind != Some(Kind::Error) {
            return None;
        }
        let error: ControlError = nack.payload.content.as_ref()?.read().ok()?;
        if error.code != Code::SeqRetry.as_str() {
            return None;
        }
        let place = Some((nack.lane(), error.msg_seq?));
        let (_, kept) = self.history.snapshot();
        let event = kept.into_iter().find(|event| event.place == place)?;
        Some(Arc::unwrap_or_clone(event.frame))
    }

    /// Takes one frame through the steps of the way in, with what it inherits from its stream filled in.
    fn admit(&mut self, text: &str) -> Result<Frame<'static>, Fault> {
        let limits = Limits::DEFAULT;
        let whole = self.completed(text, &limits)?;
        let wall = self.router.world.clock.unix();
        let now = self.now();
        let (tenant, nonces) = (&self.identity.tenant, &self.router.shared.nonces);
        let mut store = |nonce: Nonce<'_>| nonces.check(now, wall, tenant, &nonce);
        let received = ingress(
            wall,
            Incoming::Text(whole.as_deref().unwrap_or(text)),
            &Policy::baseline(&limits),
            &mut store,
        )?;
        let frame = received.frame.into_owned();
        match frame.session_id == self.key.session && frame.stream_id == self.key.stream {
            true => Ok(frame),
            false => Err(Fault::new(
                Code::Proto,
                "session_id, stream_id: name the stream of the path, or nothing",
            )),
        }
    }

    fn refused(&self, fault: &Fault) {
        let subject = Subject {
            stream: Some(self.key.stream.clone()),
            ..Subject::session(&self.identity.tenant, Some(&self.key.session))
        };
        audit::frame_refused(&self.router.world, subject, fault);
    }

    /// The frame with the members that its stream supplies; `None` where nothing is missing or the frame is sealed as it is.
    fn completed(&self, text: &str, limits: &Limits) -> Result<Option<String>, Fault> {
        if text.len() > limits.frame_bytes {
            let detail = format!(
                "frame of {} bytes; send at most {}",
                text.len(),
                limits.frame_bytes
            );
            return Err(Fault::new(Code::TooBig, detail).scoped(Scope::Frame));
        }
        let mut tree = json::parse(text, limits)?;
        let Some(members) = tree.as_object_mut() else {
            return Ok(None);
        };
        let is_sealed = ["sig", "checksum"]
            .iter()
            .any(|name| members.present(name).is_some());
        let supplied = [
            ("v", Value::from(1_u64)),
            ("session_id", self.key.session.as_str().to_owned().into()),
            ("stream_id", self.key.stream.as_str().to_owned().into()),
            ("qos", self.head.tier.as_str().into()),
            ("ttl", u64::from(TTL_INITIAL).into()),
            ("window", window(self.head.window)),
            ("meta", Object::new().into()),
        ];
        let mut is_changed = false;
        for (name, value) in supplied {
            if !is_sealed && members.present(name).is_none() {
                members.set(name, value);
                is_changed = true;
            }
        }
        Ok(is_changed.then(|| json::text(&tree)).transpose()?)
    }

    /// Carries outputs out, and what they lead to.
    ///
    /// # Errors
    /// The first thing that is wrong with what came; what follows it is carried out all the same.
    pub(super) fn process(
        &mut self,
        outputs: Vec<Output>,
        replies: &mut Vec<Frame<'static>>,
        context: &mut Context<Self>,
    ) -> Result<(), Fault> {
        let mut result = Ok(());
        let mut outputs: VecDeque<Output> = outputs.into();
        while let Some(output) = outputs.pop_front() {
            match output {
                Output::Transmit(frame) => self.transmit(Arc::unwrap_or_clone(frame), Some(replies)),
                Output::Deliver(Event::Open { frame, .. }) => {
                    result = result.and(self.open(&frame, context));
                }
                Output::Deliver(Event::Message { frame, .. }) => {
                    let detail = format!("{} is not taken on this stream", frame.payload.name);
                    let fault = Fault::new(Code::Unsupported, detail).scoped(Scope::Message);
                    result = result.and(Err(fault));
                }
                Output::Deliver(Event::Reset { .. }) => {
                    self.fail(&Fault::new(Code::Cancel, "the client reset the stream"));
                }
                Output::Deliver(Event::LaneFailed { fault, .. }) => self.fail(&fault),
                Output::Deliver(Event::Congestion(_)) => self.congested(),
                Output::Deliver(Event::Closed(_)) | Output::Close(_) => {
                    self.close_later();
                    self.end(State::Closed);
                }
                // Hello and resume are its connections' business, and the history bounds what is sent.
                Output::Deliver(
                    Event::Hello(_)
                    | Event::Agreed(_)
                    | Event::Control { .. }
                    | Event::Finished(_)
                    | Event::Full(_)
                    | Event::Credit(_)
                    | Event::Resume { .. }
                    | Event::Resumed { .. }
                    | Event::PeerDead,
                ) => {}
            }
        }
        result
    }

    /// The request in the stream's first message, with what was said around it.
    pub(super) fn request(&mut self, frame: &Frame<'static>) -> Result<AgentRequest, Fault> {
        let world = &self.router.world;
        let mut request = asked::request(world, &self.identity, self.request_ms, frame)?;
        let (head, around) = (&mut self.head, &self.around);
        head.tier = request.tier;
        head.window = request.window.unwrap_or(head.window);
        let meta = &mut request.meta;
        meta.data_scope.extend(around.data_scope.iter().cloned());
        meta.idempotency_key = meta
            .idempotency_key
            .take()
            .or_else(|| around.idempotency_key.clone());
        meta.traceparent = meta.traceparent.take().or_else(|| around.traceparent.clone());
        if let Some(id) = &around.correlation_id {
            request.correlation_id = Arc::clone(id);
        }
        if let Some(budget) = head.budget {
            request.budget = budget;
        }
        Ok(request)
    }
}

fn window(window: Window) -> Value<'static> {
    let members = [
        ("max_parallel", u64::from(window.max_parallel)),
        ("max_tokens", window.max_tokens),
        ("max_usd_micros", window.max_usd_micros),
    ];
    Value::Object(members.into_iter().collect())
}
