//! What a connection does with its streams.

use std::sync::Arc;

use super::Connection;
use crate::error::{Code, Fault, Scope};
use crate::frame::{Flag, Frame, Meta};
use crate::ids::{CloneId, LaneId, PersonaId};
use crate::payload::{Kind, LanePosition, Payload, Resume, ResumeAck};
use crate::stream::{Event, Input, Opening, Output, State, Stream, StreamKey, idempotency_key};
use crate::units::{Millis, Tier, Window};
use crate::value::Value;

impl Connection {
    /// Opens a stream with its first message.
    ///
    /// # Errors
    /// `EWINDOW` at the limit of open streams, `EPROTO` for an id in use, `ETOOBIG` for a message of too many fragments.
    pub fn open(
        &mut self,
        now: Millis,
        key: StreamKey,
        (tier, window): (Tier, Window),
        meta: Meta<'static>,
        payload: Payload<'static>,
    ) -> Result<Vec<Output>, Fault> {
        self.check_room(&key)?;
        if self.streams.contains_key(&key) {
            return Err(
                Fault::new(Code::Proto, "the stream is open; use a new stream_id").scoped(Scope::Message)
            );
        }
        let mut stream = Stream::new(now, key.clone(), self.profile, (tier, window), Opening::Ours);
        let out = stream.open(now, meta, payload)?;
        self.insert(&key, stream);
        Ok(self.with(now, &key, |_, _| out))
    }

    /// Admits a stream the peer opened ([`Event::Open`]): grants `window` and, where `resume` is agreed, hands out a token
    /// (in clear) with its lifetime in milliseconds.
    pub fn accept(
        &mut self,
        now: Millis,
        key: &StreamKey,
        window: Window,
        token: Option<(String, u64)>,
    ) -> Vec<Output> {
        let token = token.filter(|_| self.profile.has_resume);
        self.with(now, key, |stream, _| stream.accept(window, token))
    }

    /// Sends a message on an open stream; `is_last` finishes this side.
    ///
    /// # Errors
    /// `ENOTFOUND` if there is no such stream, `EPROTO` if this side has finished, `ETOOBIG` for a message of too many
    /// fragments.
    pub fn send(
        &mut self,
        now: Millis,
        key: &StreamKey,
        payload: Payload<'static>,
        is_last: bool,
    ) -> Result<Vec<Output>, Fault> {
        let stream = self.streams.get_mut(key);
        let stream = stream.ok_or_else(|| Fault::no_such("no such stream; it has ended").terminal())?;
        let out = stream.send(now, payload, is_last)?;
        Ok(self.with(now, key, |_, _| out))
    }

    /// Sends an unsequenced payload on the control stream: status, capability, health, estimates.
    #[must_use]
    pub fn send_control(&self, payload: Payload<'static>) -> Output {
        self.control(payload)
    }

    /// Finishes this side of a stream without a result. `reason` is for people.
    pub fn finish(&mut self, now: Millis, key: &StreamKey, reason: &'static str) -> Vec<Output> {
        self.with(now, key, |stream, _| stream.finish(now, reason))
    }

    /// Tells the peer of an error on a stream, and ends the stream if the error's code and scope say so. A stream that was
    /// not admitted, or is not resumed, is refused the same way.
    pub fn fail(&mut self, now: Millis, key: &StreamKey, fault: &Fault) -> Vec<Output> {
        if self.streams.contains_key(key) {
            return self.with(now, key, |stream, _| stream.fail(now, fault));
        }
        vec![self.stray_error(key, fault, 0, &[Flag::Rst])]
    }

    /// Goes on with a stream whose peer has come back ([`Event::Resume`], with a token that was found good): answers with
    /// `token`, the next one, and sends again what the peer does not have.
    pub fn attach(
        &mut self,
        now: Millis,
        mut stream: Stream,
        request: &Resume,
        window: Window,
        token: String,
    ) -> Vec<Output> {
        let key = stream.key().clone();
        let positions: Vec<_> = request.lanes.iter().filter_map(position).collect();
        let resumption = stream.attach(now, self.profile, &positions);
        let ack = ResumeAck {
            ok: true,
            resume_token: token,
            expect: resumption.expect,
            replaying: resumption.replaying,
            window: Some(window),
            gap_from: resumption.gap.map(|gap| gap.from),
            gap_to: resumption.gap.map(|gap| gap.to),
        };
        let payload = Payload::of(Kind::ResumeAck, &ack);
        let answer = Frame::new(key.session.clone(), key.stream.clone(), 0, payload);
        let mut out = vec![Output::Transmit(Arc::new(answer))];
        out.extend(resumption.frames.into_iter().map(Output::Transmit));
        self.insert(&key, stream);
        self.with(now, &key, |_, _| out)
    }

    /// Asks for a stream back that another connection lost. It goes on with [`Event::Resumed`], or ends with
    /// [`Event::Reset`].
    pub fn resume(&mut self, now: Millis, stream: Stream, token: String) -> Vec<Output> {
        let key = stream.key().clone();
        let payload = Payload::of(Kind::Resume, &stream.resume_request(token));
        let frame = Frame::new(key.session.clone(), key.stream.clone(), 0, payload);
        self.insert(&key, stream);
        self.with(now, &key, |_, _| vec![Output::Transmit(Arc::new(frame))])
    }

    pub(super) fn receive_on_stream(&mut self, now: Millis, mut frame: Frame<'static>) -> Vec<Output> {
        let key = StreamKey::of(&frame);
        let kind = frame.payload.kind;
        if kind == Some(Kind::Resume) {
            return self.receive_resume(key, &frame);
        }
        if kind == Some(Kind::ResumeAck) {
            return self.receive_resume_ack(now, &key, &frame);
        }
        let state = self.streams.get(&key).map_or(State::Idle, Stream::state);
        let is_request = kind == Some(Kind::AgentRequest) && frame.flags.may_open();
        if self.profile.is_legacy && is_request && matches!(state, State::Idle | State::HalfClosedLocal) {
            frame.flags.insert(Flag::Syn);
            return self.receive_open(now, &key, frame, Input::ImpliedOpen);
        }
        if state != State::Idle {
            return self.with(now, &key, |stream, room| stream.receive(now, frame, room));
        }
        let is_control = kind.is_some_and(|kind| !kind.is_sequenced());
        match self.ended.get(now, &key) {
            Some(used) if frame.flags.opens() && !is_control => {
                if used.is_some() && used == idempotency_key(&frame) {
                    return self.receive_open(now, &key, frame, Input::Opened);
                }
                let fault = Fault::new(Code::Proto, "the stream_id was used; take a new one");
                vec![self.stray_error(&key, &fault, frame.msg_seq, &[Flag::Rst])]
            }
            Some(_) => Vec::new(),
            None if is_control => self.receive_stray_control(key, frame),
            None if frame.flags.opens() => self.receive_open(now, &key, frame, Input::Opened),
            None if frame.flags.has(Flag::Rst) => Vec::new(),
            None => {
                let fault = Fault::new(Code::Proto, "stream_unknown: open the stream with SYN first");
                vec![self.stray_error(&key, &fault, frame.msg_seq, &[Flag::Rst])]
            }
        }
    }

    /// Control payloads about a stream there is not: acknowledgements and errors mean nothing, the rest is the user's.
    fn receive_stray_control(&self, key: StreamKey, frame: Frame<'static>) -> Vec<Output> {
        if matches!(frame.payload.kind, Some(Kind::Ack | Kind::Error)) || frame.flags.has(Flag::Rst) {
            return Vec::new();
        }
        let frame = Box::new(frame);
        vec![Output::Deliver(Event::Control { key, frame })]
    }

    fn receive_open(
        &mut self,
        now: Millis,
        key: &StreamKey,
        frame: Frame<'static>,
        input: Input,
    ) -> Vec<Output> {
        if let Err(fault) = self.check_open(key, &frame) {
            return vec![self.stray_error(key, &fault.scoped(Scope::Stream), frame.msg_seq, &[Flag::Rst])];
        }
        let tier = frame.qos.unwrap_or(Tier::Silver);
        let window = frame.window.unwrap_or(Window::MAX);
        let opening = Opening::by(&frame);
        let mut stream = Stream::new(now, key.clone(), self.profile, (tier, window), opening);
        stream.on(input);
        self.insert(key, stream);
        self.with(now, key, |stream, room| stream.receive(now, frame, room))
    }

    /// Whether the peer may open a stream with this frame.
    ///
    /// # Errors
    /// `EDRAINING`, `EWINDOW` at a limit, `EPROTO` for a frame that opens nothing.
    pub fn check_open(&self, key: &StreamKey, frame: &Frame<'_>) -> Result<(), Fault> {
        if self.draining_since.is_some() {
            return Err(
                Fault::new(Code::Draining, "the node is leaving; reconnect to another").retry_after(0),
            );
        }
        if frame.payload.kind.is_none() {
            return Err(Fault::new(
                Code::Proto,
                "the payload type is not known; update this side or use another",
            ));
        }
        frame.check_opening()?;
        self.check_room(key)
    }

    /// Whether another stream of that session may be open here.
    ///
    /// # Errors
    /// `EWINDOW` at a limit.
    pub fn check_room(&self, key: &StreamKey) -> Result<(), Fault> {
        let limits = &self.profile.limits;
        let open = || self.streams.keys().chain(&self.carried);
        let of_session = open().filter(|open| open.session == key.session).count();
        if open().count() >= limits.streams_per_connection || of_session >= limits.streams_per_session {
            return Err(Fault::new(
                Code::Window,
                "too many open streams; finish one first",
            ));
        }
        Ok(())
    }

    fn receive_resume(&mut self, key: StreamKey, frame: &Frame<'_>) -> Vec<Output> {
        match frame.payload.content.as_ref().map(Value::read::<Resume>) {
            Some(Ok(request)) => {
                let request = Box::new(request);
                vec![Output::Deliver(Event::Resume { key, request })]
            }
            _ => {
                let fault = Fault::new(Code::BadInput, "a resume needs a resume_token");
                vec![self.stray_error(&key, &fault, frame.msg_seq, &[Flag::Rst])]
            }
        }
    }

    fn receive_resume_ack(&mut self, now: Millis, key: &StreamKey, frame: &Frame<'_>) -> Vec<Output> {
        let Some(Ok(ack)) = frame.payload.content.as_ref().map(Value::read::<ResumeAck>) else {
            return Vec::new();
        };
        let profile = self.profile;
        self.with(now, key, |stream, _| {
            if stream.state() != State::Suspended {
                return Vec::new();
            }
            let positions = [(LaneId::default(), ack.expect.saturating_sub(1))];
            let resumption = stream.attach(now, profile, &positions);
            let key = stream.key().clone();
            let ack = Box::new(ack);
            let mut out = vec![Output::Deliver(Event::Resumed { key, ack })];
            out.extend(resumption.frames.into_iter().map(Output::Transmit));
            out
        })
    }
}

fn position(lane: &LanePosition) -> Option<(LaneId, u64)> {
    let persona = lane.persona_id.as_deref().map(PersonaId::new).transpose().ok()?;
    let lane_id = LaneId {
        persona,
        clone: lane.clone_id.map(CloneId),
    };
    Some((lane_id, lane.cum))
}
