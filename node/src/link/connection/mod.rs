//! One connection: the machine of `protocol` between callers, handlers and a socket.
//!
//! Callers on any thread encode into one shared buffer; one task, the [`Pump`], writes it, reads the socket, and tells who waits. On the
//! pump's own thread nothing of that crosses to another.
//!
//! When full: calls and streams wait while more than [`OUT_MAX`] bytes are to be written; those that wait count as in flight. The
//! rest is bounded by [`Limits`](atp_protocol::link::Limits).

mod call;
mod duplex;
mod inbox;
mod pump;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use atp_actors::environment::Clock;
use atp_actors::metrics::LinkSeries;
use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Lane, Limits, Machine, Refusal, Side};
use atp_protocol::units::Millis;
use bytes::{Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::LinkError;
pub use duplex::Duplex;
use inbox::Inbox;
pub(super) use pump::{Ended, Pump};

/// Bytes waiting to be written, beyond which calls and streams wait. One frame may exceed it.
const OUT_MAX: usize = 1024 * 1024;

/// Where an answer goes.
type Caller = oneshot::Sender<Result<Bytes, LinkError>>;

/// What a connection is, from its handshake.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) member: NodeId,
    pub(super) lane: Lane,
    pub(super) side: Side,
    /// By the other side's hello.
    pub(super) their_window: u32,
    pub(super) silence: Duration,
}

/// A connection that callers and handlers share with its pump.
pub(super) struct Connection {
    pub(super) member: NodeId,
    pub(super) since: Millis,
    limits: Limits,
    clock: Arc<dyn Clock>,
    series: LinkSeries,
    /// Of the last ping, in microseconds; 0 before it is back.
    rtt_us: AtomicU64,
    pump: AtomicWaker,
    core: Mutex<Core>,
}

struct Core {
    machine: Machine<Caller, AbortHandle, Arc<Inbox>>,
    /// What the pump is to write.
    out: BytesMut,
    /// Whoever waits for `out` to become shorter.
    blocked: Vec<Waker>,
    /// Calls among them.
    waiting: usize,
    is_over: bool,
}

impl Connection {
    pub(super) fn new(terms: Terms, clock: Arc<dyn Clock>, series: LinkSeries) -> Arc<Self> {
        let limits = Limits::of(terms.lane);
        let now = clock.now();
        let silence_ms = u64::try_from(terms.silence.as_millis()).unwrap_or(u64::MAX);
        series.connections.increment(1.0);
        let machine = Machine::new(now, terms.side, limits, terms.their_window, silence_ms);
        Arc::new(Self {
            member: terms.member,
            since: now,
            limits,
            clock,
            series,
            rtt_us: AtomicU64::new(0),
            pump: AtomicWaker::new(),
            core: Mutex::new(Core {
                machine,
                out: BytesMut::new(),
                blocked: Vec::new(),
                waiting: 0,
                is_over: false,
            }),
        })
    }

    /// Requests and streams in flight, both ways.
    pub(super) fn in_flight(&self) -> usize {
        let core = self.lock();
        core.machine.asked() + core.machine.serving() + core.machine.streams()
    }

    /// Way there and back of the last ping.
    pub(super) fn rtt(&self) -> Option<Duration> {
        match self.rtt_us.load(Ordering::Relaxed) {
            0 => None,
            us => Some(Duration::from_micros(us)),
        }
    }

    /// Takes nothing more of the other side, and closes when what runs is done.
    pub(super) fn leave(&self, refusal: Refusal) {
        let core = &mut *self.lock();
        core.machine.leave(refusal, &mut core.out);
        self.pump.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic under the lock is one of the encoder, which leaves nothing half done.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// Ready when something may be encoded; else `context` is woken when that may be.
    fn poll_room(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.is_over || self.out.len() < OUT_MAX {
            return Poll::Ready(());
        }
        let waker = context.waker();
        if !self.blocked.iter().any(|blocked| blocked.will_wake(waker)) {
            self.blocked.push(waker.clone());
        }
        Poll::Pending
    }
}
