//! Keeps the final of a stream, before it is sent (atp.md 13.2).

use atp_protocol::cluster::NodeId;
use atp_protocol::resume::Binding;
use serde::{Deserialize, Serialize};

use super::{FINAL_MAX, State, Written};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// The first final of a stream is its only one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishStream {
    /// The stream.
    pub stream: Binding,
    /// The owner's epoch.
    pub epoch: u64,
    /// The final or the failure, at most [`FINAL_MAX`] bytes.
    #[serde(with = "serde_bytes")]
    pub outcome: Vec<u8>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FinishStreamReply {
    /// It is kept, since this command or an earlier one. Send it.
    Finished,
    /// The stream has another final. Send that.
    Before(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The stream was written under another epoch. Drop the copy, and send nothing.
    Fenced {
        /// Whose it is.
        owner: NodeId,
        /// In which epoch.
        epoch: u64,
    },
    /// The stream was closed or forgotten: nobody waits for a final.
    Gone,
    /// It is over [`FINAL_MAX`]. Send it; it cannot be asked for again.
    TooLong,
    /// There is no room, and nothing that could make some. Send it; it cannot be asked for again.
    Full,
}

impl Body for FinishStream {
    const TAG: Tag = tag(37);
    type Reply = FinishStreamReply;
}

impl Handler<Journal, Effect> for FinishStream {
    fn apply(self, context: &Context, journal: &mut Journal, effects: &mut Vec<Effect>) -> FinishStreamReply {
        let streams = &mut journal.streams;
        let known = match streams.check(&self.stream, self.epoch) {
            Ok(stream) => stream,
            Err(Written::Fenced { owner, epoch }) => return FinishStreamReply::Fenced { owner, epoch },
            Err(Written::Written | Written::Closed | Written::Unknown | Written::TooManyLanes) => {
                return FinishStreamReply::Gone;
            }
        };
        match &known.outcome {
            Some(outcome) if **outcome == *self.outcome => return FinishStreamReply::Finished,
            Some(outcome) => return FinishStreamReply::Before(outcome.to_vec()),
            None => {}
        }
        if self.outcome.len() > FINAL_MAX {
            return FinishStreamReply::TooLong;
        }
        let more = self.outcome.len().saturating_sub(known.request.len());
        if !streams.make_room(0, more, &self.stream) {
            return FinishStreamReply::Full;
        }
        streams.write(&self.stream, context.now(), |stream| {
            stream.state = State::Finished;
            stream.request = Box::default();
            stream.outcome = Some(self.outcome.into());
        });
        effects.push(Effect::StreamFinished { stream: self.stream });
        FinishStreamReply::Finished
    }
}
