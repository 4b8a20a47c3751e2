//! Writes how far a stream is.

use atp_protocol::resume::Binding;
use atp_protocol::units::Amount;
use serde::{Deserialize, Serialize};

use super::{Lane, Written};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// Coalesced by the owner (atp.md 13.4); also says that the stream lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordProgress {
    /// The stream.
    pub stream: Binding,
    /// The owner's epoch.
    pub epoch: u64,
    /// Lanes that moved.
    pub lanes: Vec<Lane>,
    /// What of its budget is left.
    pub budget_left: Amount,
}

impl Body for RecordProgress {
    const TAG: Tag = tag(33);
    type Reply = Written;
}

impl Handler<Journal, Effect> for RecordProgress {
    fn apply(self, context: &Context, journal: &mut Journal, _: &mut Vec<Effect>) -> Written {
        let streams = &mut journal.streams;
        if let Err(refused) = streams.check(&self.stream, self.epoch) {
            return refused;
        }
        let mut is_kept = false;
        streams.write(&self.stream, context.now(), |stream| {
            is_kept = stream.advance(self.lanes);
            if is_kept {
                stream.budget_left = self.budget_left;
            }
        });
        match is_kept {
            true => Written::Written,
            false => Written::TooManyLanes,
        }
    }
}
