//! Taking over a stream whose owner was lost (atp.md 13.4).

use std::rc::Rc;

use atp_consensus::journal::streams::{FinishStream, State, Stream, TakeOver, Written};
use atp_protocol::connection::{Config, Connection, Output, StreamKey};
use atp_protocol::error::{Code, Fault};
use atp_protocol::resume::Binding;
use std::sync::Arc;

use super::durable::words;
use super::records::write;
use super::{Event, Take, asked};
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
    let records = &*router.shared.records;
    // Terms rise with every leader, and a leader may take a stream over that it had opened itself before it was restarted.
    let epoch = records.term(id).max(record.epoch + 1);
    let owner = records.node();
    let stream = id.clone();
    let taken = write(records, id, &TakeOver { stream, owner, epoch }).await?;
    let record = records.look(id);
    let record = record.filter(|record| record.state == State::Open && taken == Written::Written);
    let Some(record) = record else {
        return Ok(Adopted::Left);
    };
    let key = StreamKey {
        session: id.session.clone(),
        stream: id.stream.clone(),
    };
    let has_delivered = record.lanes.iter().any(|lane| lane.has_delivered);
    let again = match has_delivered {
        true => Err(Fault::new(
            Code::AgentDown,
            "the stream's owner was lost in the middle of its answer; ask again",
        )),
        false => asked::decode(&record.request, key.clone()),
    };
    match again {
        Ok((mut opening, frame)) => {
            opening.epoch = Some(epoch);
            let listed = router.shared.streams.start(router, opening)?;
            // One that cannot be run says so to its readers.
            let _ = listed.actor.send(Take(frame)).await;
            Ok(Adopted::Runs)
        }
        Err(fault) => {
            let finish = FinishStream {
                stream: id.clone(),
                epoch,
                outcome: words(&failure(router, &key, &fault)),
                is_retryable: true,
            };
            write(records, id, &finish).await?;
            Ok(Adopted::Failed)
        }
    }
}

/// What readers are told of a stream that failed.
fn failure(router: &Router, key: &StreamKey, fault: &Fault) -> Vec<Event> {
    let now = router.world.now();
    router.world.meter.error(fault.code, fault.scope);
    let mut connection = Connection::new(now, Config::new(key.session.clone()));
    let outputs = connection.fail(now, key, fault);
    let frames = outputs.into_iter().filter_map(|output| match output {
        Output::Transmit(frame) => Event::of(Arc::unwrap_or_clone(frame)),
        Output::Deliver(_) | Output::Close(_) => None,
    });
    frames.collect()
}
