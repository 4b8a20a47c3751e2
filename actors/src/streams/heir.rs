//! Taking over a stream whose owner was lost (atp.md 13.4).

use std::rc::Rc;

use atp_consensus::journal::requests::{End, EndRequest};
use atp_consensus::journal::streams::{FinishStream, State, Stream, TakeOver, TakeOverReply};
use atp_protocol::cluster::NodeId;
use atp_protocol::connection::StreamKey;
use atp_protocol::error::{Code, Fault};
use atp_protocol::resume::{Binding, Claim, IdempotencyKey, Place};

use super::durable::{failure, words};
use super::records::write;
use super::{Take, asked};
use crate::session::Router;

/// What became of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// It had delivered nothing, and runs again from its request.
    Runs,
    /// It had delivered something that cannot be had again, and ended with `EAGENTDOWN`.
    Failed,
    /// It had ended, or another took it over.
    Left,
}

/// Makes this node the owner of a stream, and goes on with it.
///
/// # Errors
/// Of the group, and of [`Streams::start`](super::Streams::start); to be tried again.
pub async fn adopt(router: &Rc<Router>, id: &Binding, record: &Stream) -> Result<Adopted, Fault> {
    let (records, lost) = (&*router.shared.records, record.owner);
    let take_over = TakeOver {
        stream: id.clone(),
        owner: records.node(),
        from: record.epoch,
    };
    let epoch = match write(records, id, &take_over).await? {
        TakeOverReply::Taken { epoch } => epoch,
        TakeOverReply::Fenced { .. } | TakeOverReply::Unknown => return Ok(Adopted::Left),
    };
    let record = records.look(id);
    let Some(record) = record.filter(|record| record.state == State::Open) else {
        return Ok(Adopted::Left);
    };
    let key = StreamKey {
        session: id.session.clone(),
        stream: id.stream.clone(),
    };
    let mut again = asked::decode(&record.request, key.clone());
    if let Ok((opening, frame)) = &again {
        // Either way it is known what became of the request: it may run again under its key.
        release(router, id, lost, asked::idempotency_key(&opening.around, frame)).await?;
    }
    if record.lanes.iter().any(|lane| lane.has_delivered) {
        again = Err(Fault::new(
            Code::AgentDown,
            "the stream's owner was lost in the middle of its answer; ask again",
        ));
    }
    match again {
        Ok((mut opening, frame)) => {
            opening.epoch = Some(epoch);
            let listed = router.shared.streams.start(router, opening)?;
            // One that cannot be run says so to its readers.
            let _ = listed.actor.send(Take(frame)).await;
            Ok(Adopted::Runs)
        }
        Err(fault) => {
            router.world.meter.error(fault.code, fault.scope);
            let finish = FinishStream {
                stream: id.clone(),
                epoch,
                outcome: words(&failure(router.world.now(), &key, &fault)),
            };
            write(records, id, &finish).await?;
            Ok(Adopted::Failed)
        }
    }
}

/// Frees the idempotency key of a stream from the claim of the owner that was lost.
async fn release(router: &Router, id: &Binding, lost: NodeId, key: Option<String>) -> Result<(), Fault> {
    let Some(key) = key else { return Ok(()) };
    let (records, tenant) = (&*router.shared.records, id.tenant.clone());
    let key = IdempotencyKey { tenant, key };
    records.catch_up(&key.tenant, &key.key).await?;
    let entry = records.under_key(&key);
    let claim = entry.as_ref().and_then(|entry| entry.state.claim());
    let is_its = |claim: &Claim| {
        let Place { session, stream } = &claim.place;
        (claim.node, session, stream) == (lost, &id.session, &id.stream) && !router.shared.runs(&key, claim)
    };
    let Some(claim) = claim.filter(|claim| is_its(claim)).cloned() else {
        return Ok(());
    };
    let end = EndRequest {
        key,
        claim,
        end: End::Again,
    };
    write(records, &end.key, &end).await.map(drop)
}
