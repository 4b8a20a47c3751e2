//! A request that runs under a key, and those who follow it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_protocol::error::{Code, Fault};
use atp_protocol::request::AgentRequest;
use bytes::BytesMut;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::outcome::{self, Outcome};
use super::table::Running;
use super::{FOLLOWERS_MAX, RUN_BYTES, lost};
use crate::history::{History, Read, Reader, Share, Unread};
use crate::session::{Facts, OUTPUT_MAX, Opened, Output, Repeat, Router, Unanswered};

/// A request that runs.
pub(super) struct Run {
    history: Arc<History<Output>>,
    /// Whether it was admitted, once that is known.
    admitted: watch::Sender<Option<Result<Facts, Fault>>>,
}

impl Run {
    /// Not admitted, nothing said.
    pub(super) fn new(share: Arc<Share>) -> Self {
        Self {
            history: History::new(RUN_BYTES, Unread::Drop, share),
            admitted: watch::Sender::new(None),
        }
    }

    /// Resolves when it is known whether the request was admitted.
    ///
    /// # Errors
    /// What it was refused with.
    pub(super) async fn admitted(&self) -> Result<Facts, Fault> {
        let mut admitted = self.admitted.subscribe();
        let known = admitted.wait_for(Option::is_some).await;
        known.ok().and_then(|known| known.clone()).ok_or_else(lost)?
    }

    /// What the first is told, from the start of what is kept.
    ///
    /// # Errors
    /// `EWINDOW` when as many follow as may.
    pub(super) fn follow(&self, router: &Router) -> Result<mpsc::Receiver<Output>, Fault> {
        let reader = self.history.reader(0, FOLLOWERS_MAX).ok_or_else(|| {
            let detail = format!("{FOLLOWERS_MAX} clients follow the request under this key, as many as may");
            Fault::new(Code::Window, detail)
        })?;
        let (out, events) = mpsc::channel(OUTPUT_MAX);
        let patience = Duration::from_millis(router.settings.write_stall_ms);
        tokio::task::spawn_local(pass_on(reader, out, patience));
        Ok(events)
    }

    /// Nothing more comes; who still waits for the admission waits in vain.
    pub(super) fn end(&self) {
        self.history.close();
        self.admitted.send_if_modified(|admitted| {
            let is_open = admitted.is_none();
            admitted.get_or_insert_with(|| Err(lost()));
            is_open
        });
    }
}

/// Starts the first, which goes on when its client leaves, its wait for a slot included. Refused, it did nothing, and a repeat is
/// a first again.
pub(super) async fn first(
    router: &Rc<Router>,
    request: AgentRequest,
    running: Running,
) -> Result<Opened, Fault> {
    let run = Arc::clone(&running.run);
    // Before others learn that there is something to follow, so that there is a place for the first.
    let events = run.follow(router)?;
    tokio::task::spawn_local(start(Rc::clone(router), request, running));
    Ok(Opened {
        facts: run.admitted().await?,
        events,
        repeat: Repeat::First,
    })
}

async fn start(router: Rc<Router>, request: AgentRequest, running: Running) {
    let started = router.start(request).await;
    let facts = started.as_ref().map(|opened| opened.facts.clone());
    let admitted = facts.map_err(Fault::clone);
    running.run.admitted.send_replace(Some(admitted));
    if let Ok(Opened { facts, events, .. }) = started {
        let patience = Duration::from_millis(router.settings.write_stall_ms);
        record(running, facts, events, patience).await;
    }
}

/// Keeps what the first is told, to its end. Clients that do not read for `patience` are taken for gone, as on every stream.
async fn record(mut running: Running, facts: Facts, mut events: mpsc::Receiver<Output>, patience: Duration) {
    let history = Arc::clone(&running.run.history);
    let mut forwarded = BytesMut::new();
    let mut is_kept = true;
    while timeout(patience, history.room()).await.is_ok() {
        let Some(output) = events.recv().await else {
            return;
        };
        if let Output::Forward(bytes) = &output {
            is_kept &= forwarded.len() + bytes.len() <= RUN_BYTES;
            if is_kept {
                forwarded.extend_from_slice(bytes);
            }
        }
        let last = matches!(output, Output::Final(_) | Output::Failed(_)).then(|| output.clone());
        let bytes = outcome::size(&output);
        history.push(output, bytes);
        if let Some(last) = last {
            let forwarded = is_kept.then(|| forwarded.freeze());
            running.outcome = Outcome::of(facts, last, forwarded);
            return;
        }
    }
}

/// Tells one follower everything, at its own pace.
async fn pass_on(mut reader: Reader<Output>, out: mpsc::Sender<Output>, patience: Duration) {
    loop {
        let read = tokio::select! {
            biased;
            () = out.closed() => return,
            read = reader.next() => read,
        };
        let output = match read {
            None => return,
            Some(Read::Item(output)) => output,
            Some(Read::Gap(_)) => {
                let detail = "the beginning is no longer kept; repeat the request when it has ended";
                Output::Failed(Box::new(Unanswered::of(Fault::new(Code::Window, detail))))
            }
        };
        let is_last = matches!(output, Output::Final(_) | Output::Failed(_));
        let is_taken = matches!(timeout(patience, out.send(output)).await, Ok(Ok(())));
        if is_last || !is_taken {
            return;
        }
    }
}
