//! Carries messages over the link.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use atp_protocol::cluster::NodeId;
use atp_protocol::encoding;
use atp_protocol::link::Lane;
use tokio::sync::{Semaphore, mpsc};
use tracing::error;

use super::{CALLS_MAX, Desk, Letter, Receipt};
use crate::environment::Pending;
use crate::gossip::Datagrams;
use crate::link::{Known, Link};

/// How long a member has to take a message: who needs longer hears the next one.
const TAKEN_MAX: Duration = Duration::from_secs(1);

/// The gossip's end of it.
pub(super) struct Post {
    pub(super) outbox: mpsc::Sender<Letter>,
    pub(super) letters: mpsc::Receiver<Letter>,
}

impl Datagrams for Post {
    fn send(&mut self, to: NodeId, message: Vec<u8>) {
        // Gossip may be lost.
        let _ = self.outbox.try_send((to, message));
    }

    fn recv(&mut self) -> Pending<'_, Option<Letter>> {
        Box::pin(self.letters.recv())
    }
}

/// Sends what leaves, until the gossip ends.
pub(super) async fn carry(link: Link, mut leaving: mpsc::Receiver<Letter>, desk: Arc<Desk>) {
    let calls = Arc::new(Semaphore::new(CALLS_MAX));
    while let Some((to, message)) = leaving.recv().await {
        let Ok(call) = Arc::clone(&calls).try_acquire_owned() else {
            desk.series.lost.increment(1);
            continue;
        };
        let (link, desk) = (link.clone(), Arc::clone(&desk));
        tokio::task::spawn_local(async move {
            let asked = desk.clock.unix().0;
            let answer = link
                .call(to, Lane::Control, Known::Gossip.number(), message, TAKEN_MAX)
                .await;
            let answered = desk.clock.unix().0;
            let receipt = answer.ok().and_then(|answer| encoding::decode(&answer).ok());
            desk.file(to, receipt, (asked, answered));
            drop(call);
        });
    }
}

impl Desk {
    fn file(&self, from: NodeId, receipt: Option<Receipt>, (asked, answered): (u64, u64)) {
        match receipt {
            None => self.series.lost.increment(1),
            Some(Receipt::Taken { unix_ms }) => {
                self.series.sent.increment(1);
                let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
                clocks.insert(from, ahead(unix_ms, asked, answered));
            }
            Some(Receipt::Removed) => {
                if !self.is_removed.swap(true, Ordering::AcqRel) {
                    error!(by = %from, "this node was removed from its cluster: it serves nobody any more; stop it");
                }
            }
        }
    }
}

/// By how much a clock that showed `theirs` is ahead of one that showed `asked` before and `answered` after.
fn ahead(theirs: u64, asked: u64, answered: u64) -> i64 {
    let ours = asked.midpoint(answered);
    let apart = i64::try_from(theirs.abs_diff(ours)).unwrap_or(i64::MAX);
    if theirs < ours { -apart } else { apart }
}

#[cfg(test)]
mod tests {
    use super::ahead;

    #[test]
    fn a_clock_is_compared_with_the_middle_of_the_question() {
        assert_eq!(ahead(1_050, 1_000, 1_100), 0);
        assert_eq!(ahead(1_700, 1_000, 1_100), 650);
        assert_eq!(ahead(400, 1_000, 1_100), -650);
        assert_eq!(ahead(u64::MAX, 0, 0), i64::MAX);
    }
}
