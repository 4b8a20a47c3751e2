//! Requests under an idempotency key (atp.md 13.3, docs/adr/0015): the first in the whole cluster runs, repeats attach to it or are
//! told its end again.
//!
//! [`claim`] asks the cluster whether a request is the first, and tells it how that ended; [`table`] knows those that this node has to
//! do with, [`run`] is one of them and its followers, [`outcome`] what is kept of one that has ended, [`key`] when two requests are the
//! same. A request under a key goes on when its client leaves, so that a repeat finds an answer.
//!
//! Repeats at the node where the first runs follow it from the start; those at other nodes wait for its end, as long as they may
//! take. One whose node was lost is not run again: it may have been charged.
//!
//! Bounds: those of the cluster ([`Bounds`]) on keys and outcomes. [`RUN_BYTES`] of output of a running request, from the pool of
//! [`crate::history`]; an answer that takes more than [`OUTCOME_MAX`](atp_consensus::journal::requests::OUTCOME_MAX) bytes on record is not kept, and its repeats
//! are refused with `EIDEM`. [`FOLLOWERS_MAX`] clients a request; another is refused with `EWINDOW`.

mod claim;
pub(super) mod kept;
mod key;
mod outcome;
mod run;
mod table;

use std::rc::Rc;

use atp_protocol::error::{Code, Fault};
use atp_protocol::request::AgentRequest;
use atp_protocol::resume::{Bounds, Place};

use super::{Opened, Repeat, Router};
use table::Next;

pub(crate) use table::Repeats;

/// Output kept of one running request, in bytes.
const RUN_BYTES: usize = 4 << 20;

/// Clients attached to one request.
const FOLLOWERS_MAX: usize = 16;

/// How much the cluster remembers, in all its journal groups together.
pub type RepeatSettings = Bounds;

/// Opens a request that has an idempotency key.
///
/// # Errors
/// What keeps the first from starting, `EIDEM` for a key used for another request or for one whose end is not known, `EBAD_INPUT` for
/// one that cannot be used, `ERATE` and `EWINDOW` at the bounds; those of groups.
pub(super) async fn open(router: &Rc<Router>, request: AgentRequest) -> Result<Opened, Fault> {
    let key = key::of(&request)?;
    let hash = key::hash(&request)?;
    let place = Place {
        session: request.session.clone(),
        stream: request.stream.clone(),
    };
    let shared = &router.shared;
    match shared.repeats.begin(&*shared.records, &key, hash, place)? {
        Next::First(running) => run::first(router, request, running).await,
        Next::Attach(place, run) => {
            let admitted = run.admitted().await?;
            let events = run.follow(router)?;
            Ok(admitted.opened(router, events, Repeat::Attached(place)))
        }
    }
}

fn lost() -> Fault {
    Fault::new(Code::Internal, "the request under this key was lost; repeat it")
}
