//! The machine: frames and time in, outputs and the next deadline out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::deadlines::Deadlines;
use super::ended::Ended;
use super::handshake::Handshake;
use super::strikes::Strikes;
use super::{Config, terms};
use crate::adapter::AgentStatus;
use crate::error::{Code, ControlError, Fault, Scope};
use crate::frame::{Flag, Flags, Frame};
use crate::ids::{SessionId, StreamId};
use crate::liveness::{IdleTimer, Pulse, Tick};
use crate::payload::{Heartbeat, Kind, Payload};
use crate::stream::{Close, Event, Footprint, Output, Profile, Stream, StreamKey, Tally};
use crate::units::Millis;
use crate::value::{Object, Value};

/// One connection, seen from one side: client, agent and router alike.
///
/// Nothing is done after [`Output::Close`]. Bounds: streams per connection and session, bytes under reassembly, messages
/// ahead and bytes unacknowledged per stream; each refuses with a fault that names the next step.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Config,
    pub(super) profile: Profile,
    pub(super) streams: BTreeMap<StreamKey, Stream>,
    pub(super) carried: BTreeSet<StreamKey>,
    pub(super) ended: Ended,
    pub(super) draining_since: Option<Millis>,
    pub(super) session: SessionId,
    pub(super) handshake: Handshake,
    pub(super) pulse: Pulse,
    pub(super) silence: IdleTimer,
    pub(super) deadlines: Deadlines,
    pub(super) holds: Footprint,
    pub(super) tally: Tally,
    pub(super) parse_failures: Strikes,
    pub(super) signature_failures: Strikes,
    pub(super) takes_unnamed_work: bool,
    pub(super) linger_ms: u64,
    pub(super) is_closed: bool,
}

impl Connection {
    /// A connection that was just accepted or made, under the baseline until a hello agrees on more.
    #[must_use]
    pub fn new(now: Millis, config: Config) -> Self {
        let (profile, timing) = terms::baseline(&config);
        Self {
            session: config.session.clone(),
            ended: Ended::new(config.tombstone_ms),
            config,
            profile,
            streams: BTreeMap::new(),
            carried: BTreeSet::new(),
            draining_since: None,
            handshake: Handshake::None,
            pulse: Pulse::new(now, timing),
            silence: IdleTimer::new(now, timing.dead_ms),
            deadlines: Deadlines::default(),
            holds: Footprint::default(),
            tally: Tally::default(),
            parse_failures: Strikes::new(3),
            signature_failures: Strikes::new(5),
            takes_unnamed_work: false,
            linger_ms: 0,
            is_closed: false,
        }
    }

    /// What new streams go by.
    #[must_use]
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Open streams.
    pub fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.streams.values()
    }

    /// What its streams hold at this moment.
    #[must_use]
    pub const fn footprint(&self) -> Footprint {
        self.holds
    }

    /// What happened since this was last called.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Takes a frame that passed [`ingress`](crate::frame::ingress).
    pub fn receive(&mut self, now: Millis, frame: Frame<'static>) -> Vec<Output> {
        if self.is_closed {
            return Vec::new();
        }
        self.heard(now);
        if frame.flags.has(Flag::Heartbeat) || frame.payload.kind == Some(Kind::Heartbeat) {
            return self.heartbeat(&frame);
        }
        let is_unnamed_work = self.takes_unnamed_work && frame.payload.kind == Some(Kind::AgentRequest);
        if frame.stream_id.is_control() && !is_unnamed_work {
            return self.receive_control(now, frame);
        }
        self.receive_on_stream(now, frame)
    }

    /// Any byte came, or a WebSocket ping: the peer is alive.
    pub fn heard(&mut self, now: Millis) {
        self.silence.touch(now);
    }

    /// A received message did not pass [`ingress`](crate::frame::ingress): tells the peer, and closes if it happens too
    /// often.
    pub fn reject(&mut self, now: Millis, fault: &Fault) -> Vec<Output> {
        if self.is_closed {
            return Vec::new();
        }
        self.heard(now);
        let mut out = vec![self.control_error(fault.control_error(), &[])];
        let close = match (fault.code, fault.scope) {
            (Code::Proto, Scope::Connection) => self.parse_failures.strike(now).then_some(Close::MALFORMED),
            (Code::Auth, _) => self
                .signature_failures
                .strike(now)
                .then_some(Close::UNAUTHENTICATED),
            (code, Scope::Connection) => Some(Close {
                code: code.close_code(),
                reason: code.row().message,
            }),
            _ => None,
        };
        if let Some(close) = close {
            out.extend(self.close(close));
        }
        out
    }

    /// Stops taking new streams; closes when those there are have ended, or after the drain timeout.
    pub fn drain(&mut self, now: Millis) -> Vec<Output> {
        if self.draining_since.replace(now).is_some() || self.is_closed {
            return Vec::new();
        }
        let mut content = Object::new();
        content.set("status", Value::of(&AgentStatus::Draining));
        content.set("reason", "maintenance");
        let mut out = vec![self.control(Payload::new(Kind::Status, content))];
        out.extend(self.close_if_drained(now));
        out
    }

    /// A stream goes over this connection that is kept elsewhere, so that it may go on over another: it counts for limits, idle
    /// time and drain, and nothing else of it is known here.
    pub fn carry(&mut self, key: StreamKey) {
        self.carried.insert(key);
    }

    /// The stream no longer goes over this connection.
    pub fn uncarry(&mut self, now: Millis, key: &StreamKey) -> Vec<Output> {
        self.carried.remove(key);
        self.pulse.touch(now);
        self.close_if_drained(now)
    }

    pub(super) fn has_no_streams(&self) -> bool {
        self.streams.is_empty() && self.carried.is_empty()
    }

    /// The peer waits for work: a connection without streams is kept.
    pub const fn keep_when_idle(&mut self) {
        self.config.closes_idle = false;
    }

    /// When draining it stays for so long, streams or not: what its peer sent before it knew is answered.
    pub const fn linger(&mut self, ms: u64) {
        self.linger_ms = ms;
    }

    /// The peer's dialect need not name a stream, and its requests come on `-` (atp.md section 28).
    pub const fn take_unnamed_work(&mut self) {
        self.takes_unnamed_work = true;
    }

    /// Ends the connection.
    pub fn close(&mut self, close: Close) -> Vec<Output> {
        if std::mem::replace(&mut self.is_closed, true) {
            return Vec::new();
        }
        vec![Output::Close(close)]
    }

    /// Takes the streams that can be resumed elsewhere, after [`Event::PeerDead`] or a failed transport. The others are
    /// lost; their lanes are to be cancelled.
    pub fn detach(mut self) -> (Vec<Stream>, Vec<StreamKey>) {
        let (mut kept, mut lost) = (Vec::new(), Vec::new());
        for (key, mut stream) in std::mem::take(&mut self.streams) {
            if stream.detach() {
                kept.push(stream);
            } else {
                lost.push(key);
            }
        }
        (kept, lost)
    }

    /// Does what time asks for. `jitter`: drawn uniformly from −1 to 1, spreads requests for missing fragments.
    pub fn tick(&mut self, now: Millis, jitter: f64) -> Vec<Output> {
        if self.is_closed {
            return Vec::new();
        }
        if self.silence.is_over(now) {
            let dead = Output::Deliver(Event::PeerDead);
            return [vec![dead], self.close(Close::SILENT)].concat();
        }
        let mut out = Vec::new();
        for key in self.deadlines.due(now) {
            out.extend(self.with(now, &key, |stream, _| stream.tick(now, jitter)));
        }
        if !self.has_no_streams() || !self.config.closes_idle {
            self.pulse.touch(now);
        }
        match self.pulse.tick(now) {
            Tick::Quiet => {}
            Tick::Beat => out.push(self.control(Payload::of(Kind::Heartbeat, &Heartbeat::default()))),
            Tick::Idle if self.profile.is_legacy => out.extend(self.close(Close::NORMAL)),
            Tick::Idle => out.extend(self.close(Close::IDLE)),
        }
        out.extend(self.close_if_drained(now));
        out
    }

    /// When [`Self::tick`] next has something to do; `None` once closed.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        if self.is_closed {
            return None;
        }
        let drain = self.draining_since.map(|since| match self.has_no_streams() {
            true => since.plus(self.linger_ms.min(self.config.drain_timeout_ms)),
            false => since.plus(self.config.drain_timeout_ms),
        });
        let own = self.pulse.next_deadline().min(self.silence.deadline());
        self.deadlines.next().into_iter().chain(drain).chain([own]).min()
    }

    /// Runs a step of one stream, with the bytes it may buffer, and does what its new state asks for.
    pub(super) fn with(
        &mut self,
        now: Millis,
        key: &StreamKey,
        step: impl FnOnce(&mut Stream, usize) -> Vec<Output>,
    ) -> Vec<Output> {
        let Some(stream) = self.streams.get_mut(key) else {
            return Vec::new();
        };
        let before = stream.footprint();
        let room = self
            .profile
            .limits
            .reassembly_bytes
            .saturating_sub(self.holds.bytes);
        let mut out = step(stream, room);
        self.holds = self.holds.minus(before).plus(stream.footprint());
        self.tally.add(stream.take_tally());
        if stream.state().is_open() {
            let due = stream.next_deadline();
            self.deadlines.set(key, due);
        } else {
            self.bury(now, key);
            out.extend(self.close_if_drained(now));
        }
        out
    }

    /// Takes a stream in; its id is in use again.
    pub(super) fn insert(&mut self, key: &StreamKey, stream: Stream) {
        self.ended.revive(key);
        self.holds = self.holds.plus(stream.footprint());
        if let Some(replaced) = self.streams.insert(key.clone(), stream) {
            self.holds = self.holds.minus(replaced.footprint());
        }
    }

    /// Takes a stream out and remembers its id.
    fn bury(&mut self, now: Millis, key: &StreamKey) {
        let Some(stream) = self.streams.remove(key) else {
            return;
        };
        self.holds = self.holds.minus(stream.footprint());
        self.deadlines.set(key, None);
        self.pulse.touch(now);
        let idempotency_key = stream.idempotency_key().map(str::to_owned);
        self.ended.bury(now, key.clone(), idempotency_key);
    }

    /// An error about a stream there is not.
    pub(super) fn stray_error(&self, key: &StreamKey, fault: &Fault, msg_seq: u64, flags: &[Flag]) -> Output {
        let error = ControlError {
            msg_seq: Some(msg_seq),
            ..fault.control_error()
        };
        let payload = Payload::of(Kind::Error, &error);
        let mut frame = Frame::new(key.session.clone(), key.stream.clone(), 0, payload);
        flags.iter().for_each(|flag| frame.flags.insert(*flag));
        Output::Transmit(Arc::new(frame))
    }

    /// A frame on the control stream.
    pub(super) fn control(&self, payload: Payload<'static>) -> Output {
        let frame = Frame::new(self.session.clone(), StreamId::control(), 0, payload);
        Output::Transmit(Arc::new(frame))
    }

    pub(super) fn control_error(&self, error: ControlError, flags: &[Flag]) -> Output {
        let payload = Payload::of(Kind::Error, &error);
        let mut frame = Frame::new(self.session.clone(), StreamId::control(), 0, payload);
        flags.iter().for_each(|flag| frame.flags.insert(*flag));
        Output::Transmit(Arc::new(frame))
    }

    fn receive_control(&mut self, now: Millis, frame: Frame<'static>) -> Vec<Output> {
        match frame.payload.kind {
            Some(Kind::Hello) => self.receive_hello(&frame),
            Some(Kind::HelloAck) => self.receive_hello_ack(now, &frame),
            kind if kind.is_none_or(|kind| !kind.is_sequenced()) => {
                let key = StreamKey::of(&frame);
                let frame = Box::new(frame);
                vec![Output::Deliver(Event::Control { key, frame })]
            }
            _ => {
                let fault = Fault::new(Code::Proto, "stream_id `-` carries no work; name a stream");
                vec![self.stray_error(
                    &StreamKey::of(&frame),
                    &fault.scoped(Scope::Frame),
                    frame.msg_seq,
                    &[],
                )]
            }
        }
    }

    fn heartbeat(&self, frame: &Frame<'_>) -> Vec<Output> {
        if frame.flags.has(Flag::Ack) {
            return Vec::new();
        }
        let content = frame.payload.content.as_ref();
        let echo: Heartbeat = content
            .and_then(|content| content.read().ok())
            .unwrap_or_default();
        let payload = Payload::of(Kind::Heartbeat, &echo);
        let mut answer = Frame::new(
            frame.session_id.clone(),
            frame.stream_id.clone(),
            frame.msg_seq,
            payload,
        );
        answer.flags = Flags::of(&[Flag::Heartbeat, Flag::Ack]);
        vec![Output::Transmit(Arc::new(answer))]
    }

    fn close_if_drained(&mut self, now: Millis) -> Vec<Output> {
        let is_after = |since: Millis, ms: u64| now.since(since) >= ms;
        let has_lingered = |since| self.has_no_streams() && is_after(since, self.linger_ms);
        match self.draining_since {
            Some(since) if has_lingered(since) || is_after(since, self.config.drain_timeout_ms) => {
                self.close(Close::LEAVING)
            }
            _ => Vec::new(),
        }
    }
}
