//! Asking the cluster whether a request is the first under its key, and telling it how that ended.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_consensus::journal::requests::{BeginRequest, BeginRequestReply, End, EndRequest};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};
use atp_protocol::resume::Begin;
use tokio::time::timeout;

use super::outcome::Outcome;
use super::table::{Running, other_request};
use crate::session::Router;
use crate::streams::{Records, insist, write};

/// How long the last words of a request wait to be on record. Then they are told all the same, and go on being written: until they
/// are, repeats elsewhere wait.
const TOLD_MAX: Duration = Duration::from_secs(5);

/// What the cluster says.
pub(super) enum Told {
    /// Run.
    First,
    /// Answer with that.
    Ended(Outcome),
}

/// A request before the cluster.
pub(super) struct Asking {
    records: Arc<dyn Records>,
    running: Running,
    /// The cluster may take it for running here.
    may_run: Cell<bool>,
}

impl Asking {
    pub(super) fn new(router: &Rc<Router>, running: Running) -> Self {
        Self {
            records: Arc::clone(&router.shared.records),
            running,
            may_run: Cell::new(false),
        }
    }

    /// Waits up to `within_ms` while another node runs the request.
    ///
    /// # Errors
    /// `EIDEM` for a key used for another request, or whose request was cut off; `ETIMEOUT` for one that runs on; `ERATE` at the
    /// bound on keys; of the group.
    pub(super) async fn ask(&self, within_ms: u64) -> Result<Told, Fault> {
        let asked = timeout(Duration::from_millis(within_ms), self.turn()).await;
        asked.unwrap_or_else(|_| {
            let detail = "the request under this key still runs at another node; repeat it to go on waiting";
            Err(Fault::new(Code::Timeout, detail).retry_after(1_000))
        })
    }

    async fn turn(&self) -> Result<Told, Fault> {
        let key = &self.running.key;
        loop {
            // Begun before it is looked, so that no change is missed.
            let changed = self.records.changed(&key.tenant, &key.key);
            match self.begin().await? {
                Begin::Run => return Ok(Told::First),
                Begin::Replay(outcome) => return Outcome::decode(&outcome).map(Told::Ended),
                Begin::Lost(node) => return Err(cut_off(node)),
                Begin::Attach(_) => changed.await,
            }
        }
    }

    async fn begin(&self) -> Result<Begin<Arc<[u8]>>, Fault> {
        let Running { key, hash, claim, .. } = &self.running;
        // What is known here was agreed on, and need not be asked for again. What was lost may have been found since.
        if let Some(known) = self.records.under_key(key) {
            let answer = known.answer(hash)?;
            if matches!(answer, Begin::Attach(_) | Begin::Replay(_)) {
                return Ok(answer);
            }
        }
        let begin = BeginRequest {
            key: key.clone(),
            hash: *hash,
            claim: claim.clone(),
            bounds: self.running.repeats.bounds,
        };
        self.may_run.set(true);
        let reply = write(&*self.records, key, &begin).await?;
        self.may_run.set(reply == BeginRequestReply::Run);
        match reply {
            BeginRequestReply::Run => Ok(Begin::Run),
            BeginRequestReply::Runs(claim) => Ok(Begin::Attach(claim)),
            BeginRequestReply::Lost(node) => Ok(Begin::Lost(node)),
            BeginRequestReply::Ended(outcome) => Ok(Begin::Replay(outcome.into())),
            BeginRequestReply::OtherRequest => Err(other_request()),
            BeginRequestReply::TooLong => Err(Fault::new(Code::BadInput, "the idempotency key is too long")),
            BeginRequestReply::Full => {
                let detail = "too many requests run under idempotency keys at once; back off";
                Err(Fault::new(Code::Rate, detail))
            }
        }
    }

    /// It is not going to run: nobody waits for the cluster to learn that.
    pub(super) fn give_up(self) {
        if self.may_run.get() {
            tokio::task::spawn_local(self.write(End::Again));
        }
    }

    /// Puts its end on record, and waits for that [`TOLD_MAX`].
    pub(super) async fn end(self, end: End) {
        let ending = tokio::task::spawn_local(self.write(end));
        // What is not on record yet goes on by itself.
        let _ = timeout(TOLD_MAX, ending).await;
    }

    /// Repeats here attach to the request until others would find its end on record.
    async fn write(self, end: End) {
        let Running { key, claim, .. } = &self.running;
        let end = EndRequest {
            key: key.clone(),
            claim: claim.clone(),
            end,
        };
        while let Err(fault) = insist(&*self.records, key, &end).await {
            if !fault.retry().is_retryable() {
                // It is taken for lost as soon as it does not run here any more.
                return;
            }
        }
    }
}

fn cut_off(node: NodeId) -> Fault {
    let detail = format!(
        "node {node} was lost while it ran the request under this key, which may have been carried out and charged; \
         to have it done again, use a new key"
    );
    Fault::new(Code::Idem, detail)
}
