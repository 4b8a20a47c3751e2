//! Puts the decision of every request on record (governance.md 6, docs/adr/0007 for what is kept beside): in the journal group of its
//! session, chained for its tenant.
//!
//! Requests only queue what was decided; [`append`] writes it out and proposes it, what comes within [`GATHER`] together. A
//! process that is killed loses what it had not proposed.
//!
//! Bounds: [`QUEUE`] decisions wait; what comes on top is lost, and so is what a group does not take. Either is counted
//! (`decision_records_lost_total`), and told by a record of kind `gap` in the chain of its tenant, for up to [`GAPS`] tenants at once. How many
//! records a group keeps is the machine's ([`atp_consensus::journal::decisions`]).

mod append;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atp_actors::decided::{Decided, DecisionLog};
use atp_actors::metrics::Meter;
use atp_protocol::ids::TenantId;
use tokio::sync::{mpsc, oneshot};

use crate::cluster::Cluster;
use append::Appender;

/// Decisions waiting to be written, a few hundred bytes each.
const QUEUE: usize = 8_192;

/// What comes within this time is proposed together.
const GATHER: Duration = Duration::from_millis(100);

/// Tenants whose lost records are told apart.
const GAPS: usize = 1_024;

enum Message {
    Note(Box<Decided>),
    /// Everything before is to be on record.
    Flush(oneshot::Sender<()>),
}

/// What those who decide share.
pub(crate) struct Queue {
    messages: mpsc::Sender<Message>,
    /// Decisions that no record speaks of yet.
    lost: Mutex<BTreeMap<TenantId, u64>>,
    meter: Arc<Meter>,
}

impl Queue {
    /// Records the decisions of this node until it stops.
    pub(crate) fn start(cluster: Cluster, meter: Arc<Meter>) -> Arc<Self> {
        let (messages, noted) = mpsc::channel(QUEUE);
        let queue = Arc::new(Self {
            messages,
            lost: Mutex::default(),
            meter,
        });
        let appender = Appender::new(cluster, Arc::clone(&queue));
        tokio::task::spawn_local(appender.run(noted));
        queue
    }

    /// Returns when what was decided before is on record, or after `within`.
    pub(crate) async fn flush(&self, within: Duration) {
        let (done, is_done) = oneshot::channel();
        let flushed = async {
            // A queue that is gone has nothing to say.
            let _ = self.messages.send(Message::Flush(done)).await;
            let _ = is_done.await;
        };
        if tokio::time::timeout(within, flushed).await.is_err() {
            tracing::warn!("not all decisions are on record; what is missing is lost");
        }
    }

    fn lose(&self, tenant: &TenantId, count: u64) {
        self.meter.decisions_lost.increment(count);
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sum) = lost.get_mut(tenant) {
            *sum += count;
        } else if lost.len() < GAPS {
            lost.insert(tenant.clone(), count);
        }
    }

    fn take_lost(&self) -> BTreeMap<TenantId, u64> {
        std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl DecisionLog for Queue {
    fn note(&self, decided: Decided) {
        let message = Message::Note(Box::new(decided));
        if let Err(mpsc::error::TrySendError::Full(Message::Note(decided))) = self.messages.try_send(message)
        {
            self.lose(&decided.tenant, 1);
        }
    }
}
