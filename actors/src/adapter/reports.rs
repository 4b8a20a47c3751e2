//! How sessions tell an adapter's actor how their calls ended.
//!
//! Most calls end well and change little, and waking another thread for each would cost more than the call spends here. So
//! reports wait in a queue, and the actor is called to it when one matters at once, when half of it is full, and by its tick.
//! When full, a report is dropped: a figure is lost, no call is.

use actix::{Addr, Message};
use atp_protocol::error::Code;
use atp_protocol::units::{Amount, Millis};
use atp_routing::breaker::Permit;
use tokio::sync::mpsc;

use super::AdapterActor;

/// Reports waiting.
pub(super) const FINISHED_MAX: usize = 256;

/// How a call ended, as far as the adapter is concerned.
#[derive(Debug)]
pub(crate) struct Finished {
    /// When.
    pub(crate) at: Millis,
    /// Of a call that [`AskProbe`](super::AskProbe) let through.
    pub(crate) permit: Option<Permit>,
    /// The code of its failure.
    pub(crate) failed: Option<Code>,
    /// Time to its first chunk, or to its end if there was none.
    pub(crate) first_chunk_ms: f64,
    /// The request's own target.
    pub(crate) target_ms: f64,
    /// Estimated, reserved and actual cost, when the call succeeded.
    pub(crate) cost: Option<[Amount; 3]>,
    /// The estimate was the adapter's own.
    pub(crate) is_own_estimate: bool,
}

/// Reports are waiting.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Heed;

/// Where calls are reported.
pub(crate) struct Reports {
    queue: mpsc::Sender<Finished>,
    actor: Addr<AdapterActor>,
}

impl Reports {
    pub(super) const fn new(queue: mpsc::Sender<Finished>, actor: Addr<AdapterActor>) -> Self {
        Self { queue, actor }
    }

    /// Reports a call. A failure or the end of a probe may move the breaker and is heeded at once.
    pub(crate) fn report(&self, call: Finished) {
        let is_urgent = call.failed.is_some() || call.permit.is_some();
        let _ = self.queue.try_send(call);
        if is_urgent || self.queue.capacity() <= FINISHED_MAX / 2 {
            // A full mailbox has a message in it that does the same.
            let _ = self.actor.try_send(Heed);
        }
    }
}
