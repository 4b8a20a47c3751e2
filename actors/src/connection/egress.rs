//! The way out of a connection: two bounded queues, control before data (atp.md 16.7).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use atp_protocol::connection::Close;
use atp_protocol::frame::Encoded;
use tokio::sync::mpsc;

/// Control messages waiting; a peer that does not take them is let go with 1013.
const CONTROL_MAX: usize = 256;

/// Data messages waiting; producers wait beyond.
const DATA_MAX: usize = 64;

/// Something for the transport.
#[derive(Debug)]
pub enum Wire {
    /// A message.
    Message(Encoded),
    /// Close, after what is queued before.
    Close(Close),
}

/// The transport's end.
pub struct Egress {
    control: mpsc::Receiver<Wire>,
    data: mpsc::Receiver<Wire>,
    is_overrun: Arc<AtomicBool>,
    /// Waits for the data that was queued before.
    close: Option<Close>,
}

/// The connection's end.
pub(super) struct Queues {
    control: mpsc::Sender<Wire>,
    pub(super) data: mpsc::Sender<Wire>,
    is_overrun: Arc<AtomicBool>,
}

impl Queues {
    /// Queues a control message. `false` when there is no room for it or nobody to take it: then the transport closes with
    /// 1013 instead of sending what is queued, and the connection is over.
    #[must_use]
    pub(super) fn control(&self, wire: Wire) -> bool {
        let is_queued = self.control.try_send(wire).is_ok();
        if !is_queued {
            self.is_overrun.store(true, Ordering::Release);
        }
        is_queued
    }
}

impl Queues {
    /// Data messages waiting, and how many may.
    pub(super) fn data_fill(&self) -> (usize, usize) {
        (DATA_MAX - self.data.capacity().min(DATA_MAX), DATA_MAX)
    }
}

/// Two ends of the way out.
#[must_use]
pub fn egress() -> (EgressSender, Egress) {
    let (control, control_out) = mpsc::channel(CONTROL_MAX);
    let (data, data_out) = mpsc::channel(DATA_MAX);
    let is_overrun = Arc::new(AtomicBool::new(false));
    (
        EgressSender(Queues {
            control,
            data,
            is_overrun: Arc::clone(&is_overrun),
        }),
        Egress {
            control: control_out,
            data: data_out,
            is_overrun,
            close: None,
        },
    )
}

/// The connection's end, to be handed to it.
pub struct EgressSender(pub(super) Queues);

impl Egress {
    /// What is to be sent next; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<Wire> {
        if self.is_overrun.load(Ordering::Acquire) {
            return Some(Wire::Close(Close::OVERRUN));
        }
        if self.close.is_none() {
            let wire = tokio::select! {
                biased;
                Some(wire) = self.control.recv() => Some(wire),
                wire = self.data.recv() => wire,
            };
            match wire {
                Some(Wire::Close(close)) => self.close = Some(close),
                Some(Wire::Message(_)) | None => return wire,
            }
        }
        let queued = self.data.try_recv().ok();
        queued.or_else(|| self.close.take().map(Wire::Close))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Wire {
        Wire::Message(Encoded::Text("{}".to_owned()))
    }

    #[tokio::test]
    async fn a_full_control_queue_ends_in_1013_and_nothing_before_it() {
        let (EgressSender(queues), mut out) = egress();
        for _ in 0..CONTROL_MAX {
            assert!(queues.control(message()));
        }
        assert!(matches!(out.next().await, Some(Wire::Message(_))));
        assert!(queues.control(message()));
        assert!(!queues.control(message()));
        drop(queues);
        let last = out.next().await;
        assert!(
            matches!(&last, Some(Wire::Close(close)) if close.code == 1013),
            "{last:?}"
        );
    }
}
