//! How a peer is told to go slower or faster: windows, congestion marks, BUSY (atp.md 16.4 to 16.6).
//!
//! Windows are told after what may have changed them on this connection, and once in a while; what other connections of the
//! session do is told with that. Bound: of [`TOLD_MAX`] sessions; further ones learn their window from each stream's grant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use actix::{AsyncContext, Context};
use atp_protocol::adapter::AgentStatus;
use atp_protocol::connection::{Output, StreamKey};
use atp_protocol::flow::{Cadence, CadenceConfig, Signal, Throttle, is_marked};
use atp_protocol::frame::{Flag, Frame};
use atp_protocol::hello::HelloAck;
use atp_protocol::ids::{SessionId, StreamId};
use atp_protocol::payload::{Kind, Payload, Status, WindowReason, WindowScope, WindowUpdate};
use atp_protocol::units::{Millis, PartialWindow, Tier, Window};

use super::actor::Connection;
use crate::adapter::LaneEvent;
use crate::session::SessionFlow;

/// Sessions of one connection that are told their window.
const TOLD_MAX: usize = 64;

/// BUSY is said at most once in so long, in milliseconds.
const BUSY_EVERY_MS: u64 = 500;

/// What a connection remembers of it.
pub(super) struct Pacing {
    takes_marks: bool,
    takes_status: bool,
    busy: Throttle,
    /// Streams on which a mark came in that has not gone out yet.
    marked: BTreeSet<StreamKey>,
    told: BTreeMap<SessionId, Told>,
    timer: Option<Millis>,
}

struct Told {
    flow: Arc<SessionFlow>,
    cadence: Cadence,
    /// The `update_id` it was last told with here; its grant has 0.
    update_id: u64,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            takes_marks: false,
            takes_status: false,
            busy: Throttle::new(BUSY_EVERY_MS),
            marked: BTreeSet::new(),
            told: BTreeMap::new(),
            timer: None,
        }
    }
}

impl Pacing {
    /// What the peer understands.
    pub(super) fn agreed(&mut self, ack: &HelloAck) {
        self.takes_marks = ack.features.has("ecn");
        self.takes_status = ack.features.has("status");
    }

    /// The next frame of the stream carries the mark on.
    pub(super) fn carry_mark(&mut self, key: StreamKey) {
        self.marked.insert(key);
    }

    pub(super) fn forget(&mut self, key: &StreamKey) {
        self.marked.remove(key);
    }
}

impl Connection {
    /// Marks a data frame, if it came marked, its tier's queue is slow, or the peer is behind in reading.
    pub(super) fn mark(&mut self, frame: &mut Frame<'static>, is_control: bool) {
        if is_control || !self.pacing.takes_marks {
            return;
        }
        let (queued, bound) = self.queues.data_fill();
        let is_slow = frame.qos.is_some_and(|tier| self.wait_ms(tier).is_some());
        let came_marked = !self.pacing.marked.is_empty() && self.pacing.marked.remove(&StreamKey::of(frame));
        if is_marked(is_slow, queued, bound, came_marked) {
            frame.flags.insert(Flag::Ecn);
            self.router.world.meter.flow.congestion.marks.increment(1);
        }
    }

    /// BUSY for a client whose tier's queue is slow, unless it was just told.
    pub(super) fn busy(&mut self, tier: Option<Tier>) -> Option<Output> {
        let wait_ms = self.wait_ms(tier?)?;
        let now = self.now();
        if !self.pacing.takes_status || !self.pacing.busy.pass(now) {
            return None;
        }
        let status = Status {
            status: AgentStatus::Busy,
            reason: Some("queue_watermark".to_owned()),
            metrics: None,
            suggested_window: None,
            retry_after_ms: Some(wait_ms),
            agent_id: None,
            persona_id: None,
        };
        Some(self.machine.send_control(Payload::of(Kind::Status, &status)))
    }

    fn wait_ms(&self, tier: Tier) -> Option<u64> {
        self.router.congestion().suggested_wait_ms(tier)
    }

    /// A frame of the stream came marked: its sender, or what lies between, is asked to slow down.
    pub(super) fn congested(&mut self, key: &StreamKey, context: &mut Context<Self>) -> Vec<Output> {
        if let Some(pending) = self.calls.get(key) {
            // The lane's client is told with the next of its output; without room for that it is behind anyway.
            pending.reply.say(Ok(LaneEvent::Congested));
            if let Some(claim) = &self.adapter {
                self.router.registry.report_congestion(&claim.name);
            }
            return Vec::new();
        }
        let Some(told) = self.pacing.told.get(&key.session) else {
            return Vec::new();
        };
        told.flow.signal(&self.router.world, [Signal::Ecn]);
        self.tell_window(&key.session.clone(), WindowReason::Ecn, false, context)
    }

    /// The window that a stream's admission grants, remembered as told.
    pub(super) fn granted(
        &mut self,
        key: &StreamKey,
        flow: Option<Arc<SessionFlow>>,
        context: &mut Context<Self>,
    ) -> Window {
        let Some(flow) = flow else {
            return Window::MAX;
        };
        let window = flow.window();
        let now = self.now();
        let told = &mut self.pacing.told;
        if let Some(told) = told.get_mut(&key.session) {
            told.flow = flow;
        } else if told.len() < TOLD_MAX {
            let cadence = Cadence::granted(now, CadenceConfig::default(), window);
            let due = cadence.due(window);
            let first = Told {
                flow,
                cadence,
                update_id: 0,
            };
            told.insert(key.session.clone(), first);
            self.remind(due, context);
        }
        window
    }

    /// Tells a session's window, if it is time to.
    pub(super) fn tell_window(
        &mut self,
        session: &SessionId,
        reason: WindowReason,
        is_forced: bool,
        context: &mut Context<Self>,
    ) -> Vec<Output> {
        let now = self.now();
        let Some(told) = self.pacing.told.get_mut(session) else {
            return Vec::new();
        };
        let window = told.flow.window();
        let is_due = told.cadence.poll(now, window, is_forced);
        if is_due {
            told.update_id = told.flow.next_update(told.update_id);
        }
        let (due, update_id) = (told.cadence.due(window), told.update_id);
        self.remind(due, context);
        if !is_due {
            return Vec::new();
        }
        self.router.world.meter.flow.told(reason);
        let window = PartialWindow {
            max_parallel: Some(window.max_parallel),
            max_tokens: Some(window.max_tokens),
            max_usd_micros: Some(window.max_usd_micros),
        };
        let update = WindowUpdate::new(window, update_id, WindowScope::Session, reason);
        let payload = Payload::of(Kind::WindowUpdate, &update);
        let frame = Frame::new(session.clone(), StreamId::control(), 0, payload);
        vec![Output::Transmit(Arc::new(frame))]
    }

    /// Sets a timer for the next time a window may have to be told, unless an earlier one is set.
    fn remind(&mut self, due: Millis, context: &mut Context<Self>) {
        let now = self.now();
        if due <= now || self.pacing.timer.is_some_and(|at| at <= due) {
            return;
        }
        self.pacing.timer = Some(due);
        context.run_later(
            Duration::from_millis(due.since(now)),
            move |connection, context| {
                if connection.pacing.timer == Some(due) {
                    connection.pacing.timer = None;
                    connection.refresh_windows(context);
                }
            },
        );
    }

    /// Only sessions with a stream here: others have nobody to tell.
    fn refresh_windows(&mut self, context: &mut Context<Self>) {
        let streams = self.clients.keys().chain(self.kept.keys());
        let open: BTreeSet<SessionId> = streams.map(|key| key.session.clone()).collect();
        for session in open {
            let outputs = self.tell_window(&session, WindowReason::Refresh, false, context);
            let waiting = self.process(outputs, context);
            self.send_later(waiting, context);
        }
    }
}
