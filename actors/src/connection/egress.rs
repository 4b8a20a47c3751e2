//! The way out of a connection: two bounded queues, control before data (atp.md 16.7).

use atp_protocol::connection::Close;
use atp_protocol::frame::Encoded;
use tokio::sync::mpsc;

/// Control messages waiting; a peer that does not take them is let go.
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
    /// Waits for the data that was queued before.
    close: Option<Close>,
}

/// The connection's end.
pub(super) struct Queues {
    pub(super) control: mpsc::Sender<Wire>,
    pub(super) data: mpsc::Sender<Wire>,
}

/// Two ends of the way out.
#[must_use]
pub fn egress() -> (EgressSender, Egress) {
    let (control, control_out) = mpsc::channel(CONTROL_MAX);
    let (data, data_out) = mpsc::channel(DATA_MAX);
    (
        EgressSender(Queues { control, data }),
        Egress {
            control: control_out,
            data: data_out,
            close: None,
        },
    )
}

/// The connection's end, to be handed to it.
pub struct EgressSender(pub(super) Queues);

impl Egress {
    /// What is to be sent next; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<Wire> {
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
