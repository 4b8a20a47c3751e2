//! Puts what waits into entries (docs/adr/0009).
//!
//! One task of a group. While entries are in flight, commands gather; up to [`BATCH_COMMANDS`] or [`BATCH_BYTES`] of them become one
//! entry. At most [`Options::in_flight`] entries are proposed and not applied. Commands beyond the queue's bounds are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use atp_protocol::cluster::NodeId;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use openraft::error::ClientWriteError;
use openraft::raft::ClientWriteResponse;
use serde_bytes::ByteBuf;
use tokio::sync::{mpsc, oneshot, watch};

use super::{ProposeError, Proposed, status};
use crate::config::{Clock, Options};
use crate::types::{Batch, Member, Metrics, Raft, Ticket, Types, node_id};

/// Most commands in an entry.
pub(crate) const BATCH_COMMANDS: usize = 256;
/// Most bytes of commands in an entry.
pub(crate) const BATCH_BYTES: usize = 1024 * 1024;

type Answer = Result<Proposed, ProposeError>;
type WriteResult = Result<ClientWriteResponse<Types>, ClientWriteError<u64, Member>>;

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
    fn take(&self) -> bool {
        self.set(Self::TAKEN)
    }

    /// By whoever waits for the reply. `false` if it was taken: its outcome is then unknown.
    pub(super) fn give_up(&self) -> bool {
        self.set(Self::GIVEN_UP)
    }
}

struct Waiting {
    command: Vec<u8>,
    claim: Claim,
    answer: oneshot::Sender<Answer>,
}

/// Hands commands to the proposer.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Waiting>,
    bytes: Arc<AtomicUsize>,
    max_bytes: usize,
}

impl Queue {
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

/// The task's part.
pub(crate) struct Proposer {
    raft: Raft,
    metrics: watch::Receiver<Metrics>,
    clock: Clock,
    queue: mpsc::Receiver<Waiting>,
    bytes: Arc<AtomicUsize>,
    /// What did not fit into the last entry.
    next: Option<Waiting>,
    in_flight: usize,
    /// While true nothing is proposed.
    held: watch::Receiver<bool>,
}

impl Proposer {
    pub(crate) fn new(
        raft: Raft,
        clock: Clock,
        options: &Options,
        held: watch::Receiver<bool>,
    ) -> (Queue, Self) {
        let (sender, queue) = mpsc::channel(options.queue.max(1));
        let bytes = Arc::new(AtomicUsize::new(0));
        let handle = Queue {
            sender,
            bytes: Arc::clone(&bytes),
            max_bytes: options.queue_bytes,
        };
        let proposer = Self {
            metrics: raft.metrics(),
            raft,
            clock,
            queue,
            bytes,
            next: None,
            in_flight: options.in_flight.max(1),
            held,
        };
        (handle, proposer)
    }

    /// Runs until the last [`Queue`] is gone.
    pub(crate) async fn run(mut self) {
        let mut flights: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
        loop {
            let may_propose = flights.len() < self.in_flight && !*self.held.borrow();
            tokio::select! {
                biased;
                Some(()) = flights.next(), if !flights.is_empty() => {}
                waiting = next(&mut self.next, &mut self.queue), if may_propose => {
                    let Some(waiting) = waiting else { return };
                    let batch = self.gather(waiting);
                    if let Some(flight) = self.propose(batch).await {
                        flights.push(flight);
                    }
                }
                Ok(()) = self.held.changed() => {}
                else => return,
            }
        }
    }

    /// Takes what waits, as far as it fits.
    fn gather(&mut self, first: Waiting) -> Vec<Waiting> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut candidate = Some(first);
        while let Some(waiting) = candidate {
            let len = waiting.command.len();
            if batch.len() == BATCH_COMMANDS || bytes + len > BATCH_BYTES {
                self.next = Some(waiting);
                break;
            }
            self.bytes.fetch_sub(len, Ordering::Relaxed);
            if waiting.claim.take() {
                bytes += len;
                batch.push(waiting);
            }
            candidate = self.queue.try_recv().ok();
        }
        batch
    }

    async fn propose(&self, batch: Vec<Waiting>) -> Option<BoxFuture<'static, ()>> {
        if batch.is_empty() {
            return None;
        }
        let (commands, answers): (Vec<ByteBuf>, Vec<_>) = batch
            .into_iter()
            .map(|waiting| (ByteBuf::from(waiting.command), waiting.answer))
            .unzip();
        let ticket = Ticket::default();
        let entry = Batch {
            proposed_at_us: (self.clock)(),
            commands: commands.into(),
            ticket: ticket.clone(),
        };
        let term = self.metrics.borrow().current_term;
        match self.raft.client_write_ff(entry).await {
            Ok(result) => {
                let flight = Flight {
                    result,
                    ticket,
                    term,
                    metrics: self.metrics.clone(),
                    answers,
                };
                Some(Box::pin(flight.land()))
            }
            Err(fatal) => {
                answer_all(answers, &ProposeError::Stopped(fatal.to_string()));
                None
            }
        }
    }
}

async fn next(next: &mut Option<Waiting>, queue: &mut mpsc::Receiver<Waiting>) -> Option<Waiting> {
    match next.take() {
        Some(waiting) => Some(waiting),
        None => queue.recv().await,
    }
}

/// An entry that was proposed.
struct Flight {
    result: tokio::sync::oneshot::Receiver<WriteResult>,
    ticket: Ticket,
    term: u64,
    metrics: watch::Receiver<Metrics>,
    answers: Vec<oneshot::Sender<Answer>>,
}

impl Flight {
    /// Waits for the replies and gives them out.
    async fn land(mut self) {
        let result = tokio::select! {
            biased;
            result = &mut self.result => Some(result),
            () = deposed(&mut self.metrics, self.term) => None,
        };
        let result = match result {
            Some(result) => result,
            // openraft keeps an entry that it appended until a later leader commits or truncates it, which may take long.
            None if self.ticket.is_stamped() => Ok(Err(forward())),
            // It did not get to it yet, and refuses it at once.
            None => self.result.await,
        };
        let leader = status::leader(&self.metrics.borrow());
        match result {
            Ok(Ok(response)) => {
                let index = response.log_id.index;
                for (answer, reply) in self.answers.into_iter().zip(response.data.0) {
                    // Who gave up is not told.
                    let _ = answer.send(Ok(Proposed {
                        index,
                        reply: reply.into_vec(),
                    }));
                }
            }
            Ok(Err(error)) if !self.ticket.is_stamped() => {
                answer_all(self.answers, &refused(&error, leader));
            }
            Ok(Err(_)) | Err(_) => answer_all(self.answers, &ProposeError::OutcomeUnknown { leader }),
        }
    }
}

/// Ends when this node does not lead in that term any more.
async fn deposed(metrics: &mut watch::Receiver<Metrics>, term: u64) {
    // The sender ends with the group: then too.
    let _ = metrics
        .wait_for(|metrics| {
            metrics.running_state.is_err() || metrics.current_term != term || !metrics.state.is_leader()
        })
        .await;
}

fn forward() -> ClientWriteError<u64, Member> {
    ClientWriteError::ForwardToLeader(openraft::error::ForwardToLeader::empty())
}

fn refused(error: &ClientWriteError<u64, Member>, leader: Option<NodeId>) -> ProposeError {
    match error {
        ClientWriteError::ForwardToLeader(forward) => ProposeError::NotLeader {
            leader: forward.leader_id.and_then(node_id),
        },
        ClientWriteError::ChangeMembershipError(_) => ProposeError::NotLeader { leader },
    }
}

fn answer_all(answers: Vec<oneshot::Sender<Answer>>, error: &ProposeError) {
    for answer in answers {
        // Who gave up is not told.
        let _ = answer.send(Err(error.clone()));
    }
}
