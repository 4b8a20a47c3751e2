//! Requests under an idempotency key (atp.md 13.3): the first runs, repeats attach to it or are told its end again.
//!
//! [`table`] knows every key, [`run`] is a request that runs and its followers, [`outcome`] what is kept of one that has ended,
//! [`key`] when two requests are the same. A request under a key goes on when its client leaves, so that a repeat finds an
//! answer.
//!
//! Bounds: [`RepeatSettings`]; beyond them the oldest answers of the tenant that has most give way, and where none has ended a new
//! key is refused with `ERATE`. [`RUN_BYTES`] of output of a running request, from the pool of [`crate::history`]; an answer larger than that is not
//! kept, and its repeats are refused with `EIDEM`. [`FOLLOWERS_MAX`] clients a request; another is refused with `EWINDOW`.

mod key;
mod outcome;
mod run;
mod table;

use std::rc::Rc;

use atp_protocol::error::{Code, Fault};
use atp_protocol::request::AgentRequest;
use atp_protocol::resume::Place;

use super::{Opened, Repeat, Router};
use table::Next;

pub(super) use table::Repeats;

/// Output of one running request, and the largest answer kept, in bytes.
const RUN_BYTES: usize = 4 << 20;

/// Clients attached to one request.
const FOLLOWERS_MAX: usize = 16;

/// How much is remembered, per node.
#[derive(Debug, Clone, Copy)]
pub struct RepeatSettings {
    /// How long an answer is kept, in milliseconds.
    pub ttl_ms: u64,
    /// Keys.
    pub keys_max: usize,
    /// Bytes of answers, roughly. What runs when the bound is reached may exceed it.
    pub kept_bytes: usize,
}

/// Opens a request that has an idempotency key.
///
/// # Errors
/// What keeps the first from starting, `EIDEM` for a key used for another request, `EBAD_INPUT` for one that cannot be used,
/// `ERATE` and `EWINDOW` at the bounds.
pub(super) async fn open(router: &Rc<Router>, request: AgentRequest) -> Result<Opened, Fault> {
    let key = key::of(&request)?;
    let hash = key::hash(&request)?;
    let place = Place {
        session: request.session.clone(),
        stream: request.stream.clone(),
    };
    let now = router.world.clock.unix();
    match router.shared.repeats.begin(now, &key, hash, place)? {
        Next::Run(running) => run::first(router, request, running).await,
        Next::Attach(place, run) => {
            let facts = run.admitted().await?;
            Ok(Opened {
                facts,
                events: run.follow(router)?,
                repeat: Repeat::Attached(place),
            })
        }
        Next::Replay(outcome) => {
            let opened = outcome.replay()?;
            router.world.meter.requests.repeats.increment(1);
            Ok(opened)
        }
    }
}

fn lost() -> Fault {
    Fault::new(Code::Internal, "the request under this key was lost; repeat it")
}
