//! Taking over a stream whose owner was lost (atp.md 13.4).

use std::rc::Rc;

use atp_consensus::journal::requests::{End, EndRequest};
use atp_consensus::journal::streams::{FinishStream, State, TakeOver, TakeOverReply};
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

/// Makes this node the owner of a stream whose record is written under epoch `from`, and goes on with it.
///
/// # Errors
/// Of the group, and of [`Streams::start`](super::Streams::start); to be tried again, by whoever is the owner then.
pub async fn adopt(router: &Rc<Router>, id: &Binding, from: u64) -> Result<Adopted, Fault> {
    let records = &*router.shared.records;
    let take_over = TakeOver {
        stream: id.clone(),
        owner: records.node(),
        from,
    };
    let Some(epoch) = taken(write(records, id, &take_over).await?, records.node())? else {
        return Ok(Adopted::Left);
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
        release(router, id, asked::idempotency_key(&opening.around, frame)).await?;
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

/// The epoch that a stream is this node's under; `None` where it is another's, or nobody's.
///
/// # Errors
/// Where an earlier command of this node took it over: whoever did not learn of that looks again.
fn taken(reply: TakeOverReply, node: NodeId) -> Result<Option<u64>, Fault> {
    match reply {
        TakeOverReply::Taken { epoch } => Ok(Some(epoch)),
        TakeOverReply::Fenced { owner, .. } if owner == node => {
            let detail = "the stream was taken over here under an epoch that is not known yet; try again";
            Err(Fault::new(Code::Internal, detail).retry_after(500))
        }
        TakeOverReply::Fenced { .. } | TakeOverReply::Unknown => Ok(None),
    }
}

/// Frees the idempotency key of a stream from the claim of an owner that was lost.
async fn release(router: &Router, id: &Binding, key: Option<String>) -> Result<(), Fault> {
    let Some(key) = key else { return Ok(()) };
    let (records, tenant) = (&*router.shared.records, id.tenant.clone());
    let key = IdempotencyKey { tenant, key };
    records.catch_up(&key.tenant, &key.key).await?;
    let entry = records.under_key(&key);
    let claim = entry.as_ref().and_then(|entry| entry.state.claim());
    let is_lost = |claim: &Claim| is_of(claim, id) && !router.shared.runs(&key, claim);
    let Some(claim) = claim.filter(|claim| is_lost(claim)).cloned() else {
        return Ok(());
    };
    let end = EndRequest {
        key,
        claim,
        end: End::Again,
    };
    write(records, &end.key, &end).await.map(drop)
}

/// Whether a claim is that of a stream, whichever of its owners made it: all but the one that has its record are followed.
fn is_of(claim: &Claim, stream: &Binding) -> bool {
    let Place {
        session,
        stream: name,
    } = &claim.place;
    (session, name) == (&stream.session, &stream.stream)
}

#[cfg(test)]
mod tests {
    use atp_protocol::ids::{SessionId, StreamId, TenantId};

    use super::*;

    #[test]
    fn a_take_over_whose_reply_was_lost_is_tried_again() {
        let node = |number| NodeId::new(number).unwrap();
        let fenced = |owner| TakeOverReply::Fenced { owner, epoch: 7 };
        assert_eq!(taken(TakeOverReply::Taken { epoch: 7 }, node(1)), Ok(Some(7)));
        assert_eq!(taken(fenced(node(2)), node(1)), Ok(None));
        let again = taken(fenced(node(1)), node(1)).unwrap_err();
        assert!(again.retry().is_retryable(), "{again}");
    }

    #[test]
    fn the_claim_of_an_owner_before_the_last_is_freed_too() {
        let stream = Binding {
            tenant: TenantId::new("t").unwrap(),
            session: SessionId::new("s").unwrap(),
            stream: StreamId::new("x").unwrap(),
        };
        let claim = |node, name: &str| Claim {
            node: NodeId::new(node).unwrap(),
            life: 1,
            number: 1,
            place: Place {
                session: stream.session.clone(),
                stream: StreamId::new(name).unwrap(),
            },
        };
        assert!(is_of(&claim(1, "x"), &stream) && is_of(&claim(2, "x"), &stream));
        assert!(!is_of(&claim(1, "y"), &stream));
    }
}
