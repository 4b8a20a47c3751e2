//! Puts what waits into entries (docs/adr/0009).
//!
//! One task of a group. While an entry is in flight, commands gather; up to [`BATCH_COMMANDS`] or [`BATCH_BYTES`] of them become one
//! entry. Another goes off when the one before is applied and those it answered had a moment to come back ([`Hold`]), or when it is as
//! large as it may be or the one before takes long, and no more than [`Options::in_flight`] are under way. A leader that cannot write is so found
//! out: the second entry holds up its heartbeats (docs/adr/0014). Commands beyond the queue's bounds are refused.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use atp_protocol::cluster::NodeId;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, OptionFuture};
use futures_util::stream::FuturesUnordered;
use openraft::AsyncRuntime;
use openraft::error::ClientWriteError;
use openraft::raft::ClientWriteResponse;
use serde_bytes::ByteBuf;
use tokio::sync::{oneshot, watch};

use super::hold::{self, Hold};
use super::queue::{Answer, BATCH_BYTES, BATCH_COMMANDS, Commands, Queue, Waiting};
use super::{ProposeError, Proposed, status};
use crate::config::{Clock, Options};
use crate::runtime::Runtime;
use crate::types::{Batch, Member, Metrics, Raft, Ticket, Types, node_id};

type WriteResult = Result<ClientWriteResponse<Types>, ClientWriteError<u64, Member>>;

/// The task's part.
pub(crate) struct Proposer {
    raft: Raft,
    metrics: watch::Receiver<Metrics>,
    clock: Clock,
    queue: Commands,
    /// What goes into the next entry, and the first that does not fit into it.
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    hold: Hold,
    in_flight: usize,
    /// After how long an entry that is not applied takes long, and whether one does.
    long: Duration,
    takes_long: bool,
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
        let (handle, queue) = Queue::new(options);
        let proposer = Self {
            metrics: raft.metrics(),
            raft,
            clock,
            queue,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            hold: Hold::default(),
            in_flight: options.in_flight.max(1),
            long: options.heartbeat,
            takes_long: false,
            held,
        };
        (handle, proposer)
    }

    /// Runs until the last [`Queue`] is gone.
    pub(crate) async fn run(mut self) {
        let mut flights: FuturesUnordered<BoxFuture<'static, usize>> = FuturesUnordered::new();
        let (mut held_back, mut under_way) = (pin!(None), pin!(None));
        loop {
            if self.may_propose(flights.len()) {
                let batch = self.gather();
                flights.extend(self.propose(batch).await);
                under_way.set(Some(Runtime::sleep(self.long)));
            }
            tokio::select! {
                biased;
                Some(answered) = flights.next(), if !flights.is_empty() => {
                    self.takes_long = false;
                    under_way.set((!flights.is_empty()).then(|| Runtime::sleep(self.long)));
                    let holds = self.hold.landed(answered, self.waiting.len());
                    held_back.set(holds.then(|| Runtime::sleep(hold::LONGEST)));
                }
                waiting = self.queue.next(), if !self.is_full() => {
                    let Some(waiting) = waiting else { return };
                    self.take(waiting);
                }
                Some(()) = OptionFuture::from(held_back.as_mut().as_pin_mut()) => {
                    held_back.set(None);
                    self.hold.in_vain();
                }
                Some(()) = OptionFuture::from(under_way.as_mut().as_pin_mut()) => {
                    under_way.set(None);
                    self.takes_long = !flights.is_empty();
                }
                Ok(()) = self.held.changed() => {}
                else => return,
            }
        }
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= BATCH_COMMANDS || self.waiting_bytes >= BATCH_BYTES
    }

    fn may_propose(&mut self, flights: usize) -> bool {
        if self.waiting.is_empty() || *self.held.borrow() {
            return false;
        }
        if flights == 0 {
            return self.is_full() || self.hold.may_go(self.waiting.len());
        }
        flights < self.in_flight && (self.is_full() || self.takes_long)
    }

    /// Takes a command from the queue, and those behind it as far as they fit.
    fn take(&mut self, first: Waiting) {
        let mut candidate = Some(first);
        while let Some(waiting) = candidate {
            let len = waiting.command.len();
            self.waiting_bytes += len;
            self.waiting.push_back(waiting);
            candidate = if self.is_full() { None } else { self.queue.ready() };
        }
    }

    /// What goes into an entry: all that waits but what does not fit, and what was given up.
    fn gather(&mut self) -> Vec<Waiting> {
        let mut batch = Vec::with_capacity(self.waiting.len());
        let mut bytes = 0;
        while let Some(waiting) = self
            .waiting
            .pop_front_if(|waiting| bytes == 0 || bytes + waiting.command.len() <= BATCH_BYTES)
        {
            let len = waiting.command.len();
            self.waiting_bytes -= len;
            if waiting.claim.take() {
                bytes += len;
                batch.push(waiting);
            }
        }
        batch
    }

    async fn propose(&self, batch: Vec<Waiting>) -> Option<BoxFuture<'static, usize>> {
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

/// An entry that was proposed.
struct Flight {
    result: tokio::sync::oneshot::Receiver<WriteResult>,
    ticket: Ticket,
    term: u64,
    metrics: watch::Receiver<Metrics>,
    answers: Vec<oneshot::Sender<Answer>>,
}

impl Flight {
    /// Waits for the replies and gives them out. Returns to how many.
    async fn land(mut self) -> usize {
        let count = self.answers.len();
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
        count
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
