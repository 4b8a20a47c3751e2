//! One stream: its state, its two halves, its timers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::inbound::Inbound;
use super::opening::Opening;
use super::outbound::{Head, Message, Outbound};
use super::{Event, Footprint, Input, Output, Profile, State, StreamKey, Tally};
use crate::error::{Code, ControlError, Fault, Scope, StreamAction};
use crate::frame::{Flag, Flags, Meta};
use crate::ids::LaneId;
use crate::liveness::IdleTimer;
use crate::payload::{Ack, Kind, Payload, WindowReason, WindowScope, WindowUpdate};
use crate::units::{Millis, PartialWindow, Tier, Window};
use crate::value::{Object, Value};

/// One stream, seen from one side. Survives its connection, so that another can go on with it.
#[derive(Debug)]
pub struct Stream {
    pub(super) head: Head,
    pub(super) profile: Profile,
    pub(super) state: State,
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    pub(super) opening: Opening,
    pub(super) idle: IdleTimer,
    /// Requests without an answer, whoever asked: lane and number. A stream with one is never idle.
    pub(super) in_flight: BTreeMap<LaneId, u64>,
    pub(super) fin_sent: Option<Millis>,
    pub(super) fin_received: bool,
}

impl Stream {
    /// A stream that is not open yet.
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

    /// What it holds.
    pub(crate) fn footprint(&self) -> Footprint {
        self.inbound.footprint()
    }

    /// What happened since this was last called.
    pub(crate) fn take_tally(&mut self) -> Tally {
        self.inbound.take_tally(&self.head.key)
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
        if !payload.kind.is_some_and(Kind::is_sequenced) {
            let detail = "only sequenced work opens a stream; send control payloads on the control stream";
            return Err(Fault::new(Code::Proto, detail).scoped(Scope::Message));
        }
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

    /// Tells the peer of an error and does to the stream what its code says. A stream that was not admitted is reset
    /// whatever the code: there is nothing to go on with.
    pub(crate) fn fail(&mut self, now: Millis, fault: &Fault) -> Vec<Output> {
        let mut error = fault.control_error();
        if matches!(fault.code, Code::Window | Code::WindowAgent) {
            error.window = Some(self.head.window);
        }
        let mut flags = Kind::Error.flags();
        let is_over = fault.scope >= Scope::Stream;
        let action = fault.code.row().action;
        let survives = matches!(
            action,
            StreamAction::Discard
                | StreamAction::RejectMessage
                | StreamAction::UpdateWindow
                | StreamAction::Finish
        );
        let is_reset = is_over && (!survives || self.opening.is_unanswered());
        if is_reset {
            flags.insert(Flag::Rst);
            self.on(Input::Reset);
        }
        let mut out = vec![self.error(error, &LaneId::default(), flags)];
        if is_over && !is_reset && action == StreamAction::Finish && self.fin_sent.is_none() {
            out.extend(self.finish(now, "budget"));
        }
        out
    }

    /// Follows which lanes owe an answer.
    pub(super) fn track(&mut self, lane: &LaneId, kind: Option<Kind>, seq: u64) {
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
        let is_half_closed = matches!(self.state, State::HalfClosedLocal | State::HalfClosedRemote);
        let fin = self
            .fin_sent
            .filter(|_| is_half_closed)
            .map(|sent| sent.plus(self.profile.fin_wait_ms));
        let inbound = self.inbound.next_deadline(&self.profile);
        idle.into_iter().chain(fin).chain(inbound).min()
    }

    /// Whether nothing is owed, so that only silence keeps the stream open.
    fn may_idle(&self) -> bool {
        let is_ours_to_finish = matches!(self.state, State::Open | State::HalfClosedRemote);
        is_ours_to_finish && self.fin_sent.is_none() && self.in_flight.is_empty()
    }

    /// Closes the stream once both sides have finished and have everything, or the wait for it is over.
    pub(super) fn settle(&mut self, now: Millis, out: &mut Vec<Output>) {
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

    pub(super) fn ack(&self, lane: &LaneId, ack: &Ack) -> Output {
        let payload = Payload::of(Kind::Ack, ack).in_lane(lane);
        Output::Transmit(Arc::new(self.head.frame(ack.msg_seq.unwrap_or(0), payload)))
    }

    pub(super) fn error(&self, error: ControlError, lane: &LaneId, flags: Flags) -> Output {
        let payload = Payload::of(Kind::Error, &error).in_lane(lane);
        let mut frame = self.head.frame(self.outbound.current(lane), payload);
        frame.flags = flags;
        Output::Transmit(Arc::new(frame))
    }
}
