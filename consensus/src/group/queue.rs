//! What waits for the proposer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::{ProposeError, Proposed};
use crate::config::Options;

/// Most commands in an entry.
pub(crate) const BATCH_COMMANDS: usize = 256;
/// Most bytes of commands in an entry.
pub(crate) const BATCH_BYTES: usize = 1024 * 1024;

/// What whoever proposed a command is told.
pub(super) type Answer = Result<Proposed, ProposeError>;

/// Whether a command left the queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim(Arc<AtomicU8>);

impl Claim {
    const WAITING: u8 = 0;
    const TAKEN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    fn set(&self, to: u8) -> bool {
        self.0
            .compare_exchange(Self::WAITING, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// By the proposer. `false` if it was given up.
    pub(super) fn take(&self) -> bool {
        self.set(Self::TAKEN)
    }

    /// By whoever waits for the reply. `false` if it was taken: its outcome is then unknown.
    pub(super) fn give_up(&self) -> bool {
        self.set(Self::GIVEN_UP)
    }
}

/// A command that waits.
pub(super) struct Waiting {
    pub(super) command: Vec<u8>,
    pub(super) claim: Claim,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// The other end of a [`Queue`].
pub(super) struct Commands {
    receiver: mpsc::Receiver<Waiting>,
    bytes: Arc<AtomicUsize>,
}

impl Commands {
    /// The next command. `None` when the last [`Queue`] is gone.
    pub(super) async fn next(&mut self) -> Option<Waiting> {
        let waiting = self.receiver.recv().await;
        waiting.map(|waiting| self.taken(waiting))
    }

    /// The next command, if there is one.
    pub(super) fn ready(&mut self) -> Option<Waiting> {
        let waiting = self.receiver.try_recv().ok();
        waiting.map(|waiting| self.taken(waiting))
    }

    fn taken(&self, waiting: Waiting) -> Waiting {
        self.bytes.fetch_sub(waiting.command.len(), Ordering::Relaxed);
        waiting
    }
}

/// Hands commands to the proposer.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Waiting>,
    bytes: Arc<AtomicUsize>,
    max_bytes: usize,
}

impl Queue {
    /// An empty queue, with the bounds of `options`.
    pub(super) fn new(options: &Options) -> (Self, Commands) {
        let (sender, receiver) = mpsc::channel(options.queue.max(1));
        let bytes = Arc::new(AtomicUsize::new(0));
        let queue = Self {
            sender,
            bytes: Arc::clone(&bytes),
            max_bytes: options.queue_bytes,
        };
        (queue, Commands { receiver, bytes })
    }

    /// Queues a command. The receiver ends without an answer when the outcome is unknown.
    pub(super) fn push(
        &self,
        command: Vec<u8>,
        claim: Claim,
    ) -> Result<oneshot::Receiver<Answer>, ProposeError> {
        let len = command.len();
        if len > BATCH_BYTES {
            return Err(ProposeError::TooLarge { len });
        }
        if self.bytes.load(Ordering::Relaxed) + len > self.max_bytes {
            return Err(ProposeError::Overloaded);
        }
        let (answer, receiver) = oneshot::channel();
        let waiting = Waiting {
            command,
            claim,
            answer,
        };
        self.bytes.fetch_add(len, Ordering::Relaxed);
        self.sender.try_send(waiting).map_err(|error| {
            self.bytes.fetch_sub(len, Ordering::Relaxed);
            match error {
                mpsc::error::TrySendError::Full(_) => ProposeError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => ProposeError::Stopped("it was stopped".to_owned()),
            }
        })?;
        Ok(receiver)
    }
}
