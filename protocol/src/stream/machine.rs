//! One stream: its state, its two halves, its timers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::inbound::{Inbound, Received};
use super::opening::Opening;
use super::outbound::{Head, Message, Outbound};
use super::{Event, Input, Output, Profile, State, StreamKey};
use crate::ack::Gap;
use crate::error::{Code, ControlError, Fault, Scope, StreamAction};
use crate::frame::{Flag, Flags, Frame, Meta};
use crate::ids::LaneId;
use crate::liveness::IdleTimer;
use crate::payload::{Ack, Kind, LanePosition, Payload, Resume, WindowReason, WindowScope, WindowUpdate};
use crate::units::{Millis, PartialWindow, Tier, Window};
use crate::value::{Object, Value};

/// One stream, seen from one side. Survives its connection, so that another can go on with it.
#[derive(Debug)]
pub struct Stream {
    head: Head,
    profile: Profile,
    state: State,
    inbound: Inbound,
    outbound: Outbound,
    opening: Opening,
    idle: IdleTimer,
    /// Requests without an answer, whoever asked: lane and number. A stream with one is never idle.
    in_flight: BTreeMap<LaneId, u64>,
    fin_sent: Option<Millis>,
    fin_received: bool,
}

/// What a resume brings back.
#[derive(Debug)]
pub struct Resumption {
    /// The number wanted next from the peer, on the default lane.
    pub expect: u64,
    /// Messages sent again.
    pub replaying: u64,
    /// Messages lost to a full buffer, if any were.
    pub gap: Option<Gap>,
    /// The messages.
    pub frames: Vec<Arc<Frame<'static>>>,
}

impl Stream {
    /// A stream that is not open. `frame`, if the peer opens it, is its first.
    pub(crate) fn new(
        now: Millis,
        key: StreamKey,
        profile: Profile,
        (tier, window): (Tier, Window),
        opening: Opening,
    ) -> Self {
        Self {
            head: Head { key, tier, window },
            profile,
            state: State::Idle,
            inbound: Inbound::new(&profile),
            outbound: Outbound::new(&profile),
            opening,
            idle: IdleTimer::new(now, profile.idle_fin_ms),
            in_flight: BTreeMap::new(),
            fin_sent: None,
            fin_received: false,
        }
    }

    /// Where the stream stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Its name.
    #[must_use]
    pub const fn key(&self) -> &StreamKey {
        &self.head.key
    }

    /// Its tier.
    #[must_use]
    pub const fn tier(&self) -> Tier {
        self.head.tier
    }

    /// The idempotency key it was opened with.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&str> {
        self.opening.idempotency_key()
    }

    /// Bytes under reassembly.
    pub(crate) const fn bytes(&self) -> usize {
        self.inbound.bytes()
    }

    pub(crate) fn on(&mut self, input: Input) -> bool {
        match self.state.on(input) {
            Ok(state) => {
                self.state = state;
                true
            }
            Err(_) => false,
        }
    }

    /// Opens the stream towards the peer, or sends a message on it. Sequenced kinds are numbered, cut and kept until
    /// acknowledged; others are sent as they are and carry the lane's last number.
    ///
    /// While the stream is suspended, sequenced messages are kept and what is returned is not to be sent.
    ///
    /// # Errors
    /// `EPROTO` if this side has finished; `ETOOBIG` for a message of too many fragments; `EWINDOW` after [`Event::Full`],
    /// for finals and errors only when twice as much is unacknowledged.
    pub fn send(
        &mut self,
        now: Millis,
        payload: Payload<'static>,
        is_last: bool,
    ) -> Result<Vec<Output>, Fault> {
        self.send_message(
            now,
            Message {
                payload,
                opening: None,
                is_last,
            },
        )
    }

    pub(crate) fn open(
        &mut self,
        now: Millis,
        meta: Meta<'static>,
        payload: Payload<'static>,
    ) -> Result<Vec<Output>, Fault> {
        self.on(Input::Opened);
        self.send_message(
            now,
            Message {
                payload,
                opening: Some(meta),
                is_last: false,
            },
        )
    }

    fn send_message(&mut self, now: Millis, mut message: Message) -> Result<Vec<Output>, Fault> {
        if !message.payload.kind.is_some_and(Kind::is_sequenced) {
            return Ok(vec![self.send_unsequenced(message.payload)]);
        }
        if !self.state.can_send() || self.fin_sent.is_some() {
            return Err(
                Fault::new(Code::Proto, "the stream is finished; open another").scoped(Scope::Message)
            );
        }
        let lane = message.payload.lane();
        let kind = message.payload.kind;
        let is_last = message.is_last;
        if kind == Some(Kind::AgentFinal) && self.profile.is_legacy && message.payload.in_reply_to.is_none() {
            message.payload.in_reply_to = self.in_flight.get(&lane).copied();
        }
        let is_away = self.state == State::Suspended;
        let frames = self.outbound.send(&self.head, message, &self.profile, is_away)?;
        self.idle.touch(now);
        self.track(&lane, kind, self.outbound.current(&lane));
        let mut out: Vec<Output> = frames.into_iter().map(Output::Transmit).collect();
        if self.outbound.turned() == Some(true) {
            out.push(Output::Deliver(Event::Full(self.head.key.clone())));
        }
        if is_last {
            self.fin_sent = Some(now);
            if !self.fin_received {
                self.on(Input::LocalFin);
            }
            self.settle(now, &mut out);
        }
        Ok(out)
    }

    fn send_unsequenced(&mut self, mut payload: Payload<'static>) -> Output {
        let lane = payload.lane();
        if payload.kind == Some(Kind::WindowUpdate)
            && let Some(ack) = self.inbound.take_ack(&lane)
            && let Some(content) = payload.content.as_mut().and_then(Value::as_object_mut)
        {
            content.set("ack", Value::of(&ack));
        }
        let frame = self.head.frame(self.outbound.current(&lane), payload);
        Output::Transmit(Arc::new(frame))
    }

    /// Finishes this side without a result: the stream is idle, or its opener has all it wants.
    pub(crate) fn finish(&mut self, now: Millis, reason: &'static str) -> Vec<Output> {
        let mut content = Object::new();
        content.set("event", "early_termination");
        content.set("reason", reason);
        let payload = Payload::new(Kind::AgentEvent, content);
        self.send(now, payload, true).unwrap_or_default()
    }

    /// Answers the SYN: the stream is admitted, with this window and, if resumable, this token and its lifetime.
    pub(crate) fn accept(&mut self, window: Window, token: Option<(String, u64)>) -> Vec<Output> {
        self.head.window = window;
        let partial = PartialWindow {
            max_parallel: Some(window.max_parallel),
            max_tokens: Some(window.max_tokens),
            max_usd_micros: Some(window.max_usd_micros),
        };
        let mut grant = WindowUpdate::new(partial, 0, WindowScope::Stream, WindowReason::Grant);
        if let Some((token, ttl_ms)) = token {
            grant.resume_token = Some(token);
            grant.resume_ttl_ms = Some(ttl_ms);
        }
        let payload = Payload::of(Kind::WindowUpdate, &grant);
        let mut frame = self.head.frame(self.opening.seq(), payload);
        frame.flags = Flags::of(&[Flag::Syn, Flag::Ack]);
        let frame = Arc::new(frame);
        self.opening.answered(Arc::clone(&frame));
        vec![Output::Transmit(frame)]
    }

    /// Tells the peer of an error and does to the stream what its code says.
    pub(crate) fn fail(&mut self, now: Millis, fault: &Fault) -> Vec<Output> {
        let mut flags = Kind::Error.flags();
        let is_over = fault.scope >= Scope::Stream;
        let mut out = Vec::new();
        match fault.code.row().action {
            StreamAction::Finish if is_over && self.fin_sent.is_none() => {
                out.push(self.error(fault.control_error(), &LaneId::default(), flags));
                out.extend(self.finish(now, "budget"));
            }
            StreamAction::Discard | StreamAction::RejectMessage | StreamAction::UpdateWindow => {
                out.push(self.error(fault.control_error(), &LaneId::default(), flags));
            }
            _ if is_over => {
                flags.insert(Flag::Rst);
                out.push(self.error(fault.control_error(), &LaneId::default(), flags));
                self.on(Input::Reset);
            }
            _ => out.push(self.error(fault.control_error(), &LaneId::default(), flags)),
        }
        out
    }

    /// Takes a frame of the stream. `room`: bytes the connection may still buffer.
    pub(crate) fn receive(&mut self, now: Millis, frame: Frame<'static>, room: usize) -> Vec<Output> {
        let mut out = Vec::new();
        if frame.flags.has(Flag::Ecn) {
            out.push(Output::Deliver(Event::Congestion(self.head.key.clone())));
        }
        if frame.flags.has(Flag::Rst) {
            self.on(Input::Reset);
            let error = read_error(&frame).map(Box::new);
            let key = self.head.key.clone();
            out.push(Output::Deliver(Event::Reset { key, error }));
            return out;
        }
        if self.on(Input::Received) {
            match frame.payload.kind {
                Some(Kind::Ack) => self.acknowledged(&frame, &mut out),
                Some(Kind::Error) => self.told(now, frame, &mut out),
                kind if kind.map_or(!frame.flags.has(Flag::Ctrl), Kind::is_sequenced) => {
                    self.sequenced(now, frame, room, &mut out);
                }
                _ => self.control(frame, &mut out),
            }
            self.settle(now, &mut out);
        }
        out
    }

    fn sequenced(&mut self, now: Millis, frame: Frame<'static>, room: usize, out: &mut Vec<Output>) {
        self.idle.touch(now);
        if frame.flags.opens() {
            match self.opening.again(&frame, self.inbound.cum(&frame.lane())) {
                Ok(None) => {}
                Ok(Some(answer)) => {
                    out.push(Output::Transmit(answer));
                    if frame.msg_seq != self.opening.seq() {
                        return;
                    }
                }
                Err(fault) => {
                    let error = ControlError {
                        msg_seq: Some(frame.msg_seq),
                        ..fault.control_error()
                    };
                    out.push(self.error(error, &frame.lane(), Kind::Error.flags()));
                    return;
                }
            }
        }
        let received = self.inbound.receive(now, frame, room, &self.profile);
        self.carry_out(now, received, out);
    }

    fn carry_out(&mut self, now: Millis, received: Vec<Received>, out: &mut Vec<Output>) {
        for received in received {
            match received {
                Received::Message(frame) => self.deliver(now, frame, out),
                Received::Ack(lane, ack) => out.push(self.ack(&lane, &ack)),
                Received::Error { lane, seq, fault } => {
                    let error = ControlError {
                        msg_seq: Some(seq),
                        ..fault.control_error()
                    };
                    out.push(self.error(error, &lane, Kind::Error.flags()));
                }
                Received::Nack { lane, seq, missing } => {
                    let fault = Fault::new(Code::SeqRetry, "").scoped(Scope::Message);
                    let error = ControlError {
                        msg_seq: Some(seq),
                        missing: Some(missing),
                        ..fault.control_error()
                    };
                    out.push(self.error(error, &lane, Kind::Error.flags()));
                }
                Received::LaneFailed(lane, fault) => {
                    self.in_flight.remove(&lane);
                    let key = self.head.key.clone();
                    out.push(Output::Deliver(Event::LaneFailed { key, lane, fault }));
                }
            }
        }
    }

    fn deliver(&mut self, now: Millis, frame: Box<Frame<'static>>, out: &mut Vec<Output>) {
        self.track(&frame.lane(), frame.payload.kind, frame.msg_seq);
        let is_last = frame.flags.has(Flag::Fin);
        let key = self.head.key.clone();
        let is_first = self.opening.is_awaited(&frame);
        out.push(Output::Deliver(if is_first {
            Event::Open { key, frame }
        } else {
            Event::Message { key, frame }
        }));
        if is_last && !self.fin_received {
            self.fin_received = true;
            if self.fin_sent.is_none() {
                self.on(Input::RemoteFin);
            }
            out.push(Output::Deliver(Event::Finished(self.head.key.clone())));
            // Whoever opened the stream has what it asked for.
            if self.opening.is_ours() && self.in_flight.is_empty() && self.fin_sent.is_none() {
                out.extend(self.finish(now, "finished"));
            }
        }
    }

    /// Follows which lanes owe an answer.
    fn track(&mut self, lane: &LaneId, kind: Option<Kind>, seq: u64) {
        match kind {
            Some(Kind::AgentRequest | Kind::AgentDispatch) => {
                self.in_flight.insert(lane.clone(), seq);
            }
            Some(Kind::AgentFinal | Kind::AgentError | Kind::AgentEnd) => {
                self.in_flight.remove(lane);
            }
            _ => {}
        }
    }

    fn acknowledged(&mut self, frame: &Frame<'_>, out: &mut Vec<Output>) {
        let Some(Ok(ack)) = frame.payload.content.as_ref().map(Value::read::<Ack>) else {
            return;
        };
        self.take_ack(&frame.lane(), ack, out);
    }

    fn take_ack(&mut self, lane: &LaneId, ack: Ack, out: &mut Vec<Output>) {
        if let Some(cum) = ack.cum {
            self.outbound.acked(lane, cum);
        }
        if self.outbound.turned() == Some(false) {
            out.push(Output::Deliver(Event::Credit(self.head.key.clone())));
        }
    }

    /// An error of the peer: a request to send again is ours to answer, everything else is the user's.
    fn told(&mut self, now: Millis, frame: Frame<'static>, out: &mut Vec<Output>) {
        let lane = frame.lane();
        let error = read_error(&frame).filter(|error| error.code == Code::SeqRetry.as_str());
        let Some((error, seq)) = error.and_then(|error| error.msg_seq.map(|seq| (error, seq))) else {
            self.control(frame, out);
            return;
        };
        if error.retryable {
            let missing = error.missing.unwrap_or_default();
            match self.outbound.nacked(&lane, seq, &missing) {
                Ok(frames) => out.extend(frames.into_iter().map(Output::Transmit)),
                Err(gone) => {
                    let fault = Fault::new(Code::SeqRetry, gone.to_string()).scoped(Scope::Message);
                    let error = ControlError {
                        msg_seq: Some(seq),
                        ..fault.terminal().control_error()
                    };
                    out.push(self.error(error, &lane, Kind::Error.flags()));
                }
            }
        } else if self.inbound.awaits(&lane, seq) {
            let received = self.inbound.gone(now, &lane, seq, &self.profile);
            self.carry_out(now, received, out);
        } else {
            self.control(frame, out);
        }
    }

    fn control(&mut self, frame: Frame<'static>, out: &mut Vec<Output>) {
        if frame.payload.kind == Some(Kind::WindowUpdate) {
            let content = frame.payload.content.as_ref().and_then(Value::as_object);
            let ack = content.and_then(|content| content.present("ack"));
            if let Some(Ok(ack)) = ack.map(Value::read::<Ack>) {
                self.take_ack(&frame.lane(), ack, out);
            }
        }
        let key = self.head.key.clone();
        let frame = Box::new(frame);
        out.push(Output::Deliver(Event::Control { key, frame }));
    }

    /// Does what time asks for. `jitter`: from −1 to 1.
    pub(crate) fn tick(&mut self, now: Millis, jitter: f64) -> Vec<Output> {
        let mut out = Vec::new();
        let received = self.inbound.tick(now, jitter, &self.profile);
        self.carry_out(now, received, &mut out);
        if self.may_idle() && self.idle.is_over(now) {
            out.extend(self.finish(now, "idle"));
        }
        self.settle(now, &mut out);
        out
    }

    /// When [`Self::tick`] next has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        let idle = self.may_idle().then(|| self.idle.deadline());
        let fin = self.fin_sent.map(|sent| sent.plus(self.profile.fin_wait_ms));
        let inbound = self.inbound.next_deadline(&self.profile);
        idle.into_iter().chain(fin).chain(inbound).min()
    }

    /// Whether nothing is owed, so that only silence keeps the stream open.
    fn may_idle(&self) -> bool {
        let is_ours_to_finish = matches!(self.state, State::Open | State::HalfClosedRemote);
        is_ours_to_finish && self.fin_sent.is_none() && self.in_flight.is_empty()
    }

    /// Closes the stream once both sides have finished and have everything, or the wait for it is over.
    fn settle(&mut self, now: Millis, out: &mut Vec<Output>) {
        let Some(sent) = self.fin_sent else {
            return;
        };
        let is_settled = self.profile.is_legacy || (self.inbound.is_settled() && self.outbound.is_settled());
        let is_over = now >= sent.plus(self.profile.fin_wait_ms);
        let is_closed = match self.state {
            State::HalfClosedLocal if self.fin_received && is_settled => self.on(Input::RemoteFin),
            State::HalfClosedLocal if is_over => self.on(Input::FinWaitOver),
            State::HalfClosedRemote if is_settled || is_over => self.on(Input::LocalFin),
            _ => false,
        };
        if is_closed {
            out.push(Output::Deliver(Event::Closed(self.head.key.clone())));
        }
    }

    /// Parts with the connection. True if the stream can be resumed.
    pub(crate) fn detach(&mut self) -> bool {
        self.profile.has_resume && self.on(Input::Detached)
    }

    /// What this side says to have the stream back.
    pub(crate) fn resume_request(&self, token: String) -> Resume {
        let lanes = self.inbound.cums().map(|(lane, cum)| LanePosition {
            persona_id: lane.persona.as_ref().map(|persona| persona.as_str().to_owned()),
            clone_id: lane.clone.map(|clone| clone.0),
            cum,
        });
        Resume {
            resume_token: token,
            lanes: lanes.collect(),
            sent_cum: Some(self.outbound.current(&LaneId::default())),
        }
    }

    /// Goes on over another connection: everything the peer does not have is sent again.
    pub(crate) fn attach(
        &mut self,
        now: Millis,
        profile: Profile,
        positions: &[(LaneId, u64)],
    ) -> Resumption {
        self.profile = profile;
        self.idle = IdleTimer::new(now, profile.idle_fin_ms);
        self.on(Input::Resumed);
        if self.fin_received {
            self.on(Input::RemoteFin);
        } else if self.fin_sent.is_some() {
            self.on(Input::LocalFin);
        }
        for (lane, cum) in positions {
            self.outbound.acked(lane, *cum);
        }
        let (replaying, frames) = self.outbound.unacknowledged();
        Resumption {
            expect: self.inbound.cum(&LaneId::default()) + 1,
            replaying,
            gap: self.outbound.gap(&LaneId::default()),
            frames,
        }
    }

    fn ack(&self, lane: &LaneId, ack: &Ack) -> Output {
        let payload = Payload::of(Kind::Ack, ack).in_lane(lane);
        Output::Transmit(Arc::new(self.head.frame(ack.msg_seq.unwrap_or(0), payload)))
    }

    fn error(&self, error: ControlError, lane: &LaneId, flags: Flags) -> Output {
        let payload = Payload::of(Kind::Error, &error).in_lane(lane);
        let mut frame = self.head.frame(self.outbound.current(lane), payload);
        frame.flags = flags;
        Output::Transmit(Arc::new(frame))
    }
}

/// The error a frame tells of, if it is one.
fn read_error(frame: &Frame<'_>) -> Option<ControlError> {
    frame.payload.content.as_ref()?.read().ok()
}
