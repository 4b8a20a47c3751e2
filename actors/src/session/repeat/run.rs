//! A request under a key, and those who follow it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_consensus::journal::requests::End;
use atp_protocol::error::{Code, Fault};
use atp_protocol::request::AgentRequest;
use bytes::BytesMut;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::claim::{Asking, Told};
use super::outcome::{self, Outcome};
use super::table::Running;
use super::{FOLLOWERS_MAX, RUN_BYTES, lost};
use crate::history::{History, Read, Reader, Share, Unread};
use crate::session::{Facts, OUTPUT_MAX, Opened, Output, Repeat, Router, Unanswered};

/// A request that runs, or has its end told again.
pub(super) struct Run {
    history: Arc<History<Output>>,
    /// Whether it was admitted, once that is known.
    admitted: watch::Sender<Option<Result<Admitted, Fault>>>,
}

/// What decided a request.
#[derive(Clone)]
pub(super) struct Admitted {
    facts: Facts,
    /// It was answered before.
    is_replay: bool,
}

impl Admitted {
    /// What a client gets whose request stands to the first as `repeat`.
    pub(super) fn opened(self, router: &Router, events: mpsc::Receiver<Output>, repeat: Repeat) -> Opened {
        if self.is_replay {
            router.world.meter.requests.repeats.increment(1);
        }
        Opened {
            facts: self.facts,
            events,
            repeat: match self.is_replay {
                true => Repeat::Replayed,
                false => repeat,
            },
        }
    }
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
    pub(super) async fn admitted(&self) -> Result<Admitted, Fault> {
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

    fn decide(&self, admitted: Result<Admitted, Fault>) {
        self.admitted.send_replace(Some(admitted));
    }

    fn say(&self, output: Output) {
        let bytes = outcome::size(&output);
        self.history.push(output, bytes);
    }
}

/// Whoever tells a run what happens. When it is dropped, nothing more comes; who still waits for the admission waits in vain.
struct Teller(Arc<Run>);

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.history.close();
        self.0.admitted.send_if_modified(|admitted| {
            let is_open = admitted.is_none();
            admitted.get_or_insert_with(|| Err(lost()));
            is_open
        });
    }
}

/// Starts the first of this node, which goes on when its client leaves, its wait for a slot included. Refused, it did nothing, and a
/// repeat is a first again.
pub(super) async fn first(
    router: &Rc<Router>,
    request: AgentRequest,
    running: Running,
) -> Result<Opened, Fault> {
    let run = Arc::clone(&running.run);
    // Before others learn that there is something to follow, so that there is a place for the first.
    let events = run.follow(router)?;
    tokio::task::spawn_local(start(Rc::clone(router), request, running));
    let admitted = run.admitted().await?;
    Ok(admitted.opened(router, events, Repeat::First))
}

async fn start(router: Rc<Router>, request: AgentRequest, running: Running) {
    let run = Teller(Arc::clone(&running.run));
    let asking = Asking::new(&router, running);
    match asking.ask(request.deadline_ms).await {
        Ok(Told::First) => carry_out(&router, request, asking, &run.0).await,
        Ok(Told::Ended(outcome)) => replay(outcome, &run.0),
        Err(fault) => {
            run.0.decide(Err(fault));
            asking.give_up();
        }
    }
}

async fn carry_out(router: &Rc<Router>, request: AgentRequest, asking: Asking, run: &Run) {
    match router.start(request).await {
        Err(fault) => {
            asking.end(End::Again).await;
            run.decide(Err(fault));
        }
        Ok(Opened { facts, events, .. }) => {
            run.decide(Ok(Admitted {
                facts: facts.clone(),
                is_replay: false,
            }));
            let patience = Duration::from_millis(router.settings.write_stall_ms);
            record(asking, run, facts, events, patience).await;
        }
    }
}

/// Keeps what the first is told, to its end, which is on record before it is told. Clients that do not read for `patience` are taken
/// for gone, as on every stream.
async fn record(
    asking: Asking,
    run: &Run,
    facts: Facts,
    mut events: mpsc::Receiver<Output>,
    patience: Duration,
) {
    let mut forwarded = BytesMut::new();
    let mut is_kept = true;
    while timeout(patience, run.history.room()).await.is_ok() {
        let Some(output) = events.recv().await else {
            break;
        };
        if let Output::Forward(bytes) = &output {
            is_kept &= forwarded.len() + bytes.len() <= RUN_BYTES;
            if is_kept {
                forwarded.extend_from_slice(bytes);
            }
        }
        if matches!(output, Output::Final(_) | Output::Failed(_)) {
            let forwarded = is_kept.then(|| forwarded.freeze());
            let outcome = Outcome::of(facts, output.clone(), forwarded);
            let end = outcome.map_or(End::Again, |outcome| End::Answered(outcome.encode()));
            asking.end(end).await;
            return run.say(output);
        }
        run.say(output);
    }
    // It was cut off with its events.
    drop(events);
    asking.end(End::Again).await;
}

/// Tells again how an earlier request ended.
fn replay(outcome: Outcome, run: &Run) {
    let Outcome { facts, said } = outcome;
    match said {
        Some(said) => {
            let is_replay = true;
            run.decide(Ok(Admitted { facts, is_replay }));
            said.into_iter().for_each(|output| run.say(output));
        }
        None => {
            let detail = "the request was answered, and its answer is too large to be kept; use a new key";
            run.decide(Err(Fault::new(Code::Idem, detail)));
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
